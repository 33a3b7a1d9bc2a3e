# `make help` says what there is. Only Rust (rustup), Go 1.26 or newer, make, git and bash are needed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test soak bench bench-backup bench-drill bench-many bench-ready lab lab-stop catalogue screenshots check check-rust check-generated check-charts check-shell check-deny generate fmt clean

CARGO ?= cargo
LAB = $(CARGO) run --quiet --locked --package kopnams-lab --bin lab --
NAME ?= lab
ROUNDS ?= 10
KILLS ?= 100
FUZZ_RUNS ?= 1000000
# A node and the catalogue's images need it.
ROOT_ON_DEBIAN := $(shell [ "$$(id -u)" = 0 ] && command -v apt-get)
# Where a program kopnams-images is on the PATH, it is used as it is.
IMAGES = $(if $(shell command -v kopnams-images),kopnams-images,$(CARGO) run --quiet --locked --package kopnams-images --bin kopnams-images --)
SOURCE ?= catalogue
OUT ?= build/$(SOURCE)

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## a control plane, 43 municipalities, their requests, and what becomes of them; KEEP=1 keeps it
	@demo/run.sh

test: ## all tests; the first time Kubernetes, the node's programs and the images are built, about three quarters of an hour
	@echo "== Building the lab's Kubernetes and tools, unless they are in the cache"
	@$(LAB) tools $(if $(ROOT_ON_DEBIAN),--node) >/dev/null
	@if [ -n "$(ROOT_ON_DEBIAN)" ]; then \
	    echo "== Building the catalogue's images, unless they are in the cache"; \
	    $(MAKE) --no-print-directory catalogue; \
	elif [ "$${CI:-}" = true ]; then \
	    echo "the catalogue's images need root on Debian, and CI=true allows no skipping" >&2; exit 1; \
	else \
	    echo "== SKIPPED: the catalogue's images and what runs on a node are not tested: they need root on Debian"; \
	fi
	@echo "== Building the tests"
	@$(CARGO) test --locked --workspace --all-features --no-run
	@echo "== Running the tests; most start a control plane of their own"
	@$(CARGO) test --locked --workspace --all-features

soak: ## fuzz reading, trees, validation and plan (FUZZ_RUNS=1000000, some hours); kill the operator, the runner and the S3 server at random moments, again and again (ROUNDS=10, about 3 minutes each); decide 10,000 generated requests
	@FUZZ_KEEP=1 FUZZ_RUNS=$(FUZZ_RUNS) FUZZ_SEED=$$RANDOM fuzz/run
	@$(LAB) tools >/dev/null
	@$(CARGO) test --locked --test cluster --test runner --no-run
	@echo "== The runner and the S3 server, killed $(KILLS) times"
	@KOPNAMS_KILLS=$(KILLS) $(CARGO) test --quiet --locked --test runner kills -- --nocapture
	@echo "== 10,000 generated requests, as the files and as the controller decide them"
	@KOPNAMS_REQUESTS=15000 KOPNAMS_DECIDED=10000 $(CARGO) test --quiet --locked --test cluster verdicts -- --nocapture
	@for round in $$(seq $(ROUNDS)); do \
	    echo "== Round $$round of $(ROUNDS)"; \
	    KOPNAMS_KILLS=40 $(CARGO) test --quiet --locked --test cluster killed_at_random_moments -- --nocapture; \
	done

bench: ## the figures of docs/performance.md, measured here; some minutes; what needs a node is bench-ready
	@$(LAB) tools >/dev/null
	@$(CARGO) bench --locked --bench apps

bench-backup: ## backup and restore of 1 GB beside stock restic; BENCH_ROUNDS=3; some minutes and 10 GB below TMPDIR
	@$(CARGO) bench --locked --bench backup

bench-many: ## backups an hour of 1,000 and 3,000 apps, with runners that only report, beside a bare client; BENCH_APPS=1000,3000; half an hour
	@$(LAB) tools >/dev/null
	@$(CARGO) bench --locked --bench many

bench-ready: ## where the time from a request to a running website goes; root on Debian; a quarter of an hour
	@$(LAB) tools $(if $(ROOT_ON_DEBIAN),--node) >/dev/null
	@$(if $(ROOT_ON_DEBIAN),$(MAKE) --no-print-directory catalogue)
	@$(CARGO) bench --locked --bench ready

bench-drill: ## how long proving a backup of 1 GB in PostgreSQL takes, beside restic and pg_restore by hand; root on Debian; ten minutes
	@$(LAB) tools $(if $(ROOT_ON_DEBIAN),--node) >/dev/null
	@$(if $(ROOT_ON_DEBIAN),$(MAKE) --no-print-directory catalogue)
	@$(CARGO) build --quiet --locked --release --package kopnams-images
	@$(CARGO) bench --locked --bench drill

lab: ## start a control plane that stays; NAME=lab; with NODE=1 and as root a node too, on which pods run
	@$(LAB) up --name $(NAME) $(if $(filter-out 0,$(NODE)),--node)

lab-stop: ## end it, with its node; NAME=lab
	@$(LAB) down --name $(NAME)

catalogue: ## build the catalogue's images and write its entries to build/catalogue; needs root on Debian; FRESH=1: newest packages; SOURCE=catalogue
	@$(IMAGES) catalogue --source $(SOURCE) --out $(OUT) $(if $(FRESH),--fresh)

screenshots: catalogue ## take the pictures of the documentation anew, in a real browser on a node; needs root on Debian
	@$(LAB) tools --node >/dev/null
	@KOPNAMS_SCREENSHOTS=1 CI=true $(CARGO) test --locked --test node --test page browser -- --nocapture
	@KOPNAMS_SCREENSHOTS=1 CI=true $(CARGO) test --locked --test forge story -- --nocapture

check: check-rust check-generated check-charts check-shell check-deny ## all checks that are not tests

check-rust: ## formatting, lints and the documentation of the code
	@echo "== Formatting"
	@$(CARGO) fmt --all --check
	@echo "== Lints"
	@$(CARGO) clippy --locked --workspace --all-targets --all-features -- --deny warnings
	@echo "== Documentation of the code"
	@RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --locked --workspace --no-deps --quiet

check-generated: ## whether the generated files are current
	@tools/check-generated

check-charts: ## helm lint, kubeconform and kube-score on every values file of the chart
	@tools/check-charts

check-shell: ## shellcheck, where it is installed
	@tools/check-shell

check-deny: ## licences, sources and known holes of what the program is built from
	@tools/check-deny

generate: ## write what is made from the code: definitions, list of findings, schema, formatting
	@$(CARGO) run --quiet --locked -- crds --dir crds
	@$(CARGO) run --quiet --locked -- crds --dir charts/kopnams/crds
	@KOPNAMS_GENERATE=1 $(CARGO) test --quiet --locked --test docs the_list_of_findings_is_current
	@KOPNAMS_GENERATE=1 $(CARGO) test --quiet --locked --test golden -- the_schema_of_validate_is_current a_plan_between a_review_says
	@$(CARGO) fmt --all

fmt: ## format the code
	@$(CARGO) fmt --all

clean: ## remove what was built here; the cache ~/.cache/kopnams stays
	@$(CARGO) clean

#!/usr/bin/env bash
# The demo: a real Kubernetes control plane on this machine, 43 municipalities, their requests, and what becomes of them.
#
#   make demo             everything is ended at the end
#   KEEP=1 make demo      the lab stays; how to use and end it is printed
#
# With root on Debian there is a node too: the operator and three systems of the catalogue really run. NODE=0 leaves it out.
# KOPNAMS_BIN names a folder that has the programs kopnams and lab already; nothing is built then.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

name=demo-$$
system=kopnams-system
town=kuldigas-novads
app=majaslapa
tenant=$town--$app
terminal=no
[ -t 1 ] && terminal=yes
began=$EPOCHREALTIME
work=$(mktemp -d)
node='' watcher='' lab='' kept=no storage=''

# ---- words ----

say() { printf '%s\n' "$*"; }

step() {
    if [ "$terminal" = yes ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}

# One line that is written over on a terminal. Elsewhere a line every 5 seconds.
said_at=0
progress() {
    if [ "$terminal" = yes ]; then
        printf '\r\033[K  %s' "$*"
    elif [ "$SECONDS" -ge "$((said_at + 5))" ]; then
        printf '  %s\n' "$*"
        said_at=$SECONDS
    fi
}

progressed() {
    if [ "$terminal" = yes ]; then printf '\r\033[K'; fi
    printf '  %s\n' "$*"
}

# Milliseconds from the first time to the second, both as EPOCHREALTIME writes them.
between() { echo $(((${2/[.,]/} - ${1/[.,]/}) / 1000)); }

# Seconds since a time, with one decimal.
since() {
    local ms
    ms=$(between "$1" "$EPOCHREALTIME")
    printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

# A table with two spaces before each line, cut at 100 columns.
table() { sed 's/^./  &/' | cut -c1-100; }

# Text in lines of at most 96 characters.
wrapped() { fold -s -w 94 | sed 's/^/    /; s/ *$//'; }

fail() {
    printf '\nThe demo stopped: %s\n' "$*" >&2
    exit 1
}

# ---- the end, whatever comes ----

end() {
    local code=$?
    trap - EXIT
    trap '' INT TERM HUP
    if [ "$kept" = no ]; then
        [ -z "$watcher" ] || kill "$watcher" 2>/dev/null || true
        [ -z "$storage" ] || kill "$storage" 2>/dev/null || true
        if [ "$code" -ne 0 ] && [ "$terminal" = yes ]; then echo; fi
        if [ -n "$lab" ]; then
            say "Ending the lab."
            # The stand-in asks the operator to stop, so it goes first.
            if [ -n "$node" ]; then
                kill "$node" 2>/dev/null || true
                wait "$node" 2>/dev/null || true
            fi
            "$lab" down --name "$name" >/dev/null 2>&1 || true
            # What is left of a name that is never used again.
            rm -rf "${KOPNAMS_CACHE:-$HOME/.cache/kopnams}/labs/$name"
        fi
    fi
    rm -rf "$work"
    exit "$code"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# ---- waiting ----

# How many objects of a kind are Ready, of how many.
count() {
    kubectl get "$@" --output 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' |
        awk '$1 == "True" {ready++} END {print ready + 0}'
}

# Waits until that many are Ready: what, how many, kubectl's arguments.
until_ready() {
    local what=$1 all=$2 start=$EPOCHREALTIME ready deadline=$((SECONDS + 120))
    shift 2
    said_at=$SECONDS
    while ready=$(count "$@") && [ "$ready" -lt "$all" ]; do
        progress "$ready of $all $what are ready, $(since "$start")"
        if [ "$SECONDS" -gt "$deadline" ]; then
            progressed "$ready of $all $what are ready after 2 minutes"
            kubectl get "$@" | table >&2
            fail "the others did not become ready"
        fi
        sleep 0.1
    done
    progressed "All $all $what are ready after $(since "$start")."
}

# Whether pods can run here, and if not, why.
with_node=yes
if [ "${NODE:-1}" = 0 ]; then
    with_node=no why='NODE=0 leaves it out'
elif [ "$(uname)" != Linux ] || ! command -v apt-get >/dev/null; then
    with_node=no why='it needs Debian'
elif [ "$(id -u)" -ne 0 ]; then
    with_node=no why='it needs root'
fi

# ---- the demo ----

step "1. Building what is needed, unless it is there."
say "  The first time this takes a quarter of an hour; Kubernetes is kept in ${KOPNAMS_CACHE:-~/.cache/kopnams}."
if [ -n "${KOPNAMS_BIN:-}" ]; then
    bin=$KOPNAMS_BIN
else
    for program in cargo go; do
        command -v "$program" >/dev/null || fail "the program \`$program\` is missing: install Rust (rustup) and Go 1.26 or newer"
    done
    cargo build --locked --workspace --bins
    bin=${CARGO_TARGET_DIR:-target}/debug
fi
bin=$(cd "$bin" && pwd)
tools=$("$bin/lab" tools)
eval "$tools"
PATH=$bin:$PATH

start=$EPOCHREALTIME
lab=$bin/lab
if [ "$with_node" = yes ]; then
    step "2. Starting Kubernetes: etcd, API server, controller manager, and a node with containerd, kubelet, Cilium and an ingress."
    up=$("$lab" up --name "$name" --node)
else
    step "2. Starting a Kubernetes control plane: etcd, API server, controller manager."
    say "  THERE IS NO NODE HERE ($why): requests are decided and tenants made, but no system runs."
    up=$("$lab" up --name "$name")
fi
eval "$up"
say "  $(kubectl version --output json | sed -n 's/.*"gitVersion": "\(.*\)".*/Kubernetes \1/p' | tail -1) answers after $(since "$start")."

step "3. Installing the operator with Helm: definitions, rights, deployment."
values=()
if [ "$with_node" = yes ]; then
    # The operator's image has restic beside it, for the Jobs of backups.
    image=$(kopnams-images program "$bin/kopnams" --with "$(command -v restic)" --out "$work/kopnams")
    # An S3 server outside the cluster, on the machine's end of the link to the node. Its keys are made here and go with it.
    s3=198.18.213.1:$((20000 + $$ % 10000))
    mkdir -p "$work/s3/data" "$work/s3/versions" "$work/s3/users"
    (umask 077; printf demo >"$work/access-key"; head -c 20 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$work/secret-key")
    ROOT_ACCESS_KEY_ID=$(cat "$work/access-key") ROOT_SECRET_ACCESS_KEY=$(cat "$work/secret-key") \
        versitygw --port "$s3" --iam-dir "$work/s3/users" --iam-cache-disable --quiet posix --versioning-dir "$work/s3/versions" "$work/s3/data" \
        >"$work/s3.log" 2>&1 </dev/null &
    storage=$!
    "$lab" import --name "$name" "$work/kopnams" >/dev/null
    # The lab's API server has a port of its own, which the operator's network policy must know.
    server=$(kubectl config view --output 'jsonpath={.clusters[0].cluster.server}')
    values=(--set "image.digest=${image#*@}" --set "networkPolicy.apiServer.ports={443,${server##*:}}"
        --set "networkPolicy.backupTargets[0].to[0].ipBlock.cidr=${s3%:*}/32" --set "networkPolicy.backupTargets[0].ports={${s3##*:}}")
fi
helm install kopnams charts/kopnams --namespace $system --create-namespace ${values[@]+"${values[@]}"} >"$work/helm.log" 2>&1 || fail "$(cat "$work/helm.log")"
if [ "$with_node" = no ]; then
    # The stand-in runs the operator's pods as processes, each as the chart's own ServiceAccount.
    setsid "$lab" node --name "$name" --program "$bin/kopnams" >"$work/node.log" 2>&1 </dev/null &
    node=$!
fi
touch "$work/node.log"
kubectl --namespace $system rollout status deployment/kopnams --timeout=60s >"$work/rollout.log" 2>&1 || fail "$(cat "$work/rollout.log" "$work/node.log")"
say "  Two replicas run, with the rights that the chart gives them and no others."

step "4. Registering the municipalities, the data classes and the catalogue (examples/platform)."
kubectl apply --recursive --filename examples/platform >/dev/null
if [ "$with_node" = yes ]; then
    # The ingress of this lab is Traefik.
    kubectl patch platform platform --type merge --patch \
        '{"spec": {"ingress": {"className": "traefik", "scheme": "http", "from": [{"namespace": "ingress", "podLabels": {"app": "traefik"}}]}}}' >/dev/null
fi
towns=$(find examples/platform/municipalities -name '*.yaml' | wc -l)
until_ready municipalities "$towns" municipalities
kubectl get municipalities --output custom-columns='SLUG:.metadata.name,TITLE:.spec.title.lv,CPU:.spec.allotment.cpu,MEMORY:.spec.allotment.memory,STORAGE:.spec.allotment.storage,READY:.status.conditions[?(@.type=="Ready")].status,REASON:.status.conditions[?(@.type=="Ready")].reason' >"$work/towns"
head -13 "$work/towns" | table
say "  ... and $((towns - 12)) more"

step "5. Applying the requests of the municipalities (examples/requests): a few lines of choices each."
sed 's/^/    /' examples/requests/municipalities/$town/$app.yaml | cut -c1-100
kubectl apply --recursive --filename examples/requests >/dev/null
apps=$(find examples/requests -name '*.yaml' | wc -l)
until_ready requests "$apps" municipalityapps --all-namespaces
kubectl get municipalityapps --all-namespaces --output custom-columns='MUNICIPALITY:.metadata.namespace,APP:.metadata.name,SYSTEM:.spec.system,SIZE:.status.grant.size.name,READY:.status.conditions[?(@.type=="Ready")].status,REASON:.status.conditions[?(@.type=="Ready")].reason' | table

step "6. What one tenant consists of: the namespace $tenant."
kubectl get namespace,resourcequota,limitrange,networkpolicy,rolebinding,serviceaccount --namespace $tenant \
    --selector kopnams.lv/municipality=$town,kopnams.lv/app=$app --output custom-columns='KIND:.kind,NAME:.metadata.name' | table
say "  Members of the group kuldiga:staff may look and change nothing:"
while read -r verb what; do
    # It ends with 1 when the answer is no.
    answer=$(kubectl auth can-i "$verb" "$what" --as clerk --as-group kuldiga:staff --namespace $tenant 2>/dev/null || true)
    printf '    may %-24s %s\n' "$verb $what" "$answer"
done <<'QUESTIONS'
list pods
get secrets
delete networkpolicies
QUESTIONS

step "7. A request that is too large for the municipality's allotment (demo/too-large.yaml)."
kubectl apply --filename demo/too-large.yaml >/dev/null
kubectl wait --namespace $town municipalityapp/lietvediba-arhivs --for=condition=Stalled --timeout=30s >/dev/null
kubectl get municipalityapp lietvediba-arhivs --namespace $town \
    --output jsonpath='{.status.conditions[?(@.type=="Stalled")].reason}: {.status.conditions[?(@.type=="Stalled")].message}{"\n"}' | wrapped
say "  Nothing was made for it, and the municipality's other apps are as they were."

step "8. Somebody deletes the network policy that isolates the website."
# The clock starts before kubectl does and stops when a watch shows the new one, so kubectl's own time counts too.
exec {events}< <(exec kubectl get networkpolicies --namespace $tenant --field-selector metadata.name=default-deny --watch --output-watch-events --no-headers)
watcher=$!
asked='' gone=''
while read -r -t 30 -u "$events" event _; do
    now=$EPOCHREALTIME
    case $event in
    ADDED)
        [ -z "$gone" ] || break
        asked=$EPOCHREALTIME
        kubectl delete networkpolicy default-deny --namespace $tenant --wait=false >/dev/null &
        ;;
    DELETED) gone=$now ;;
    esac
done
{ [ -n "$gone" ] && [ "$event" = ADDED ]; } || fail "the network policy did not come back within 30 s"
say "  It was back $(between "$asked" "$now") ms after kubectl was started to delete it."
kill "$watcher" 2>/dev/null || true
watcher=''
exec {events}<&-

step "9. What one more request would come to (demo/one-more.yaml), as the check of a pull request says it."
kubectl get municipalityapps,municipalities --all-namespaces --output yaml >"$work/live.yaml"
say "  \$ kopnams plan examples/platform examples/requests demo/one-more.yaml --live live.yaml"
code=0
kopnams plan examples/platform examples/requests demo/one-more.yaml --live "$work/live.yaml" >"$work/plan" 2>&1 || code=$?
[ "$code" -eq 0 ] || fail "$(cat "$work/plan")"
# Paragraphs: one for each municipality, and a summary.
awk -v RS= -v town="$town" '$1 == town {print $0 "\n\n..."}' "$work/plan" | table
tail -n 1 "$work/plan" | table

if [ "$with_node" = yes ]; then
    step "10. Systems that run: a website, the service management of customer service centres, and e-service user support."
    say "  Building their images from Debian packages (catalogue/images), unless they are there; the first time some minutes."
    kopnams-images catalogue --out "$work/catalogue" 2>"$work/images.log" >/dev/null || fail "$(tail -n 20 "$work/images.log")"
    "$lab" import --name "$name" "$work"/catalogue/images/*/ >/dev/null
    # The two systems of Ventspils were asked for before anything of them could run; now the catalogue has it, and they follow.
    start=$EPOCHREALTIME
    for entry in "$work"/catalogue/*.yaml; do
        kubectl apply --filename "$entry" >/dev/null
    done
    kubectl apply --filename demo/running.yaml >/dev/null
    deadline=$((SECONDS + 300))
    said_at=$SECONDS
    while read -r town_of app_of host path; do
        while
            # Ready of the system that was asked for, and not of what the request asked for before.
            state=$(kubectl get municipalityapp "$app_of" --namespace "$town_of" --output 'jsonpath={.status.conditions[?(@.type=="Available")].reason}')
            code=$(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 10 --header "Host: $host" "http://198.18.213.2$path" || true)
            [ "$state" != Available ] || [ "$code" != 200 ]
        do
            progress "$host: ${state:-asked}, answers $code, $(since "$start")"
            if [ "$SECONDS" -gt "$deadline" ]; then
                fail "$(kubectl get municipalityapp "$app_of" --namespace "$town_of" --output 'jsonpath={.status.conditions[?(@.type=="Ready")].message}')"
            fi
            sleep 0.5
        done
        progressed "http://$host$path answers $code, $(since "$start") after the catalogue had it."
    done <<'SYSTEMS'
kuldigas-novads vietne vietne.kuldiga.example.lv /
ventspils pakalpojumi kac.ventspils.example.lv /NoAuth/Login.html
ventspils e-atbalsts atbalsts.ventspils.example.lv /NoAuth/palidziba.html
SYSTEMS
    kubectl get pods --namespace ventspils--pakalpojumi | table

    step "11. Backups: the service management is backed up, loses its cases, and gets them back."
    town=ventspils app=pakalpojumi tenant=ventspils--pakalpojumi host=kac.ventspils.example.lv
    (umask 077; kubectl get secret root --namespace $tenant --output 'jsonpath={.data.password}' | base64 --decode >"$work/root")
    rt() { # method, path, body; the password is on nobody's command line
        curl --silent --show-error --max-time 60 --header "Host: $host" --header 'Content-Type: application/json' --request "$1" ${3:+--data "$3"} \
            --config <(printf 'user = "root:%s"' "$(cat "$work/root")") "http://198.18.213.2/REST/2.0/$2"
    }
    cases() { rt GET "tickets?query=id%3E0" | sed -n 's/.*"total" *: *"\{0,1\}\([0-9][0-9]*\).*/\1/p'; }
    for subject in 'Bērna kopšanas pabalsts' 'Dzīvesvietas deklarēšana' 'Būvniecības iecere'; do
        rt POST ticket "{\"Queue\": \"Konsultācijas\", \"Subject\": \"$subject\", \"Requestor\": \"kac@ventspils.example.lv\", \"CustomFields\": {\"Centrs\": \"Piltene\", \"Iestāde\": \"VSAA\", \"Kanāls\": \"klātiene\"}}" >/dev/null
    done
    say "  There are $(cases) cases."
    kubectl create secret generic s3-maintainer --namespace kopnams-vault --from-file="$work/access-key" --from-file="$work/secret-key" >/dev/null
    kubectl apply --filename - >/dev/null <<TARGET
apiVersion: kopnams.lv/v1alpha1
kind: BackupTarget
metadata: {name: s3}
spec:
  endpoint: http://$s3
  bucket: kopnams
  maintainerSecret: s3-maintainer
  egress: [{cidr: ${s3%:*}/32, ports: [${s3##*:}]}]
TARGET
    start=$EPOCHREALTIME deadline=$((SECONDS + 420)) said_at=$SECONDS
    kubectl patch platform platform --type merge --patch "{\"spec\": {\"backup\": {\"target\": \"s3\", \"image\": \"$image\", \"limits\": {\"cluster\": 4}}}}" >/dev/null
    say "  An S3 server outside the cluster is the target, and every app is backed up by itself."
    about() { kubectl get municipalityapp $app --namespace $town --output "jsonpath={.status.conditions[?(@.type==\"$1\")].$2}"; }
    while [ "$(about BackedUp status)" != True ] || [ "$(about RestoreProven status)" != True ]; do
        progress "$(about BackedUp reason), $(about RestoreProven reason), $(since "$start")"
        [ "$SECONDS" -le "$deadline" ] || fail "$(about BackedUp message); $(about RestoreProven message)"
        sleep 0.5
    done
    progressed "$town/$app is backed up, and its set was restored, loaded and compared elsewhere: $(since "$start")."
    say "  \$ kopnams backups $town/$app"
    kopnams backups $town/$app | table
    kubectl exec --namespace $tenant statefulset/database -- /usr/local/lib/postgresql/psql --quiet --no-psqlrc --username=postgres --dbname=rt \
        --command 'DROP TABLE tickets CASCADE' 2>/dev/null
    say "  The table of the cases is deleted: the system answers $(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 20 --header "Host: $host" --config <(printf 'user = "root:%s"' "$(cat "$work/root")") "http://198.18.213.2/REST/2.0/tickets?query=id%3E0" || true) when it is asked for them."
    set=$(kubectl get municipalityapp $app --namespace $town --output 'jsonpath={.status.backup.lastSet}')
    start=$EPOCHREALTIME
    say "  \$ kopnams restore $town/$app --set $set"
    kopnams restore $town/$app --set "$set" 2>&1 | table || fail "the restore did not succeed: $(kubectl get restoreruns --namespace kopnams-vault --output yaml)"
    deadline=$((SECONDS + 180))
    until found=$(cases 2>/dev/null) && [ -n "$found" ]; do
        progress "waiting until the system answers, $(since "$start")"
        [ "$SECONDS" -le "$deadline" ] || fail "the service management does not answer after the restore: $(about Available message)"
        sleep 0.5
    done
    progressed "There are $found cases again, $(since "$start") after the restore was asked for."
    [ "$found" -eq 3 ] || fail "three cases were expected"
    kopnams evidence $town/$app | table
fi

step "The demo took $(since "$began")."
if [ -n "${KEEP:-}" ] && [ "$KEEP" != 0 ]; then
    kept=yes
    say "The lab stays. To use it:"
    say
    say "  $tools"
    say "  export KUBECONFIG=$KUBECONFIG"
    say "  kubectl get municipalityapps --all-namespaces"
    if [ "$with_node" = yes ]; then
        say "  curl --header 'Host: vietne.kuldiga.example.lv' http://198.18.213.2/"
    fi
    say
    say "To end it, the operator included:"
    say
    say "  $lab down --name $name"
fi

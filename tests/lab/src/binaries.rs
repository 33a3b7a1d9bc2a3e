//! The programs: which there are, where they are, how they come to be.

use std::path::{Path, PathBuf};

use crate::error::{Doing, Error, Result};
use crate::go_build::{Program, Recipe, number, required};
use crate::node::ci;
use crate::places::set;
use crate::report::say;

const KUBERNETES: &[(&str, &str)] = &[
    ("go.mod", include_str!("../kubernetes/go.mod")),
    ("go.sum", include_str!("../kubernetes/go.sum")),
    ("main.go", include_str!("../kubernetes/main.go")),
];
const HELM: &[(&str, &str)] = &[("go.mod", include_str!("../tools/helm/go.mod")), ("go.sum", include_str!("../tools/helm/go.sum"))];
const KUBECONFORM: &[(&str, &str)] =
    &[("go.mod", include_str!("../tools/kubeconform/go.mod")), ("go.sum", include_str!("../tools/kubeconform/go.sum"))];
// In helm's module: their versions agree.
const REACH: &[(&str, &str)] = &[
    ("go.mod", include_str!("../tools/helm/go.mod")),
    ("go.sum", include_str!("../tools/helm/go.sum")),
    ("reach/main.go", include_str!("../tools/helm/reach/main.go")),
];
const KUBE_SCORE: &[(&str, &str)] =
    &[("go.mod", include_str!("../tools/kube-score/go.mod")), ("go.sum", include_str!("../tools/kube-score/go.sum"))];
// One module with all three, so that their versions agree.
const BACKUP: &[(&str, &str)] = &[("go.mod", include_str!("../tools/backup/go.mod")), ("go.sum", include_str!("../tools/backup/go.sum"))];
// One module with all three: the runner's parts are in Gitea, actionlint's in the runner.
const FORGE: &[(&str, &str)] = &[("go.mod", include_str!("../tools/forge/go.mod")), ("go.sum", include_str!("../tools/forge/go.sum"))];

const COMPONENTS: &[&str] = &["etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"];

/// The components of Kubernetes, each under its own name in one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// The folder `KUBEBUILDER_ASSETS` if that is set; otherwise the lab's own build, made now if it is not in the cache
    /// yet (about 9 minutes on 2 cores, once; it says so on the standard error).
    pub fn ensure() -> Result<Self> {
        match set("KUBEBUILDER_ASSETS") {
            Some(folder) => Self::in_folder(folder),
            None => Ok(Self { folder: kubernetes()?.ensure()?.join("bin") }),
        }
    }

    /// Binaries that are there already: a folder with at least `etcd`, `kube-apiserver` and `kubectl`.
    pub fn in_folder(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let folder = std::path::absolute(folder).doing(|| format!("find the folder {}", folder.display()))?;
        let binaries = Self { folder };
        for name in ["etcd", "kube-apiserver", "kubectl"] {
            binaries.component(name)?;
        }
        Ok(binaries)
    }

    /// The folder that holds them, for `PATH` or `KUBEBUILDER_ASSETS`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where kubectl is.
    #[must_use]
    pub fn kubectl(&self) -> PathBuf {
        self.folder.join("kubectl")
    }

    /// Where a component is, such as `kube-scheduler`; an error that says what to do if this folder lacks it.
    pub fn component(&self, name: &str) -> Result<PathBuf> {
        let file = self.folder.join(name);
        if file.is_file() {
            return Ok(file);
        }
        Err(Error::NoBinary {
            folder: self.folder.clone(),
            missing: name.to_owned(),
            advice: match name {
                "kube-controller-manager" => {
                    "put it there, unset KUBEBUILDER_ASSETS so that the lab builds its own, or start the lab without it"
                }
                _ => "put it there, or unset KUBEBUILDER_ASSETS so that the lab builds its own",
            }
            .to_owned(),
        })
    }
}

/// The programs that check and install what kopnams ships: helm, kubeconform, kube-score, and reach, which says what
/// network policies mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// The lab's own build, made now if it is not in the cache yet (about 3 minutes on 2 cores, once).
    pub fn ensure() -> Result<Self> {
        Ok(Self { folder: tools()?.ensure()?.join("bin") })
    }

    /// For tests that need nothing else of a lab: none where Go is missing, which is said past the test harness; an error
    /// if `CI=true`, where nothing may be left out.
    pub fn ensure_or_skip(what: &str) -> Result<Option<Self>> {
        or_skip(what, Self::ensure())
    }

    /// The folder that holds them, for `PATH`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where helm is.
    #[must_use]
    pub fn helm(&self) -> PathBuf {
        self.folder.join("helm")
    }

    /// Where kubeconform is.
    #[must_use]
    pub fn kubeconform(&self) -> PathBuf {
        self.folder.join("kubeconform")
    }

    /// Where kube-score is.
    #[must_use]
    pub fn kube_score(&self) -> PathBuf {
        self.folder.join("kube-score")
    }

    /// Where reach is; the head of its `main.go` says what it reads and answers.
    #[must_use]
    pub fn reach(&self) -> PathBuf {
        self.folder.join("reach")
    }
}

/// What backups are tested with: restic itself, an S3 server, and the program that opens what is sealed for the escrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupTools {
    folder: PathBuf,
}

impl BackupTools {
    /// The lab's own build, made now if it is not in the cache yet (about 4 minutes on 2 cores, once).
    pub fn ensure() -> Result<Self> {
        Ok(Self { folder: backup()?.ensure()?.join("bin") })
    }

    /// As [`Tools::ensure_or_skip`].
    pub fn ensure_or_skip(what: &str) -> Result<Option<Self>> {
        or_skip(what, Self::ensure())
    }

    /// The folder that holds them, for `PATH`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where restic is.
    #[must_use]
    pub fn restic(&self) -> PathBuf {
        self.folder.join("restic")
    }

    /// Where versitygw is, which serves a folder as S3.
    #[must_use]
    pub fn versitygw(&self) -> PathBuf {
        self.folder.join("versitygw")
    }

    /// Where age is.
    #[must_use]
    pub fn age(&self) -> PathBuf {
        self.folder.join("age")
    }

    /// Where age-keygen is.
    #[must_use]
    pub fn age_keygen(&self) -> PathBuf {
        self.folder.join("age-keygen")
    }
}

/// What pull requests are tested with: the forge Gitea, the runner of its workflows, and actionlint, which reads workflows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeTools {
    folder: PathBuf,
}

impl ForgeTools {
    /// The lab's own build, made now if it is not in the cache yet (about 4 minutes on 2 cores, once).
    pub fn ensure() -> Result<Self> {
        Ok(Self { folder: forge()?.ensure()? })
    }

    /// As [`Tools::ensure_or_skip`].
    pub fn ensure_or_skip(what: &str) -> Result<Option<Self>> {
        or_skip(what, Self::ensure())
    }

    /// The folder that holds them, for `PATH`.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// Where Gitea is.
    #[must_use]
    pub fn gitea(&self) -> PathBuf {
        self.folder().join("gitea")
    }

    /// Where the runner of Gitea's workflows is.
    #[must_use]
    pub fn runner(&self) -> PathBuf {
        self.folder().join("gitea-runner")
    }

    /// Where actionlint is.
    #[must_use]
    pub fn actionlint(&self) -> PathBuf {
        self.folder().join("actionlint")
    }

    /// What Gitea reads while it runs: its templates and the like.
    pub(crate) fn gitea_files(&self) -> PathBuf {
        self.folder.join("gitea-files")
    }
}

/// None where Go is missing, which is said past the test harness; an error if `CI=true`, where nothing may be left out.
pub(crate) fn or_skip<T>(what: &str, ensured: Result<T>) -> Result<Option<T>> {
    match ensured {
        Err(missing @ Error::NoGo(_)) if !ci() => {
            say(&format!("SKIPPED: {what}: {missing}"));
            Ok(None)
        }
        other => other.map(Some),
    }
}

fn kubernetes() -> Result<Recipe> {
    let version = required(KUBERNETES.first().map_or("", |(_, go_mod)| go_mod), "k8s.io/kubernetes")?;
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let at = "k8s.io/component-base/version";
    Ok(Recipe {
        what: format!("Kubernetes {}", version.trim_start_matches('v')),
        takes: "about 9 minutes on 2 cores",
        kind: "kubernetes",
        programs: vec![Program {
            name: "kubernetes",
            files: KUBERNETES,
            package: ".",
            // Clients parse the version that the API server tells.
            link_flags: format!(
                "-s -w -X {at}.gitVersion={version} -X {at}.gitMajor={major} -X {at}.gitMinor={minor} \
                 -X {at}.gitTreeState=clean"
            ),
            copies: &[],
        }],
        links: COMPONENTS,
    })
}

fn tools() -> Result<Recipe> {
    let program = |name, files: &'static [(&'static str, &'static str)], module, package, version_at: &str| {
        let version = required(files.first().map_or("", |(_, go_mod)| go_mod), module)?;
        Ok::<_, Error>(Program { name, files, package, link_flags: format!("-s -w -X {version_at}={version}"), copies: &[] })
    };
    Ok(Recipe {
        what: "helm, kubeconform, kube-score and reach".to_owned(),
        takes: "about 3 minutes on 2 cores",
        kind: "tools",
        programs: vec![
            program("helm", HELM, "helm.sh/helm/v4", "helm.sh/helm/v4/cmd/helm", "helm.sh/helm/v4/internal/version.version")?,
            program(
                "kubeconform",
                KUBECONFORM,
                "github.com/yannh/kubeconform",
                "github.com/yannh/kubeconform/cmd/kubeconform",
                "main.version",
            )?,
            program("kube-score", KUBE_SCORE, "github.com/zegl/kube-score", "github.com/zegl/kube-score/cmd/kube-score", "main.version")?,
            Program { name: "reach", files: REACH, package: "./reach", link_flags: "-s -w".to_owned(), copies: &[] },
        ],
        links: &[],
    })
}

fn backup() -> Result<Recipe> {
    let version = |module| number(BACKUP, module);
    // restic tells its version from its own source; versitygw must be told.
    let gateway = format!("-s -w -X main.Version={}", version("github.com/versity/versitygw")?);
    let program = |name, package, link_flags| Program { name, files: BACKUP, package, link_flags, copies: &[] };
    let plain = || "-s -w".to_owned();
    Ok(Recipe {
        what: format!("restic {}, versitygw and age", version("github.com/restic/restic")?),
        takes: "about 4 minutes on 2 cores",
        kind: "backup",
        programs: vec![
            program("restic", "github.com/restic/restic/cmd/restic", plain()),
            program("versitygw", "github.com/versity/versitygw/cmd/versitygw", gateway),
            program("age", "filippo.io/age/cmd/age", plain()),
            program("age-keygen", "filippo.io/age/cmd/age-keygen", plain()),
        ],
        links: &[],
    })
}

fn forge() -> Result<Recipe> {
    let version = |module| number(FORGE, module);
    let gitea = version("gitea.dev")?;
    let program = |name, package, version_at: &str, version: &str, copies| Program {
        name,
        files: FORGE,
        package,
        link_flags: format!("-s -w -X {version_at}={version}"),
        copies,
    };
    Ok(Recipe {
        what: format!("Gitea {gitea}, its runner and actionlint"),
        takes: "about 4 minutes on 2 cores",
        kind: "forge",
        programs: vec![
            // Without the scripts and styles of its pages, which npm would have to build: the API and git do without.
            program(
                "gitea",
                "gitea.dev",
                "main.Version",
                gitea,
                &[
                    ("gitea.dev", "options", "gitea-files/options"),
                    ("gitea.dev", "public", "gitea-files/public"),
                    ("gitea.dev", "templates", "gitea-files/templates"),
                ],
            ),
            program(
                "gitea-runner",
                "gitea.com/gitea/runner",
                "gitea.com/gitea/runner/internal/pkg/ver.version",
                version("gitea.com/gitea/runner")?,
                &[],
            ),
            program(
                "actionlint",
                "github.com/rhysd/actionlint/cmd/actionlint",
                "github.com/rhysd/actionlint.version",
                version("github.com/rhysd/actionlint")?,
                &[],
            ),
        ],
        links: &[],
    })
}

//! Flux's own controllers between a repository on a forge and a cluster, as `deploy/flux.yaml` of the repository to copy has it.

use std::time::Duration;

use kopnams_lab::{Flux, FluxTools};
use serde_json::{Value, json};

use crate::copied;
use crate::kit::{shown, text};
use crate::world::World;

const SPACE: &str = "kopnams-requests";
/// Flux fetches, builds, tries and applies.
const PATIENCE: Duration = Duration::from_mins(4);

/// Flux at work on a cluster. It ends with this value.
pub struct Flow<'a> {
    world: &'a World,
    _flux: Flux,
}

impl<'a> Flow<'a> {
    /// As step 6 of `docs/requests.md` says, with the address of this repository.
    pub fn start(world: &'a World, tools: &FluxTools, repository: &str) -> Self {
        let lab = &world.lab;
        lab.kubectl(["apply", "--server-side", "--filename", tools.definitions().to_str().unwrap()]).unwrap();
        for kind in ["kustomizations.kustomize", "gitrepositories.source"] {
            let kind = format!("crd/{kind}.toolkit.fluxcd.io");
            lab.kubectl(["wait", "--for=condition=Established", "--timeout=30s", &kind]).unwrap();
        }
        lab.kubectl_input(["apply", "--server-side", "--filename=-"], &copied::file("deploy/rights.yaml")).unwrap();
        let (deployed, address) = (copied::file("deploy/flux.yaml"), "https://git.example.lv/novadi/pieprasijumi.git");
        assert!(deployed.contains(address));
        let flux = Flux::start(tools, lab.kubeconfig()).unwrap();
        lab.kubectl_input(["apply", "--server-side", "--filename=-"], &deployed.replace(address, repository)).unwrap();
        Self { world, _flux: flux }
    }

    /// Tells Flux of a commit, as a webhook of the forge would.
    pub async fn hears(&self, commit: &str) {
        let asked = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": commit}}});
        self.world.merge("GitRepository", SPACE, "requests", &asked).await;
    }

    /// Waits until Flux has applied a commit.
    pub async fn applied(&self, name: &str, commit: &str) {
        let look = async || {
            let one = self.world.get("Kustomization", SPACE, name).await.unwrap_or_default();
            let there = text(&one, "/status/lastAppliedRevision").ends_with(commit) && ready(&one).0 == "True";
            if there { Ok(()) } else { Err(self.told(&one).await) }
        };
        self.world.within(PATIENCE, &format!("Flux has applied {name} of {commit}"), look).await;
    }

    /// Waits until Flux has tried a commit in vain; what it says.
    pub async fn refused(&self, name: &str, commit: &str) -> String {
        let look = async || {
            let one = self.world.get("Kustomization", SPACE, name).await.unwrap_or_default();
            let (status, message) = ready(&one);
            let tried = text(&one, "/status/lastAttemptedRevision").ends_with(commit) && status == "False";
            if tried { Ok(message.to_owned()) } else { Err(self.told(&one).await) }
        };
        self.world.within(PATIENCE, &format!("Flux cannot apply {name} of {commit}"), look).await
    }

    async fn told(&self, one: &Value) -> String {
        let source = self.world.get("GitRepository", SPACE, "requests").await.unwrap_or_default();
        format!("{}\n{}", shown(&source["status"]), shown(&one["status"]))
    }
}

/// Its condition Ready: status and message.
fn ready(object: &Value) -> (&str, &str) {
    let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let ready = conditions.find(|one| one["type"] == "Ready").unwrap_or(&Value::Null);
    (text(ready, "/status"), text(ready, "/message"))
}

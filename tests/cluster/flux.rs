//! What Flux brings from the repository to copy to a cluster, and as whom.

use std::fs;

use kopnams_lab::FluxTools;
use serde_json::Value;

use crate::copied;
use crate::flow::Flow;
use crate::forge::{REQUESTS, World as Forge, git};
use crate::run::alone;

const TOWN: &str = "kuldigas-novads";

#[test]
fn flux_brings_the_platform_and_then_requests_and_nothing_else() {
    let what = "what Flux brings from the repository to copy";
    let files = copied::files();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let Some(tools) = FluxTools::ensure_or_skip(what).unwrap() else { return };
    let Some(forge) = Forge::without_fork(what, &files) else { return };
    alone(what, async |world| {
        let flow = Flow::start(world, &tools, &format!("{}/{REQUESTS}.git", forge.forge.url()));
        let work = forge.clone_of(REQUESTS);
        let first = git(&work, &["rev-parse", "HEAD"]);
        // Writes files and takes others away on `main`.
        let push = async |files: &[(&str, Option<&String>)]| {
            for (name, _) in files.iter().filter(|(_, text)| text.is_none()) {
                fs::remove_file(work.join(name)).unwrap();
            }
            let written: Vec<(&str, &str)> = files.iter().filter_map(|(name, text)| Some((*name, text.as_ref()?.as_str()))).collect();
            let commit = forge.push(&forge.platform, &work, REQUESTS, "main", &written);
            flow.hears(&commit).await;
            commit
        };
        flow.applied("platform", first.trim()).await;
        flow.applied("requests", first.trim()).await;
        world.ready_municipality(TOWN).await;
        let request = world.see("MunicipalityApp", TOWN, "majaslapa", "granted", |app| app["status"]["grant"].is_object()).await;
        assert_eq!(request["spec"]["hostname"], "www.kuldiga.example.lv");
        let managers = request["metadata"]["managedFields"].to_string();
        assert!(managers.contains("kustomize-controller"), "it is Flux's: {managers}");

        // A change of the platform and one of a request arrive together.
        let wider = copied::file("platform/municipalities/liepaja.yaml").replace("Liepājas valstspilsēta", "Liepājas pilsēta");
        let other = copied::file("municipalities/kuldigas-novads/majaslapa.yaml").replace("Kuldīgas novads", "Kuldīga");
        let path = "municipalities/kuldigas-novads/majaslapa.yaml";
        let commit = push(&[("platform/municipalities/liepaja.yaml", Some(&wider)), (path, Some(&other))]).await;
        flow.applied("requests", &commit).await;
        flow.applied("platform", &commit).await;
        let title = |object: &Value| object["spec"]["title"]["lv"] == "Liepājas pilsēta";
        world.see("Municipality", "", "liepaja", "its new title", title).await;
        let changed = |app: &Value| app["status"]["grant"]["parameters"]["siteTitle"] == "Kuldīga";
        world.see("MunicipalityApp", TOWN, "majaslapa", "granted with its new title", changed).await;

        // What the workflow would have refused gets to main all the same. Who refuses it then is the API server.
        let role = "{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}";
        let seized = format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: seized}}\nroleRef: {role}\n\
             subjects: [{{kind: ServiceAccount, name: requests, namespace: kopnams-requests}}]\n"
        );
        let foreign = "municipalities/kuldigas-novads/seized.yaml";
        let commit = push(&[(foreign, Some(&seized))]).await;
        let why = flow.refused("requests", &commit).await;
        let user = "User \"system:serviceaccount:kopnams-requests:requests\" cannot patch resource \"clusterrolebindings\"";
        assert!(why.contains(user), "{why}");
        assert_eq!(world.get("ClusterRoleBinding", "", "seized").await, None);
        flow.applied("platform", &commit).await;
        // A municipality among the requests is none of theirs either.
        let town = copied::file("platform/municipalities/liepaja.yaml").replace("liepaja", "liepaja-ii").replace("0005000", "0009000");
        let commit = push(&[(foreign, None), ("municipalities/kuldigas-novads/liepaja-ii.yaml", Some(&town))]).await;
        let why = flow.refused("requests", &commit).await;
        let user = "User \"system:serviceaccount:kopnams-requests:requests\" cannot patch resource \"municipalities\"";
        assert!(why.contains(user), "{why}");
        assert_eq!(world.get("Municipality", "", "liepaja-ii").await, None);

        // A file that is gone is a request that is taken back, also the last one; of the platform nothing goes by itself.
        let commit = push(&[
            ("municipalities/kuldigas-novads/liepaja-ii.yaml", None),
            (path, None),
            ("platform/municipalities/ogres-novads.yaml", None),
        ])
        .await;
        flow.applied("requests", &commit).await;
        flow.applied("platform", &commit).await;
        world.gone("MunicipalityApp", TOWN, "majaslapa").await;
        // It has its time for second thoughts.
        assert!(world.get("Namespace", "", &format!("{TOWN}--majaslapa")).await.is_some());
        let second = copied::file("municipalities/kuldigas-novads/majaslapa.yaml").replace("majaslapa", "otra").replace("www.", "otra.");
        push(&[("municipalities/kuldigas-novads/otra.yaml", Some(&second))]).await;
        world.see("MunicipalityApp", TOWN, "otra", "granted", |app| app["status"]["grant"].is_object()).await;
        assert!(world.get("Municipality", "", "ogres-novads").await.is_some_and(|town| town["metadata"]["deletionTimestamp"].is_null()));
    });
}

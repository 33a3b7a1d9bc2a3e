//! Volumes that are not where one would look for them: on another node than before, or made by a `StatefulSet` for its pods.

use std::time::Duration;

use serde_json::{Value, json};

use crate::backups::{archive, back_up, house, idle_pod, keeper, over, volume};
use crate::hands::{bad, good};
use crate::kit::{app_of, municipality, text};
use crate::run::alone;

/// F17
#[test]
fn a_backup_follows_the_volume_to_the_node_on_which_it_is_used() {
    alone("a pod that moves", async |world| {
        let hands = house(world).await;
        let (slug, space) = ("rezekne", "rezekne--arhivs");
        archive(world, slug).await;
        for node in ["viens", "divi"] {
            world.create(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})).await.unwrap();
        }
        // Where a scheduler has put it.
        let labels = world.get("Deployment", space, "web").await.unwrap()["spec"]["template"]["metadata"]["labels"].clone();
        let pod = |node: &str| {
            let mut pod = idle_pod(space);
            pod["metadata"] = json!({"name": format!("on-{node}"), "namespace": space, "labels": labels});
            pod["spec"]["nodeName"] = node.into();
            pod["spec"]["volumes"] = json!([{"name": "files", "persistentVolumeClaim": {"claimName": "files"}}]);
            pod
        };
        let node_of = async |run: &str| {
            let job = world
                .within(Duration::from_mins(1), "its volume is being backed up", async || {
                    let jobs = world.list("Job", space).await;
                    let found = jobs.iter().find(|job| text(job, "/metadata/name").starts_with(run));
                    found.cloned().ok_or_else(|| format!("{} jobs", jobs.len()))
                })
                .await;
            let term = "/spec/template/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0";
            text(&job, &format!("{term}/matchFields/0/values/0")).to_string()
        };
        hands.answer(|work| (text(work, "/task/kind") != "part").then(|| good(work)));
        world.create(&pod("viens")).await.unwrap();
        let first = back_up(world, slug, "arhivs", "202601010000").await;
        assert_eq!(node_of(&first).await, "viens");
        // It moved after the job was made for its old node, where nothing of it can start any more.
        world.delete("Pod", space, "on-viens").await;
        world.create(&pod("divi")).await.unwrap();
        hands.answer(|work| {
            Some(if text(work, "/task/kind") == "part" { bad("NotStarted", "no node has room for the pod") } else { good(work) })
        });
        over(world, "BackupRun", &first, "Failed").await;
        hands.answer(|work| (text(work, "/task/kind") != "part").then(|| good(work)));
        let second = back_up(world, slug, "arhivs", "202601010001").await;
        assert_eq!(node_of(&second).await, "divi");
        hands.answer(|work| Some(good(work)));
        over(world, "BackupRun", &second, "Succeeded").await;
    });
}

/// The system with its volume made by a `StatefulSet` for its pod.
fn shelf() -> Value {
    let mut entry = keeper();
    entry["metadata"]["name"] = "shelf".into();
    let objects = entry["spec"]["versions"][0]["objects"].as_array_mut().unwrap();
    let claim = objects.remove(0);
    let set = &mut objects[0];
    set["kind"] = "StatefulSet".into();
    let spec = set["spec"].as_object_mut().unwrap();
    spec.remove("strategy");
    spec["template"]["spec"].as_object_mut().unwrap().remove("volumes");
    spec.insert("serviceName".into(), "web".into());
    spec.insert("volumeClaimTemplates".into(), json!([{"metadata": {"name": "files"}, "spec": claim["spec"]}]));
    let ports = json!([{"name": "http", "port": 80, "targetPort": 8080}]);
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"clusterIP": "None", "selector": {"app": "web"}, "ports": ports},
    });
    objects.push(service);
    entry
}

#[test]
fn a_claim_that_a_stateful_set_would_make_is_there_before_it_is_filled() {
    alone("a claim of a template", async |world| {
        let hands = house(world).await;
        let slug = "limbazu-novads";
        world.apply(&shelf()).await;
        world.ensure_operator().await;
        world.apply(&municipality(slug)).await;
        world.ready_municipality(slug).await;
        for name in ["plaukts", "kopija"] {
            volume(world, &format!("{slug}--{name}"), "files-web-0", "1Gi").await;
        }
        world.apply(&app_of(slug, "plaukts", "shelf")).await;
        let bound = |o: &Value| text(o, "/status/phase") == "Bound";
        let made = world.see("PersistentVolumeClaim", &format!("{slug}--plaukts"), "files-web-0", "is bound", bound).await;
        let set = back_up(world, slug, "plaukts", "202601010000").await;
        over(world, "BackupRun", &set, "Succeeded").await;

        hands.answer(|work| (text(work, "/task/kind") != "restore").then(|| good(work)));
        let mut copy = app_of(slug, "kopija", "shelf");
        copy["spec"]["restoreFrom"] = json!({"app": "plaukts", "set": set});
        world.apply(&copy).await;
        let space = format!("{slug}--kopija");
        let claim = world.see("PersistentVolumeClaim", &space, "files-web-0", "is bound", bound).await;
        assert_eq!(world.get("StatefulSet", &space, "web").await.unwrap()["spec"]["replicas"], 0, "no pod has made it");
        // It is what the set itself would have made.
        assert_eq!(claim["spec"]["resources"], made["spec"]["resources"]);
        assert_eq!(claim["spec"]["accessModes"], made["spec"]["accessModes"]);
        hands.answer(|work| Some(good(work)));
        world.see("StatefulSet", &space, "web", "runs", |o| o["spec"]["replicas"] == 1).await;
        // And it takes it as it is.
        world
            .until("its pod has the claim that was filled", async || {
                let pods = world.list("Pod", &space).await;
                let pod = pods.iter().find(|pod| text(pod, "/metadata/name") == "web-0").ok_or("there is no pod")?;
                let volumes = pod["spec"]["volumes"].as_array().unwrap();
                let has = volumes.iter().any(|volume| volume["persistentVolumeClaim"]["claimName"] == "files-web-0");
                if has { Ok(()) } else { Err("it has another".to_string()) }
            })
            .await;
        let after = world.get("PersistentVolumeClaim", &space, "files-web-0").await.unwrap();
        assert_eq!(after["metadata"]["uid"], claim["metadata"]["uid"]);
    });
}

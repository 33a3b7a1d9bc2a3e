//! What a request says when its system does not run, in plain words.

use serde_json::{Value, json};

use crate::house::on_the_node;
use crate::kit::{app_of, condition, message};

fn entry(name: &str, image: &str, command: &Value, size: &Value) -> Value {
    json!({
        "apiVersion": "kopnams.lv/v1alpha1", "kind": "HostedSystem", "metadata": {"name": name},
        "spec": {
            "title": {"lv": name, "en": name}, "maintainer": "platform", "category": "test", "dataClass": "open",
            "defaultVersion": "1", "defaultSize": "small", "sizes": {"small": size},
            "versions": [{"name": "1", "images": {"box": image}, "objects": [{
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "box"},
                "spec": {"strategy": {"type": "Recreate"}, "selector": {"matchLabels": {"app": "box"}}, "template": {
                    "metadata": {"labels": {"app": "box"}},
                    "spec": {"securityContext": {"runAsUser": 1000}, "terminationGracePeriodSeconds": 1, "containers": [{
                        "name": "box", "image": "${images.box}", "command": command,
                        "resources": {"requests": {"cpu": "${size.cpu}", "memory": "${size.memory}"}, "limits": {"cpu": "${size.cpu}", "memory": "${size.memory}"}},
                    }]},
                }},
            }]}],
        },
    })
}

#[test]
fn a_system_that_does_not_run_says_why() {
    on_the_node("trouble", async |house| {
        let small = json!({"cpu": "100m", "memory": "64Mi", "storage": "1Gi", "pods": 3});
        let huge = json!({"cpu": "200", "memory": "64Mi", "storage": "1Gi", "pods": 3});
        let missing = format!("localhost/none@sha256:{}", "0".repeat(64));
        let (box_, sleep) = (house.node.busybox().to_string(), json!(["/bin/sleep", "100000"]));
        let mut town = house.world.get("Municipality", "", "olaines-novads").await.unwrap();
        town["spec"]["allotment"] = json!({"cpu": "1000", "memory": "64Gi", "storage": "200Gi", "apps": 20});
        house.world.merge("Municipality", "", "olaines-novads", &json!({"spec": {"allotment": town["spec"]["allotment"]}})).await;
        let cases = [
            ("bez-attela", entry("bez-attela", &missing, &sleep, &small), "the image of its container box cannot be had"),
            ("beidzas", entry("beidzas", &box_, &json!(["/bin/sh", "-c", "exit 7"]), &small), "its container box ended with exit code 7"),
            ("bez-vietas", entry("bez-vietas", &box_, &sleep, &huge), "no node has room for it"),
        ];
        for (name, entry, words) in cases {
            house.world.apply(&entry).await;
            house.world.apply(&app_of("olaines-novads", name, name)).await;
            house
                .world
                .see("MunicipalityApp", "olaines-novads", name, words, |app| {
                    condition(app, "Available") == ("False", "PodFails") && message(app, "Ready").contains(words)
                })
                .await;
        }
        // Pods beside those of the entry fill the quota, and the message says so.
        house.world.apply(&entry("pilna", &box_, &sleep, &small)).await;
        house.world.apply(&app_of("olaines-novads", "pilna", "pilna")).await;
        house.ready("olaines-novads", "pilna").await;
        let space = "olaines-novads--pilna";
        house.world.lab.kubectl(["scale", "deployment/box", "--replicas=0", "--namespace", space]).unwrap();
        let squatter = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "squatter", "namespace": space},
            "spec": {
                "securityContext": {"runAsUser": 1000, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                "terminationGracePeriodSeconds": 1,
                "containers": [{
                    "name": "box", "image": box_, "command": ["/bin/sleep", "100000"],
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                    "resources": {"requests": {"cpu": "90m", "memory": "50Mi"}, "limits": {"cpu": "90m", "memory": "50Mi"}},
                }],
            },
        });
        house
            .world
            .until("there is room for another pod for a moment", async || {
                house
                    .world
                    .lab
                    .kubectl(["delete", "pods", "--selector=app=box", "--namespace", space, "--wait=true"])
                    .map_err(|e| e.to_string())?;
                house.world.create(&squatter).await.map(drop).map_err(|error| error.to_string())
            })
            .await;
        house
            .world
            .see("MunicipalityApp", "olaines-novads", "pilna", "the quota is full", |app| {
                message(app, "Ready").contains("the tenant's quota is full")
            })
            .await;
        house.world.delete("Pod", space, "squatter").await;
        // Kubernetes tries again after a pause that doubles each time, minutes in the end; a Deployment made anew does not wait.
        house.world.delete("Deployment", space, "box").await;
        house.ready("olaines-novads", "pilna").await;
    });
}

//! Proves that the API server itself refuses, also an admin, what only the operator and Kubernetes' own controllers may do:
//! deleting what holds data or keys, taking the marks off a tenant, and passing as a backup. Beside each refusal stands a
//! twin that differs in one thing and is let through.

use kube::Client;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::kit::{app, app_of, label, shown, text, uid};
use crate::run::shared;
use crate::world::{World, api, client};

const VAULT: &str = "kopnams-vault";

/// Asserts that a policy refused a call, with words that tell who may and what to do.
fn denied<T>(result: Result<T, kube::Error>, policy: &str, words: &[&str]) {
    match result {
        Err(kube::Error::Api(status)) if status.code == 403 => {
            let by = format!("ValidatingAdmissionPolicy '{policy}' with binding '{policy}' denied request");
            for expected in [&[by.as_str()], words].concat() {
                assert!(status.message.contains(expected), "expected {expected:?}, refused with: {}", status.message);
            }
        }
        Err(other) => panic!("expected a refusal by {policy}, failed with {other}"),
        Ok(_) => panic!("expected a refusal by {policy}, it was let through"),
    }
}

async fn delete(client: &Client, kind: &str, namespace: &str, name: &str) -> Result<(), kube::Error> {
    api(client, kind, namespace).delete(name, &DeleteParams::default()).await.map(drop)
}

async fn delete_all(client: &Client, kind: &str, namespace: &str) -> Result<(), kube::Error> {
    api(client, kind, namespace).delete_collection(&DeleteParams::default(), &ListParams::default()).await.map(drop)
}

async fn create(client: &Client, object: &Value) -> Result<Value, kube::Error> {
    let made: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    let api = api(client, text(object, "/kind"), text(object, "/metadata/namespace"));
    api.create(&PostParams::default(), &made).await.map(|object| serde_json::to_value(object).unwrap())
}

async fn merge(client: &Client, kind: &str, namespace: &str, name: &str, patch: &Value) -> Result<(), kube::Error> {
    api(client, kind, namespace).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
}

fn annotated(value: &str) -> Value {
    json!({"metadata": {"annotations": {"kopnams.lv/allow-delete": value}}})
}

/// Waits until the policies are in force, which they are a moment after the chart is installed.
async fn in_force(world: &World) {
    world
        .until("the policies are in force", async || {
            let params = DeleteParams { dry_run: true, ..DeleteParams::default() };
            match world.api("Namespace", "").delete(VAULT, &params).await {
                Err(kube::Error::Api(status)) if status.message.contains("kopnams-keep-namespaces") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
}

/// A client with the token of the operator's `ServiceAccount`.
async fn operator(world: &World) -> Client {
    client(&world.config_of("kopnams"), |_| {}).await
}

fn claim(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": {"requests": {"storage": "100Mi"}}},
    })
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn secret(namespace: &str, name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace, "labels": labels}, "stringData": {"password": "x"}})
}

#[test]
fn the_namespaces_of_tenants_and_of_the_vault_are_deleted_by_the_operator_alone() {
    shared("policy: namespaces", async |world| {
        in_force(world).await;
        let admin = &world.admin;
        world.settle("olaines-novads").await;
        for name in ["majaslapa", "karte"] {
            world.open(&app("olaines-novads", name)).await;
        }
        let policy = "kopnams-keep-namespaces";
        for space in ["olaines-novads--majaslapa", "olaines-novads", VAULT] {
            let own = uid(&world.get("Namespace", "", space).await.unwrap()).to_owned();
            let how = format!("kubectl annotate namespace {space} kopnams.lv/allow-delete={own}");
            denied(delete(admin, "Namespace", "", space).await, policy, &["only the operator deletes it", &how]);
        }
        let like = world.as_member("olaines", &["system:masters"]).await;
        denied(delete(&like, "Namespace", "", "olaines-novads").await, policy, &[]);
        // Somebody else's UID, as of a copied command, is not its own.
        let other = uid(&world.get("Namespace", "", "olaines-novads--karte").await.unwrap()).to_owned();
        for wrong in [&other, "true", ""] {
            world.merge("Namespace", "", "olaines-novads--majaslapa", &annotated(wrong)).await;
            denied(delete(admin, "Namespace", "", "olaines-novads--majaslapa").await, policy, &[]);
        }

        // Its own UID; then the real namespace controller takes down all that is in it, claims too.
        world.create(&claim("olaines-novads--majaslapa", "data")).await.unwrap();
        let before = world.get("Namespace", "", "olaines-novads--majaslapa").await.unwrap();
        world.merge("Namespace", "", "olaines-novads--majaslapa", &annotated(uid(&before))).await;
        delete(admin, "Namespace", "", "olaines-novads--majaslapa").await.unwrap();
        world.see("Namespace", "", "olaines-novads--majaslapa", "made anew", |o| uid(o) != uid(&before)).await;
        assert!(world.get("PersistentVolumeClaim", "olaines-novads--majaslapa", "data").await.is_none());

        // Nobody's namespace is anybody's.
        world.create(&namespace("svetki")).await.unwrap();
        delete(admin, "Namespace", "", "svetki").await.unwrap();
        world.gone("Namespace", "", "svetki").await;
    });
}

#[test]
fn the_operator_deletes_a_tenant_and_kubernetes_clears_it_up() {
    shared("policy: the operator", async |world| {
        in_force(world).await;
        world.settle("saulkrastu-novads").await;
        // Without grace and without claims: the operator deletes the namespace itself.
        world.open(&app_of("saulkrastu-novads", "aptauja", "poll")).await;
        let kept = world.create(&secret("saulkrastu-novads--aptauja", "some", &json!({"app.kubernetes.io/managed-by": "kopnams"}))).await;
        kept.unwrap();
        world.delete("MunicipalityApp", "saulkrastu-novads", "aptauja").await;
        world.gone("Namespace", "", "saulkrastu-novads--aptauja").await;
        // The home too, with its municipality.
        world.delete("Municipality", "", "saulkrastu-novads").await;
        world.gone("Namespace", "", "saulkrastu-novads").await;
    });
}

#[test]
fn the_claims_of_tenants_stay_and_controllers_still_work() {
    shared("policy: claims", async |world| {
        in_force(world).await;
        let admin = &world.admin;
        world.settle("ropazu-novads").await;
        world.open(&app("ropazu-novads", "vietne")).await;
        let space = "ropazu-novads--vietne";
        let policy = "kopnams-keep-claims";
        let made = world.create(&claim(space, "data")).await.unwrap();
        let how = format!("kubectl annotate persistentvolumeclaim --namespace {space} data kopnams.lv/allow-delete={}", uid(&made));
        denied(delete(admin, "PersistentVolumeClaim", space, "data").await, policy, &["only the operator deletes it", &how]);
        denied(delete_all(admin, "PersistentVolumeClaim", space).await, policy, &[]);
        assert!(world.get("PersistentVolumeClaim", space, "data").await.is_some());

        // The operator; and whoever says that they mean it.
        delete(&operator(world).await, "PersistentVolumeClaim", space, "data").await.unwrap();
        world.gone("PersistentVolumeClaim", space, "data").await;
        let made = world.create(&claim(space, "data")).await.unwrap();
        world.merge("PersistentVolumeClaim", space, "data", &annotated(uid(&made))).await;
        delete(admin, "PersistentVolumeClaim", space, "data").await.unwrap();
        // A claim of no tenant.
        world.create(&namespace("bibliotekas")).await.unwrap();
        world.create(&claim("bibliotekas", "data")).await.unwrap();
        delete(admin, "PersistentVolumeClaim", "bibliotekas", "data").await.unwrap();

        // Clearing up after an owner is the garbage collector's.
        let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner", "namespace": space}});
        let owner = world.create(&owner).await.unwrap();
        let mut owned = claim(space, "owned");
        owned["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid(&owner)}]);
        world.create(&owned).await.unwrap();
        world.delete("ConfigMap", space, "owner").await;
        world.gone("PersistentVolumeClaim", space, "owned").await;

        a_stateful_set_scales_and_goes(world, space).await;
        world.delete("Namespace", "", "bibliotekas").await;
    });
}

/// A `StatefulSet` that gives its claims back when it is made smaller or deleted.
async fn a_stateful_set_scales_and_goes(world: &World, space: &str) {
    let mut set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "rinda", "namespace": space},
        "spec": {
            "replicas": 2, "serviceName": "rinda", "podManagementPolicy": "Parallel", "selector": {"matchLabels": {"app": "rinda"}},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
            "template": {"metadata": {"labels": {"app": "rinda"}}},
        },
    });
    set["spec"]["template"]["spec"] = pod_spec("");
    let mut template = claim("", "data");
    template["metadata"] = json!({"name": "data"});
    set["spec"]["volumeClaimTemplates"] = json!([template]);
    world.create(&set).await.unwrap();
    let owned = |o: &Value| o["metadata"]["ownerReferences"].is_array();
    for name in ["data-rinda-0", "data-rinda-1"] {
        world.see("PersistentVolumeClaim", space, name, "owned by its StatefulSet", owned).await;
    }
    world.merge("StatefulSet", space, "rinda", &json!({"spec": {"replicas": 1}})).await;
    world.gone("PersistentVolumeClaim", space, "data-rinda-1").await;
    world.delete("StatefulSet", space, "rinda").await;
    world.gone("PersistentVolumeClaim", space, "data-rinda-0").await;
}

#[test]
fn vaults_and_their_keys_are_deleted_by_the_operator_alone() {
    shared("policy: vaults", async |world| {
        in_force(world).await;
        let admin = &world.admin;
        let ours = json!({"app.kubernetes.io/managed-by": "kopnams"});
        let policy = "kopnams-keep-keys";
        for name in ["key-of-a-tenant", "key-of-another"] {
            world.create(&secret(VAULT, name, &ours)).await.unwrap();
        }
        denied(
            delete(admin, "Secret", VAULT, "key-of-a-tenant").await,
            policy,
            &["nobody can read without their key", "only the operator"],
        );
        denied(delete_all(admin, "Secret", VAULT).await, policy, &[]);
        assert!(world.get("Secret", VAULT, "key-of-a-tenant").await.is_some());
        // What an admin put there; the same label elsewhere; the operator; and whoever means it.
        world.create(&secret(VAULT, "target", &json!({"app.kubernetes.io/managed-by": "somebody"}))).await.unwrap();
        delete(admin, "Secret", VAULT, "target").await.unwrap();
        world.create(&secret("default", "elsewhere", &ours)).await.unwrap();
        delete(admin, "Secret", "default", "elsewhere").await.unwrap();
        let operator = operator(world).await;
        delete(&operator, "Secret", VAULT, "key-of-a-tenant").await.unwrap();
        let live = world.get("Secret", VAULT, "key-of-another").await.unwrap();
        world.merge("Secret", VAULT, "key-of-another", &annotated(uid(&live))).await;
        delete(admin, "Secret", VAULT, "key-of-another").await.unwrap();

        let vault = |name: &str| {
            json!({
                "apiVersion": "kopnams.lv/v1alpha1", "kind": "BackupVault", "metadata": {"name": name},
                "spec": {"municipality": "kuldigas-novads", "app": "majaslapa", "target": "main"},
            })
        };
        for name in ["first", "second"] {
            world.create(&vault(name)).await.unwrap();
        }
        let own = uid(&world.get("BackupVault", "", "first").await.unwrap()).to_owned();
        let how = format!("kubectl annotate backupvault first kopnams.lv/allow-delete={own}");
        denied(delete(admin, "BackupVault", "", "first").await, "kopnams-keep-vaults", &["only the operator deletes it", &how]);
        denied(delete_all(admin, "BackupVault", "").await, "kopnams-keep-vaults", &[]);
        world.merge("BackupVault", "", "first", &annotated(&own)).await;
        delete(admin, "BackupVault", "", "first").await.unwrap();
        delete(&operator, "BackupVault", "", "second").await.unwrap();
    });
}

#[test]
fn the_marks_of_a_tenant_stay_on_it() {
    shared("policy: marks", async |world| {
        in_force(world).await;
        let admin = &world.admin;
        world.settle("kekavas-novads").await;
        world.open(&app("kekavas-novads", "vietne")).await;
        let policy = "kopnams-keep-marks";
        for space in ["kekavas-novads--vietne", "kekavas-novads"] {
            let before = world.get("Namespace", "", space).await.unwrap();
            let how = format!("kubectl annotate namespace {space} kopnams.lv/allow-delete={}", uid(&before));
            for mark in ["app.kubernetes.io/managed-by", "kopnams.lv/municipality", "kopnams.lv/tenant-id"] {
                for value in [Value::Null, json!("other")] {
                    let change = json!({"metadata": {"labels": {mark: value}}});
                    denied(merge(admin, "Namespace", "", space, &change).await, policy, &["only the operator changes them", &how]);
                }
            }
            for change in [json!({"annotations": {"kopnams.lv/deed": null}}), json!({"annotations": null}), json!({"labels": null})] {
                denied(merge(admin, "Namespace", "", space, &json!({"metadata": change})).await, policy, &[]);
            }
            let after = world.get("Namespace", "", space).await.unwrap();
            assert_eq!(
                (&after["metadata"]["labels"], &after["metadata"]["annotations"]),
                (&before["metadata"]["labels"], &before["metadata"]["annotations"])
            );
            // What is not the operator's, and what the operator itself puts right.
            for other in [json!({"labels": {"team": "a"}}), json!({"labels": {"team": null}}), json!({"labels": {"kopnams.lv/more": "x"}})]
            {
                merge(admin, "Namespace", "", space, &json!({"metadata": other})).await.unwrap();
            }
            let right = |o: &Value| o["metadata"]["labels"] == before["metadata"]["labels"];
            world.see("Namespace", "", space, "as it was meant", right).await;
        }
        let missing = json!({"metadata": {"labels": {"kopnams.lv/app": null}}});
        denied(merge(admin, "Namespace", "", "kekavas-novads--vietne", &missing).await, policy, &[]);
        // Whoever means it; and the operator puts the mark back.
        world.allow("Namespace", "", "kekavas-novads--vietne").await;
        merge(admin, "Namespace", "", "kekavas-novads--vietne", &missing).await.unwrap();
        world.see("Namespace", "", "kekavas-novads--vietne", "its mark again", |o| label(o, "kopnams.lv/app") == "vietne").await;
        // A namespace of nobody.
        world.create(&namespace("muzejs")).await.unwrap();
        world.merge("Namespace", "", "muzejs", &json!({"metadata": {"labels": {"kopnams.lv/municipality": "kekavas-novads"}}})).await;
        merge(admin, "Namespace", "", "muzejs", &json!({"metadata": {"labels": {"kopnams.lv/municipality": null}}})).await.unwrap();
        delete(admin, "Namespace", "", "muzejs").await.unwrap();
    });
}

/// A pod as a data class asks for it, of a priority class.
fn pod_spec(class: &str) -> Value {
    let mut spec = json!({
        "securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "one", "image": "localhost/one", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "10m", "memory": "16Mi"}},
        }],
    });
    if !class.is_empty() {
        spec["priorityClassName"] = class.into();
    }
    spec
}

/// One object of each kind that holds or makes pods.
fn makers(namespace: &str, class: &str) -> Vec<Value> {
    let object = |api: &str, kind: &str, spec: Value| {
        let name = kind.to_lowercase();
        json!({"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec})
    };
    let labels = json!({"app": "x"});
    let template = json!({"metadata": {"labels": labels}, "spec": pod_spec(class)});
    let mut once = template.clone();
    once["spec"]["restartPolicy"] = "Never".into();
    let set = json!({"replicas": 0, "selector": {"matchLabels": labels}, "template": template});
    let mut named = set.clone();
    named["serviceName"] = "x".into();
    vec![
        object("v1", "Pod", pod_spec(class)),
        object("apps/v1", "Deployment", set.clone()),
        object("apps/v1", "ReplicaSet", set),
        object("apps/v1", "StatefulSet", named),
        object("batch/v1", "Job", json!({"suspend": true, "template": once})),
        object("batch/v1", "CronJob", json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": once}}})),
    ]
}

#[test]
fn only_backups_have_the_class_of_backups() {
    shared("policy: the class of backups", async |world| {
        in_force(world).await;
        let admin = &world.admin;
        let policy = "kopnams-backup-class";
        world.settle("salaspils-novads").await;
        world.open(&app("salaspils-novads", "vietne")).await;
        let space = "salaspils-novads--vietne";
        let operator = operator(world).await;
        let words = ["for the backups that the operator of kopnams makes", "leave priorityClassName out"];
        for object in makers(space, "kopnams-backup") {
            denied(create(admin, &object).await, policy, &words);
        }
        // A pod is not even the operator's to make: it makes Jobs, and who could make pods here has no right to.
        let pod = &makers(space, "kopnams-backup")[0];
        match create(&operator, pod).await {
            Err(kube::Error::Api(status)) if status.code == 403 => {}
            other => panic!("expected a refusal, got {other:?}"),
        }

        // The twins: without the class, and with it where no tenant is.
        world.create(&namespace("slimnica")).await.unwrap();
        for object in makers(space, "").into_iter().chain(makers("slimnica", "kopnams-backup")) {
            create(admin, &object).await.unwrap_or_else(|error| panic!("{error}\n{}", shown(&object)));
        }
        // The class cannot come later either.
        let late = json!({"spec": {"template": {"spec": {"priorityClassName": "kopnams-backup"}}}});
        for kind in ["Deployment", "StatefulSet", "ReplicaSet"] {
            denied(merge(admin, kind, space, &kind.to_lowercase(), &late).await, policy, &words);
        }
        let late = json!({"spec": {"jobTemplate": late}});
        denied(merge(admin, "CronJob", space, "cronjob", &late).await, policy, &words);

        // The operator's Job, and its pod by the real controller of Jobs, counted by the backups' quota.
        let mut job = makers(space, "kopnams-backup").into_iter().find(|object| object["kind"] == "Job").unwrap();
        job["metadata"]["name"] = "backup".into();
        job["spec"]["suspend"] = false.into();
        create(&operator, &job).await.unwrap();
        world
            .until("the Job's pod is made", async || {
                let pods = world.list("Pod", space).await;
                let made = pods.iter().find(|pod| label(pod, "batch.kubernetes.io/job-name") == "backup");
                made.map(|pod| assert_eq!(pod["spec"]["priorityClassName"], "kopnams-backup")).ok_or_else(|| format!("{} pods", pods.len()))
            })
            .await;
        world.see("ResourceQuota", space, "backup", "counts the pod", |o| text(o, "/status/used/requests.cpu") == "10m").await;
        // What was made may be written on by others, as controllers do.
        merge(admin, "Job", space, "backup", &json!({"metadata": {"annotations": {"example.lv/note": "seen"}}})).await.unwrap();
        world.delete("Namespace", "", "slimnica").await;
    });
}

#[test]
fn a_restore_that_is_at_work_is_not_deleted() {
    shared("policy: restores", async |world| {
        in_force(world).await;
        let policy = "kopnams-keep-restores";
        for name in ["waits", "works", "meant"] {
            world
                .create(&json!({
                    "apiVersion": "kopnams.lv/v1alpha1", "kind": "RestoreRun", "metadata": {"name": name, "namespace": VAULT},
                    "spec": {"municipality": "kuldigas-novads", "app": "nav-tadas", "set": "nav"},
                }))
                .await
                .unwrap();
        }
        let running = json!({"status": {"phase": "Running"}});
        for name in ["works", "meant"] {
            let runs = api(&world.admin, "RestoreRun", VAULT);
            runs.patch_status(name, &PatchParams::default(), &Patch::Merge(&running)).await.unwrap();
        }
        denied(delete(&world.admin, "RestoreRun", VAULT, "works").await, policy, &["half written", "kubectl annotate restorerun"]);
        delete(&world.admin, "RestoreRun", VAULT, "waits").await.unwrap();
        let live = world.get("RestoreRun", VAULT, "meant").await.unwrap();
        world.merge("RestoreRun", VAULT, "meant", &annotated(uid(&live))).await;
        delete(&world.admin, "RestoreRun", VAULT, "meant").await.unwrap();
        // Over, it goes as any other.
        let over = json!({"status": {"phase": "Failed"}});
        api(&world.admin, "RestoreRun", VAULT).patch_status("works", &PatchParams::default(), &Patch::Merge(&over)).await.unwrap();
        delete(&world.admin, "RestoreRun", VAULT, "works").await.unwrap();
    });
}

#[test]
fn the_policies_name_nothing_that_does_not_exist() {
    shared("policy: types", async |world| {
        in_force(world).await;
        let mut ours = 0;
        for policy in world.list("ValidatingAdmissionPolicy", "").await {
            let name = text(&policy, "/metadata/name");
            if !name.starts_with("kopnams-") {
                continue;
            }
            ours += 1;
            // The API server's own check of the expressions against the types that they are for.
            let checked = |o: &Value| o["status"]["observedGeneration"] == o["metadata"]["generation"];
            let policy = world.see("ValidatingAdmissionPolicy", "", name, "its types are checked", checked).await;
            assert!(policy["status"]["typeChecking"]["expressionWarnings"].is_null(), "{}", shown(&policy["status"]));
            assert_eq!(text(&policy, "/spec/failurePolicy"), "Fail");
        }
        assert_eq!(ours, 7);
    });
}

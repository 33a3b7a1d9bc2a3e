//! Exact request sequences: what a reconcile asks of the API server, and that it asks nothing else.

mod record;

use super::world::World;
use super::*;
use crate::desired::Object;
use crate::live::DeedKey;
use crate::policy::AppKey;
use crate::request::{DataClass, HostedSystem, Municipality, MunicipalityApp};
use crate::status::events::{Notice, Severity};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use record::Record;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const APP: &str = "/apis/kopnams.lv/v1alpha1/namespaces/m/municipalityapps/a";
const NAMESPACE: &str = "/api/v1/namespaces/m--a";

#[expect(clippy::needless_pass_by_value, reason = "written as literals")]
fn object<K: serde::de::DeserializeOwned>(kind: &str, meta: Value, spec: Value) -> K {
    serde_json::from_value(json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": kind, "metadata": meta, "spec": spec})).unwrap()
}

fn request() -> Value {
    let spec = json!({"system": "website", "hostname": "a.m.example.lv"});
    json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": "MunicipalityApp", "spec": spec,
        "metadata": {"name": "a", "namespace": "m", "uid": "00000000-0000-0000-0000-000000000001", "resourceVersion": "1", "generation": 1,
            "creationTimestamp": "2026-11-22T10:00:00Z"}})
}

/// A controller whose API server is the record, with one request that nobody answered yet.
fn controller(fence: Fence) -> (Arc<Context>, Record) {
    let record = Record::default();
    record.put(APP, request());
    record.put(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/municipalityapps.kopnams.lv",
        json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "municipalityapps.kopnams.lv"}}),
    );
    record.put("/api/v1/namespaces/m", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "m"}}));
    let client = record.client();
    let ctx = Context {
        seen_secrets: std::sync::Mutex::default(),
        teller: Teller::start(client.clone(), Gate::new(fence.clone(), 1, Duration::from_secs(5)), "test".into()),
        writer: Writer::new(client.clone(), Gate::new(fence, 4, Duration::from_secs(5))),
        queue: Queue::default(),
        metrics: Metrics::new(),
        identity: Identity::default(),
        world: Mutex::new(World::default()),
        client,
    };
    let title = json!({"lv": "a", "en": "a"});
    intake::change(&ctx, |world| {
        world.lead(true);
        world.deed_key = DeedKey::from_bytes(&[1; 32]);
        world.set_class(object::<DataClass>("DataClass", json!({"name": "open"}), json!({"title": title, "rank": 0})));
        world.set_system(object::<HostedSystem>(
            "HostedSystem",
            json!({"name": "website"}),
            json!({
            "title": title, "maintainer": "platform", "category": "c", "dataClass": "open", "defaultVersion": "1.0", "defaultSize": "small",
            "sizes": {"small": {"cpu": "1", "memory": "1Gi", "storage": "1Gi", "pods": 5}}, "versions": [{"name": "1.0"}]}),
        ));
        world.set_municipality(object::<Municipality>(
            "Municipality",
            json!({"name": "m"}),
            json!({
            "code": "0000001", "title": title, "peerGroup": "municipality", "zones": ["m.example.lv"],
            "allotment": {"cpu": "10", "memory": "10Gi", "storage": "10Gi", "apps": 5},
            "members": [{"role": "viewer", "name": "m:staff"}],
            "contacts": {"technical": "a@b", "security": "a@b", "dataProtection": "a@b"}}),
        ));
        world.set_app(serde_json::from_value(record.get(APP).unwrap()).unwrap(), None);
    });
    (Arc::new(ctx), record)
}

async fn reconcile(ctx: &Context) {
    let _ = reconcile::reconcile_app(ctx, &AppKey::new("m", "a")).await;
}

/// The request as the API server now has it goes into the world, as the watch would bring it.
fn seen(ctx: &Context, record: &Record) {
    let app: MunicipalityApp = serde_json::from_value(record.get(APP).unwrap()).unwrap();
    intake::change(ctx, |world| world.set_app(app, None));
}

/// Somebody deletes the request, which waits for its finalizer.
fn removed(ctx: &Context, record: &Record) {
    let mut app = record.get(APP).unwrap();
    app["metadata"]["deletionTimestamp"] = json!(Timestamp::now().to_string());
    record.put(APP, app);
    seen(ctx, record);
}

/// Somebody takes the host name out of the request.
fn without_host_name(ctx: &Context, record: &Record) {
    let mut app = record.get(APP).unwrap();
    app["spec"].as_object_mut().unwrap().remove("hostname");
    app["metadata"]["generation"] = json!(2);
    record.put(APP, app);
    seen(ctx, record);
}

fn counted(asked: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for line in asked {
        *counts.entry(line.rsplit_once('/').map_or(line.as_str(), |_| line.split(' ').next().unwrap())).or_default() += 1;
    }
    counts
}

async fn ready() -> (Arc<Context>, Record) {
    let (ctx, record) = controller(Fence::open());
    reconcile(&ctx).await;
    record.taken();
    (ctx, record)
}

#[tokio::test]
async fn a_new_request_costs_its_objects_the_finalizer_and_two_statuses_and_no_read() {
    let (ctx, record) = controller(Fence::open());
    reconcile(&ctx).await;
    let asked = record.taken();
    let status = format!("PATCH {APP}/status");
    assert_eq!(asked[..3], [format!("PATCH {APP}"), status.clone(), "POST /api/v1/namespaces".to_string()], "{asked:#?}");
    assert_eq!(asked.last(), Some(&status));
    let inside = &asked[3..asked.len() - 1];
    assert_eq!(inside.len(), 12, "{inside:#?}");
    assert!(inside.iter().all(|line| line.contains("/namespaces/m--a/")), "{inside:#?}");
    assert_eq!(counted(inside), BTreeMap::from([("PATCH", 1), ("POST", 11)]), "the service account is applied, the rest is made");
    let app = record.get(APP).unwrap();
    let ready = app["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap().clone();
    assert_eq!((ready["status"].as_str(), ready["reason"].as_str()), (Some("True"), Some("Ready")));
}

#[tokio::test]
async fn when_nothing_changed_there_is_silence() {
    let (ctx, record) = ready().await;
    for _ in 0..3 {
        seen(&ctx, &record);
        reconcile(&ctx).await;
    }
    assert_eq!(record.taken(), Vec::<String>::new());
}

#[tokio::test]
async fn without_leadership_nothing_is_written() {
    let (ctx, record) = controller(Fence::default());
    reconcile(&ctx).await;
    assert_eq!(record.taken(), Vec::<String>::new());
}

#[tokio::test]
async fn what_waits_to_be_told_when_leadership_ends_stays_untold() {
    let fence = Fence::open();
    let (ctx, record) = controller(fence.clone());
    let notice = Notice {
        about: ObjectReference {
            kind: Some("MunicipalityApp".into()),
            namespace: Some("m".into()),
            name: Some("a".into()),
            ..Default::default()
        },
        severity: Severity::Warning,
        reason: "SystemUnknown".into(),
        note: "There is no such system.".into(),
    };
    for leads in [false, true] {
        ctx.teller.tell(notice.clone());
        if !leads {
            fence.close();
        }
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let told: Vec<String> = record.taken();
        let expected = if leads { vec!["POST /apis/events.k8s.io/v1/namespaces/m/events".to_string()] } else { vec![] };
        assert_eq!(told, expected, "while it leads: {leads}");
        fence.extend(std::time::Instant::now() + Duration::from_mins(1));
    }
}

#[tokio::test]
async fn a_deleted_guard_rail_costs_one_request() {
    let (ctx, record) = ready().await;
    let path = "/apis/networking.k8s.io/v1/namespaces/m--a/networkpolicies/default-deny";
    let policy = serde_json::from_value(record.get(path).unwrap()).unwrap();
    record.remove(path);
    ctx.world().index.forget(&Object::NetworkPolicy(policy));
    reconcile(&ctx).await;
    assert_eq!(record.taken_but_events(), ["POST /apis/networking.k8s.io/v1/namespaces/m--a/networkpolicies"]);
}

#[tokio::test]
async fn an_edited_guard_rail_is_read_and_put_right_and_foreign_labels_stay() {
    let (ctx, record) = ready().await;
    let path = "/api/v1/namespaces/m--a/resourcequotas/running";
    let mut edited = record.get(path).unwrap();
    edited["spec"]["hard"]["pods"] = json!("999");
    edited["spec"]["hard"]["requests.nvidia.com/gpu"] = json!("1");
    edited["metadata"]["labels"]["someone.example.lv/label"] = json!("kept");
    record.put(path, edited);
    let quota = serde_json::from_value(record.get(path).unwrap()).unwrap();
    ctx.world().index.observe(&Object::ResourceQuota(quota));
    reconcile(&ctx).await;
    assert_eq!(record.taken_but_events(), [format!("GET {path}"), format!("PUT {path}")]);
    let after = record.get(path).unwrap();
    assert_eq!((&after["spec"]["hard"]["pods"], &after["spec"]["hard"]["requests.nvidia.com/gpu"]), (&json!("5"), &Value::Null));
    assert_eq!(after["metadata"]["labels"]["someone.example.lv/label"], "kept");
}

#[tokio::test]
async fn what_is_no_longer_wanted_is_deleted_last() {
    let (ctx, record) = ready().await;
    without_host_name(&ctx, &record);
    reconcile(&ctx).await;
    let status = format!("PATCH {APP}/status");
    let policy = "DELETE /apis/networking.k8s.io/v1/namespaces/m--a/networkpolicies/allow-ingress";
    let expected = [status.clone(), format!("GET {NAMESPACE}"), format!("PUT {NAMESPACE}"), policy.into(), status];
    assert_eq!(record.taken(), expected);
}

#[tokio::test]
async fn a_removed_request_is_looked_at_live_marked_and_released() {
    let (ctx, record) = ready().await;
    removed(&ctx, &record);
    reconcile(&ctx).await;
    let definition = "GET /apis/apiextensions.k8s.io/v1/customresourcedefinitions/municipalityapps.kopnams.lv";
    let expected = [
        definition.into(),
        "GET /api/v1/namespaces/m".into(),
        format!("GET {NAMESPACE}"),
        format!("PUT {NAMESPACE}"),
        format!("PATCH {APP}"),
    ];
    assert_eq!(record.taken(), expected);
    assert!(record.get(NAMESPACE).unwrap()["metadata"]["annotations"]["kopnams.lv/retire"].is_string());
}

#[tokio::test]
async fn while_the_home_is_being_deleted_a_removed_request_is_only_released() {
    let (ctx, record) = ready().await;
    let mut home = record.get("/api/v1/namespaces/m").unwrap();
    home["metadata"]["deletionTimestamp"] = json!("2026-11-22T10:00:00Z");
    record.put("/api/v1/namespaces/m", home);
    removed(&ctx, &record);
    reconcile(&ctx).await;
    let asked = record.taken();
    assert!(asked.iter().filter(|line| !line.starts_with("GET")).eq([&format!("PATCH {APP}")]), "{asked:#?}");
    assert!(record.get(NAMESPACE).unwrap()["metadata"]["annotations"].get("kopnams.lv/retire").is_none());
}

#[tokio::test]
async fn a_foreign_namespace_of_that_name_is_looked_at_once_and_left_alone() {
    let (ctx, record) = controller(Fence::open());
    record.put(NAMESPACE, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "m--a", "uid": "00000000-0000-0000-0000-00000000000f", "resourceVersion": "5"}}));
    reconcile(&ctx).await;
    reconcile(&ctx).await;
    let asked = record.taken();
    assert!(!asked.iter().any(|line| line.contains("m--a") && (line.starts_with("PUT") || line.starts_with("PATCH"))), "{asked:#?}");
    let app = record.get(APP).unwrap();
    let stalled = app["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Stalled").unwrap().clone();
    assert_eq!(stalled["reason"], "NamespaceConflict");
}

#[tokio::test]
async fn a_namespace_that_lost_its_deed_unseen_is_not_given_a_new_one() {
    let (ctx, record) = ready().await;
    let mut stripped = record.get(NAMESPACE).unwrap();
    stripped["metadata"]["annotations"].as_object_mut().unwrap().remove("kopnams.lv/deed");
    record.put(NAMESPACE, stripped);
    without_host_name(&ctx, &record);
    reconcile(&ctx).await;
    let asked = record.taken_but_events();
    assert!(asked.contains(&format!("GET {NAMESPACE}")), "{asked:#?}");
    assert!(!asked.iter().any(|line| line.starts_with("PUT") || line.starts_with("DELETE")), "{asked:#?}");
}

#[tokio::test]
async fn the_mark_of_retirement_is_not_moved_by_a_second_attempt() {
    let (ctx, record) = ready().await;
    removed(&ctx, &record);
    reconcile(&ctx).await;
    let mark = record.get(NAMESPACE).unwrap()["metadata"]["annotations"]["kopnams.lv/retire"].clone();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    record.taken();
    reconcile(&ctx).await;
    assert!(!record.taken().iter().any(|line| line.starts_with("PUT")));
    assert_eq!(record.get(NAMESPACE).unwrap()["metadata"]["annotations"]["kopnams.lv/retire"], mark);
}

const RESTORE: &str = "/apis/kopnams.lv/v1alpha1/namespaces/kopnams-vault/restoreruns/t-r1";

/// A restore that goes on, as a watch has told of it; the API server has it at this version of the object, in this phase.
fn a_restore(phase: &str, version: &str) -> (Arc<Context>, Record) {
    let (ctx, record) = controller(Fence::open());
    let run = |phase: &str, version: &str| {
        json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "RestoreRun",
            "metadata": {"name": "t-r1", "namespace": "kopnams-vault", "uid": "00000000-0000-0000-0000-000000000009", "resourceVersion": version},
            "spec": {"municipality": "m", "app": "a", "set": "t-b202601010000"},
            "status": {"phase": phase, "steps": [{"name": "volume:files"}]},
        })
    };
    record.put(RESTORE, run(phase, version));
    // As it is there: the record counts versions itself.
    let live = record.get(RESTORE).unwrap()["metadata"]["resourceVersion"].clone();
    let known = if version == "known" { live } else { json!("0") };
    let mut seen = run("Running", "0");
    seen["metadata"]["resourceVersion"] = known;
    intake::change(&ctx, |world| world.set_restore(serde_json::from_value(seen).unwrap()));
    (ctx, record)
}

#[tokio::test]
async fn a_step_of_which_a_watch_has_not_told_yet_that_it_is_done_is_not_done_again() {
    let (ctx, record) = a_restore("Succeeded", "newer");
    let _ = backup::work(&ctx, world::backups::Piece::Restore, "t-r1").await;
    assert_eq!(record.taken(), [format!("GET {RESTORE}")], "what is there is looked at, and nothing is done");
    let phase = ctx.world().backups.restores["t-r1"].status.clone().unwrap_or_default().phase;
    assert_eq!(phase, crate::request::backup::RunPhase::Succeeded);
}

#[tokio::test]
async fn work_that_goes_on_is_looked_at_once_and_then_goes_on() {
    let (ctx, record) = a_restore("Running", "known");
    let look = async || {
        let _ = backup::work(&ctx, world::backups::Piece::Restore, "t-r1").await;
        record.taken()
    };
    assert_eq!(look().await, [format!("GET {RESTORE}"), format!("PATCH {RESTORE}/status")], "it says what it waits for");
    assert_eq!(look().await, Vec::<String>::new(), "it was asked for once");
    // Whoever leads again after another one did knows nothing for certain any more.
    intake::change(&ctx, |world| {
        world.lead(false);
        world.lead(true);
    });
    assert_eq!(look().await.first(), Some(&format!("GET {RESTORE}")), "somebody else may have gone on meanwhile");
}

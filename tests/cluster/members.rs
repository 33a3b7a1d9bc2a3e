//! Proves who may do what: members see their own municipality and nothing else, no role can touch a workload or a guard
//! rail, and who is taken off the list is out at the next call. The API server itself decides each.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use kube::api::{DeleteParams, DynamicObject, ListParams, LogParams, PostParams, WatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::kit::app;
use crate::run::shared;
use crate::world::{World, api};

const VERBS: [&str; 10] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "bind", "impersonate"];
const READ: [&str; 3] = ["get", "list", "watch"];
/// What both roles may read: group, resource.
const READABLE: [(&str, &str); 16] = [
    ("kopnams.lv", "municipalityapps"),
    ("", "pods"),
    ("", "services"),
    ("", "events"),
    ("", "resourcequotas"),
    ("", "limitranges"),
    ("", "persistentvolumeclaims"),
    ("events.k8s.io", "events"),
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("apps", "replicasets"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("networking.k8s.io", "ingresses"),
    ("networking.k8s.io", "networkpolicies"),
    ("kopnams.lv", "municipalityapps/status"),
];
/// What neither may do anything with.
const CLOSED: [(&str, &str); 26] = [
    ("", "secrets"),
    ("", "configmaps"),
    ("", "serviceaccounts"),
    ("", "serviceaccounts/token"),
    ("", "pods/exec"),
    ("", "pods/attach"),
    ("", "pods/portforward"),
    ("", "pods/ephemeralcontainers"),
    ("", "pods/eviction"),
    ("", "replicationcontrollers"),
    ("", "endpoints"),
    ("", "namespaces"),
    ("", "namespaces/finalize"),
    ("", "namespaces/status"),
    ("apps", "daemonsets"),
    ("apps", "deployments/scale"),
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("discovery.k8s.io", "endpointslices"),
    ("kopnams.lv", "municipalities"),
    ("kopnams.lv", "platforms"),
    ("kopnams.lv", "backuptargets"),
    ("kopnams.lv", "backupvaults"),
    ("kopnams.lv", "backupruns"),
    ("kopnams.lv", "restoreruns"),
    ("kopnams.lv", "restoredrills"),
];

type Right = (&'static str, &'static str, &'static str);

/// The rights of a role in a namespace of its own municipality.
fn rights(operator: bool) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for (group, resource) in READABLE {
        let verbs = if resource.ends_with("/status") { &READ[..1] } else { &READ[..] };
        rights.extend(verbs.iter().map(|verb| (group, resource, *verb)));
    }
    if operator {
        rights.insert(("", "pods/log", "get"));
        rights.insert(("", "pods", "delete"));
    }
    rights
}

/// What the API server allows of everything in the table.
async fn allowed(client: &Client, namespace: &str) -> BTreeSet<Right> {
    let all = READABLE.into_iter().chain(CLOSED).chain([("", "pods/log")]);
    let questions = all.flat_map(|(group, resource)| VERBS.map(|verb| (group, resource, verb)));
    let ask = |right: Right| async move { may(client, namespace, right).await.then_some(right) };
    stream::iter(questions).map(ask).buffer_unordered(24).filter_map(async |right| right).collect().await
}

async fn may(client: &Client, namespace: &str, (group, resource, verb): Right) -> bool {
    let (resource, subresource) = resource.split_once('/').map_or((resource, None), |(resource, sub)| (resource, Some(sub)));
    let resource_attributes = Some(ResourceAttributes {
        namespace: Some(namespace.into()),
        group: Some(group.into()),
        resource: Some(resource.into()),
        subresource: subresource.map(Into::into),
        verb: Some(verb.into()),
        ..ResourceAttributes::default()
    });
    let spec = SelfSubjectAccessReviewSpec { resource_attributes, ..SelfSubjectAccessReviewSpec::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await.unwrap();
    answer.status.unwrap().allowed
}

/// Asserts that a call was refused by RBAC, with the reason that it gives.
fn forbidden<T>(result: Result<T, kube::Error>, user: &str, what: &str) {
    match result {
        Err(kube::Error::Api(status)) if status.code == 403 => {
            let expected = format!("User \"{user}\" cannot {what}");
            assert!(status.message.contains(&expected), "expected {expected:?}, refused with: {}", status.message);
        }
        Err(other) => panic!("expected a refusal to {what}, failed with {other}"),
        Ok(_) => panic!("{user} could {what}"),
    }
}

#[test]
fn roles_by_verb_and_resource() {
    shared("roles by verb and resource", async |world| {
        two_towns(world, "tabula", "blakus").await;
        let own = ["tabula", "tabula--viens"];
        let others = ["blakus", "blakus--viens", "kopnams-system", "kopnams-vault", "kube-system", "default"];
        for (user, group, operator) in [("member", "tabula:it", true), ("looker", "tabula:staff", false)] {
            let client = world.as_member(user, &[group]).await;
            for space in own {
                let expected = rights(operator);
                let actual = allowed(&client, space).await;
                let (more, less): (Vec<_>, Vec<_>) = (actual.difference(&expected).collect(), expected.difference(&actual).collect());
                assert!(more.is_empty() && less.is_empty(), "{user} {group} in {space}: too much {more:?}, too little {less:?}");
            }
            for space in others {
                nothing_at_all(&client, space, user).await;
            }
        }
        // A look-alike of the group, and a person who is called like it.
        for (user, groups) in [("stranger", vec!["tabula:itx", "xtabula:it"]), ("tabula:it", vec![])] {
            let client = world.as_member(user, &groups).await;
            for space in own.into_iter().chain(others) {
                nothing_at_all(&client, space, user).await;
            }
        }
    });
}

/// Asserts that somebody has no right in a namespace but to ask about themselves, as everybody has.
async fn nothing_at_all(client: &Client, namespace: &str, user: &str) {
    let spec = SelfSubjectRulesReviewSpec { namespace: Some(namespace.into()) };
    let review = SelfSubjectRulesReview { spec, ..SelfSubjectRulesReview::default() };
    let rules = Api::all(client.clone()).create(&PostParams::default(), &review).await.unwrap().status.unwrap();
    let about_self = |groups: &[String]| groups.iter().all(|group| group == "authorization.k8s.io" || group == "authentication.k8s.io");
    let more: Vec<_> = rules.resource_rules.iter().filter(|rule| !about_self(rule.api_groups.as_deref().unwrap_or_default())).collect();
    assert!(more.is_empty() && !rules.incomplete, "{user} in {namespace} may {more:#?}");
}

#[test]
fn members_see_their_own_and_nothing_else() {
    shared("two municipalities", async |world| {
        two_towns(world, "kuldiga", "talsi").await;
        for (user, group, own, other) in [("kuld", "kuldiga:it", "kuldiga", "talsi"), ("tals", "talsi:staff", "talsi", "kuldiga")] {
            let client = world.as_member(user, &[group]).await;
            let requests = api(&client, "MunicipalityApp", own).list(&ListParams::default()).await.unwrap();
            assert_eq!(requests.items.len(), 1, "its own request");
            api(&client, "MunicipalityApp", own).get("viens").await.unwrap();
            assert_eq!(api(&client, "ResourceQuota", &format!("{own}--viens")).list(&ListParams::default()).await.unwrap().items.len(), 4);

            let theirs = api(&client, "MunicipalityApp", other);
            forbidden(theirs.get("viens").await, user, "get resource \"municipalityapps\"");
            forbidden(theirs.get("unknown").await, user, "get resource \"municipalityapps\"");
            forbidden(theirs.list(&ListParams::default()).await, user, "list resource \"municipalityapps\"");
            forbidden(theirs.watch(&WatchParams::default(), "0").await.map(|_| ()), user, "watch resource \"municipalityapps\"");
            let labelled = ListParams::default().labels("kopnams.lv/municipality");
            forbidden(api(&client, "NetworkPolicy", "").list(&labelled).await, user, "list resource \"networkpolicies\"");
            forbidden(api(&client, "Namespace", "").list(&ListParams::default()).await, user, "list resource \"namespaces\"");
        }
    });
}

#[test]
fn guard_rails_hold_against_members_and_pods() {
    shared("guard rails against members", async |world| {
        two_towns(world, "sargs", "otrs").await;
        let space = "sargs--viens";
        let operator = world.as_member("member", &["sargs:it"]).await;
        for (kind, name) in [
            ("NetworkPolicy", "default-deny"),
            ("ResourceQuota", "running"),
            ("LimitRange", "defaults"),
            ("RoleBinding", "kopnams-viewers"),
        ] {
            let resource = if kind == "NetworkPolicy" { "networkpolicies".into() } else { format!("{}s", kind.to_lowercase()) };
            let rails = api(&operator, kind, space);
            forbidden(rails.delete(name, &DeleteParams::default()).await, "member", &format!("delete resource \"{resource}\""));
            let all = rails.delete_collection(&DeleteParams::default(), &ListParams::default()).await;
            forbidden(all, "member", &format!("deletecollection resource \"{resource}\""));
        }
        let marks = json!({"metadata": {"labels": {"kopnams.lv/municipality": "otrs"}}});
        let patch = kube::api::Patch::Merge(&marks);
        let namespace = api(&operator, "Namespace", "");
        forbidden(namespace.patch(space, &kube::api::PatchParams::default(), &patch).await, "member", "patch resource \"namespaces\"");

        restart_is_deleting_a_pod(world, &operator, space).await;
    });
}

async fn restart_is_deleting_a_pod(world: &World, operator: &Client, space: &str) {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": space},
        "spec": {
            "securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "web", "image": "localhost/web", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
        },
    });
    let made: DynamicObject = serde_json::from_value(pod.clone()).unwrap();
    forbidden(api(operator, "Pod", space).create(&PostParams::default(), &made).await, "member", "create resource \"pods\"");
    let live = world.create(&pod).await.unwrap();
    assert_eq!(live["spec"]["containers"][0]["resources"]["requests"]["cpu"], "50m", "the size's share is the default");
    assert_eq!(live["spec"]["containers"][0]["resources"]["limits"]["memory"], "102Mi");

    let viewer = world.as_member("looker", &["sargs:staff"]).await;
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(viewer, space);
    forbidden(pods.logs("web", &LogParams::default()).await, "looker", "get resource \"pods/log\"");
    forbidden(pods.delete("web", &DeleteParams::default()).await.map(|_| ()), "looker", "delete resource \"pods\"");

    let refused = |name: &str, change: Value| {
        let mut pod = pod.clone();
        pod["metadata"]["name"] = name.into();
        pod["spec"]["containers"][0].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        pod
    };
    let privileged = world.create(&refused("root", json!({"securityContext": {"privileged": true}}))).await.unwrap_err().to_string();
    assert!(privileged.contains("violates PodSecurity \"restricted"), "{privileged}");
    let hungry = world.create(&refused("hungry", json!({"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}}))).await;
    let hungry = hungry.unwrap_err().to_string();
    assert!(hungry.contains("exceeded quota: running"), "{hungry}");

    let live: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(operator.clone(), space);
    // The pod runs nowhere, so there is nothing in it.
    live.logs("web", &LogParams::default()).await.unwrap();
    live.delete("web", &DeleteParams::default().grace_period(0)).await.unwrap();
    pod["metadata"]["name"] = "again".into();
    world.create(&pod).await.unwrap();
}

#[test]
fn who_is_taken_off_the_list_is_out_at_the_next_call() {
    shared("members taken off", async |world| {
        two_towns(world, "bijusie", "esosie").await;
        let client = world.as_member("member", &["bijusie:it"]).await;
        let stays = world.as_member("looker", &["esosie:it"]).await;
        for space in ["bijusie", "bijusie--viens"] {
            api(&client, "Pod", space).list(&ListParams::default()).await.unwrap();
        }
        world.merge("Municipality", "", "bijusie", &json!({"spec": {"members": []}})).await;
        for space in ["bijusie", "bijusie--viens"] {
            for name in ["kopnams-operators", "kopnams-viewers"] {
                world.gone("RoleBinding", space, name).await;
            }
            // The API server's own authorizer hears of it a moment later.
            world
                .until(&format!("member is out of {space}"), async || match api(&client, "Pod", space).list(&ListParams::default()).await {
                    Ok(_) => Err("still in".into()),
                    refused => {
                        forbidden(refused, "member", "list resource \"pods\"");
                        Ok(())
                    }
                })
                .await;
        }
        api(&stays, "Pod", "esosie--viens").list(&ListParams::default()).await.unwrap();
    });
}

/// Two municipalities with an app each.
async fn two_towns(world: &World, one: &str, other: &str) {
    for slug in [one, other] {
        world.settle(slug).await;
        world.open(&app(slug, "viens")).await;
    }
}

/// The rights with which `examples/requests-repo` has requests applied.
#[test]
fn whoever_applies_a_towns_folder_makes_requests_and_nothing_else() {
    shared("the account that applies requests", async |world| {
        two_towns(world, "lietotaji", "pieprasijumi").await;
        for object in crate::examples::documents(&std::fs::read_to_string("examples/requests-repo/deploy/rights.yaml").unwrap()) {
            world.apply(&object).await;
        }
        let user = "system:serviceaccount:kopnams-requests:requests";
        let client = world.as_member(user, &["system:serviceaccounts", "system:serviceaccounts:kopnams-requests"]).await;
        let make = async |object: Value| {
            let (kind, namespace) =
                (object["kind"].as_str().unwrap().to_owned(), object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned());
            let object: DynamicObject = serde_json::from_value(object).unwrap();
            api(&client, &kind, &namespace).create(&PostParams::default(), &object).await
        };
        for slug in ["lietotaji", "pieprasijumi"] {
            make(app(slug, "otrs")).await.unwrap_or_else(|error| panic!("a request it may make: {error}"));
        }
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"});
        let subjects = json!([{"kind": "User", "name": "anybody", "apiGroup": "rbac.authorization.k8s.io"}]);
        let binding = |kind: &str, meta: Value| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": meta, "roleRef": role, "subjects": subjects});
        let meta = json!({"name": "otrs", "namespace": "lietotaji"});
        for (object, resource) in [
            (binding("ClusterRoleBinding", json!({"name": "otrs"})), "clusterrolebindings"),
            (binding("RoleBinding", meta.clone()), "rolebindings"),
            (json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta.clone()}), "secrets"),
            (crate::kit::municipality("tresais"), "municipalities"),
        ] {
            forbidden(make(object).await, user, &format!("create resource \"{resource}\""));
        }
        forbidden(api(&client, "Secret", "lietotaji").list(&ListParams::default()).await, user, "list resource \"secrets\"");
    });
}

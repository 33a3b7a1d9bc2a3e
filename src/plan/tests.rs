//! Laws of the plan: what was carried out leaves nothing to do, and only what differs is touched.

use super::*;
use crate::desired::{self, AppTenant, Identity, Seals};
use crate::live::Index;
use crate::policy::AppKey;
use crate::request::app::{Grant, GrantedClass, GrantedSize};
use crate::request::municipality::{Member, MemberKind, Role};
use crate::request::platform::{DestinationPeer, PlatformSpec};
use crate::request::quantity::{Bytes, Cpu, write_bytes, write_cpu};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Shape {
    cpu: u64,
    memory: u64,
    pods: u32,
    hostname: bool,
    egress: bool,
    operators: u8,
    dns: bool,
}

fn shapes() -> impl Strategy<Value = Shape> {
    (1..100_000u64, 1..100_000u64, 1..50u32, any::<bool>(), any::<bool>(), 0..4u8, any::<bool>())
        .prop_map(|(cpu, memory, pods, hostname, egress, operators, dns)| Shape { cpu, memory, pods, hostname, egress, operators, dns })
}

fn set(shape: &Shape) -> DesiredSet {
    let key = AppKey::new("kuldigas-novads", "majaslapa");
    let grant = Grant {
        size: GrantedSize {
            name: "s".into(),
            cpu: Cpu(write_cpu(shape.cpu)),
            cpu_burst: Cpu(write_cpu(shape.cpu * 4)),
            memory: Bytes(write_bytes(shape.memory << 20)),
            storage: Bytes("1Gi".into()),
            pods: shape.pods,
        },
        data_class: GrantedClass::default(),
        hostname: shape.hostname.then(|| "www.kuldiga.example.lv".into()),
        egress: if shape.egress { vec!["mail-relay".into()] } else { vec![] },
        ..Grant::default()
    };
    let mut settings = PlatformSpec::default();
    if !shape.dns {
        settings.dns.clear();
    }
    let relay = DestinationPeer { cidr: Some("192.0.2.25/32".into()), ports: vec![25], ..DestinationPeer::default() };
    settings.egress.insert("mail-relay".into(), vec![relay]);
    let members: Vec<Member> =
        (0..shape.operators).map(|n| Member { role: Role::Operator, kind: MemberKind::Group, name: format!("g{n}") }).collect();
    let seals = Seals { deed: "d".into(), grant: "g".into() };
    let tenant = AppTenant {
        key: &key,
        grant: &grant,
        tenant_id: "t",
        seals: Some(&seals),
        retiring: None,
        members: &members,
        workload: None,
        backup: &[],
    };
    desired::app(tenant, &settings, &Identity::default())
}

/// A cluster that does exactly what it is told.
#[derive(Default)]
struct Cluster {
    index: Index,
    serial: u64,
}

impl Cluster {
    fn carry_out(&mut self, plan: &Plan) {
        for step in plan.steps() {
            match step {
                Step::Create(object) | Step::Replace(object) => self.put(object.clone()),
                Step::Delete { kind, name, uid } => self.index.forget_deleted(*kind, "kuldigas-novads--majaslapa", name, *uid),
            }
        }
    }

    fn put(&mut self, mut object: Object) {
        self.serial += 1;
        object.meta_mut().uid = Some(Uuid::from_u128(self.serial.into()).to_string());
        object.meta_mut().resource_version = Some(self.serial.to_string());
        self.index.observe(&object);
    }

    fn view(&self) -> LiveView<'_> {
        self.index.view("kuldigas-novads--majaslapa")
    }
}

proptest! {
    #[test]
    fn what_was_carried_out_leaves_nothing_to_do(first in shapes(), second in shapes()) {
        let mut cluster = Cluster::default();
        for shape in [first, second] {
            let desired = set(&shape);
            let todo = plan(&desired, cluster.view());
            cluster.carry_out(&todo);
            let left = plan(&desired, cluster.view());
            prop_assert!(left.is_empty(), "{left:?}");
        }
    }

    #[test]
    fn a_change_touches_only_what_it_concerns(shape in shapes()) {
        let mut cluster = Cluster::default();
        cluster.carry_out(&plan(&set(&shape), cluster.view()));
        let more = Shape { operators: shape.operators + 1, ..shape };
        let todo = plan(&set(&more), cluster.view());
        let names: Vec<_> = todo.steps().map(|step| (step.kind(), step.name())).collect();
        prop_assert_eq!(names, [(Kind::RoleBinding, "kopnams-operators")]);
        prop_assert!(todo.drifted.is_empty(), "it was meant, not changed by somebody else");
    }

    #[test]
    fn rendering_is_a_function(shape in shapes()) {
        let (a, b) = (set(&shape), set(&shape));
        prop_assert_eq!(a.objects().collect::<Vec<_>>(), b.objects().collect::<Vec<_>>());
    }
}

fn shape() -> Shape {
    Shape { cpu: 1000, memory: 1024, pods: 5, hostname: true, egress: true, operators: 1, dns: true }
}

#[test]
fn only_the_operators_own_leftovers_are_pruned() {
    let mut cluster = Cluster::default();
    cluster.carry_out(&plan(&set(&shape()), cluster.view()));
    let owner =
        desired::Owner { namespace: "kuldigas-novads--majaslapa", municipality: "kuldigas-novads", app: Some("majaslapa"), tenant_id: "t" };
    let named = |name: &str| {
        let mut object = desired::network::default_deny(owner);
        object.meta_mut().name = Some(name.into());
        object
    };
    cluster.put(named("copied-labels"));
    let mut ours = named("leftover");
    ours.write_intent();
    cluster.put(ours.clone());
    let mut child = named("child-of-a-controller");
    child.write_intent();
    let owner = serde_json::json!([{"apiVersion": "v1", "kind": "X", "name": "x", "uid": "x", "controller": true}]);
    child.meta_mut().owner_references = serde_json::from_value(owner).unwrap();
    cluster.put(child);
    let todo = plan(&set(&shape()), cluster.view());
    let names: Vec<_> = todo.steps().map(Step::name).collect();
    assert_eq!(names, ["leftover"]);
}

#[test]
fn an_object_that_is_going_is_waited_for() {
    let mut cluster = Cluster::default();
    let desired = set(&shape());
    cluster.carry_out(&plan(&desired, cluster.view()));
    let mut going = desired.guards[0].clone();
    going.meta_mut().deletion_timestamp = serde_json::from_value(serde_json::json!("2026-11-22T10:00:00Z")).unwrap();
    cluster.put(going);
    let todo = plan(&desired, cluster.view());
    assert_eq!((todo.steps().count(), todo.waiting, todo.is_empty()), (0, 1, false));
}

#[test]
fn a_tenant_without_peers_gets_no_rule_for_them() {
    let bare = set(&Shape { hostname: false, egress: false, dns: false, operators: 0, ..shape() });
    let policies: Vec<_> = bare.guards.iter().filter(|o| o.kind() == Kind::NetworkPolicy).map(Object::name).collect();
    assert_eq!(policies, ["default-deny", "allow-same-namespace"]);
    let bindings: Vec<_> = bare.guards.iter().filter(|o| o.kind() == Kind::RoleBinding).map(Object::name).collect();
    assert_eq!(bindings, ["kopnams-tenant"]);
}

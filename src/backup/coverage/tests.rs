//! What is covered, for apps as the catalogue has them and for namespaces as they grow.

use super::*;
use serde_json::json;

/// A system with a database of its own, files, a cache, and a nightly report.
fn objects() -> Vec<(Kind, Value)> {
    let claim = |name: &str| (Kind::PersistentVolumeClaim, json!({"metadata": {"name": name}}));
    let mount = |volume: &str| json!([{"name": volume, "mountPath": "/data", "subPath": "inner"}]);
    let of_claim = |name: &str, claim: &str| json!({"name": name, "persistentVolumeClaim": {"claimName": claim}});
    let web = json!({
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": {
            "securityContext": {"runAsUser": 33, "runAsGroup": 33, "fsGroup": 34, "supplementalGroups": [100, 101]},
            "initContainers": [{"name": "prepare", "volumeMounts": mount("files")}],
            "containers": [
                {"name": "side", "volumeMounts": [{"name": "files", "mountPath": "/in", "readOnly": true}]},
                {"name": "web", "securityContext": {"runAsUser": 1033}, "volumeMounts": mount("files")},
            ],
            "volumes": [of_claim("files", "uploads"), of_claim("cache", "cache"), {"name": "tmp", "emptyDir": {}}],
        }}},
    });
    let database = json!({
        "metadata": {"name": "db"},
        "spec": {
            "replicas": 1,
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": {
                "securityContext": {"runAsUser": 999, "fsGroup": 999},
                "containers": [{"name": "postgresql", "image": "postgresql", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}, {"name": "exporter"}],
            }},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}, {"metadata": {"name": "wal"}}],
        },
    });
    let report = json!({
        "metadata": {"name": "report"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": {
            "securityContext": {"runAsUser": 77},
            "containers": [{"name": "report", "volumeMounts": mount("out")}],
            "volumes": [of_claim("out", "reports")],
        }}}}},
    });
    vec![
        claim("uploads"),
        claim("cache"),
        claim("reports"),
        (Kind::CronJob, report),
        (Kind::StatefulSet, database),
        (Kind::Deployment, web),
        (Kind::Service, json!({"metadata": {"name": "db"}})),
    ]
}

fn entry() -> EntryBackup {
    EntryBackup {
        databases: vec![rt()],
        empty: vec!["reports".into()],
        skip: vec![Exclusion { volume: "cache".into(), reason: "made anew".into() }],
        exclude: vec![PathExclusion { volume: "uploads".into(), path: "tmp".into(), reason: "half-done uploads".into() }],
        ..EntryBackup::default()
    }
}

fn rt() -> Database {
    Database {
        name: "rt".into(),
        workload_kind: WorkloadKind::StatefulSet,
        workload: "db".into(),
        container: None,
        service: "db".into(),
        volume: Some("data-db-0".into()),
    }
}

fn bound(name: &str) -> Claim {
    Claim { name: name.into(), access_modes: vec!["ReadWriteOnce".into()], phase: "Bound".into(), labelled: true }
}

fn claims() -> Vec<Claim> {
    ["uploads", "cache", "reports", "data-db-0", "wal-db-0"].map(bound).into()
}

fn planned(claims: &[Claim], entry: &EntryBackup, exclusions: &[Exclusion]) -> Plan {
    plan(App { objects: &objects(), claims, entry, exclusions, quiesced: false })
}

fn of<'a>(plan: &'a Plan, name: &str) -> &'a Covered {
    plan.coverage.iter().find(|covered| covered.name == name).unwrap()
}

fn parts(plan: &Plan) -> Vec<String> {
    plan.parts.iter().map(|part| part.part().to_string()).collect()
}

fn volume_of<'a>(plan: &'a Plan, claim: &str) -> &'a VolumePlan {
    let volume = |part: &'a PartPlan| match part {
        PartPlan::Volume(volume) if volume.claim == claim => Some(volume),
        _ => None,
    };
    plan.parts.iter().find_map(volume).unwrap()
}

#[test]
fn every_volume_and_database_has_a_state() {
    let plan = planned(&claims(), &entry(), &[]);
    let table: Vec<_> = plan.coverage.iter().map(|one| (one.kind, one.name.as_str(), one.state)).collect();
    let expected = [
        (Subject::Volume, "cache", State::Excluded),
        (Subject::Volume, "data-db-0", State::CoveredByDump),
        (Subject::Volume, "reports", State::DeclaredEmpty),
        (Subject::Volume, "uploads", State::Covered),
        // Used by the database, and not what its dump stands for.
        (Subject::Volume, "wal-db-0", State::Covered),
        (Subject::Database, "rt", State::Covered),
    ];
    assert_eq!(table, expected);
    assert!(plan.complete());
    assert_eq!(of(&plan, "cache").reason, "by the catalogue entry: made anew");
    assert_eq!(parts(&plan), ["volume:reports", "volume:uploads", "volume:wal-db-0", "database:rt"]);
    assert_eq!(entry().problems(&objects()), Vec::<String>::new());
}

#[test]
fn a_volume_is_read_as_whom_the_app_writes_it() {
    let plan = planned(&claims(), &entry(), &[]);
    let expected = VolumePlan {
        claim: "uploads".into(),
        may_be_empty: false,
        exclude: vec!["tmp".into()],
        // Of the container that writes there, which is neither the first nor the init container; the rest is the pod's.
        security: Security { uid: 1033, gid: Some(33), fs_group: Some(34), supplemental: vec![100, 101] },
        consumer: Some((Kind::Deployment, "web".into())),
    };
    assert_eq!(*volume_of(&plan, "uploads"), expected);
    let reports = volume_of(&plan, "reports");
    assert_eq!((reports.security.uid, &reports.consumer, reports.may_be_empty), (77, &Some((Kind::CronJob, "report".into())), true));
    let wal = volume_of(&plan, "wal-db-0");
    assert_eq!((wal.security.uid, &wal.consumer), (999, &Some((Kind::StatefulSet, "db".into()))));
}

#[test]
fn a_volume_that_nothing_uses_any_more_is_kept_all_the_same() {
    let mut claims = claims();
    // Of an earlier version, and of a replica that was taken away.
    claims.extend([bound("attachments"), bound("data-db-3")]);
    let plan = planned(&claims, &entry(), &[]);
    let old = volume_of(&plan, "attachments");
    assert_eq!((old.security.uid, &old.consumer), (33, &None), "as any workload of the app");
    assert_eq!(volume_of(&plan, "data-db-3").security.uid, 999);
    let alone = plan_of_nothing(&[bound("attachments")]);
    assert_eq!(volume_of(&alone, "attachments").security, Security { uid: 65532, gid: None, fs_group: None, supplemental: vec![] });
}

fn plan_of_nothing(claims: &[Claim]) -> Plan {
    plan(App { objects: &[], claims, entry: &EntryBackup::default(), exclusions: &[], quiesced: false })
}

/// F5.
#[test]
fn nothing_is_skipped_silently() {
    let cases: [(Claim, &str); 5] = [
        (Claim { phase: "Pending".into(), ..bound("uploads") }, "Pending"),
        (Claim { phase: "Lost".into(), ..bound("uploads") }, "restore it"),
        (Claim { phase: String::new(), ..bound("uploads") }, "not bound"),
        (Claim { access_modes: vec!["ReadWriteOncePod".into()], ..bound("uploads") }, "ReadWriteOncePod"),
        (Claim { labelled: false, ..bound("by-hand") }, "nobody knows"),
    ];
    for (claim, says) in cases {
        let mut claims = claims();
        claims.retain(|one| one.name != claim.name);
        claims.push(claim.clone());
        let plan = planned(&claims, &entry(), &[]);
        let covered = of(&plan, &claim.name);
        assert!(covered.state == State::Uncovered && covered.reason.contains(says), "{covered:?}");
        assert!(!plan.complete() && !parts(&plan).contains(&format!("volume:{}", claim.name)));
        // A written reason settles it.
        let exclusion = Exclusion { volume: claim.name.clone(), reason: "no longer needed".into() };
        let plan = planned(&claims, &entry(), &[exclusion]);
        assert_eq!(
            (of(&plan, &claim.name).state, of(&plan, &claim.name).reason.as_str()),
            (State::Excluded, "by the request: no longer needed")
        );
        assert!(plan.complete());
    }
    // Claims that a StatefulSet made without our labels are known by their names.
    let unlabelled: Vec<Claim> = claims().into_iter().map(|claim| Claim { labelled: false, ..claim }).collect();
    assert!(planned(&unlabelled, &entry(), &[]).complete());
    for strange in ["data-db-01", "data-db-", "data-db-x", "wal-db2-0"] {
        let claims = [claims(), vec![Claim { labelled: false, ..bound(strange) }]].concat();
        assert_eq!(of(&planned(&claims, &entry(), &[]), strange).state, State::Uncovered, "{strange}");
    }
}

#[test]
fn a_volume_that_ought_to_be_there_and_is_not_is_uncovered() {
    let claims: Vec<Claim> = claims().into_iter().filter(|claim| claim.name != "wal-db-0" && claim.name != "uploads").collect();
    let plan = planned(&claims, &entry(), &[]);
    assert_eq!(plan.uncovered().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["uploads", "wal-db-0"]);
    assert!(of(&plan, "uploads").reason.contains("no claim of that name"));
}

#[test]
fn a_claim_for_one_pod_can_be_read_while_nothing_runs() {
    let mut claims = claims();
    claims[0].access_modes = vec!["ReadWriteOncePod".into()];
    let quiesced = plan(App { objects: &objects(), claims: &claims, entry: &entry(), exclusions: &[], quiesced: true });
    assert_eq!(of(&quiesced, "uploads").state, State::Covered);
}

#[test]
fn a_volume_that_may_be_empty_and_was_never_used_has_no_part() {
    let mut claims = claims();
    claims[2].phase = "Pending".into();
    let plan = planned(&claims, &entry(), &[]);
    assert_eq!(of(&plan, "reports").state, State::DeclaredEmpty);
    assert!(!parts(&plan).contains(&"volume:reports".to_string()), "there is nothing to mount");
}

#[test]
fn a_request_cannot_leave_a_database_out() {
    let exclusions = ["data-db-0", "nothing", "uploads"].map(|volume| Exclusion { volume: volume.into(), reason: "large".into() });
    let plan = planned(&claims(), &entry(), &exclusions);
    assert_eq!((of(&plan, "data-db-0").state, of(&plan, "uploads").state), (State::CoveredByDump, State::Excluded));
    let problems = entry().exclusion_problems(&exclusions, &objects());
    assert!(problems.len() == 2 && problems[0].en.contains("database `rt`") && problems[1].en.contains("`nothing`"), "{problems:?}");
}

#[test]
fn a_database_carries_what_a_pod_to_dump_it_is_made_from() {
    let plan = planned(&claims(), &entry(), &[]);
    let Some(PartPlan::Database(database)) = plan.parts.last() else { panic!("{:?}", plan.parts) };
    assert_eq!((database.container.as_str(), database.service.as_str(), database.workload.as_str()), ("postgresql", "db", "db"));
    assert_eq!(database.template.pointer("/metadata/labels/app"), Some(&json!("db")));
    assert_eq!(database.template.pointer("/spec/containers/0/image"), Some(&json!("postgresql")));
    let mut named = entry();
    named.databases[0].container = Some("exporter".into());
    let plan = planned(&claims(), &named, &[]);
    let Some(PartPlan::Database(database)) = plan.parts.last() else { panic!("{:?}", plan.parts) };
    assert_eq!(database.container, "exporter");
}

/// F7: k8up writes both to one path, and its retention then drops one of the two.
#[test]
fn two_databases_with_equal_container_names_are_two_parts() {
    let mut objects = objects();
    let mut second = find(&objects, Kind::StatefulSet, "db").unwrap().clone();
    second["metadata"]["name"] = json!("archive");
    objects.push((Kind::StatefulSet, second));
    objects.push((Kind::Service, json!({"metadata": {"name": "archive"}})));
    let archive = Database {
        name: "archive".into(),
        workload: "archive".into(),
        service: "archive".into(),
        volume: Some("data-archive-0".into()),
        ..rt()
    };
    let mut entry = EntryBackup { databases: vec![rt(), archive], ..entry() };
    assert_eq!(entry.problems(&objects), Vec::<String>::new());
    let claims = [claims(), vec![bound("data-archive-0"), bound("wal-archive-0")]].concat();
    let of_both = |entry: &EntryBackup| plan(App { objects: &objects, claims: &claims, entry, exclusions: &[], quiesced: false });
    let both = of_both(&entry);
    assert!(both.complete() && parts(&both).ends_with(&["database:rt".into(), "database:archive".into()]), "{:?}", parts(&both));
    assert_eq!(of(&both, "data-archive-0").state, State::CoveredByDump);
    // With equal names one would take the other's place.
    entry.databases[1].name = "rt".into();
    assert!(entry.problems(&objects).iter().any(|problem| problem.contains("two databases are named `rt`")));
    let clash = of_both(&entry);
    assert_eq!(parts(&clash).iter().filter(|part| *part == "database:rt").count(), 1);
    assert_eq!(of(&clash, "data-archive-0").state, State::Uncovered);
}

#[test]
fn a_database_that_cannot_be_dumped_is_said_for_itself_and_for_its_volume() {
    type Change = (&'static str, fn(&mut Database));
    let cases: [Change; 4] = [
        ("no StatefulSet `gone`", |database| database.workload = "gone".into()),
        ("no Deployment `db`", |database| database.workload_kind = WorkloadKind::Deployment),
        ("no container `gone`", |database| database.container = Some("gone".into())),
        ("no Service `gone`", |database| database.service = "gone".into()),
    ];
    for (says, change) in cases {
        let mut entry = entry();
        change(&mut entry.databases[0]);
        assert!(entry.problems(&objects()).iter().any(|problem| problem.contains(says)), "{says}: {:?}", entry.problems(&objects()));
        let plan = planned(&claims(), &entry, &[]);
        for name in ["rt", "data-db-0"] {
            let covered = of(&plan, name);
            assert!(covered.state == State::Uncovered && covered.reason.contains(says), "{covered:?}");
        }
    }
}

#[test]
fn what_an_entry_says_must_fit_its_objects() {
    let volume = |volume: &str| Exclusion { volume: volume.into(), reason: "x".into() };
    let path = |path: &str| PathExclusion { volume: "uploads".into(), path: path.into(), reason: "x".into() };
    let cases: [(&str, EntryBackup); 9] = [
        (
            "has no volume `data-db-1`",
            EntryBackup { databases: vec![Database { volume: Some("data-db-1".into()), ..rt() }], ..EntryBackup::default() },
        ),
        (
            "does not use the volume `uploads`",
            EntryBackup { databases: vec![Database { volume: Some("uploads".into()), ..rt() }], ..EntryBackup::default() },
        ),
        (
            "belongs to another database",
            EntryBackup { databases: vec![rt(), Database { name: "b".into(), ..rt() }], ..EntryBackup::default() },
        ),
        ("empty: the entry has no volume `nope`", EntryBackup { empty: vec!["nope".into()], ..EntryBackup::default() }),
        ("skip: the entry has no volume `nope`", EntryBackup { skip: vec![volume("nope")], ..EntryBackup::default() }),
        (
            "exclude: the entry has no volume `nope`",
            EntryBackup { exclude: vec![PathExclusion { volume: "nope".into(), ..path("a") }], ..EntryBackup::default() },
        ),
        ("skip: the volume `data-db-0` is covered by the dump", EntryBackup { skip: vec![volume("data-db-0")], ..entry() }),
        ("stands in skip and in empty", EntryBackup { skip: vec![volume("cache")], empty: vec!["cache".into()], ..EntryBackup::default() }),
        ("no path below", EntryBackup { exclude: vec![path("a/../../b")], ..EntryBackup::default() }),
    ];
    for (says, entry) in cases {
        let problems = entry.problems(&objects());
        assert!(problems.iter().any(|problem| problem.contains(says)), "{says}: {problems:?}");
    }
}

#[test]
fn an_entry_is_read_as_it_is_written() {
    let entry: EntryBackup = serde_json::from_value(json!({
        "databases": [{"name": "rt", "workload": "db", "service": "db", "volume": "data-db-0"}],
        "empty": ["reports"],
        "exclude": [{"volume": "uploads", "path": "tmp", "reason": "half-done uploads"}],
    }))
    .unwrap();
    assert_eq!(entry.databases, [rt()]);
    for wrong in [json!({"database": []}), json!({"skip": [{"volume": "cache"}]}), json!({"databases": [{"name": "a", "workload": "b"}]})] {
        assert!(serde_json::from_value::<EntryBackup>(wrong.clone()).is_err(), "{wrong}");
    }
}

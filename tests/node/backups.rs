//! Backups for real: a real S3 server outside the cluster, the real runner and restic in pods, a real database.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use kopnams_lab::{BackupTools, S3};
use serde_json::{Value, json};

use crate::house::{House, on_the_node, website};
use crate::kit::{app_of, condition, message, shown, text};

pub const VAULT: &str = "kopnams-vault";
/// How long a backup and a drill of something small may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(5);

/// The server, and a platform that backs up to it.
pub async fn target(house: &House) -> &'static S3 {
    static SERVER: OnceLock<S3> = OnceLock::new();
    let tools = BackupTools::ensure().unwrap();
    let server = SERVER.get_or_init(|| S3::start_at(&tools, house.node.machine_address().parse().unwrap()).unwrap());
    let image = runner_image(house, &tools.restic());
    let _ = house
        .world
        .create(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3-maintainer", "namespace": VAULT},
            "stringData": {"access-key": server.access_key(), "secret-key": server.secret_key()},
        }))
        .await;
    let port = server.listens().port();
    house
        .world
        .apply(&json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "BackupTarget", "metadata": {"name": "s3"},
            "spec": {
                "endpoint": server.endpoint(), "bucket": "kopnams", "maintainerSecret": "s3-maintainer",
                "egress": [{"cidr": format!("{}/32", house.node.machine_address()), "ports": [port]}],
            },
        }))
        .await;
    house.world.merge("Platform", "", "platform", &json!({"spec": {"backup": {"target": "s3", "image": image}}})).await;
    house.world.see("BackupTarget", "", "s3", "answers", |target| condition(target, "Ready").0 == "True").await;
    server
}

/// Nothing more is backed up, so that other tests have the node for themselves.
pub async fn no_target(house: &House) {
    house.world.merge("Platform", "", "platform", &json!({"spec": {"backup": null}})).await;
}

/// The program under test with restic beside it, as an image.
fn runner_image(house: &House, restic: &Path) -> String {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE
        .get_or_init(|| {
            let program = Path::new(env!("CARGO_BIN_EXE_kopnams"));
            let out = tempfile::tempdir().unwrap();
            let images = program.with_file_name("kopnams-images");
            assert!(images.is_file(), "{} is missing; run `make catalogue` first", images.display());
            let built = Command::new(images)
                .arg("program")
                .arg(program)
                .arg("--with")
                .arg(restic)
                .arg("--out")
                .arg(out.path().join("layout"))
                .output()
                .unwrap();
            assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
            house.node.import(&out.path().join("layout")).unwrap()
        })
        .clone()
}

fn sql(house: &House, space: &str, statement: &str) -> String {
    let words = ["/usr/local/lib/postgresql/psql", "--no-psqlrc", "-At", "--username=postgres", "--dbname=app", "-c", statement];
    house.node.exec(space, "statefulset/database", &words).unwrap().trim().to_string()
}

/// Asks for a backup now, as an admin does, and waits until it is over.
pub async fn back_up(house: &House, slug: &str, name: &str) -> String {
    let app = house.world.get("MunicipalityApp", slug, name).await.unwrap();
    let tenant = text(&app, "/status/tenantId").to_string();
    // A minute of its own, which no other run of this app has.
    let mut at = Timestamp::now();
    let run = loop {
        let slot = at.strftime("%Y%m%d%H%M").to_string();
        let run = format!("{tenant}-b{slot}");
        let made = house
            .world
            .create(&json!({
                "apiVersion": "kopnams.lv/v1alpha1", "kind": "BackupRun", "metadata": {"name": run, "namespace": VAULT},
                "spec": {"tenantId": tenant, "municipality": slug, "app": name, "slot": slot, "kind": "Manual"},
            }))
            .await;
        match made {
            Ok(_) => break run,
            Err(_) => at = at.checked_add(jiff::SignedDuration::from_mins(1)).unwrap(),
        }
    };
    over(house, "BackupRun", &run, "Succeeded").await;
    run
}

pub async fn over(house: &House, kind: &str, name: &str, phase: &str) -> Value {
    house
        .world
        .within(PATIENCE, &format!("{kind} {name} is {phase}"), async || {
            let run = house.world.get(kind, VAULT, name).await.ok_or("it is not there")?;
            match text(&run, "/status/phase") {
                is if is == phase => Ok(run),
                "Succeeded" | "Failed" => panic!("{}", shown(&run)),
                _ => Err(shown(&run)),
            }
        })
        .await
}

pub async fn proven(house: &House, slug: &str, name: &str) -> Value {
    house
        .world
        .within(PATIENCE, &format!("{slug}/{name} is backed up and proven"), async || {
            let app = house.world.get("MunicipalityApp", slug, name).await.ok_or("it is not there")?;
            let both = condition(&app, "BackedUp").0 == "True" && condition(&app, "RestoreProven").0 == "True";
            if both { Ok(app) } else { Err(format!("{}\n{}", message(&app, "BackedUp"), message(&app, "RestoreProven"))) }
        })
        .await
}

/// Asks for a drill that starts the app on a set, and says how it is called.
pub async fn start_of(house: &House, slug: &str, name: &str, set: &str) -> String {
    drill_of(house, slug, name, set, "Start").await
}

/// Asks for a drill of a level, and says how it is called.
pub async fn drill_of(house: &House, slug: &str, name: &str, set: &str, level: &str) -> String {
    let app = house.world.get("MunicipalityApp", slug, name).await.unwrap();
    let tenant = text(&app, "/status/tenantId").to_string();
    let mut at = Timestamp::now();
    loop {
        let slot = at.strftime("%Y%m%d%H%M").to_string();
        let drill = format!("{tenant}-d{slot}");
        let made = house
            .world
            .create(&json!({
                "apiVersion": "kopnams.lv/v1alpha1", "kind": "RestoreDrill", "metadata": {"name": drill, "namespace": VAULT},
                "spec": {"tenantId": tenant, "municipality": slug, "app": name, "slot": slot, "set": set, "level": level},
            }))
            .await;
        match made {
            Ok(_) => return drill,
            Err(_) => at = at.checked_add(jiff::SignedDuration::from_mins(1)).unwrap(),
        }
    }
}

async fn restore(house: &House, name: &str, spec: Value) {
    let run =
        json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": "RestoreRun", "metadata": {"name": name, "namespace": VAULT}, "spec": spec});
    house.world.create(&run).await.unwrap();
}

#[test]
fn a_database_with_personal_data_is_backed_up_proven_and_restored_with_its_rows() {
    on_the_node("backup of a database", async |house| {
        target(house).await;
        let (slug, name, space) = ("kuldigas-novads", "dati", "kuldigas-novads--dati");
        let mut request = app_of(slug, name, "postgresql");
        request["spec"]["dataClass"] = "personal".into();
        request["spec"]["processing"] = json!({"legalBasis": "Pašvaldību likums, 4. pants"});
        house.open(&request).await;
        let app = proven(house, slug, name).await;
        assert_eq!(app["status"]["backup"]["proven"]["level"], "Load", "{}", shown(&app));
        // The class asks for no more; an admin may.
        let drill = start_of(house, slug, name, text(&app, "/status/backup/lastSet")).await;
        over(house, "RestoreDrill", &drill, "Succeeded").await;

        // As the app itself would: what its role may not read it could not dump, and a backup would say so.
        sql(house, space, "SET ROLE app; CREATE TABLE public.lietas AS SELECT n, md5(n::text) AS teksts FROM generate_series(1, 1000) n");
        let set = back_up(house, slug, name).await;
        sql(house, space, "DROP TABLE public.lietas");
        // A question of the entry about the data is true of that set, and not of the one before it.
        let before = house.world.get("HostedSystem", "", "postgresql").await.unwrap()["spec"]["versions"].clone();
        let asks = async |question: &str| {
            let command = json!(["/usr/local/bin/entrypoint", "check", "database", question]);
            let mut versions = before.clone();
            versions[0]["backup"]["checks"] = json!({"commands": [{"name": "cases", "workload": "database", "command": command}]});
            house.world.merge("HostedSystem", "", "postgresql", &json!({"spec": {"versions": versions}})).await;
        };
        asks("SELECT count(*) = 1000 FROM lietas").await;
        let drill = start_of(house, slug, name, &set).await;
        over(house, "RestoreDrill", &drill, "Succeeded").await;
        asks("SELECT count(*) = 999 FROM lietas").await;
        let drill = start_of(house, slug, name, &set).await;
        let failed = over(house, "RestoreDrill", &drill, "Failed").await;
        assert_eq!(failed["status"]["failure"]["class"], "CheckFailed", "{}", shown(&failed));
        assert_eq!(text(&failed, "/status/message"), "ask: check cases: the answer is not true");
        house.world.merge("HostedSystem", "", "postgresql", &json!({"spec": {"versions": before}})).await;

        let lost = sql(house, space, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'");
        assert_eq!(lost, "0");
        restore(house, "atjaunot-dati", json!({"municipality": slug, "app": name, "set": set})).await;
        over(house, "RestoreRun", "atjaunot-dati", "Succeeded").await;
        house.ready(slug, name).await;
        assert_eq!(sql(house, space, "SELECT count(*) || ' ' || max(teksts) FROM public.lietas").split(' ').next(), Some("1000"));

        // Another municipality's set is not found, and nothing is touched.
        restore(house, "svesi-dati", json!({"municipality": "ogres-novads", "app": name, "set": set})).await;
        house
            .world
            .within(PATIENCE, "it waits or is refused", async || {
                let run = house.world.get("RestoreRun", VAULT, "svesi-dati").await.unwrap();
                let said = text(&run, "/status/message");
                if said.contains("ogres-novads") { Ok(()) } else { Err(said.to_string()) }
            })
            .await;
        house.world.merge("MunicipalityApp", slug, name, &json!({"spec": {"suspend": true}})).await;
        no_target(house).await;
    });
}

#[test]
fn a_website_is_restored_beside_by_a_request_and_another_has_files_as_they_were() {
    on_the_node("backup of a website", async |house| {
        target(house).await;
        let (slug, host) = ("ogres-novads", "arhivs.ogre.example.lv");
        house.open(&website(slug, "arhivs", host, "Arhīvs")).await;
        let write = |space: &str, command: &str| house.node.exec(space, "deployment/web", &["/bin/sh", "-c", command]).unwrap();
        write("ogres-novads--arhivs", "echo '<p>Senas ziņas</p>' >/srv/site/files/zinas.html");
        back_up(house, slug, "arhivs").await;
        write("ogres-novads--arhivs", "echo '<p>Jaunas ziņas</p>' >/srv/site/files/zinas.html");

        let mut copy = website(slug, "kopija", "kopija.ogre.example.lv", "Kopija");
        copy["spec"]["restoreFrom"] = json!({"app": "arhivs", "before": Timestamp::now().to_string()});
        house.open(&copy).await;
        assert_eq!(house.page("kopija.ogre.example.lv", "/zinas.html", 200).await.trim(), "<p>Senas ziņas</p>");
        assert_eq!(house.page(host, "/zinas.html", 200).await.trim(), "<p>Jaunas ziņas</p>");
        for name in ["arhivs", "kopija"] {
            house.world.merge("MunicipalityApp", slug, name, &json!({"spec": {"suspend": true}})).await;
        }
        no_target(house).await;
    });
}

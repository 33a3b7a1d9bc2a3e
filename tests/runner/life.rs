//! A set from its making to its end, and that it can be read without kopnams.

use crate::world::{DefaultOne, Tenant, World, noise, part, sentinel, world};
use base64::Engine as _;
use kopnams::backup::set::Part;
use kopnams::backup::work::{Class, Issue, Report, Task};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A committed set with several parts, which tests read and do not change.
struct Settled {
    tenant: Tenant<'static>,
    parts: Vec<(&'static str, Report)>,
    manifest: String,
    /// What opens what is sealed.
    identity: std::path::PathBuf,
}

fn settled() -> Option<&'static Settled> {
    static SETTLED: OnceLock<Option<Settled>> = OnceLock::new();
    SETTLED.get_or_init(|| world().map(settle)).as_ref()
}

fn settle(world: &'static World) -> Settled {
    let tenant = world.bare("settled");
    let identity = tenant.folder.join("identity");
    let made = Command::new(world.tools.age_keygen()).arg("-o").arg(&identity).output().unwrap();
    let recipient = String::from_utf8(made.stderr).unwrap().trim().rsplit(' ').next().unwrap().to_owned();
    tenant.secret("escrow-password", "escrow-password-of-settled");
    let prepare = Task::Prepare { issue: Some(Issue::default_one()), escrow: Some(recipient), made: false };
    assert!(tenant.does("prepare", prepare.clone()).message.contains("is made"));
    let keys = || fs::read_dir(world.s3.bucket("kopnams-settled").join("keys")).unwrap().count();
    assert_eq!(keys(), 2);
    assert!(tenant.does("prepare", prepare).message.contains("was there"));
    assert_eq!(keys(), 2, "done again it changes nothing");
    tenant.as_writer();

    tenant.file("page.html", "<p>Ogre</p>");
    tenant.file("deep/er/large", noise(1, 3_000_000));
    tenant.file("deep/private", "0600");
    tenant.file("name with blanks, [brackets] and ā", "x");
    tenant.file("-rf", "no option");
    tenant.file("sparse", vec![0; 100_000]);
    let at = |name: &str| tenant.volume().join(name);
    fs::set_permissions(at("deep/private"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(at("empty folder")).unwrap();
    fs::set_permissions(at("empty folder"), fs::Permissions::from_mode(0o2770)).unwrap();
    symlink("page.html", at("link")).unwrap();
    fs::hard_link(at("page.html"), at("hard")).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(at("deep/private"), Some(10001), Some(10002)).unwrap();
    }
    // A file system's own, which belongs to nobody's data and cannot be read by an app's user.
    fs::create_dir(at("lost+found")).unwrap();
    assert!(Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();

    // Two databases whose dumps have the same names, and the same path in the containers that dump them.
    for (name, rows) in [("one", "users 3\ntickets 1200\n"), ("two", "users 4\narticles 7\n")] {
        let folder = tenant.folder.join(name).join("dump");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("dump.sql"), format!("-- {name}")).unwrap();
        fs::write(folder.join("facts"), rows).unwrap();
        fs::write(folder.join("sentinel"), sentinel("r1")).unwrap();
    }
    fs::create_dir_all(tenant.folder.join("nothing")).unwrap();
    let mut parts = vec![("volume:data", tenant.does("r1", tenant.part()))];
    for (name, folder) in [("database:one", "one/dump"), ("database:two", "two/dump"), ("volume:nothing", "nothing")] {
        let Task::Part { part, path, exclude, before, .. } = part(name, &tenant.folder.join(folder)) else { unreachable!() };
        let (facts, may_be_empty) = (name.starts_with("database"), name == "volume:nothing");
        parts.push((name, tenant.does("r1", Task::Part { part, path, exclude, may_be_empty, before, facts })));
    }
    let listed: Vec<_> = parts.iter().map(|(name, report)| (*name, report)).collect();
    let committed = tenant.does("r1", tenant.commit("r1", &listed));
    assert!(committed.configuration.is_some());
    Settled { manifest: committed.snapshot.unwrap(), tenant, parts, identity }
}

/// Names, kinds, modes, owners and contents below a folder.
fn contents(folder: &Path) -> Vec<(String, u32, u32, u32, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if meta.file_type().is_socket() || name == "lost+found" {
                continue;
            }
            if meta.is_dir() {
                folders.push(path.clone());
            }
            let content = match () {
                () if meta.is_file() => fs::read(&path).unwrap(),
                () if meta.is_symlink() => fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
                () => Vec::new(),
            };
            all.push((name, meta.mode(), meta.uid(), meta.gid(), content));
        }
    }
    all.sort();
    all
}

/// F19
#[test]
fn each_part_gets_its_own_data_back() {
    let Some(Settled { tenant, parts, manifest, .. }) = settled() else { return };
    assert_eq!(parts[0].1.files, 7, "files, and a second name of one");
    let facts = parts[1].1.facts.clone().unwrap();
    assert_eq!((facts.tables, facts.rows), (2, 1203));
    assert_ne!(parts[1].1.snapshot, parts[2].1.snapshot);
    let report = tenant.does("restore", tenant.restore_all(manifest, "all"));
    assert_eq!((report.files, report.evidence.len()), (7 + 3 + 3 + 1, 64));
    let (was, is) = (contents(&tenant.volume()), contents(&tenant.folder.join("all/volume/data")));
    assert!(
        was.len() > 10 && was == is,
        "{:?}\n{:?}",
        was.iter().map(|one| (&one.0, one.1)).collect::<Vec<_>>(),
        is.iter().map(|one| (&one.0, one.1)).collect::<Vec<_>>()
    );
    for name in ["one", "two"] {
        assert_eq!(contents(&tenant.folder.join(name).join("dump")), contents(&tenant.folder.join("all/database").join(name)));
    }
    assert_eq!(contents(&tenant.folder.join("all/volume/nothing")), []);
    assert_eq!(contents(&tenant.folder.join("configuration")), contents(&tenant.folder.join("all/configuration")));
}

#[test]
fn what_is_there_is_replaced_only_when_asked() {
    let Some(Settled { tenant, manifest, .. }) = settled() else { return };
    let there = tenant.folder.join("there");
    fs::create_dir_all(there.join("old folder")).unwrap();
    fs::write(there.join("old folder/old"), "old").unwrap();
    fs::write(there.join("page.html"), "changed").unwrap();
    fs::create_dir_all(there.join("lost+found")).unwrap();
    let restore = |replace| {
        let parts = vec![(Part::Volume("data".into()), there.clone())];
        Task::Restore { manifest: manifest.clone(), parts, into: None, replace }
    };
    tenant.fails("restore", restore(false), Class::NotEmpty);
    assert_eq!(fs::read(there.join("page.html")).unwrap(), b"changed", "nothing was touched");
    tenant.does("restore", restore(true));
    assert_eq!(contents(&there), contents(&tenant.volume()));
    assert!(there.join("lost+found").is_dir());
}

#[test]
fn the_first_table_that_differs_is_named() {
    let Some(Settled { tenant, manifest, .. }) = settled() else { return };
    let found = tenant.folder.join("found");
    fs::create_dir_all(&found).unwrap();
    let compare = |rows: &str| {
        fs::write(found.join("facts"), rows).unwrap();
        Task::Compare { manifest: manifest.clone(), part: Part::Database("one".into()), facts: found.join("facts") }
    };
    tenant.does("compare", compare("tickets 1200\nusers 3\n"));
    let told = tenant.fails("compare", compare("tickets 1199\nusers 4\n"), Class::Database).message;
    assert!(told.contains("table tickets had 1200 rows") && told.contains("1199"), "{told}");
    fs::write(found.join("sentinel"), sentinel("r0")).unwrap();
    tenant.fails("compare", compare("tickets 1200\nusers 3\n"), Class::Damaged);
}

/// F30: the repository is restic's own, so that nobody needs kopnams to get at what is theirs.
#[test]
fn stock_restic_and_a_password_are_enough() {
    let Some(Settled { tenant, identity, .. }) = settled() else { return };
    let restored = |password: &str, part: &str, into: &str| {
        let target = tenant.folder.join(into);
        let mut command = tenant.stock(&["restore", "latest", "--tag", &format!("part={part}"), "--target"]);
        let output = command.arg(&target).env("RESTIC_PASSWORD", password).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // A socket is nothing without its process.
        contents(&target)
    };
    let volume: Vec<_> = contents(&tenant.volume());
    assert_eq!(restored("password-of-settled", "volume:data", "stock"), volume);
    assert_eq!(restored("password-of-settled", "database:two", "stock-two"), contents(&tenant.folder.join("two/dump")));

    // The escrow has the bucket's files and its private key, and not the password.
    let keys = tenant.world.s3.bucket("kopnams-settled").join("keys");
    let keys = fs::read_dir(keys).unwrap().map(|key| fs::read(key.unwrap().path()).unwrap());
    let keys: Vec<serde_json::Value> = keys.map(|key| serde_json::from_slice(&key).unwrap()).collect();
    let sealed = keys.iter().find(|key| key["username"] == "kopnams-escrow").unwrap()["hostname"].as_str().unwrap().to_owned();
    let sealed = base64::engine::general_purpose::STANDARD.decode(sealed).unwrap();
    let open = |identity: &Path| {
        let mut age = Command::new(tenant.world.tools.age());
        age.args(["--decrypt", "--identity"]).arg(identity).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut age = age.spawn().unwrap();
        std::io::Write::write_all(&mut age.stdin.take().unwrap(), &sealed).unwrap();
        age.wait_with_output().unwrap()
    };
    let opened = open(identity);
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    let password = String::from_utf8(opened.stdout).unwrap();
    assert_eq!(password, "escrow-password-of-settled");
    assert_eq!(restored(&password, "volume:data", "escrow"), volume);
    let other = tenant.folder.join("another identity");
    Command::new(tenant.world.tools.age_keygen()).arg("-o").arg(&other).output().unwrap();
    assert!(!open(&other).status.success(), "another key opens nothing");
}

#[test]
fn what_is_destroyed_is_gone_and_so_is_its_writer() {
    let Some(world) = world() else { return };
    let (tenant, neighbour) = (world.tenant("leaving"), world.tenant("staying"));
    tenant.file("page", "x");
    neighbour.file("page", "y");
    tenant.set("r1");
    neighbour.set("r1");
    // Something overwritten, so that there are versions.
    let config = world.s3.bucket("kopnams-leaving").join("config");
    assert!(config.is_file());
    let destroy = || Task::Destroy { issue: Some(Issue::default_one()) };
    tenant.fails("destroy", destroy(), Class::Refused);
    assert!(config.is_file(), "the writer cannot");
    tenant.as_admin();
    tenant.does("destroy", destroy());
    assert!(!world.s3.bucket("kopnams-leaving").exists());
    assert!(!fs::read_to_string(world.folder.join("users/users.json")).unwrap().contains("writerleaving"));
    tenant.does("destroy", destroy());
    assert_eq!(neighbour.sets(), ["r1"]);
    // As long as versions are locked, nobody can destroy them, the administrator neither.
    let held = world.bare("held");
    let locked = Issue { lock_days: 1, ..Issue::default_one() };
    held.does("prepare", Task::Prepare { issue: Some(locked.clone()), escrow: None, made: false });
    held.as_writer();
    held.file("page", "x");
    held.set("r1");
    held.as_admin();
    held.fails("destroy", Task::Destroy { issue: Some(locked) }, Class::Refused);
    assert_eq!(held.sets(), ["r1"]);
    // Two tenants in one bucket: one prefix begins as the other does.
    let below = |name: &str, prefix: &str| {
        let mut tenant = world.bare(name);
        (tenant.repository.bucket, tenant.repository.prefix) = ("kopnams-shared".to_owned(), prefix.to_owned());
        tenant.does("prepare", Task::Prepare { issue: None, escrow: None, made: false });
        tenant.file("page", "x");
        tenant.set("r1");
        tenant
    };
    let (one, two) = (below("prefix", "cluster/app"), below("prefixed", "cluster/app2"));
    one.does("destroy", Task::Destroy { issue: None });
    assert_eq!(two.sets(), ["r1"]);
    one.fails("list", Task::List, Class::Vanished);
    let mut whole = world.bare("whole");
    whole.repository.bucket = "kopnams-shared".into();
    whole.fails("destroy", Task::Destroy { issue: None }, Class::Order);
    assert_eq!(two.sets(), ["r1"]);
}

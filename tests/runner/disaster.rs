//! The page on disaster recovery, followed literally: what is left is a bucket, credentials that may read it, the private
//! half of the escrow, and a machine with nothing on it but the programs that the page names.
//!
//! What of the page cannot be run here is in [`NOT_RUN`], and what a machine lacks is said where it is left out.

use crate::world::{DefaultOne, Tenant, World, noise, part, sentinel, world};
use kopnams::backup::runner::restic::Credentials;
use kopnams::backup::runner::s3::{Ask, S3};
use kopnams::backup::work::{Issue, Task};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/backups.md");
/// The programs that the page names, and those of every system. restic and age are the lab's, the others this machine's.
const PROGRAMS: [&str; 6] = ["curl", "jq", "base64", "cut", "grep", "pg_restore"];
/// What of the page is not run, and why.
const NOT_RUN: [(&str, &str); 2] = [
    ("apt-get install age curl jq", "the machine of the test has them, and need not reach a package archive"),
    ("RESTIC_CACERT` and `CURL_CA_BUNDLE", "the lab's S3 server speaks without TLS"),
];

/// The section, with the blocks of each kind in it, in order and without their indentation.
struct Page {
    text: String,
    settings: String,
    commands: Vec<String>,
}

fn page() -> Page {
    let text = fs::read_to_string(PAGE).unwrap();
    let text = text.split("\n## Disaster recovery\n").nth(1).unwrap().split("\n## ").next().unwrap().to_owned();
    let (mut settings, mut commands) = (Vec::new(), Vec::new());
    let mut block: Option<(String, String)> = None;
    for line in text.lines() {
        let line = line.strip_prefix("   ").unwrap_or(line);
        block = match (block, line.strip_prefix("```")) {
            (None, None) => None,
            (None, Some(kind)) => Some((kind.to_owned(), String::new())),
            (Some((kind, content)), Some("")) => {
                match kind.as_str() {
                    "sh" => commands.push(content),
                    "console" => settings.push(content),
                    _ => panic!("a block of a kind that nobody runs: {kind}"),
                }
                None
            }
            (Some((kind, content)), _) => Some((kind, content + line + "\n")),
        };
    }
    assert_eq!(settings.len(), 1, "one block says where the backups are");
    assert!(commands.len() > 2, "{commands:?}");
    Page { text, settings: settings.remove(0), commands }
}

/// The block that says where the backups are, with values instead of its examples. All its names must be known and used.
fn settings(block: &str, values: &[(&str, &str)]) -> String {
    let words = block.split_whitespace().filter(|word| *word != "export");
    let names: Vec<&str> = words.map(|word| word.split_once('=').unwrap().0).collect();
    assert_eq!(names, values.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    values.iter().fold(String::new(), |mut text, (name, value)| {
        writeln!(text, "export {name}='{value}'").unwrap();
        text
    })
}

/// A machine with nothing on it.
struct Machine {
    folder: PathBuf,
    script: String,
}

impl Machine {
    /// With the programs that the page names; `pg_restore` alone may be missing.
    fn new(world: &World, name: &str, identity: &Path, settings: &str, commands: &[String]) -> Self {
        let folder = world.folder.join(name);
        for part in ["home", "bin", "empty"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        for (name, program) in [("restic", world.tools.restic()), ("age", world.tools.age())] {
            symlink(program, folder.join("bin").join(name)).unwrap();
        }
        for name in PROGRAMS {
            match found(name) {
                Some(program) => symlink(program, folder.join("bin").join(name)).unwrap(),
                None => assert_eq!(name, "pg_restore", "{name} is needed for this test: apt-get install {name}"),
            }
        }
        fs::copy(identity, folder.join("empty/escrow.key")).unwrap();
        let script = format!("set -e\n{settings}{}", commands.concat());
        Self { folder, script }
    }

    fn run(&self) -> Output {
        let mut command = Command::new("/usr/bin/env");
        command.arg("-i").arg(format!("HOME={}", self.folder.join("home").display()));
        command.arg(format!("PATH={}", self.folder.join("bin").display())).args(["/bin/sh", "-c", &self.script]);
        command.current_dir(self.folder.join("empty")).process_group(0).output().unwrap()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join("empty").join(name)
    }
}

/// A program of this machine.
fn found(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Names, modes, owners and contents below a folder.
fn contents(folder: &Path) -> Vec<(PathBuf, u32, u32, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display())) {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let content = match () {
                () if meta.is_dir() => Vec::new(),
                () if meta.is_symlink() => fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
                () => fs::read(&path).unwrap(),
            };
            if meta.is_dir() {
                folders.push(path.clone());
            }
            all.push((path.strip_prefix(folder).unwrap().to_owned(), meta.mode(), meta.uid(), content));
        }
    }
    all.sort();
    assert!(!all.is_empty(), "there is nothing in {}", folder.display());
    all
}

/// A dump as the catalogue's database makes it, from a server of this machine; none where there is no such server.
fn dump(folder: &Path, into: &Path) -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let Some(programs) = versions.map(|entry| entry.path().join("bin")).find(|bin| bin.join("initdb").is_file()) else {
        return false;
    };
    // It refuses to run as root.
    let user = if rustix::process::geteuid().is_root() { 65534 } else { rustix::process::geteuid().as_raw() };
    fs::create_dir_all(folder).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    let run = |name: &str, args: &[&str]| {
        let mut command = Command::new(programs.join(name));
        // Nothing is read from it: a server that stays would hold the pipe.
        let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
        command.args(args).current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin").stdout(log.try_clone().unwrap()).stderr(log);
        let status = command.uid(user).gid(user).status().unwrap();
        assert!(status.success(), "{name}: {}", fs::read_to_string(folder.join("log")).unwrap());
    };
    let at = folder.join("data").display().to_string();
    let socket = format!("--host={}", folder.display());
    run("initdb", &["--auth=trust", "--username=rt", "--no-sync", "--pgdata", &at]);
    run("pg_ctl", &["start", "--wait", "--pgdata", &at, "--options", &format!("-c listen_addresses= -k {}", folder.display())]);
    let table = "CREATE TABLE tickets (id int, text text); INSERT INTO tickets VALUES (1, 'Kuldīga'), (2, 'Ogre')";
    run("psql", &[&socket, "--username=rt", "--dbname=postgres", "--command", table]);
    let file = folder.join("dump").display().to_string();
    run("pg_dump", &[&socket, "--username=rt", "--format=custom", "--compress=0", "--file", &file, "postgres"]);
    run("pg_ctl", &["stop", "--wait", "--mode=immediate", "--pgdata", &at]);
    fs::copy(file, into).unwrap();
    true
}

/// A user who may read this bucket, and nothing else.
fn reader(tenant: &Tenant<'_>, name: &str) -> Credentials {
    let admin = Credentials { access_key: tenant.world.s3.access_key().into(), secret_key: tenant.world.s3.secret_key().into() };
    let s3 = S3::new(&tenant.world.s3.endpoint(), &tenant.repository, &admin).unwrap();
    let user = format!("<Account><Access>{name}</Access><Secret>key-of-{name}</Secret><Role>user</Role></Account>");
    let ask = Ask { method: "PATCH", path: "/create-user", body: user.into(), ..Ask::default() };
    assert!(s3.ask(&ask).unwrap().is_fine());
    let bucket = &tenant.repository.bucket;
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": [name]}, "Action": ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"],
        "Resource": [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")],
    }]});
    let (path, body) = (format!("/{bucket}"), policy.to_string());
    let answer = s3.ask(&Ask { method: "PUT", path: &path, query: &[("policy", "")], body: body.into(), ..Ask::default() }).unwrap();
    assert!(answer.is_fine(), "{}", answer.body);
    Credentials { access_key: name.into(), secret_key: format!("key-of-{name}") }
}

/// A set with a part of each kind and one before it; the private half of the escrow and whether its dump is a real one.
fn lost(tenant: &Tenant<'_>, issue: Option<Issue>) -> (PathBuf, bool) {
    let identity = tenant.folder.join("identity");
    let made = Command::new(tenant.world.tools.age_keygen()).arg("-o").arg(&identity).output().unwrap();
    let recipient = String::from_utf8(made.stderr).unwrap().trim().rsplit(' ').next().unwrap().to_owned();
    tenant.secret("escrow-password", "escrow-password-of-the-lost");
    tenant.does("prepare", Task::Prepare { issue, escrow: Some(recipient), made: false });
    tenant.file("page.html", "an older page");
    tenant.set("r1");
    tenant.file("page.html", "<p>Ogre</p>");
    tenant.file("deep/large", noise(1, 2_000_000));
    tenant.file("name with blanks and ā", "0600");
    fs::set_permissions(tenant.volume().join("name with blanks and ā"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink("page.html", tenant.volume().join("link")).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(tenant.volume().join("deep"), Some(10001), Some(10002)).unwrap();
    }
    let database = tenant.folder.join("database");
    fs::create_dir_all(&database).unwrap();
    let real = dump(&tenant.folder.join("postgresql"), &database.join("dump"));
    if !real {
        fs::write(database.join("dump"), "no real dump").unwrap();
    }
    fs::write(database.join("facts"), "public.tickets 2\n").unwrap();
    fs::write(database.join("sentinel"), sentinel("r2")).unwrap();
    let volume = tenant.does("r2", tenant.part());
    let Task::Part { part, path, exclude, may_be_empty, before, .. } = part("database:rt", &database) else { unreachable!() };
    let database = tenant.does("r2", Task::Part { part, path, exclude, may_be_empty, before, facts: true });
    tenant.does("r2", tenant.commit("r2", &[("volume:data", &volume), ("database:rt", &database)]));
    (identity, real)
}

/// The manifest of the older set once more, as if it were of the future: whoever takes the newest must not take it.
fn forge(tenant: &Tenant<'_>) {
    let forged = tenant.folder.join("forged");
    fs::create_dir_all(&forged).unwrap();
    let older = tenant.restic(&["dump", "--tag", "set=r1", "latest", "/manifest.json"]);
    assert!(older.status.success());
    fs::write(forged.join("manifest.json"), older.stdout).unwrap();
    let args = ["backup", ".", "--force", "--tag=part=manifest", "--tag=run=r1", "--tag=set=r1", "--time=2999-01-01 00:00:00"];
    assert!(tenant.restic_in(&forged, &args).status.success());
}

fn recovers(tenant: &Tenant<'_>, issue: Option<Issue>) {
    let (identity, real) = lost(tenant, issue);
    forge(tenant);
    let page = page();
    for (what, why) in NOT_RUN {
        assert!(page.text.contains(what), "the page does not say `{what}` any more");
        println!("NOT RUN: {what}: {why}");
    }
    let reader = reader(tenant, &format!("reader{}", tenant.name));
    let set = |key: &str| {
        let values = [
            ("ENDPOINT", tenant.world.s3.endpoint()),
            ("AWS_DEFAULT_REGION", tenant.repository.region.clone()),
            ("BUCKET", tenant.repository.bucket.clone()),
            ("FOLDER", tenant.repository.prefix.clone()),
            ("AWS_ACCESS_KEY_ID", reader.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", key.to_owned()),
        ];
        settings(&page.settings, &values.each_ref().map(|(name, value)| (*name, value.as_str())))
    };
    let mut commands = page.commands.clone();
    if !real || found("pg_restore").is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "PostgreSQL is not here, and nothing may be left out");
        let last = commands.pop().unwrap();
        assert!(last.contains("pg_restore") && !commands.concat().contains("pg_restore"), "{last}");
        // Past the test harness, which would hide it.
        let line = b"SKIPPED: the step with pg_restore of docs/backups.md: PostgreSQL with a server is not here\n";
        std::io::Write::write_all(&mut std::io::stderr(), line).unwrap();
    }
    let machine = |name: &str, identity: &Path, key: &str, commands: &[String]| {
        Machine::new(tenant.world, &format!("machine-{name}-{}", tenant.name), identity, &set(key), commands)
    };

    let empty = machine("good", &identity, &reader.secret_key, &commands);
    let output = empty.run();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && !said.contains("NOT WHOLE"), "{said}\n{}", empty.script);
    if real && found("pg_restore").is_some() {
        let sql = fs::read_to_string(empty.at("restored/database:rt/dump.sql")).unwrap();
        assert!(sql.contains("CREATE TABLE public.tickets") && sql.contains("Kuldīga"), "{sql}");
        fs::remove_file(empty.at("restored/database:rt/dump.sql")).unwrap();
    }
    for (part, was) in [("volume:data", "volume"), ("database:rt", "database"), ("configuration", "configuration")] {
        assert_eq!(contents(&empty.at("restored").join(part)), contents(&tenant.folder.join(was)), "{part}");
    }
    assert_eq!(fs::read_dir(empty.at("restored")).unwrap().count(), 3);

    // Without the right escrow, or the right credentials, the same steps open nothing, and say so.
    let other = tenant.folder.join("another identity");
    Command::new(tenant.world.tools.age_keygen()).arg("-o").arg(&other).output().unwrap();
    for (name, machine, why) in [
        ("escrow", machine("escrow", &other, &reader.secret_key, &commands), "no identity matched any of the recipients"),
        ("key", machine("key", &identity, "another-key", &commands[..1]), "403"),
    ] {
        let output = machine.run();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{name}: {said}");
        assert!(!machine.at("restored").exists());
    }
    // A part that is not the one that was committed is told, and the others are restored.
    let swapped =
        [&commands[..2], &["jq '.parts[0].digest = \"0\"' manifest.json >changed\nmv changed manifest.json\n".to_owned()], &commands[2..3]];
    let machine = machine("swapped", &identity, &reader.secret_key, &swapped.concat());
    symlink(found("mv").unwrap(), machine.folder.join("bin/mv")).unwrap();
    let output = machine.run();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("NOT WHOLE: volume:data") && said.matches("NOT WHOLE").count() == 1, "{said}");
    assert_eq!(fs::read_dir(machine.at("restored")).unwrap().count(), 2);
}

#[test]
fn the_page_works_on_an_empty_machine() {
    let Some(world) = world() else { return };
    recovers(&world.bare("lost"), Some(Issue::default_one()));
}

#[test]
fn the_page_works_for_an_app_in_a_shared_bucket() {
    let Some(world) = world() else { return };
    let mut tenant = world.bare("lostshared");
    (tenant.repository.bucket, tenant.repository.prefix) = ("kopnams-lost-shared".to_owned(), "ogre/0d0a6f1e".to_owned());
    recovers(&tenant, None);
}

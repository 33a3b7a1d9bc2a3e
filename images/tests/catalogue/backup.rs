//! The database's own dump and load: whole or not at all, the same rows on both sides, and a plain reason when it fails.

use crate::database::{PASSWORD, answer, running, start};
use crate::pod::{Image, Pod, Start, can_run};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

const SENTINEL: &str = "a-text-of-this-run";

/// What can be in an app's database: names that need quotes, partitions, inheritance, large objects, an extension, and
/// things that are computed.
const SCHEMA: &str = "
    CREATE EXTENSION pg_trgm;
    CREATE SCHEMA \"Lietu reģistrs\";
    CREATE TABLE cases (id serial PRIMARY KEY, title text NOT NULL);
    CREATE INDEX ON cases USING gin (title gin_trgm_ops);
    INSERT INTO cases (title) SELECT 'pieteikums ' || n FROM generate_series(1, 5000) n;
    CREATE TABLE \"Lietu reģistrs\".\"Mana tabula\" (n int);
    INSERT INTO \"Lietu reģistrs\".\"Mana tabula\" VALUES (1), (2), (3);
    CREATE TABLE visits (day date, centre text) PARTITION BY RANGE (day);
    CREATE TABLE visits_2025 PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE TABLE visits_later PARTITION OF visits DEFAULT;
    INSERT INTO visits SELECT date '2025-12-01' + n, 'Aglona' FROM generate_series(0, 39) n;
    CREATE TABLE old_cases () INHERITS (cases);
    INSERT INTO old_cases (id, title) VALUES (-1, 'sena');
    CREATE UNLOGGED TABLE empty_one (n int);
    CREATE VIEW titles AS SELECT title FROM cases;
    CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM cases;
    SELECT lo_from_bytea(424242, 'pielikums');";

/// The facts of [`SCHEMA`], with so many rows more in `cases`.
fn facts_with(more: usize) -> String {
    let cases = 5000 + more;
    [
        "\"Lietu reģistrs\".\"Mana tabula\" 3\n".to_owned(),
        format!("public.cases {cases}\n"),
        "public.empty_one 0\npublic.old_cases 1\npublic.visits_2025 31\npublic.visits_later 9\n".to_owned(),
    ]
    .concat()
}

/// A copy of the database's container that dumps into the folder `out` of the pod.
fn dumper<'a>(pod: &Pod, image: &'a Image, data: &str, host: Option<&str>) -> Start<'a> {
    let mut dumper = start(pod, image, "app");
    dumper.mounts[0].0 = pod.volume(data, image);
    dumper.mounts.push((pod.volume("out", image), "/kopnams/dump"));
    let end = pod.volume("end", image).join("termination-log");
    fs::write(&end, "").unwrap();
    fs::set_permissions(&end, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    dumper.mounts.push((end, "/dev/termination-log"));
    dumper.env.extend([("KOPNAMS_OUT", "/kopnams/dump".to_owned()), ("KOPNAMS_SENTINEL", SENTINEL.to_owned())]);
    dumper.env.extend(host.map(|host| ("KOPNAMS_HOST", host.to_owned())));
    dumper
}

/// A copy of the database's container that loads what is in the folder `out` into the volume `data`. It has no password.
fn loader<'a>(pod: &Pod, image: &'a Image, data: &str) -> Start<'a> {
    let mut loader = dumper(pod, image, data, None);
    loader.mounts.remove(1);
    loader.mounts.push((pod.volume("found", image), "/kopnams/found"));
    loader.env.extend([("KOPNAMS_IN", "/kopnams/dump".to_owned()), ("KOPNAMS_FACTS", "/kopnams/found/facts".to_owned())]);
    loader
}

fn out(pod: &Pod) -> PathBuf {
    pod.folder.path().join("out")
}

fn read(pod: &Pod, file: &str) -> String {
    fs::read_to_string(pod.folder.path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Asserts that it did what it should.
fn done(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
    assert_eq!(said(output).lines().count(), 1, "{}", said(output));
}

/// Asserts that it failed with one line, on stderr and as the container's last words, and gave nothing away.
fn failed(pod: &Pod, output: &Output, reason: &str) {
    let said = said(output);
    assert!(!output.status.success(), "expected a failure with {reason:?}");
    assert!(said.contains(reason), "expected {reason:?}, it said: {said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(format!("entrypoint: {}", read(pod, "end/termination-log")), said);
    assert!(!said.contains("pa$word") && !said.contains("pieteikums"), "it gave something away: {said}");
}

/// The same of a dump, which leaves nothing that could be taken for one.
fn dump_failed(pod: &Pod, output: &Output, reason: &str) {
    failed(pod, output, reason);
    let left: Vec<_> = fs::read_dir(out(pod)).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.is_empty(), "left: {left:?}");
}

/// What `PostgreSQL` says of files that no server runs on.
fn state(pod: &Pod, image: &Image, data: &str) -> String {
    let start = dumper(pod, image, data, None);
    let words = ["/usr/local/lib/postgresql/pg_controldata", "/var/lib/postgresql/data/pgdata"];
    let output = start.program(pod, &words.map(str::to_owned)).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("Database cluster state:")).unwrap_or_default().trim().to_owned()
}

#[test]
fn a_dump_holds_one_moment_and_is_loaded_whole() {
    if !can_run() {
        return;
    }
    let image = Image::of("postgresql");
    let pod = Pod::start();
    let start_of = start(&pod, &image, "app");
    let database = running(&pod, &start_of, "app");
    answer(&pod, &start_of, "app", SCHEMA);

    // While it is dumped, others write: each adds a row to a table and the same row to another, in one transaction.
    answer(&pod, &start_of, "app", "CREATE TABLE pairs (n int); CREATE TABLE twins (n int); ALTER ROLE app SET synchronous_commit = off");
    let pairs = "DO $$ BEGIN FOR n IN 1..100000000 LOOP INSERT INTO pairs VALUES (n); INSERT INTO twins VALUES (n); COMMIT;
        EXIT WHEN to_regclass('public.enough') IS NOT NULL; END LOOP; END $$";
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| answer(&pod, &start_of, "app", pairs));
        sleep(Duration::from_millis(300));
        done(&dumper(&pod, &image, "nothing", Some("127.0.0.1")).run(&pod, &["dump"]));
        assert!(!writer.is_finished(), "nobody wrote while it was dumped");
        answer(&pod, &start_of, "app", "CREATE TABLE enough ()");
        writer.join().unwrap();
    });
    let facts = read(&pod, "out/facts");
    let rows = |table: &str| facts.lines().find_map(|line| line.strip_prefix(table)).unwrap().trim().parse::<u32>().unwrap();
    assert!(rows("public.pairs") > 0 && rows("public.pairs") == rows("public.twins"), "{facts}");
    let others: String = facts.split_inclusive('\n').filter(|line| !line.contains("pairs") && !line.contains("twins")).collect();
    assert_eq!(others, facts_with(0));
    assert_eq!(read(&pod, "out/sentinel"), SENTINEL);
    assert!(!fs::exists(pod.folder.path().join("nothing/pgdata.lock")).unwrap(), "over the network nothing is done with files");

    done(&loader(&pod, &image, "second").run(&pod, &["load"]));
    assert_eq!(read(&pod, "found/facts"), facts, "what was loaded has the rows of the dump");
    assert_eq!(state(&pod, &image, "second"), "shut down");
    questions(&pod, &image);
    database.terminate();

    // The loaded one starts as any other, with the Secret's password, and is the app's own.
    let mut second = start(&pod, &image, "app");
    second.mounts[0].0 = pod.volume("second", &image);
    let database = running(&pod, &second, "app");
    answer(&pod, &second, "app", "DROP TABLE pairs, twins; INSERT INTO cases (title) VALUES ('jauns'); ALTER TABLE visits ADD x int");
    assert_eq!(answer(&pod, &second, "app", "SELECT max(id) FROM cases"), "5001", "numbers go on where they were");
    assert_eq!(answer(&pod, &second, "app", "SELECT convert_from(lo_get(424242), 'UTF8')"), "pielikums");
    assert_eq!(answer(&pod, &second, "app", "SELECT n FROM counted"), "5001");
    database.terminate();
    failed(&pod, &loader(&pod, &image, "second").run(&pod, &["load"]), "there is a database in /var/lib/postgresql/data/pgdata already");

    // Cold: nobody runs, and afterwards the files are as after a clean end.
    done(&dumper(&pod, &image, "second", None).run(&pod, &["dump"]));
    assert_eq!(read(&pod, "out/facts"), facts_with(1));
    assert_eq!(state(&pod, &image, "second"), "shut down");
    done(&loader(&pod, &image, "third").run(&pod, &["load"]));
    assert_eq!(read(&pod, "found/facts"), facts_with(1));

    // Cold after a crash, too.
    let mut database = running(&pod, &second, "app");
    answer(&pod, &second, "app", "INSERT INTO cases (title) VALUES ('vēl viens')");
    database.kill();
    done(&dumper(&pod, &image, "second", None).run(&pod, &["dump"]));
    assert_eq!(read(&pod, "out/facts"), facts_with(2));
}

/// What a drill asks the database that it has started: true or not, and nothing of the answer is told.
fn questions(pod: &Pod, image: &Image) {
    let asked = |host: &str, question: &str| dumper(pod, image, "nothing", None).run(pod, &["check", host, question]);
    done(&asked("127.0.0.1", "SELECT count(*) >= 5000 FROM cases"));
    failed(pod, &asked("127.0.0.1", "SELECT count(*) < 5000 FROM cases"), "the answer is not true");
    failed(pod, &asked("127.0.0.1", "SELECT title FROM cases"), "the answer is not true");
    failed(pod, &asked("127.0.0.1", "SELECT true FROM lost_cases"), "it has no such table or column");
    failed(pod, &asked("127.0.0.1", "DELETE FROM cases RETURNING true"), "the question would change something");
    failed(pod, &asked("203.0.113.1", "SELECT true"), "it does not answer at 203.0.113.1");
    failed(pod, &asked("127.0.0.1 user=postgres", "SELECT true"), "the host is the name of a Service");
}

#[test]
fn a_dump_that_cannot_be_whole_leaves_nothing_and_says_why() {
    if !can_run() {
        return;
    }
    let image = Image::of("postgresql");
    let pod = Pod::start();
    let start_of = start(&pod, &image, "app");
    let network = |data: &str| dumper(&pod, &image, data, Some("127.0.0.1"));
    dump_failed(&pod, &network("data").run(&pod, &["dump"]), "it does not answer at 127.0.0.1");
    dump_failed(&pod, &dumper(&pod, &image, "data", None).run(&pod, &["dump"]), "there is no database in");
    let mut without = network("data");
    without.env.remove("KOPNAMS_SENTINEL");
    dump_failed(&pod, &without.run(&pod, &["dump"]), "KOPNAMS_SENTINEL");

    let mut database = running(&pod, &start_of, "app");
    answer(&pod, &start_of, "app", SCHEMA);
    done(&network("data").run(&pod, &["dump"]));
    // From here on a good dump of before is in the folder each time, and must not stay.
    let good = fs::read(out(&pod).join("dump")).unwrap();
    let again = || fs::write(out(&pod).join("dump"), &good).unwrap();

    again();
    let wrong = network("data");
    pod.files("password", &[("password", "a-wrong-pa$word")]);
    dump_failed(&pod, &wrong.run(&pod, &["dump"]), "it refuses the password of the app's Secret");
    pod.files("password", &[("password", PASSWORD)]);

    // A server of its own beside the one that runs would destroy the files.
    again();
    let began = Instant::now();
    dump_failed(&pod, &dumper(&pod, &image, "data", None).run(&pod, &["dump"]), "another container works on");
    assert!(began.elapsed() < Duration::from_secs(20));
    let mut twin = start_of.spawn(&pod, "twin", &[]);
    sleep(Duration::from_secs(11));
    assert!(twin.log().contains("another container works on"), "{}", twin.log());
    twin.kill();

    // A table that somebody else made in the app's database.
    again();
    let root = |text: &str| {
        let mut inside = Command::new("nsenter");
        inside.args([
            "--target",
            &postgres_in(&start_of),
            "--mount",
            "--pid",
            "--root",
            "setpriv",
            "--reuid=999",
            "--regid=999",
            "--clear-groups",
        ]);
        inside.args([
            "/usr/local/lib/postgresql/psql",
            "--no-psqlrc",
            "--host=/run/postgresql",
            "--username=postgres",
            "--dbname=app",
            "-c",
            text,
        ]);
        let output = inside.env("PATH", "/usr/bin:/bin").output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    };
    root("CREATE TABLE not_the_apps (secret text)");
    dump_failed(&pod, &network("data").run(&pod, &["dump"]), "may not read or make everything in it: table not_the_apps");
    root("DROP TABLE not_the_apps");

    // Rows that a policy would hide are not left out in silence.
    again();
    let policy = "ALTER TABLE cases ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY few ON cases USING (id > 100)";
    answer(&pod, &start_of, "app", policy);
    dump_failed(&pod, &network("data").run(&pod, &["dump"]), "a row-level policy hides rows");
    answer(&pod, &start_of, "app", "DROP POLICY few ON cases; ALTER TABLE cases DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY");

    // From here on the dump takes a while.
    answer(&pod, &start_of, "app", "CREATE TABLE large AS SELECT n, repeat(md5(n::text), 20) AS text FROM generate_series(1, 500000) n");
    again();
    dump_failed(&pod, &in_little_room(&pod, network("data")), "there is no room left");

    again();
    let dumping = network("data").spawn(&pod, "dumping", &["dump"]);
    partly(&pod, "public.large");
    let (code, took) = dumping.terminate();
    assert!(code.is_some_and(|code| code != 0) && took < Duration::from_secs(10), "{code:?} {took:?}");
    assert!(fs::read_dir(out(&pod)).unwrap().next().is_none(), "told to stop, it leaves nothing");
    let log = read(&pod, "dumping.log");
    assert!(log.contains("it was told to stop before the dump was whole"), "{log}");

    again();
    let dumping = std::thread::scope(|scope| {
        let dumping = scope.spawn(|| network("data").run(&pod, &["dump"]));
        partly(&pod, "public.large");
        database.kill();
        dumping.join().unwrap()
    });
    dump_failed(&pod, &dumping, "the database could not be dumped: it ended or was not there yet");
    done(&dumper(&pod, &image, "data", None).run(&pod, &["dump"]));
    assert_eq!(read(&pod, "out/facts").lines().count(), 7);
}

/// Waits until a part of a dump is written.
fn partly(pod: &Pod, what: &str) {
    let until = Instant::now() + Duration::from_mins(1);
    let size = || fs::metadata(out(pod).join("dump.part")).map_or(0, |file| file.len());
    while size() < 20_000_000 {
        assert!(Instant::now() < until, "{what} is not dumped");
        sleep(Duration::from_millis(5));
    }
}

/// The process of the running server, by the volume that it works on.
fn postgres_in(start: &Start<'_>) -> String {
    let lock = start.mounts[0].0.join("pgdata.lock");
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let holds = |pid: &String| fs::read_link(format!("/proc/{pid}/fd/9")).is_ok_and(|file| file.ends_with("pgdata.lock"));
    let is_postgres = |pid: &String| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "postgres\n");
    let mut all: Vec<u32> = processes
        .filter(|pid| is_postgres(pid) && holds(pid) && same_file(&lock, Path::new(&format!("/proc/{pid}/fd/9"))))
        .filter_map(|pid| pid.parse().ok())
        .collect();
    all.sort_unstable();
    all.first().expect("the server runs").to_string()
}

fn same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    id(one).is_some() && id(one) == id(other)
}

/// Dumps into a folder that holds 8 MB.
fn in_little_room(pod: &Pod, mut dumper: Start<'_>) -> Output {
    let script = "mount -t tmpfs -o size=8m,mode=777 tmpfs \"$0\" && \"$@\"; code=$?; ls -A \"$0\" >&3; exit $code";
    let small = out(pod);
    let command = {
        dumper.scratch = &["/run/postgresql", "/tmp"];
        dumper.command(pod, &["dump"])
    };
    let mut shell = Command::new("unshare");
    let listed = pod.folder.path().join("small");
    shell.args(["--mount", "sh", "-c", &format!("exec 3>'{}'; {script}", listed.display())]).arg(&small);
    shell.arg(command.get_program()).args(command.get_args());
    let output = shell.output().unwrap();
    assert_eq!(fs::read_to_string(listed).unwrap(), "", "left in the little room");
    fs::remove_file(small.join("dump")).unwrap();
    output
}

#[test]
fn a_load_is_done_again_until_it_is_whole() {
    if !can_run() {
        return;
    }
    let image = Image::of("postgresql");
    let pod = Pod::start();
    let start_of = start(&pod, &image, "app");
    let database = running(&pod, &start_of, "app");
    answer(&pod, &start_of, "app", SCHEMA);
    answer(
        &pod,
        &start_of,
        "app",
        "CREATE TABLE large AS SELECT n, md5(n::text) AS text FROM generate_series(1, 300000) n; CREATE INDEX ON large (text)",
    );
    done(&dumper(&pod, &image, "nothing", Some("127.0.0.1")).run(&pod, &["dump"]));
    database.terminate();
    let facts = read(&pod, "out/facts");
    let load = loader(&pod, &image, "second");

    // How long it takes here, and then killed at moments that are spread over it.
    let began = Instant::now();
    done(&loader(&pod, &image, "once").run(&pod, &["load"]));
    let took = began.elapsed();
    eprintln!("loading took {took:?}");
    for tenths in [1, 3, 5, 7, 8, 9] {
        let mut killed = load.spawn(&pod, "load", &["load"]);
        sleep(took * tenths / 10);
        killed.kill();
    }
    done(&load.run(&pod, &["load"]));
    assert_eq!(read(&pod, "found/facts"), facts);

    // Killed after the last step, its success is not taken for somebody else's database; the facts are written again.
    fs::remove_file(pod.folder.path().join("found/facts")).unwrap();
    let again = load.run(&pod, &["load"]);
    done(&again);
    assert!(said(&again).contains("was loaded before"), "{}", said(&again));
    assert_eq!(read(&pod, "found/facts"), facts);

    // Once it ran it is somebody's, and another dump is another one.
    let mut second = start(&pod, &image, "app");
    second.mounts[0].0 = pod.volume("second", &image);
    running(&pod, &second, "app").terminate();
    failed(&pod, &load.run(&pod, &["load"]), "nothing is loaded over it");

    // A dump that was cut, or that has other bytes in it.
    let dump = out(&pod).join("dump");
    let whole = fs::read(&dump).unwrap();
    for (name, bytes) in [("cut", &whole[..whole.len() / 2]), ("none", &b"PGDMP"[..]), ("other", &b"not a dump at all"[..])] {
        fs::write(&dump, bytes).unwrap();
        failed(&pod, &loader(&pod, &image, name).run(&pod, &["load"]), "the dump could not be loaded: the dump is damaged");
        assert!(!fs::exists(pod.folder.path().join(name).join("pgdata")).unwrap(), "{name}: a part of a dump became a database");
    }
    let nothing = Start { env: BTreeMap::new(), ..loader(&pod, &image, "nothing") };
    failed(&pod, &nothing.run(&pod, &["load"]), "KOPNAMS_IN is a folder with a dump");
}

//! The command itself: where it writes, and where it does not.

use std::fs;
use std::path::Path;
use std::process::Command;

/// What the program says and how it ends.
fn run(arguments: &[&str]) -> (String, String, i32) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kopnams"));
    let output = program.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env("LC_ALL", "lv_LV.UTF-8").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

#[test]
fn a_folder_with_something_else_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("site");
    let make = || run(&["request-page", "--catalogue", "examples/platform", "--out", out.to_str().unwrap()]);
    fs::create_dir(&out).unwrap();
    fs::write(out.join("mine.txt"), "mine").unwrap();
    let (_, trouble, code) = make();
    assert!(trouble.contains("holds something that this command has not written") && code == 2, "{trouble}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
    fs::remove_file(out.join("mine.txt")).unwrap();
    let (said, trouble, code) = make();
    assert!(said.starts_with("22 pages in ") && code == 0, "{said}{trouble}");
    // Its own site is made anew: what is no longer made goes, what somebody else has put beside it stays.
    let marker = out.join(".kopnams-request-page");
    let list = fs::read_to_string(&marker).unwrap();
    fs::write(&marker, format!("{list}facts/gone.js\n../mine.txt\n")).unwrap();
    for (file, text) in [("facts/gone.js", "old"), ("CNAME", "pieprasijumi.example.lv"), ("../mine.txt", "mine")] {
        fs::write(out.join(file), text).unwrap();
    }
    let index = fs::read(out.join("index.html")).unwrap();
    assert_eq!(make().2, 0);
    assert!(!out.join("facts/gone.js").exists() && out.join("CNAME").exists() && folder.path().join("mine.txt").exists());
    assert_eq!((fs::read_to_string(&marker).unwrap(), fs::read(out.join("index.html")).unwrap()), (list, index));

    let broken = ["request-page", "--catalogue", "examples/platform", "examples/rejected/SystemBroken.yaml", "--out", "build/never"];
    let (said, _, code) = run(&broken);
    assert!(code == 1 && said.contains("jālabo") && !Path::new("build/never").exists(), "{said}");
    let forge = ["request-page", "--catalogue", "examples/platform", "--out", "build/never", "--forge", "gitea", "--repository", "a/b"];
    assert!(run(&forge).1.contains("write --forge-url"));
}

//! Images of programs: the operator with what its backup Jobs run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A program that is linked with libraries.
const LINKED: &str = env!("CARGO_BIN_EXE_kopnams-images");
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

fn make(program: &Path, with: &[&Path], out: &Path) -> Output {
    let mut command = Command::new(LINKED);
    command.arg("program").arg(program).arg("--out").arg(out);
    for file in with {
        command.arg("--with").arg(file);
    }
    command.output().unwrap()
}

/// A program of nothing but a script, as far as the image is concerned: it is linked with nothing.
fn static_one(folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, format!("#!/bin/sh\necho {name}\n")).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o700)).unwrap();
    file
}

/// What the layer holds: mode, owner and content by path.
fn entries(layout: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let json = |file: PathBuf| -> Value { serde_json::from_slice(&fs::read(file).unwrap()).unwrap() };
    let blob = |digest: &Value| layout.join("blobs/sha256").join(digest.as_str().unwrap().trim_start_matches("sha256:"));
    let manifest = json(blob(&json(layout.join("index.json"))["manifests"][0]["digest"]));
    let config = json(blob(&manifest["config"]["digest"]));
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/kopnams-images"]));
    let mut layer = tar::Archive::new(File::open(blob(&manifest["layers"][0]["digest"])).unwrap());
    let read = |entry: std::io::Result<tar::Entry<'_, File>>| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        let path = entry.path().unwrap().to_str().unwrap().trim_end_matches('/').to_owned();
        (path, (entry.header().mode().unwrap(), content))
    };
    layer.entries().unwrap().map(read).collect()
}

#[test]
fn a_second_program_stands_beside_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let restic = static_one(folder.path(), "restic");
    let layout = folder.path().join("layout");
    let output = make(Path::new(LINKED), &[&restic], &layout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("localhost/kopnams-images@sha256:"));

    let entries = entries(&layout);
    assert_eq!(entries["restic"], (0o755, fs::read(&restic).unwrap()), "whatever its mode was, everybody may run it");
    assert_eq!(entries["kopnams-images"].1, fs::read(LINKED).unwrap());
    assert!(entries.keys().any(|path| path.contains("libc.so")), "{:?}", entries.keys());
    // Nobody but root could write anything, and there is no folder for that.
    for (path, (mode, _)) in &entries {
        assert_eq!(mode & 0o022, 0, "{path} can be written: {mode:o}");
        assert_eq!(mode & 0o005, if *path == CERTIFICATES[1..] { 0o004 } else { 0o005 }, "{path} cannot be used: {mode:o}");
    }
    for folder in ["tmp", "var", "run", "home"] {
        assert!(!entries.contains_key(folder), "{folder} is there");
    }
    let certificates = entries.get(CERTIFICATES.trim_start_matches('/')).map(|(_, content)| content.clone());
    assert_eq!(certificates, fs::read(CERTIFICATES).ok(), "the authorities of this machine, where it has any");
}

#[test]
fn two_programs_of_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let like_the_first = static_one(folder.path(), "kopnams-images");
    let layout = folder.path().join("layout");
    let output = make(Path::new(LINKED), &[&like_the_first], &layout);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("two of the programs would be /kopnams-images"), "{said}");
    assert!(!layout.exists());
}

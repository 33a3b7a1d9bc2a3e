//! Layouts of folders made on the spot.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use kopnams_images::{Built, Config, Error, read_layout, write_layout};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A folder with everything that an image may hold.
fn fill(root: &Path) {
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    fs::create_dir_all(root.join("tmp")).unwrap();
    fs::set_permissions(root.join("tmp"), Permissions::from_mode(0o1777)).unwrap();
    fs::write(root.join("usr/bin/tool"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(root.join("usr/bin/tool"), Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(root.join("usr/bin/tool"), root.join("usr/bin/again")).unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    symlink("../nowhere", root.join("usr/dangling")).unwrap();
    let long = "x".repeat(120);
    fs::create_dir_all(root.join(&long)).unwrap();
    fs::write(root.join(&long).join("ā.txt"), "garš nosaukums").unwrap();
}

fn config() -> Config {
    Config {
        user: "33:33".to_owned(),
        entrypoint: vec!["/usr/bin/tool".to_owned()],
        cmd: vec!["serve".to_owned()],
        env: BTreeMap::from([("LANG".to_owned(), "lv_LV.UTF-8".to_owned())]),
        workdir: "/tmp".to_owned(),
        exposed_ports: vec!["8080/tcp".to_owned(), "8443/tcp".to_owned()],
        labels: (0..20).map(|n| (format!("label-{n}"), n.to_string())).collect(),
        time: 0,
    }
}

fn build(root: &Path, at: &Path) -> Built {
    write_layout(root, &config(), "localhost/tool:1", at).unwrap()
}

fn json(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn blob(layout: &Path, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let bytes = fs::read(layout.join("blobs/sha256").join(digest)).unwrap();
    assert_eq!(hex::encode(Sha256::digest(&bytes)), digest, "a blob is what its name says");
    assert_eq!(bytes.len() as u64, descriptor["size"].as_u64().unwrap());
    bytes
}

#[test]
fn the_same_content_has_the_same_digest_whenever_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    fill(&first);
    // In another order, at another time.
    fs::create_dir_all(second.join("x".repeat(120))).unwrap();
    fill(&second);
    File::open(second.join("usr/bin/tool")).unwrap().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    let (one, two) = (build(&first, &folder.path().join("one")), build(&second, &folder.path().join("two")));
    assert_eq!(one.digest, two.digest);
    assert_eq!(one.reference, format!("localhost/tool@{}", one.digest));

    fs::set_permissions(second.join("usr/bin/tool"), Permissions::from_mode(0o755)).unwrap();
    assert_ne!(build(&second, &folder.path().join("two")).digest, one.digest, "a mode is content");
    let other = Config { time: 1, ..config() };
    assert_ne!(write_layout(&first, &other, "localhost/tool:1", &folder.path().join("two")).unwrap().digest, one.digest);
}

#[test]
fn a_layout_read_back_holds_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (root, layout) = (folder.path().join("root"), folder.path().join("deep/er/layout"));
    fill(&root);
    let _listens = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    let built = build(&root, &layout);
    assert_eq!(read_layout(&layout).unwrap(), built);
    assert_eq!(json(&layout.join("oci-layout"))["imageLayoutVersion"], "1.0.0");

    let named = &json(&layout.join("index.json"))["manifests"][0];
    assert_eq!(named["annotations"]["io.containerd.image.name"], "localhost/tool:1");
    assert_eq!(named["digest"], built.digest);
    let manifest: Value = serde_json::from_slice(&blob(&layout, named)).unwrap();
    let content: Value = serde_json::from_slice(&blob(&layout, &manifest["config"])).unwrap();
    let layer = blob(&layout, &manifest["layers"][0]);
    assert_eq!(content["config"]["User"], "33:33");
    assert_eq!(content["config"]["Entrypoint"][0], "/usr/bin/tool");
    assert_eq!(content["config"]["Env"][1], "LANG=lv_LV.UTF-8");
    assert!(content["config"]["ExposedPorts"]["8443/tcp"].is_object());
    assert_eq!(content["created"], "1970-01-01T00:00:00Z");
    assert_eq!(content["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"], "it is not compressed");

    let unpacked = folder.path().join("unpacked");
    let mut archive = tar::Archive::new(layer.as_slice());
    archive.set_preserve_permissions(true);
    archive.unpack(&unpacked).unwrap();
    let of = |name: &str| fs::symlink_metadata(unpacked.join(name)).unwrap();
    assert_eq!(of("usr/bin/tool").mode() & 0o7777, 0o4755);
    assert_eq!(of("usr/bin/tool").ino(), of("usr/bin/again").ino(), "a hard link stays one");
    assert_eq!(of("tmp").mode() & 0o7777, 0o1777);
    assert_eq!(fs::read_link(unpacked.join("bin")).unwrap(), Path::new("usr/bin"));
    assert_eq!(fs::read_link(unpacked.join("usr/dangling")).unwrap(), Path::new("../nowhere"));
    assert_eq!(fs::read_to_string(unpacked.join("x".repeat(120)).join("ā.txt")).unwrap(), "garš nosaukums");
    assert!(!unpacked.join("socket").exists());

    let entries = tar::Archive::new(layer.as_slice());
    for entry in { entries }.entries().unwrap() {
        let entry = entry.unwrap();
        let here = fs::symlink_metadata(root.join(entry.path().unwrap())).unwrap();
        assert_eq!(entry.header().mtime().unwrap(), 0);
        assert_eq!((entry.header().uid().unwrap(), entry.header().gid().unwrap()), (here.uid().into(), here.gid().into()));
    }
}

#[test]
fn nothing_but_a_layout_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (root, mine) = (folder.path().join("root"), folder.path().join("mine"));
    fill(&root);
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("letter.txt"), "mine").unwrap();
    let refused = write_layout(&root, &config(), "localhost/tool:1", &mine).unwrap_err();
    assert!(matches!(refused, Error::Taken(_)), "{refused}");
    assert!(mine.join("letter.txt").exists());

    fs::write(root.join(".wh.usr"), "").unwrap();
    let refused = write_layout(&root, &config(), "localhost/tool:1", &folder.path().join("new")).unwrap_err();
    assert!(matches!(refused, Error::Entry { .. }), "{refused}");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing half made stays: {left:?}");
}

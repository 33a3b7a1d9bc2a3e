//! What a folder and a snapshot hold, name by name, so that the one can be held against the other.

use super::super::work::Class;
use super::failure::{Failure, Outcome};
use super::part::EMPTY;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Everything below a folder, by its path in it.
pub(crate) type Tree = BTreeMap<Vec<u8>, Node>;

/// One name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    kind: &'static str,
    /// Of a file.
    size: u64,
    /// Owner, group and others, and set-user, set-group and sticky; nothing of a link.
    mode: u32,
    /// Owner and group, where this process may give files away.
    owner: Option<(u32, u32)>,
}

/// A line of `restic ls --json`.
#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    message_type: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    mode: u32,
    #[serde(default)]
    uid: u32,
    #[serde(default)]
    gid: u32,
}

/// What a snapshot holds, from the lines of `restic ls --json`. Sockets are not restored, they are made by whoever listens.
pub(crate) fn listed<'a>(lines: impl Iterator<Item = &'a str>, owners: bool) -> Outcome<Tree> {
    let mut tree = Tree::new();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let node: Listed = serde_json::from_str(line)
            .map_err(|error| Failure::new(Class::Damaged, format!("A line of the part's list of files cannot be read: {error}.")))?;
        if node.message_type != "node" {
            continue;
        }
        let path = node.path.trim_start_matches('/').as_bytes().to_vec();
        let kind = match node.r#type.as_str() {
            "file" => "file",
            "dir" => "dir",
            "symlink" => "symlink",
            "fifo" => "fifo",
            "dev" => "dev",
            "chardev" => "chardev",
            _ => continue,
        };
        if path == EMPTY.as_bytes() {
            continue;
        }
        // Go keeps these three above the permissions.
        let special = [(1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000)];
        let special: u32 = special.iter().filter(|(go, _)| node.mode & go != 0).map(|(_, unix)| unix).sum();
        let mode = if kind == "symlink" { 0 } else { node.mode & 0o777 | special };
        let size = if kind == "file" { node.size } else { 0 };
        tree.insert(path, Node { kind, size, mode, owner: owners.then_some((node.uid, node.gid)) });
    }
    Ok(tree)
}

/// What a folder holds, without the `lost+found` that file systems make.
pub(crate) fn found(folder: &Path, owners: bool) -> std::io::Result<Tree> {
    let mut tree = Tree::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            let at = path.strip_prefix(folder).unwrap_or(&path).as_os_str().as_bytes().to_vec();
            if at == b"lost+found" {
                continue;
            }
            let meta = fs::symlink_metadata(&path)?;
            let is = meta.file_type();
            let kind = match () {
                () if is.is_dir() => "dir",
                () if is.is_symlink() => "symlink",
                () if is.is_fifo() => "fifo",
                () if is.is_socket() => "socket",
                () if is.is_block_device() => "dev",
                () if is.is_char_device() => "chardev",
                () => "file",
            };
            if kind == "dir" {
                folders.push(path);
            }
            let mode = if kind == "symlink" { 0 } else { meta.mode() & 0o7777 };
            let size = if kind == "file" { meta.size() } else { 0 };
            tree.insert(at, Node { kind, size, mode, owner: owners.then(|| (meta.uid(), meta.gid())) });
        }
    }
    Ok(tree)
}

/// Files and their bytes.
pub(crate) fn sums(tree: &Tree) -> (u64, u64) {
    tree.values().filter(|node| node.kind == "file").fold((0, 0), |(files, bytes), node| (files + 1, bytes + node.size))
}

/// How many names differ, and in what the first does. Names themselves are not told: they can be those of people.
pub(crate) fn difference(held: &Tree, found: &Tree) -> Option<String> {
    let missing = held.keys().filter(|path| !found.contains_key(*path)).count();
    let unknown = found.keys().filter(|path| !held.contains_key(*path)).count();
    let other: Vec<_> = held.iter().filter_map(|(path, node)| found.get(path).filter(|&is| is != node).map(|is| (node, is))).collect();
    if missing + unknown + other.len() == 0 {
        return None;
    }
    let first = other.first().map(|(node, is)| format!(" The first of these should be {node:?} and is {is:?}.")).unwrap_or_default();
    Some(format!("{missing} names are missing, {unknown} should not be there and {} differ.{first}", other.len()))
}

/// Goes into a hash over all parts that were compared.
pub(crate) fn hash(hash: &mut Sha256, part: &str, tree: &Tree) {
    hash.update(format!("{part} {}\n", tree.len()));
    for (path, node) in tree {
        hash.update(u64::try_from(path.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(path);
        hash.update(format!("{node:?}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"time":"2026-11-25T20:27:09Z","tree":"40","message_type":"snapshot"}
{"name":"a","type":"file","path":"/a","uid":0,"gid":0,"size":3,"mode":420,"message_type":"node"}
{"name":"s","type":"dir","path":"/s","uid":0,"gid":0,"mode":2148532735,"message_type":"node"}
{"name":"sock","type":"socket","path":"/sock","uid":0,"gid":0,"mode":16777709,"message_type":"node"}
{"name":".kopnams-empty","type":"dir","path":"/.kopnams-empty","mode":2147484141,"message_type":"node"}"#;

    #[test]
    fn a_folder_is_held_against_a_list() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), "hi\n").unwrap();
        fs::set_permissions(at("a"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::create_dir(at("s")).unwrap();
        fs::create_dir(at("lost+found")).unwrap();
        fs::set_permissions(at("s"), fs::Permissions::from_mode(0o1777)).unwrap();
        let held = listed(LIST.lines(), false).unwrap();
        let compare = || difference(&held, &found(folder.path(), false).unwrap());
        assert_eq!(compare(), None);
        assert_eq!(sums(&held), (1, 3));
        fs::write(at("secret name"), "").unwrap();
        let told = compare().unwrap();
        assert!(told.contains("1 should not be there") && !told.contains("secret"), "{told}");
        fs::remove_file(at("secret name")).unwrap();
        fs::write(at("a"), "ho!!").unwrap();
        assert!(compare().unwrap().contains("1 differ"));
        fs::remove_file(at("a")).unwrap();
        assert!(compare().unwrap().contains("1 names are missing"));
    }
}

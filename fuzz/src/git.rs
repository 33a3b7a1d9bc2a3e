//! Reading trees of a git repository in which one object is the input.

use anyhow::{Context, Result};
use ids::{BLOB, COMMIT, INPUT, SUBTREE, path_of};
use kopnams::request::read::git::{Snapshot, open};
use kopnams::request::read::layout::{self, Layout};
use std::path::PathBuf;
use std::sync::LazyLock;
use tempfile::TempDir;

/// The names of the objects; nobody compares them with their contents when they are read.
mod ids {
    pub const COMMIT: &str = "1111111111111111111111111111111111111111";
    pub const INPUT: &str = "2222222222222222222222222222222222222222";
    pub const SUBTREE: &str = "3333333333333333333333333333333333333333";
    pub const BLOB: &str = "4444444444444444444444444444444444444444";

    pub fn path_of(id: &str) -> String {
        format!("objects/{}/{}", &id[..2], &id[2..])
    }
}

/// A bare repository with a commit, whose tree is the input, a folder and a file.
struct Repository {
    folder: TempDir,
}

pub fn run(input: &[u8]) -> Result<()> {
    static REPOSITORY: LazyLock<Result<Repository, String>> = LazyLock::new(|| Repository::make().map_err(|error| format!("{error:#}")));
    let repository = REPOSITORY.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
    // What is packed by git itself, as a tree, or the packed bytes themselves.
    match input.split_first() {
        Some((b'z', packed)) => repository.write(INPUT, packed)?,
        Some((_, tree)) => repository.write(INPUT, &packed("tree", tree)?)?,
        None => return Ok(()),
    }
    let opened = open(repository.folder.path())?;
    let Ok(taken) = Snapshot::take(&opened, COMMIT) else { return Ok(()) };
    if let Ok(tree) = taken.read() {
        let _ = layout::check(&taken, &[PathBuf::new()], Layout::Auto, &tree);
    }
    Ok(())
}

impl Repository {
    fn make() -> Result<Self> {
        let folder = tempfile::tempdir().context("no folder for a repository")?;
        let made = Self { folder };
        for name in ["objects", "refs"] {
            std::fs::create_dir(made.folder.path().join(name))?;
        }
        std::fs::write(made.folder.path().join("HEAD"), "ref: refs/heads/main\n")?;
        std::fs::write(made.folder.path().join("config"), "[core]\n\trepositoryformatversion = 0\n\tbare = true\n")?;
        let who = "test <test@example.lv> 0 +0000";
        let commit = format!("tree {INPUT}\nauthor {who}\ncommitter {who}\n\nx\n");
        made.write(COMMIT, &packed("commit", commit.as_bytes())?)?;
        let mut subtree = b"100644 majaslapa.yaml\0".to_vec();
        subtree.extend([0x44; 20]);
        made.write(SUBTREE, &packed("tree", &subtree)?)?;
        let request = include_bytes!("../../examples/requests/municipalities/kuldigas-novads/majaslapa.yaml");
        made.write(BLOB, &packed("blob", request)?)?;
        Ok(made)
    }

    fn write(&self, id: &str, bytes: &[u8]) -> Result<()> {
        let file = self.folder.path().join(path_of(id));
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))
    }
}

/// An object as it lies in a repository: a zlib stream (RFC 1950) of blocks that are stored as they are.
fn packed(kind: &str, content: &[u8]) -> Result<Vec<u8>> {
    let mut object = format!("{kind} {}\0", content.len()).into_bytes();
    object.extend_from_slice(content);
    let mut packed = vec![0x78, 0x01];
    let blocks = object.chunks(usize::from(u16::MAX));
    let last = blocks.len() - 1;
    for (number, block) in blocks.enumerate() {
        let length = u16::try_from(block.len())?;
        packed.push(u8::from(number == last));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend_from_slice(block);
    }
    let (a, b) = object.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    packed.extend(((b << 16) | a).to_be_bytes());
    Ok(packed)
}

//! A folder as the one layer of an image: a tar whose bytes depend on nothing but the folder's content.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use walkdir::WalkDir;

use crate::{Doing, Error, Result};

/// What was written: its SHA-256 in hex and its size in bytes.
pub(crate) struct Written {
    pub(crate) sha256: String,
    pub(crate) size: u64,
}

/// Writes the folder's content, itself excluded, with all times set to `time`.
pub(crate) fn write(root: &Path, time: u32, file: &Path) -> Result<Written> {
    let out = File::create(file).doing("make", file)?;
    let mut tar = Builder::new(Hashing { out: io::BufWriter::with_capacity(1 << 20, out), hash: Sha256::new(), size: 0 });
    let mut first_names = HashMap::new();
    for entry in WalkDir::new(root).min_depth(1).sort_by_file_name() {
        let entry =
            entry.map_err(|error| Error::Io { doing: "read", path: error.path().unwrap_or(root).to_owned(), source: error.into() })?;
        append(&mut tar, root, entry.path(), time, &mut first_names)?;
    }
    let mut hashing = tar.into_inner().doing("write", file)?;
    hashing.out.flush().doing("write", file)?;
    Ok(Written { sha256: hex::encode(hashing.hash.finalize()), size: hashing.size })
}

fn append<W: Write>(
    tar: &mut Builder<W>,
    root: &Path,
    path: &Path,
    time: u32,
    first_names: &mut HashMap<(u64, u64), PathBuf>,
) -> Result<()> {
    let name = path.strip_prefix(root).unwrap_or(path);
    let entry = |why| Error::Entry { path: name.to_owned(), why };
    if name.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".wh.")) {
        return Err(entry("whoever unpacks it takes a name that starts with .wh. for a removal"));
    }
    let metadata = fs::symlink_metadata(path).doing("read", path)?;
    let kind = metadata.file_type();
    if kind.is_block_device() || kind.is_char_device() || kind.is_socket() {
        // A container gets devices of its own, and nobody listens on a socket that was copied.
        return Ok(());
    }
    let mut header = Header::new_gnu();
    header.set_mode(metadata.mode() & 0o7777);
    header.set_uid(metadata.uid().into());
    header.set_gid(metadata.gid().into());
    header.set_mtime(time.into());
    header.set_size(0);
    if kind.is_dir() {
        header.set_entry_type(EntryType::Directory);
        return tar.append_data(&mut header, name, io::empty()).doing("pack", path);
    }
    if kind.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        let target = fs::read_link(path).doing("read", path)?;
        return tar.append_link(&mut header, name, target).doing("pack", path);
    }
    if metadata.nlink() > 1 {
        let first = first_names.entry((metadata.dev(), metadata.ino())).or_insert_with(|| name.to_owned());
        if first != name {
            header.set_entry_type(EntryType::Link);
            return tar.append_link(&mut header, name, first).doing("pack", path);
        }
    }
    if kind.is_fifo() {
        header.set_entry_type(EntryType::Fifo);
        return tar.append_data(&mut header, name, io::empty()).doing("pack", path);
    }
    header.set_size(metadata.len());
    let mut content = BufReader::with_capacity(1 << 18, File::open(path).doing("open", path)?).take(metadata.len());
    tar.append_data(&mut header, name, &mut content).doing("pack", path)?;
    // Whatever has been cut short would shift all that follows it.
    if content.limit() == 0 { Ok(()) } else { Err(entry("it became shorter while it was read")) }
}

/// Counts and hashes what passes.
struct Hashing<W> {
    out: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

//! axe-core, which knows the rules of accessibility: one file of its npm package, by version and checksum, in the cache.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha512};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = "4.14.1";
/// The package's SHA-512, as the registry and every lock file has it.
const CHECKSUM: &str = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==";

/// The script; none, loudly, where it can be had neither from the cache nor by npm, which in CI is an error.
pub fn script() -> Option<String> {
    let cache = std::env::var_os("KOPNAMS_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/kopnams")));
    let folder = cache.expect("neither KOPNAMS_CACHE nor HOME is set").join(format!("axe-core-{VERSION}"));
    let file = folder.join("axe.min.js");
    if !file.is_file()
        && let Err(error) = fetch(&folder)
    {
        crate::kit::skipped(&format!("the rules of accessibility: {error}"));
        return None;
    }
    Some(fs::read_to_string(file).unwrap())
}

fn fetch(folder: &Path) -> Result<(), String> {
    let beside = folder.parent().unwrap();
    fs::create_dir_all(beside).unwrap();
    let making = tempfile::tempdir_in(beside).unwrap();
    let run = |command: &mut Command| {
        let output = command.current_dir(making.path()).output().map_err(|error| format!("{command:?}: {error}"))?;
        if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))) }
    };
    run(Command::new("npm").args(["pack", "--silent", "--ignore-scripts", &format!("axe-core@{VERSION}")]))?;
    let package = format!("axe-core-{VERSION}.tgz");
    let sum = BASE64_STANDARD.encode(Sha512::digest(fs::read(making.path().join(&package)).map_err(|error| error.to_string())?));
    assert_eq!(sum, CHECKSUM, "{package} is not what it was");
    run(Command::new("tar").args([
        "--extract",
        "--gzip",
        "--file",
        &package,
        "--strip-components=1",
        "package/axe.min.js",
        "package/LICENSE",
    ]))?;
    fs::remove_file(making.path().join(&package)).map_err(|error| error.to_string())?;
    // Whoever was first has made the same.
    if fs::rename(making.path(), folder).is_err() && !folder.join("axe.min.js").is_file() {
        return Err(format!("{} cannot be made", folder.display()));
    }
    Ok(())
}

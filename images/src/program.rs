//! Programs as an image: they, and the libraries that they were linked with, in an otherwise empty root.

use crate::recipe::{Error, Result};
use kopnams_images::{Built, Config, write_layout};
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::iter;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Nobody in particular, by number, so that the kubelet can tell that it is not root.
const USER: &str = "65532:65532";

/// The certificates of public authorities where Debian has them, and where programs in Rust and Go look for them.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Makes an image `localhost/<program's name>` whose entrypoint is the program, with further programs beside it as `/<their name>`.
///
/// The public authorities' certificates of this machine are in it too, if it has any: a server that backups go to may have one
/// of theirs. Nothing in the image can be written, and there is no folder to write to: whoever needs one mounts it.
pub fn build(program: &Path, with: &[PathBuf], out: &Path) -> Result<Built> {
    let root = tempfile::tempdir().map_err(io("make a folder", &std::env::temp_dir()))?;
    let mut taken = BTreeSet::new();
    for program in iter::once(program).chain(with.iter().map(PathBuf::as_path)) {
        let place = Path::new("/").join(name_of(program)?);
        if !taken.insert(place.clone()) {
            let said = format!("two of the programs would be {}: rename one", place.display());
            return Err(Error::Program { doing: "making the image".into(), program: "kopnams-images", said });
        }
        for library in libraries(program)? {
            copy(&library, root.path(), &library, 0o755)?;
        }
        copy(program, root.path(), &place, 0o755)?;
    }
    if Path::new(CERTIFICATES).is_file() {
        copy(Path::new(CERTIFICATES), root.path(), Path::new(CERTIFICATES), 0o644)?;
    }
    fs::set_permissions(root.path(), Permissions::from_mode(0o755)).map_err(io("make readable", root.path()))?;
    let name = name_of(program)?;
    let config = Config { user: USER.into(), entrypoint: vec![format!("/{name}")], ..Config::default() };
    Ok(write_layout(root.path(), &config, &format!("localhost/{name}:built"), out)?)
}

fn name_of(program: &Path) -> Result<&str> {
    let name = program.file_name().and_then(|name| name.to_str());
    name.ok_or_else(|| Error::Program {
        doing: "making the image".into(),
        program: "kopnams-images",
        said: format!("{} is no program's name", program.display()),
    })
}

/// A file in the root, in folders that everybody may enter and only root could write, were the root not read-only.
fn copy(from: &Path, root: &Path, to: &Path, mode: u32) -> Result<()> {
    let to = root.join(to.strip_prefix("/").unwrap_or(to));
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(io("make the folder", folder))?;
        for above in folder.ancestors().take_while(|above| *above != root) {
            fs::set_permissions(above, Permissions::from_mode(0o755)).map_err(io("make readable", above))?;
        }
    }
    fs::copy(from, &to).map_err(io("copy", from))?;
    fs::set_permissions(&to, Permissions::from_mode(mode)).map_err(io("make readable", &to))
}

/// The shared libraries of a program, as the loader finds them; none of a static one.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().map_err(io("run ldd for", program))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() && !String::from_utf8_lossy(&output.stderr).contains("not a dynamic executable") {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Error::Program { doing: format!("reading what {} is linked with", program.display()), program: "ldd", said });
    }
    // `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`, and the loader itself without an arrow.
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from);
    Ok(said.lines().filter_map(path).collect())
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { doing, path, source }
}

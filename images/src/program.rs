//! One program as an image: the program and the libraries that it was linked with, in an otherwise empty root.

use crate::recipe::{Error, Result};
use kopnams_images::{Built, Config, write_layout};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Nobody in particular, by number, so that the kubelet can tell that it is not root.
const USER: &str = "65532:65532";

/// Makes an image `localhost/<program's name>` whose entrypoint is the program.
pub fn build(program: &Path, out: &Path) -> Result<Built> {
    let name = program.file_name().and_then(|name| name.to_str()).unwrap_or("program");
    let root = tempfile::tempdir().map_err(io("make a folder", &std::env::temp_dir()))?;
    for (from, to) in
        libraries(program)?.into_iter().map(|library| (library.clone(), library)).chain([(program.to_owned(), Path::new("/").join(name))])
    {
        let to = root.path().join(to.strip_prefix("/").unwrap_or(&to));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(io("make the folder", folder))?;
        }
        fs::copy(&from, &to).map_err(io("copy", &from))?;
        fs::set_permissions(&to, Permissions::from_mode(0o755)).map_err(io("make readable", &to))?;
    }
    fs::set_permissions(root.path(), Permissions::from_mode(0o755)).map_err(io("make readable", root.path()))?;
    let config = Config { user: USER.into(), entrypoint: vec![format!("/{name}")], ..Config::default() };
    Ok(write_layout(root.path(), &config, &format!("localhost/{name}:built"), out)?)
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

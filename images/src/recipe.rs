//! Recipes: how an image is made from Debian packages and a few files.

pub mod entry;
mod root;

use kopnams_images::{Built, Config, read_layout, write_layout};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Counted up when the same recipe gives another image: an older cache is not used then.
const FORMAT: &str = "1";

/// Why an image or an entry could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be handled.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was being done, as it follows "cannot".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is no recipe, no entry or no publiccode.yml.
    #[error("{}: {why}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to write instead.
        why: String,
    },
    /// The machine cannot build images.
    #[error("{0}")]
    Machine(&'static str),
    /// A program has failed; what it said last.
    #[error("{doing} has failed ({program}):\n{said}")]
    Program {
        /// What was being done.
        doing: String,
        /// The program.
        program: &'static str,
        /// The last lines of its output.
        said: String,
    },
    /// The layout could not be written.
    #[error(transparent)]
    Layout(#[from] kopnams_images::Error),
}

/// The result of a step.
pub type Result<T> = std::result::Result<T, Error>;

/// Adds what was being done to an error of the system.
trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { doing, path: path.to_owned(), source })
    }
}

fn invalid(path: &Path, why: impl Into<String>) -> Error {
    Error::Invalid { path: path.to_owned(), why: why.into() }
}

/// A recipe: `recipe.yaml` in a folder, beside the files that it names.
#[derive(Debug)]
pub struct Recipe {
    /// The name of the folder, and of the image.
    pub name: String,
    folder: PathBuf,
    steps: Steps,
}

/// What `recipe.yaml` says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Steps {
    /// The Debian release; absent: the one that this machine runs.
    suite: Option<String>,
    /// Packages beside the few that a Debian needs to be one. Recommended ones are not installed.
    packages: Vec<String>,
    /// Files and folders that are copied after the packages are installed.
    #[serde(default)]
    files: Vec<Copied>,
    /// A shell script in the recipe's folder that runs last, as root inside the image and without network.
    setup: Option<String>,
    /// `user:group` as numbers, so that the kubelet can check that it is not root.
    user: String,
    #[serde(default)]
    entrypoint: Vec<String>,
    #[serde(default)]
    cmd: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    workdir: String,
}

/// A file or folder of the recipe and its place in the image.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copied {
    from: String,
    to: String,
    /// The mode of each file, as octal digits; absent: 0644. Folders are 0755, the owner is root.
    mode: Option<String>,
}

impl Recipe {
    /// Reads the recipe in a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let file = folder.join("recipe.yaml");
        let text = fs::read_to_string(&file).doing("read", &file)?;
        let steps: Steps = serde_yaml::from_str(&text).map_err(|error| invalid(&file, error.to_string()))?;
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c));
        if !word(&name) || name.contains('+') {
            return Err(invalid(folder, "the folder's name becomes the image's: write small letters, digits and hyphens"));
        }
        if let Some(bad) = steps.packages.iter().find(|package| !word(package)) {
            return Err(invalid(&file, format!("{bad:?} is no package's name")));
        }
        if steps.suite.as_deref().is_some_and(|suite| !word(suite)) {
            return Err(invalid(&file, "suite is a Debian release, such as bookworm"));
        }
        let numeric = |text: &str| text.parse::<u32>().is_ok_and(|id| id > 0);
        if !steps.user.split_once(':').is_some_and(|(user, group)| numeric(user) && numeric(group)) {
            return Err(invalid(&file, "user is two numbers above zero, such as \"33:33\": nothing in the catalogue runs as root"));
        }
        for copied in &steps.files {
            copied.check().map_err(|why| invalid(&file, why))?;
        }
        Ok(Self { name, folder: folder.to_owned(), steps })
    }

    /// What the image depends on, as a short hash: the recipe, its files and the release.
    fn key(&self, suite: &str) -> Result<String> {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        };
        add(FORMAT.as_bytes());
        add(suite.as_bytes());
        add(std::env::consts::ARCH.as_bytes());
        for file in files_below(&self.folder)? {
            add(file.strip_prefix(&self.folder).unwrap_or(&file).as_os_str().as_encoded_bytes());
            add(&fs::read(&file).doing("read", &file)?);
        }
        Ok(short(hash))
    }

    fn config(&self) -> Config {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Config {
            user: self.steps.user.clone(),
            entrypoint: self.steps.entrypoint.clone(),
            cmd: self.steps.cmd.clone(),
            env: self.steps.env.clone(),
            workdir: self.steps.workdir.clone(),
            // A web server makes a file's ETag of its time, so each build has another.
            time: u32::try_from(now).unwrap_or(u32::MAX),
            ..Config::default()
        }
    }
}

impl Copied {
    fn check(&self) -> std::result::Result<(), String> {
        let inside = |path: &str| !path.is_empty() && !path.split('/').any(|part| part == "..");
        if !inside(&self.from) || self.from.starts_with('/') {
            return Err(format!("from: {:?} is not in the recipe's folder", self.from));
        }
        if !inside(&self.to) || !self.to.starts_with('/') {
            return Err(format!("to: {:?} is no absolute path", self.to));
        }
        self.mode().map(drop).ok_or_else(|| "mode is octal in quotes, such as \"0755\", without setuid bits".to_owned())
    }

    fn mode(&self) -> Option<u32> {
        let Some(digits) = &self.mode else { return Some(0o644) };
        u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o777)
    }
}

/// Builds images and keeps what it built.
pub struct Builder {
    cache: PathBuf,
    fresh: bool,
    suite: String,
    /// Two builds at once would make the same root; the second waits. Freed with the builder.
    _lock: File,
}

impl Builder {
    /// A builder with its cache folder; `fresh` uses nothing that is in it.
    pub fn new(cache: PathBuf, fresh: bool) -> Result<Self> {
        let suite = root::check_machine()?;
        fs::create_dir_all(&cache).doing("make the folder", &cache)?;
        let file = cache.join("lock");
        let lock = File::create(&file).doing("write", &file)?;
        if lock.try_lock().is_err() {
            eprintln!("waiting for another build to end");
            lock.lock().doing("lock", &file)?;
        }
        Ok(Self { cache, fresh, suite, _lock: lock })
    }

    /// Builds the image unless it was built before, and puts it into the folder `out` as an OCI layout.
    pub fn build(&self, recipe: &Recipe, out: &Path) -> Result<Built> {
        let began = Instant::now();
        let suite = recipe.steps.suite.as_deref().unwrap_or(&self.suite);
        let key = recipe.key(suite)?;
        let kept = self.cache.join(format!("{}-{key}", recipe.name));
        let known = if self.fresh { None } else { read_layout(&kept).ok() };
        let how = if known.is_some() { "as built before" } else { "built" };
        if known.is_none() {
            let packages = root::packages(&self.cache, suite, &recipe.steps.packages, self.fresh)?;
            let made = root::finish(recipe, &packages)?;
            eprintln!("{}: writing the image", recipe.name);
            write_layout(made.path(), &recipe.config(), &format!("localhost/kopnams/{}:{key}", recipe.name), &kept)?;
        }
        place(&kept, out)?;
        let built = read_layout(out)?;
        eprintln!("{}: {how}, {:.1} s, {}", recipe.name, began.elapsed().as_secs_f32(), built.digest);
        Ok(built)
    }
}

/// Puts the kept layout into its place, whole: as hard links where the file system allows it.
fn place(kept: &Path, out: &Path) -> Result<()> {
    let parent = out.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).doing("make the folder", parent)?;
    if out.exists() {
        // Only a layout is replaced.
        read_layout(out)?;
        fs::remove_dir_all(out).doing("remove", out)?;
    }
    let making = tempfile::Builder::new().prefix(".image-").tempdir_in(parent).doing("make a folder in", parent)?;
    for file in files_below(kept)? {
        let to = making.path().join(file.strip_prefix(kept).unwrap_or(&file));
        let folder = to.parent().unwrap_or(making.path());
        fs::create_dir_all(folder).doing("make the folder", folder)?;
        if fs::hard_link(&file, &to).is_err() {
            fs::copy(&file, &to).doing("write", &to)?;
        }
    }
    fs::set_permissions(making.path(), fs::Permissions::from_mode(0o755)).doing("open", making.path())?;
    let made = making.keep();
    fs::rename(&made, out).doing("move the image to", out)
}

/// All files below a folder, sorted; symbolic links are refused, so that a recipe is what its folder holds.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| invalid(folder, error.to_string()))?;
        if entry.path_is_symlink() {
            return Err(invalid(entry.path(), "a recipe holds no symbolic links; make them in the setup script"));
        }
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

fn short(hash: Sha256) -> String {
    let mut text = hex::encode(hash.finalize());
    text.truncate(16);
    text
}

//! Labs that stay after the command that started them: `lab up` and `lab down`.
//!
//! What runs is recorded in `labs/<name>/state.json` of the cache. A recorded process is touched only if its command line
//! names the lab's folder.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::binaries::Binaries;
use crate::control_plane::ControlPlane;
use crate::error::{Doing, Error, Result};
use crate::guard::Afterwards;
use crate::node::{Node, NodeOptions, sweep};
use crate::options::LabOptions;
use crate::places::{cache, make, write};
use crate::process::{Lifetime, kill_group, runs_in};

/// A lab that stays.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Where its data, certificates and logs are.
    pub folder: PathBuf,
    /// Where its API server answers.
    pub server: String,
    /// The names and process ids of its components.
    pub processes: Vec<(String, u32)>,
    /// Its node, if it has one.
    #[serde(default)]
    pub node: Option<Node>,
}

/// Whether [`up`] had something to do.
#[derive(Debug, Clone)]
pub enum Up {
    /// The lab was started.
    Started(Standing),
    /// It ran already.
    Running(Standing),
}

/// How a recorded lab is.
#[derive(Debug, Clone)]
pub struct Health {
    /// What was recorded.
    pub lab: Standing,
    /// The components that have ended; none when all is well.
    pub ended: Vec<String>,
}

impl Standing {
    /// The admin's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    fn ended(&self) -> Vec<String> {
        let gone = |(_, pid): &&(String, u32)| !runs_in(*pid, &self.folder);
        self.processes.iter().filter(gone).map(|(name, _)| name.clone()).collect()
    }
}

/// Starts a lab that stays, or finds that it runs. One of which a component has ended is removed and started anew.
/// `folder` must be missing or empty; [`down`] removes it. With `node` pods run on it; a lab that runs stays as it is.
pub fn up(name: &str, folder: Option<&Path>, node: Option<NodeOptions>) -> Result<Up> {
    let home = home(name)?;
    make(&home)?;
    let lock = File::create(home.join("lock")).doing(|| format!("open the lock of lab {name:?}"))?;
    lock.lock().doing(|| format!("lock lab {name:?}"))?;
    if let Some(lab) = read(&home)? {
        if lab.ended().is_empty() {
            return Ok(Up::Running(lab));
        }
        end(&lab)?;
        forget(&home)?;
    }
    let binaries = Binaries::ensure()?;
    let folder = folder.map_or_else(|| home.join("run"), Path::to_owned);
    make(&folder)?;
    let folder = folder.canonicalize().doing(|| format!("find {}", folder.display()))?;
    let mut inside = fs::read_dir(&folder).doing(|| format!("read the folder {}", folder.display()))?;
    if inside.next().is_some() {
        return Err(Error::Invalid(format!(
            "the folder {} is not empty: a lab needs one of its own, which is removed when the lab ends",
            folder.display()
        )));
    }
    let options = LabOptions { node, ..LabOptions::default() };
    let plane = ControlPlane::start(&folder, &binaries, &options, Lifetime::Standing, Afterwards::Remove)?;
    let lab =
        Standing { name: name.to_owned(), folder, server: plane.server_url(), processes: plane.processes(), node: plane.node().cloned() };
    let state =
        serde_json::to_string_pretty(&lab).map_err(|error| Error::Invalid(format!("the lab's state cannot be written: {error}")))?;
    write(&home.join("state.json"), state + "\n")?;
    plane.leave()?;
    Ok(Up::Started(lab))
}

/// Ends a standing lab and removes its folder. `None` if there is none of that name.
pub fn down(name: &str) -> Result<Option<Standing>> {
    let home = home(name)?;
    if !home.exists() {
        return Ok(None);
    }
    let lock = File::create(home.join("lock")).doing(|| format!("open the lock of lab {name:?}"))?;
    lock.lock().doing(|| format!("lock lab {name:?}"))?;
    let Some(lab) = read(&home)? else {
        return Ok(None);
    };
    end(&lab)?;
    forget(&home)?;
    Ok(Some(lab))
}

/// A standing lab and how it is. `None` if there is none of that name.
pub fn find(name: &str) -> Result<Option<Health>> {
    Ok(read(&home(name)?)?.map(|lab| Health { ended: lab.ended(), lab }))
}

/// All standing labs by name.
pub fn all() -> Result<Vec<Health>> {
    let labs = cache()?.join("labs");
    let entries = match fs::read_dir(&labs) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.doing(|| format!("read the folder {}", labs.display()))?,
    };
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let mut found = Vec::new();
    for name in names {
        found.extend(find(&name)?);
    }
    Ok(found)
}

/// A name that can stand in a path: small letters, digits and hyphens.
pub fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 40 || name.starts_with('-') || !name.chars().all(plain) {
        return Err(Error::Invalid(format!("{name:?} cannot be the name of a lab: use 1 to 40 small letters, digits and hyphens")));
    }
    Ok(())
}

fn home(name: &str) -> Result<PathBuf> {
    check_name(name)?;
    Ok(cache()?.join("labs").join(name))
}

fn read(home: &Path) -> Result<Option<Standing>> {
    let file = home.join("state.json");
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.doing(|| format!("read {}", file.display()))?,
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| Error::Invalid(format!("{} cannot be understood ({error}): remove it if no such lab runs", file.display())))
}

/// Kills what is recorded and still belongs to the lab, and removes the folder.
fn end(lab: &Standing) -> Result<()> {
    for (_, pid) in lab.processes.iter().rev() {
        if runs_in(*pid, &lab.folder) {
            kill_group(*pid);
        }
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while lab.processes.iter().any(|(_, pid)| runs_in(*pid, &lab.folder)) {
        if Instant::now() > deadline {
            return Err(Error::Invalid(format!("the lab {:?} has been killed but its processes do not end", lab.name)));
        }
        sleep(Duration::from_millis(20));
    }
    if lab.node.is_some() {
        sweep();
    }
    match fs::remove_dir_all(&lab.folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).doing(|| format!("remove the folder {}", lab.folder.display())),
        _ => Ok(()),
    }
}

fn forget(home: &Path) -> Result<()> {
    fs::remove_file(home.join("state.json")).doing(|| format!("remove the state in {}", home.display()))
}

//! `kopnams request-page`: a static site on which clerks fill their requests in.

use super::language::Spoken;
use super::screen::{self, Screen};
use super::validate;
use crate::request::check::Definitions;
use crate::request::read;
use crate::review::review;
use crate::site::forge::{Forge, Kind};
use crate::site::{self, Files};
use anyhow::{Context, Result, bail, ensure};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// Make a web page on which clerks fill their requests in.
///
/// Reads the platform's objects and writes a static site: a page for each system in Latvian and English, with a form that
/// is made from the entry's parameters and checked in the browser as `kopnams validate` checks. The page shows the request
/// as YAML, opens the forge's editor with it, or downloads it. It asks no other server for anything; any web server can
/// serve it, and it opens from a folder too.
///
/// What --catalogue names must be in order: whatever is wrong with it is printed and nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kopnams request-page --catalogue examples/platform --out site
  kopnams request-page --catalogue examples/platform --out site --forge github --repository pasvaldibas/pieprasijumi
  kopnams request-page --catalogue examples/platform --out site --forge forgejo --forge-url https://git.example.lv \\
    --repository pasvaldibas/pieprasijumi --branch main

Exit codes: 0 written, 1 the catalogue has findings, 2 wrong usage or something could not be read or written.")]
pub struct RequestPage {
    /// Files and folders with the platform's objects: municipalities, data classes, systems.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    catalogue: Vec<PathBuf>,
    /// The folder of the site; made if it is missing. One that holds something else is left alone.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The forge that holds the repository of requests.
    #[arg(long, value_enum, default_value = "none")]
    forge: ForgeName,
    /// Where the forge is, for example `https://git.example.lv`; for GitHub its own address if it is left out.
    #[arg(long, value_name = "URL")]
    forge_url: Option<String>,
    /// The repository of requests on the forge.
    #[arg(long, value_name = "OWNER/NAME")]
    repository: Option<String>,
    /// The branch that requests are for.
    #[arg(long, default_value = "main")]
    branch: String,
    #[command(flatten)]
    spoken: Spoken,
}

/// A forge as the command line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ForgeName {
    None,
    Kind(Kind),
}

impl ValueEnum for ForgeName {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::None, Self::Kind(Kind::Github), Self::Kind(Kind::Gitea), Self::Kind(Kind::GiteaOld), Self::Kind(Kind::Forgejo)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::None => PossibleValue::new("none").help("No button; the file is downloaded"),
            Self::Kind(Kind::Github) => PossibleValue::new("github").help("GitHub"),
            Self::Kind(Kind::Gitea) => PossibleValue::new("gitea").help("Gitea 1.25 or newer"),
            Self::Kind(Kind::GiteaOld) => PossibleValue::new("gitea-1.24").help("Gitea up to 1.24"),
            Self::Kind(Kind::Forgejo) => PossibleValue::new("forgejo").help("Forgejo"),
        })
    }
}

/// Lies in a site that this command has made and lists its files, so that another run takes away what is no longer made.
const MARKER: &str = ".kopnams-request-page";

impl RequestPage {
    /// Runs the command.
    pub fn run(self) -> Result<u8> {
        let forge = self.forge()?;
        let mut tree = read::read(&self.catalogue)?;
        tree.documents.retain(|document| !document.is_request());
        let review = review(&tree, None, &Definitions::compile()?, Timestamp::now());
        if review.is_refused() {
            screen::print(&validate::text(&review, self.spoken.language(), Screen::stdout())).context("cannot write the output")?;
            return Ok(super::REFUSED);
        }
        let named = self.catalogue.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        ensure!(review.register.systems().next().is_some(), "there is no HostedSystem in {named}, so there is nothing to ask for");
        let files = site::build(&review.register, forge.as_ref())?;
        write(&self.out, &files)?;
        let pages = files.keys().filter(|path| Path::new(path).extension().is_some_and(|end| end == "html")).count();
        screen::print(&format!("{pages} pages in {}; begin with {}\n", self.out.display(), self.out.join("index.html").display()))
            .context("cannot write the output")?;
        Ok(super::FINE)
    }

    fn forge(&self) -> Result<Option<Forge>> {
        let ForgeName::Kind(kind) = self.forge else {
            ensure!(self.forge_url.is_none() && self.repository.is_none(), "--forge-url and --repository need --forge beside them");
            return Ok(None);
        };
        let url = match (&self.forge_url, kind) {
            (Some(url), _) => url,
            (None, Kind::Github) => "https://github.com",
            (None, _) => bail!("where is the forge? write --forge-url, for example --forge-url https://git.example.lv"),
        };
        let Some(repository) = &self.repository else {
            bail!("which repository? write --repository OWNER/NAME, for example --repository pasvaldibas/pieprasijumi");
        };
        Ok(Some(Forge::new(kind, url, repository, &self.branch)?))
    }
}

/// Writes a site into a folder that is missing, empty, or was written by this command.
pub fn write(out: &Path, files: &Files) -> Result<()> {
    let before = earlier(out)?;
    let stale: Vec<&String> = before.iter().filter(|path| !files.contains_key(*path)).collect();
    // Whatever happens from here on, everything that may be there is listed.
    mark(out, before.iter().chain(files.keys()))?;
    for (path, bytes) in files {
        put(&out.join(path), bytes)?;
    }
    for path in stale {
        match fs::remove_file(out.join(path)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(|| format!("cannot remove {path}")),
            _ => {}
        }
    }
    mark(out, files.keys())
}

/// The files that an earlier run has made; an error if the folder holds something else.
fn earlier(out: &Path) -> Result<BTreeSet<String>> {
    fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    match fs::read_to_string(out.join(MARKER)) {
        Ok(list) => Ok(list.lines().filter(|line| is_inside(line)).map(str::to_string).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut entries = fs::read_dir(out).with_context(|| format!("cannot read {}", out.display()))?;
            ensure!(
                entries.next().is_none(),
                "{} holds something that this command has not written; name an empty folder, or one that it has written before",
                out.display()
            );
            Ok(BTreeSet::new())
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", out.join(MARKER).display())),
    }
}

/// Whether a path stays in the folder.
fn is_inside(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

fn mark<'a>(out: &Path, paths: impl Iterator<Item = &'a String>) -> Result<()> {
    let paths: BTreeSet<&String> = paths.collect();
    put(&out.join(MARKER), paths.into_iter().fold(String::new(), |list, path| list + path + "\n").as_bytes())
}

/// A file is there as it was or as it is now, never in part.
fn put(file: &Path, bytes: &[u8]) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{}", std::process::id()));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&beside, bytes)).and_then(|()| fs::rename(&beside, file));
    written.with_context(|| format!("cannot write {}", file.display()))
}

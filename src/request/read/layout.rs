//! The layout of a requests repository: `municipalities/<slug>/<app>.yaml` holds one request, the one of that
//! municipality and of that name, and nothing else lies there.
//!
//! Who may change what follows from the folder, so the folder has to say whose a file is. What the reading passes over,
//! such as hidden files and other extensions, is looked at too: another program might read it.

use super::files::ReadError;
use super::folders::{Entry, Folders, Kind};
use super::{Code, Document, End, Finding, Tree, parse};
use crate::request::GROUP;
use crate::request::names::{APP_NAME_MAX, SLUG_MAX, is_slug};
use crate::request::said::Said;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// The folder that has a layout.
pub const FOLDER: &str = "municipalities";
/// An empty file that may lie in it.
const KEEPER: &str = ".gitkeep";

/// Whether the layout is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Where a path is, holds or lies in a folder `municipalities` in which folders or requests lie.
    #[default]
    Auto,
    /// So too, and it is an error if there is no such folder.
    On,
    /// Nowhere.
    Off,
}

/// Checks the layout below the named paths; what was read there is taken from the tree.
///
/// Fails when a folder cannot be read, and with [`Layout::On`] when there is none to check.
pub fn check(folders: &dyn Folders, paths: &[PathBuf], layout: Layout, tree: &Tree) -> Result<Vec<Finding>, ReadError> {
    if layout == Layout::Off {
        return Ok(Vec::new());
    }
    let broken = tree.findings.iter().map(|finding| &*finding.file).collect();
    let mut check = Check { folders, documents: HashMap::new(), broken, found: Vec::new(), seen: false };
    for document in &tree.documents {
        check.documents.entry(&document.file).or_default().push(document);
    }
    for path in paths {
        check.path(path)?;
    }
    if layout == Layout::On && !check.seen {
        return Err(ReadError::NoLayout);
    }
    Ok(check.found)
}

struct Check<'a> {
    folders: &'a dyn Folders,
    documents: HashMap<&'a str, Vec<&'a Document>>,
    /// Files of which it is said already that they cannot be read.
    broken: HashSet<&'a str>,
    found: Vec<Finding>,
    seen: bool,
}

impl Check<'_> {
    /// A path as it was named: it holds the folder, is it, or lies in it.
    fn path(&mut self, path: &Path) -> Result<(), ReadError> {
        let mut names: Vec<&OsStr> = Vec::new();
        for part in path.components() {
            match part {
                Component::Normal(name) => names.push(name),
                Component::ParentDir => drop(names.pop()),
                _ => {}
            }
        }
        let inside = names.iter().rposition(|name| *name == FOLDER).map(|at| &names[at + 1..]);
        let kind = self.folders.kind(path)?;
        match inside {
            // A clone may itself lie in a folder that is named so.
            _ if self.folders.is_folder(&path.join(FOLDER)) => self.root(path),
            Some([]) if self.folders.is_folder(path) => self.folder(path, kind),
            Some([slug]) if self.folders.is_folder(path) => self.municipality(path, slug, kind),
            Some([_]) if self.holds_requests(path) => {
                self.stray(path);
                Ok(())
            }
            Some([slug, _]) => self.in_municipality(path, slug, kind),
            None if self.folders.is_folder(path) => self.root(path),
            _ => Ok(()),
        }
    }

    /// A folder that may hold `municipalities`.
    fn root(&mut self, path: &Path) -> Result<(), ReadError> {
        for Entry { name, path, kind } in self.folders.entries(path)? {
            if name == FOLDER && self.folders.is_folder(&path) {
                self.folder(&path, kind)?;
            } else if name.eq_ignore_ascii_case(FOLDER) && self.folders.is_folder(&path) {
                let named = shown(&name);
                self.whole(
                    &path,
                    Said::both(
                        format!("the folder is named {named}; write {FOLDER} in lower case"),
                        format!("mapes nosaukums ir {named}; rakstiet {FOLDER} ar mazajiem burtiem"),
                    ),
                );
            }
        }
        Ok(())
    }

    /// The folder `municipalities` itself.
    fn folder(&mut self, path: &Path, kind: Kind) -> Result<(), ReadError> {
        let entries = self.folders.entries(path)?;
        // A platform's folder has the Municipality objects in one that is named so.
        if !entries.iter().any(|entry| self.folders.is_folder(&entry.path) || self.holds_requests(&entry.path)) {
            return Ok(());
        }
        self.seen = true;
        if kind == Kind::Link {
            self.whole(
                path,
                Said::both(
                    format!("{FOLDER} is a symbolic link; make it a folder of the repository itself"),
                    format!("{FOLDER} ir simboliskā saite; izveidojiet to kā paša repozitorija mapi"),
                ),
            );
        }
        for Entry { name, path, kind } in entries {
            if self.folders.is_folder(&path) {
                self.municipality(&path, &name, kind)?;
            } else if name == KEEPER && kind == Kind::File && self.folders.content(&path)?.is_empty() {
                // It keeps the folder when the last request goes: git has no empty folders, and Flux takes nothing back where
                // there is none.
            } else {
                self.stray(&path);
            }
        }
        Ok(())
    }

    /// Whether a file was read and holds a request.
    fn holds_requests(&self, file: &Path) -> bool {
        let documents = self.documents.get(&*file.display().to_string());
        documents.is_some_and(|documents| documents.iter().any(|document| document.kind() == "MunicipalityApp"))
    }

    /// A file that lies beside the municipalities' folders.
    fn stray(&mut self, file: &Path) {
        self.seen = true;
        let message = Said::both(
            format!("only a folder for each municipality lies in {FOLDER}; put a request into {FOLDER}/<slug>/, anything else elsewhere"),
            format!(
                "mapē {FOLDER} drīkst būt tikai pašvaldību mapes; pieprasījumu ielieciet mapē {FOLDER}/<īsais nosaukums>/, visu pārējo citur"
            ),
        );
        self.whole(file, message);
    }

    /// The folder of one municipality.
    fn municipality(&mut self, path: &Path, slug: &OsStr, kind: Kind) -> Result<(), ReadError> {
        self.seen = true;
        if kind == Kind::Link {
            let message = Said::both(
                "this is a symbolic link; make it a folder and put the requests themselves into it",
                "šī ir simboliskā saite; izveidojiet mapi un ielieciet tajā pašus pieprasījumus",
            );
            self.whole(path, message);
            return Ok(());
        }
        if !slug.to_str().is_some_and(|slug| is_slug(slug, SLUG_MAX)) {
            let slug = shown(slug);
            let message = Said::both(
                format!(
                    "{slug} is not a municipality's slug; write lower-case letters without diacritics, digits and single hyphens, for example {FOLDER}/kuldigas-novads"
                ),
                format!(
                    "{slug} nevar būt pašvaldības īsais nosaukums; rakstiet mazos burtus bez diakritiskajām zīmēm, ciparus un atsevišķas defises, piemēram, {FOLDER}/kuldigas-novads"
                ),
            );
            self.whole(path, message);
            return Ok(());
        }
        for Entry { path, kind, .. } in self.folders.entries(path)? {
            self.in_municipality(&path, slug, kind)?;
        }
        Ok(())
    }

    /// What lies in the folder of a municipality.
    fn in_municipality(&mut self, path: &Path, slug: &OsStr, kind: Kind) -> Result<(), ReadError> {
        self.seen = true;
        let slug = slug.to_string_lossy();
        if kind == Kind::Link {
            self.whole(
                path,
                Said::both(
                    "this is a symbolic link; put the request itself here",
                    "šī ir simboliskā saite; ielieciet šeit pašu pieprasījumu",
                ),
            );
        } else if kind == Kind::Folder {
            self.whole(
                path,
                Said::both(
                    format!("no folder lies in {FOLDER}/{slug}; put each request directly into it, as {FOLDER}/{slug}/<app>.yaml"),
                    format!(
                        "mapē {FOLDER}/{slug} nedrīkst būt citu mapju; ielieciet katru pieprasījumu tieši tajā, kā {FOLDER}/{slug}/<lietotne>.yaml"
                    ),
                ),
            );
        } else if kind != Kind::File {
            self.whole(path, Said::both("this is not an ordinary file; remove it", "šis nav parasts fails; izdzēsiet to"));
        } else if let Some(app) = self.app_named(path) {
            self.file(path, &slug, &app)?;
        }
        Ok(())
    }

    /// The app after which a file is named.
    fn app_named(&mut self, path: &Path) -> Option<String> {
        let name = path.file_name().unwrap_or_default();
        let text = name.to_str().unwrap_or_default();
        let (stem, extension) = text.rsplit_once('.').unwrap_or((text, ""));
        if extension == "yaml" && is_slug(stem, APP_NAME_MAX) {
            return Some(stem.to_string());
        }
        let lower = stem.to_lowercase();
        let requested = ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known));
        let named = shown(name);
        let message = match (requested, is_slug(&lower, APP_NAME_MAX)) {
            (true, true) => Said::both(
                format!("the file is named {named}; name it {lower}.yaml, with the request in YAML"),
                format!("faila nosaukums ir {named}; pārdēvējiet to par {lower}.yaml un rakstiet pieprasījumu YAML formātā"),
            ),
            (true, false) => Said::both(
                format!("the file is named {named}; name it as metadata.name says, for example majaslapa.yaml"),
                format!("faila nosaukums ir {named}; nosauciet to tā, kā rakstīts laukā metadata.name, piemēram, majaslapa.yaml"),
            ),
            (false, _) => Said::both(
                format!("{named} is not a request; only <app>.yaml files lie here, so put it elsewhere or remove it"),
                format!("{named} nav pieprasījums; šeit drīkst būt tikai <lietotne>.yaml faili, tāpēc pārvietojiet to citur vai izdzēsiet"),
            ),
        };
        self.whole(path, message);
        None
    }

    /// A file that is named after an app.
    fn file(&mut self, path: &Path, slug: &str, app: &str) -> Result<(), ReadError> {
        let name = path.display().to_string();
        if let Some(documents) = self.documents.get(&*name) {
            let found = contents(documents, slug, app);
            self.found.extend(found);
            return Ok(());
        }
        if self.broken.contains(&*name) {
            return Ok(());
        }
        // It was read under another name, by a link, or it is empty.
        let bytes = self.folders.content(path)?;
        let (documents, broken) = parse(&name, 0, &bytes);
        let found = contents(&documents.iter().collect::<Vec<_>>(), slug, app);
        self.found.extend(found);
        if documents.is_empty() && broken.is_empty() {
            self.whole(
                path,
                Said::both(
                    "the file is empty; write one request into it, or remove it",
                    "fails ir tukšs; ierakstiet tajā vienu pieprasījumu vai izdzēsiet to",
                ),
            );
        }
        Ok(())
    }

    /// A finding about a file or folder as a whole.
    fn whole(&mut self, path: &Path, Said { en, lv }: Said) {
        let file = path.display().to_string().into();
        let (object, inside) = (String::new(), String::new());
        self.found.push(Finding {
            file,
            line: 1,
            column: 1,
            code: Code::LayoutInvalid,
            object,
            path: inside,
            message: en,
            latvian: lv,
            fix: None,
        });
    }
}

/// What is wrong with the documents of a file that lies in its place.
fn contents(documents: &[&Document], slug: &str, app: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let Some((first, others)) = documents.split_first() else {
        return found;
    };
    let mut reject = |document: &Document, path: &str, message: Said| found.push(document.finding(Code::LayoutInvalid, path, message));
    if first.listed {
        let message = Said::both(
            "the request stands in a list; write it as a document of its own, beginning with apiVersion",
            "pieprasījums ir sarakstā; rakstiet to kā atsevišķu dokumentu, kas sākas ar apiVersion",
        );
        reject(first, "", message);
    }
    // Whatever else is in a file of several, only that has to be said.
    if let Some(second) = others.first() {
        let line = second.place.find("", End::Key).line;
        let message = Said::both(
            format!("a file holds one request, and a second document begins in line {line}; put it into a file of its own"),
            format!("failā drīkst būt tikai viens pieprasījums, bet {line}. rindā sākas otrs dokuments; ielieciet to savā failā"),
        );
        reject(second, "", message);
        return found;
    }
    if !first.is_request() {
        let (kind, kind_lv) = (first.told_kind(), first.told_kind_lv());
        let message = Said::both(
            format!("{FOLDER}/{slug} holds requests only, MunicipalityApp of {GROUP}, and this is {kind}; put it elsewhere"),
            format!(
                "mapē {FOLDER}/{slug} drīkst būt tikai pieprasījumi (MunicipalityApp, {GROUP}), bet šis ir {kind_lv}; pārvietojiet to citur"
            ),
        );
        reject(first, "/kind", message);
        return found;
    }
    // Where they are missing, that is said already.
    let namespace = first.namespace();
    if !namespace.is_empty() && namespace != slug {
        let message = Said::both(
            format!(
                "the file lies in {FOLDER}/{slug} and the request is of {namespace}; write namespace: {slug}, or ask in {FOLDER}/{namespace}"
            ),
            format!(
                "fails ir mapē {FOLDER}/{slug}, bet pieprasījums ir pašvaldībai {namespace}; rakstiet namespace: {slug} vai pārvietojiet failu uz {FOLDER}/{namespace}"
            ),
        );
        reject(first, "/metadata/namespace", message);
    }
    let name = first.name();
    if !name.is_empty() && name != app {
        let message = Said::both(
            format!("the file is named {app}.yaml and the request {name}; rename the file to {name}.yaml, or write name: {app}"),
            format!("faila nosaukums ir {app}.yaml, bet pieprasījuma — {name}; pārdēvējiet failu par {name}.yaml vai rakstiet name: {app}"),
        );
        reject(first, "/metadata/name", message);
    }
    found
}

/// A name as it can be printed: control characters would do something to a terminal.
fn shown(name: &OsStr) -> String {
    format!("`{}`", name.to_string_lossy().escape_debug())
}

#[cfg(test)]
mod tests;

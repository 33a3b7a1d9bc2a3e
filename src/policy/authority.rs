//! Whether somebody may make a change, by the rules that were there before it. Pure.
//!
//! Whose a file is follows from its folder, byte by byte: a name that only looks like a municipality's, in other letters or
//! another case, is the platform's. What cannot be told is refused.

use crate::request::access::{Access, FILE, Owner, Person};
use crate::request::read::folders::Kind;
use crate::request::read::layout::FOLDER;
use crate::request::read::touched::Touched;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Component, Path};

/// What a second person has to agree to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Grave {
    /// The municipality.
    pub municipality: String,
    /// The app.
    pub app: String,
    /// Why, in plain words.
    pub why: String,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The rules, from before the change.
    pub access: &'a Access,
    /// Whoever made it.
    pub author: &'a Person,
    /// Whoever agreed to it.
    pub approvers: &'a [Person],
    /// What it touches.
    pub touched: &'a [Touched],
    /// What of it is grave.
    pub grave: &'a [Grave],
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// It may be merged as it is.
    pub allowed: bool,
    /// What the author may not do, each with who may.
    pub refused: Vec<Refusal>,
    /// What a second person has to agree to before it may be merged.
    pub awaits: Vec<Awaited>,
    /// Whose requests are touched, and `platform` if anything else is.
    pub areas: Vec<String>,
}

/// Something that the author may not do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Refusal {
    /// The file or folder.
    pub path: String,
    /// Why, in plain words.
    pub why: String,
    /// Who may.
    pub owners: Vec<String>,
}

/// Something that a second person has to agree to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Awaited {
    /// What.
    #[serde(flatten)]
    pub grave: Grave,
    /// One of whom.
    pub owners: Vec<String>,
}

/// Whose something is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Area<'a> {
    Platform,
    Municipality(&'a str),
}

/// Whose a path is.
fn area<'a>(access: &'a Access, path: &Path) -> Area<'a> {
    let mut parts = path.components();
    let first = parts.next().map(Component::as_os_str);
    if first != Some(OsStr::new(FOLDER)) {
        return Area::Platform;
    }
    let second = parts.next().and_then(|part| part.as_os_str().to_str());
    let known = second.and_then(|slug| access.municipalities.get_key_value(slug));
    known.map_or(Area::Platform, |(slug, _)| Area::Municipality(slug))
}

fn owners<'a>(access: &'a Access, area: &Area<'_>) -> &'a [Owner] {
    match area {
        Area::Platform => &access.platform,
        Area::Municipality(slug) => access.municipalities.get(*slug).map_or(&[], Vec::as_slice),
    }
}

fn named(owners: &[Owner]) -> Vec<String> {
    owners.iter().map(ToString::to_string).collect()
}

/// Decides whether a change may be made.
#[must_use]
pub fn decide(question: &Question<'_>) -> Answer {
    let Question { access, author, approvers, touched, grave } = *question;
    let is_admin = author.is_of(&access.platform);
    let mut refused = Vec::new();
    let mut areas: BTreeSet<String> = BTreeSet::new();
    for one in touched {
        let area = area(access, &one.path);
        let path = one.path.display().to_string();
        let (name, owned) = match &area {
            Area::Platform => ("platform", is_admin),
            // Admins own what is the platform's; what a municipality asks for they may mend, too.
            Area::Municipality(slug) => (*slug, is_admin || author.is_of(owners(access, &area))),
        };
        areas.insert(name.to_owned());
        if !owned {
            let why = match (&area, path.as_str()) {
                (Area::Municipality(slug), _) => format!("it is of {slug}, and {} is not one of its owners", shown(author)),
                (Area::Platform, FILE) => format!("{FILE} says who may change what, so only the platform's admins change it"),
                (Area::Platform, path) if path.starts_with(&format!("{FOLDER}/")) => {
                    format!("{FILE} knows no such municipality, so this is the platform's")
                }
                (Area::Platform, _) => "it is the platform's".to_owned(),
            };
            refused.push(Refusal { path: path.clone(), why, owners: named(owners(access, &area)) });
            continue;
        }
        // In a municipality's folder there are files only, whoever put something else there.
        if let (Area::Municipality(_), Some(kind)) = (&area, one.after)
            && matches!(kind, Kind::Link | Kind::Other)
        {
            let what = if kind == Kind::Link { "a symbolic link" } else { "a submodule, or no ordinary file" };
            refused.push(Refusal { path: path.clone(), why: format!("it is {what}; put the request itself here"), owners: Vec::new() });
        }
        if !is_admin {
            let foreign = one.foreign.iter();
            refused.extend(foreign.map(|why| Refusal { path: path.clone(), why: why.clone(), owners: named(&access.platform) }));
        }
    }
    let mut awaits = Vec::new();
    for grave in grave {
        let area = access.municipalities.get_key_value(&grave.municipality).map_or(Area::Platform, |(slug, _)| Area::Municipality(slug));
        let may: Vec<Owner> = owners(access, &area).iter().chain(&access.platform).cloned().collect();
        let agreed = approvers.iter().any(|person| person.login() != author.login() && person.is_of(&may));
        if !agreed {
            let mut owners = named(&may);
            owners.dedup();
            awaits.push(Awaited { grave: grave.clone(), owners });
        }
    }
    refused.sort();
    awaits.sort();
    let allowed = refused.is_empty() && awaits.is_empty();
    Answer { allowed, refused, awaits, areas: areas.into_iter().collect() }
}

fn shown(person: &Person) -> String {
    if person.login().is_empty() { "nobody".into() } else { format!("@{}", person.login()) }
}

#[cfg(test)]
mod tests;

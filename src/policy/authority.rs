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

mod why;

pub use why::{GraveWhy, Why};

/// What a second person has to agree to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Grave {
    /// The municipality.
    pub municipality: String,
    /// The app.
    pub app: String,
    /// Why, in plain words.
    #[schemars(with = "String")]
    pub why: GraveWhy,
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
    #[schemars(with = "String")]
    pub why: Why,
    /// Who may, or may agree to it; nobody may where nobody is named.
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
    // What an owner agrees to is as good as the owner's own.
    let by =
        |owners: &[Owner]| author.is_of(owners) || approvers.iter().any(|person| person.login() != author.login() && person.is_of(owners));
    let is_admin = by(&access.platform);
    let mut refused = Vec::new();
    let mut areas: BTreeSet<String> = BTreeSet::new();
    for one in touched {
        let area = area(access, &one.path);
        let path = one.path.display().to_string();
        let (name, owned) = match &area {
            Area::Platform => ("platform", is_admin),
            // Admins own what is the platform's; what a municipality asks for they may mend, too.
            Area::Municipality(slug) => (*slug, is_admin || by(owners(access, &area))),
        };
        areas.insert(name.to_owned());
        if !owned {
            let why = match (&area, path.as_str()) {
                (Area::Municipality(slug), _) => Why::NotOwner { slug: (*slug).to_owned(), author: author.login().to_owned() },
                (Area::Platform, FILE) => Why::Rules,
                (Area::Platform, path) if path.starts_with(&format!("{FOLDER}/")) => Why::NoMunicipality,
                (Area::Platform, _) => Why::Platform,
            };
            refused.push(Refusal { path: path.clone(), why, owners: named(owners(access, &area)) });
            continue;
        }
        // In a municipality's folder there are files only, whoever put something else there.
        if let (Area::Municipality(_), Some(kind)) = (&area, one.after)
            && matches!(kind, Kind::Link | Kind::Other)
        {
            let why = if kind == Kind::Link { Why::Link } else { Why::NoFile };
            refused.push(Refusal { path: path.clone(), why, owners: Vec::new() });
        }
        for foreign in &one.foreign {
            let may = if foreign.is_the_platforms() { named(&access.platform) } else { Vec::new() };
            if may.is_empty() || !is_admin {
                refused.push(Refusal { path: path.clone(), why: Why::Foreign(foreign.clone()), owners: may });
            }
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

#[cfg(test)]
mod tests;

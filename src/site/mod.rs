//! The request page: the platform's objects in, the files of a static site out. Pure.
//!
//! A page for each system says what it is and what it asks for, and has a form that is made from the entry's parameter
//! schema. Scripts in the browser write the request and check it; what they know, [`facts`] reads out of the same
//! definitions and objects by which `kopnams validate` decides.

pub mod facts;
pub mod forge;
mod form;
mod index;
mod page;
mod pattern;
mod request;
mod rules;
mod sample;
pub mod schema;
mod system;
mod texts;
mod words;

use crate::policy::catalogue::Entry;
use crate::policy::{Amounts, AppKey, Register};
use crate::request::class::DataClassSpec;
use crate::request::explain::Language;
use crate::request::names::{APP_NAME_MAX, is_slug};
use crate::request::quantity::QuantityError;
use crate::request::{HostedSystemSpec, Title};
use forge::Forge;
use page::Frame;
use std::collections::BTreeMap;
use words::Both;

/// The site's files, each by its path within the site.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Scripts, style and icon, as they lie beside the code.
const ASSETS: [(&str, &str); 8] = [
    ("assets/check.js", include_str!("assets/check.js")),
    ("assets/yaml.js", include_str!("assets/yaml.js")),
    ("assets/forge.js", include_str!("assets/forge.js")),
    ("assets/fields.js", include_str!("assets/fields.js")),
    ("assets/page.js", include_str!("assets/page.js")),
    ("assets/index.js", include_str!("assets/index.js")),
    ("assets/style.css", include_str!("assets/style.css")),
    ("assets/icon.svg", include_str!("assets/icon.svg")),
];

/// Why the site cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// An amount of the platform's objects.
    #[error(transparent)]
    Amount(#[from] QuantityError),
    /// A definition of this release that cannot be told to a browser.
    #[error("{0} cannot be written down for the browser; this is a fault of this release")]
    Definition(&'static str),
    /// A sample that cannot be written.
    #[error("the sample request for {0} cannot be written")]
    Sample(String),
}

/// A system that can be asked for, with everything that its page speaks of.
struct Subject<'a> {
    name: &'a str,
    entry: &'a Entry,
    spec: &'a HostedSystemSpec,
    class: &'a DataClassSpec,
    register: &'a Register,
    allotments: &'a [Amounts],
    /// A name for the app in the sample and in hints.
    sample_app: String,
}

impl Subject<'_> {
    fn maintainer(&self, language: Language) -> &str {
        let lead = self.register.municipality(&self.spec.maintainer);
        lead.map_or(Both("platformas administratori", "the platform's admins").of(language), |tenant| titled(&tenant.spec.title, language))
    }

    /// Slugs and names of the municipalities, by name.
    fn municipalities(&self, language: Language) -> Vec<(&str, &str)> {
        let all = self.register.municipalities().filter(|(_, tenant)| tenant.problems.is_empty() && !tenant.terminating);
        let mut all: Vec<_> = all.map(|(slug, tenant)| (slug.as_str(), titled(&tenant.spec.title, language))).collect();
        all.sort_by_key(|(slug, title)| (sorted(title), *slug));
        all
    }

    /// The sizes, the smallest first.
    fn sizes(&self) -> Vec<&String> {
        let mut sizes: Vec<_> = self.spec.sizes.iter().collect();
        sizes.sort_by_key(|(name, size)| (size.cpu.millis().unwrap_or(0), size.memory.bytes().unwrap_or(0), *name));
        sizes.into_iter().map(|(name, _)| name).collect()
    }

    /// The classes that are stricter than the system's own, the least strict first.
    fn stricter(&self) -> Vec<(&str, &DataClassSpec)> {
        let names = self.register.class_names().into_iter();
        let all = names.filter_map(|name| Some((name, &*self.register.class(name)?.spec)));
        all.filter(|(_, class)| class.rank > self.class.rank).collect()
    }
}

const fn titled(title: &Title, language: Language) -> &str {
    match language {
        Language::Lv => title.lv.as_str(),
        Language::En => title.en.as_str(),
    }
}

/// Stands after the letter of which a letter with a mark is made: above every letter and digit of ASCII.
const SOFTENED: char = '\u{7f}';

/// A key that puts names into the order of the Latvian alphabet: a consonant with its mark is a letter of its own and
/// comes after the one without; a long vowel stands with the short one.
fn sorted(text: &str) -> String {
    const LONG: [(char, char); 4] = [('ā', 'a'), ('ē', 'e'), ('ī', 'i'), ('ū', 'u')];
    const SOFT: [(char, char); 7] = [('č', 'c'), ('ģ', 'g'), ('ķ', 'k'), ('ļ', 'l'), ('ņ', 'n'), ('š', 's'), ('ž', 'z')];
    let of = |list: &[(char, char)], letter: char| list.iter().find(|(marked, _)| *marked == letter).map(|(_, plain)| *plain);
    let mut key = String::new();
    for letter in text.to_lowercase().chars() {
        key.push(of(&LONG, letter).or_else(|| of(&SOFT, letter)).unwrap_or(letter));
        if of(&SOFT, letter).is_some() {
            key.push(SOFTENED);
        }
    }
    key
}

/// A name for an app, made of a system's Latvian one: its words without marks, as many as fit.
fn app_named(title: &str) -> String {
    let letters: String = sorted(title).chars().filter(|c| *c != SOFTENED).collect();
    let mut name = String::new();
    for word in letters.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let longer = if name.is_empty() { word.to_string() } else { format!("{name}-{word}") };
        if longer.len() > APP_NAME_MAX {
            break;
        }
        name = longer;
    }
    let key = AppKey::new("", name.as_str());
    if is_slug(&name, APP_NAME_MAX) && !key.is_drill() { name } else { "lietotne".into() }
}

/// What an area of work is called; the catalogue's own word if it is not known here.
fn category(name: &str, language: Language) -> &str {
    const KNOWN: [(&str, Both); 10] = [
        ("administration", Both("lietvedība", "administration")),
        ("civil-protection", Both("civilā aizsardzība", "civil protection")),
        ("communication", Both("saziņa ar iedzīvotājiem", "communication")),
        ("culture", Both("kultūra", "culture")),
        ("customer-service", Both("klientu apkalpošana", "customer service")),
        ("education", Both("izglītība", "education")),
        ("finance", Both("finanses", "finance")),
        ("governance", Both("domes darbs", "governance")),
        ("social-care", Both("sociālā palīdzība", "social care")),
        ("spatial-planning", Both("teritorijas plānošana", "spatial planning")),
    ];
    KNOWN.iter().find(|(known, _)| *known == name).map_or(name, |(_, text)| text.of(language))
}

/// Where a system's page lies in a language.
fn place(name: &str, language: Language) -> String {
    match language {
        Language::Lv => own(name, language),
        Language::En => format!("en/{}", own(name, language)),
    }
}

/// The same within the folder of its language.
fn own(name: &str, language: Language) -> String {
    match language {
        Language::Lv => format!("sistemas/{name}.html"),
        Language::En => format!("systems/{name}.html"),
    }
}

/// Makes the site of what can be asked for. What has a problem is left out: nothing of it would be granted.
///
/// # Errors
/// When an amount cannot be read, or a definition of this release cannot be told to a browser.
pub fn build(register: &Register, forge: Option<&Forge>) -> Result<Files, SiteError> {
    let mut files: Files = ASSETS.iter().map(|(path, text)| ((*path).to_string(), text.as_bytes().to_vec())).collect();
    files.insert("assets/platform.js".into(), facts::script("platform", &facts::platform(register, forge)?));
    let allotments = register
        .municipalities()
        .filter(|(_, tenant)| tenant.problems.is_empty())
        .map(|(_, tenant)| Amounts::of_allotment(&tenant.spec.allotment))
        .collect::<Result<Vec<_>, _>>()?;
    let mut subjects = Vec::new();
    for (name, entry) in register.systems().filter(|(_, entry)| entry.problems.is_empty()) {
        if let Some(class) = register.class(&entry.spec.data_class).filter(|class| class.problems.is_empty()) {
            let sample_app = app_named(&entry.spec.title.lv);
            subjects.push(Subject { name, entry, spec: &entry.spec, class: &class.spec, register, allotments: &allotments, sample_app });
        }
    }
    for subject in &subjects {
        let name = subject.name;
        files.insert(format!("facts/{name}.js"), facts::script("system", &facts::system(name, subject.entry)?));
        files.insert(format!("paraugi/{name}.yaml"), sample::sample(subject)?.into_bytes());
        for (language, other) in [(Language::Lv, Language::En), (Language::En, Language::Lv)] {
            let frame = Frame { language, other: &own(name, other), depth: 1 };
            files.insert(place(name, language), system::page(subject, &frame)?);
        }
    }
    for (language, path, code) in [(Language::Lv, "index.html", "lv"), (Language::En, "en/index.html", "en")] {
        let frame = Frame { language, other: "index.html", depth: 0 };
        files.insert(path.into(), index::page(&subjects, &frame));
        files.insert(format!("assets/words-{code}.js"), facts::script("words", &words::spoken(language)));
    }
    Ok(files)
}

#[cfg(test)]
mod tests;

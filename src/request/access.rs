//! `access.yaml`: who may change what in a repository of requests.
//!
//! ```yaml
//! platform: ["@digitalais-centrs/platforma"]
//! municipalities:
//!   kuldigas-novads: ["@kuldiga/it"]
//! twoPeople: {removals: true, dataClasses: [special]}
//! ```

use crate::request::names::{SLUG_MAX, is_slug};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Where it lies in the repository.
pub const FILE: &str = "access.yaml";

/// Who may change what. What belongs to no municipality belongs to the platform: also this file, workflows and the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Access {
    /// The platform's admins.
    pub platform: Vec<Owner>,
    /// The owners of each municipality's requests, by its slug.
    #[serde(default)]
    pub municipalities: BTreeMap<String, Vec<Owner>>,
    /// What a second person has to agree to.
    #[serde(default)]
    pub two_people: TwoPeople,
}

/// What a second person has to agree to: an owner of the municipality or of the platform who is not the author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TwoPeople {
    /// Apps that are removed.
    #[serde(default = "yes")]
    pub removals: bool,
    /// Apps whose data is of one of these classes, or was.
    #[serde(default = "special")]
    pub data_classes: Vec<String>,
}

const fn yes() -> bool {
    true
}

fn special() -> Vec<String> {
    vec!["special".into()]
}

impl Default for TwoPeople {
    fn default() -> Self {
        Self { removals: yes(), data_classes: special() }
    }
}

/// A person or a team, as CODEOWNERS writes them: `@login` or `@organisation/team`. Forges tell no upper from lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Owner(String);

impl TryFrom<String> for Owner {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let named = |name: &str| {
            let inside = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !name.is_empty() && name.len() <= 100 && name.chars().all(inside)
        };
        let parts: Vec<&str> = text.strip_prefix('@').unwrap_or_default().split('/').collect();
        if parts.len() <= 2 && parts.iter().all(|part| named(part)) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(format!("`{text}` is no owner; write @login for a person or @organisation/team for a team"))
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> Self {
        owner.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Somebody who changes something or agrees to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    login: String,
    teams: Vec<String>,
}

impl Person {
    /// A person with the teams that it is in, each as `organisation/team`; a leading `@` is passed over.
    #[must_use]
    pub fn new(login: &str, teams: &[String]) -> Self {
        let plain = |text: &str| text.trim().trim_start_matches('@').to_ascii_lowercase();
        Self { login: plain(login), teams: teams.iter().map(|team| plain(team)).collect() }
    }

    /// The login, in lower case.
    #[must_use]
    pub fn login(&self) -> &str {
        &self.login
    }

    /// Whether it is one of these owners, itself or by a team.
    #[must_use]
    pub fn is_of(&self, owners: &[Owner]) -> bool {
        owners.iter().any(|owner| {
            let name = owner.0.trim_start_matches('@');
            if name.contains('/') { self.teams.iter().any(|team| team == name) } else { !self.login.is_empty() && self.login == name }
        })
    }
}

impl Access {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it, in plain words.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| format!("{FILE} is not UTF-8 text"))?;
        let access: Self = serde_yaml::from_str(text).map_err(|error| format!("{FILE} cannot be read: {error}"))?;
        if access.platform.is_empty() {
            return Err(format!("{FILE} names no platform admin; write for example platform: [\"@organisation/team\"]"));
        }
        for (slug, owners) in &access.municipalities {
            if !is_slug(slug, SLUG_MAX) {
                return Err(format!(
                    "{FILE} names the municipality `{slug}`, which is no slug; write it as its folder, for example kuldigas-novads"
                ));
            }
            if owners.is_empty() {
                return Err(format!("{FILE} names nobody for {slug}; write its owners, or leave it out, so that the platform owns it"));
            }
        }
        Ok(access)
    }

    /// The same as a forge's CODEOWNERS, in which the last line that fits decides.
    #[must_use]
    pub fn codeowners(&self) -> String {
        let line = |path: &str, owners: &[Owner]| {
            let owners: Vec<&str> = owners.iter().map(|owner| owner.0.as_str()).collect();
            format!("{path} {}\n", owners.join(" "))
        };
        let mut out = format!("# Made from {FILE} by `kopnams codeowners`; change that, and make this anew.\n");
        out.push_str(&line("*", &self.platform));
        for (slug, owners) in &self.municipalities {
            out.push_str(&line(&format!("/municipalities/{slug}/"), owners));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "platform: ['@Centrs/platforma']\nmunicipalities:\n  kuldigas-novads: ['@kuldiga/it', '@kuldigas-it']\n";

    #[test]
    fn people_are_told_by_login_and_by_team() {
        let access = Access::parse(TEXT.as_bytes()).unwrap();
        let owners = &access.municipalities["kuldigas-novads"];
        assert!(Person::new("Kuldigas-IT", &[]).is_of(owners) && Person::new("x", &["@Kuldiga/it".into()]).is_of(owners));
        for (login, team) in [("it", ""), ("kuldiga", "it"), ("", ""), ("x", "kuldiga/itt"), ("kuldiga/it", ""), ("x", "kuldigas-it")] {
            assert!(!Person::new(login, &[team.into()]).is_of(owners), "{login} {team}");
        }
        assert_eq!(access.two_people, TwoPeople { removals: true, data_classes: vec!["special".into()] }, "without a word it is careful");
    }

    #[test]
    fn what_is_wrong_with_the_file_is_said() {
        for (text, words) in [
            ("platform: []", "names no platform admin"),
            ("municipalities: {}", "missing field `platform`"),
            ("platform: [centrs]", "write @login for a person"),
            ("platform: ['@a/b/c']", "write @login for a person"),
            ("platform: ['@a b']", "write @login for a person"),
            ("platform: ['@a']\nmunicipalities: {Kuldiga: ['@b']}", "which is no slug"),
            ("platform: ['@a']\nmunicipalities: {kuldigas-novads: []}", "names nobody for kuldigas-novads"),
            ("platform: ['@a']\nmunicipalites: {}", "unknown field `municipalites`"),
            ("platform: ['@a']\nplatform: ['@b']", "duplicate"),
        ] {
            let said = Access::parse(text.as_bytes()).unwrap_err();
            assert!(said.contains(words) && said.starts_with(FILE), "{text}: {said}");
        }
    }

    #[test]
    fn code_owners_are_the_same_owners() {
        let said = Access::parse(TEXT.as_bytes()).unwrap().codeowners();
        let lines: Vec<&str> = said.lines().skip(1).collect();
        assert_eq!(lines, ["* @centrs/platforma", "/municipalities/kuldigas-novads/ @kuldiga/it @kuldigas-it"]);
    }
}

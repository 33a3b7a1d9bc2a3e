//! Pull requests: who made them, who agreed to them, which files they touch.

use super::{Forge, ForgeError, text};
use crate::request::access::{Owner, Person};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// Its number.
    pub number: u64,
    /// Whoever opened it.
    pub author: String,
    /// The commit that is to be merged, as the forge knows it now.
    pub head: String,
    /// The branch that it is to be merged into.
    pub base: String,
    /// When it was merged, if it was.
    pub merged: Option<Timestamp>,
    /// The commit that came of that.
    pub merge_commit: String,
    /// Whether it is neither merged nor closed.
    pub open: bool,
}

impl Forge {
    /// A pull request.
    ///
    /// # Errors
    /// See [`ForgeError`].
    pub fn pull(&self, number: u64) -> Result<Pull, ForgeError> {
        let path = self.of_repository(&format!("pulls/{number}"));
        pull(&path, &self.get(&path)?)
    }

    /// The open pull requests, the oldest first.
    ///
    /// # Errors
    /// See [`ForgeError`].
    pub fn open(&self) -> Result<Vec<Pull>, ForgeError> {
        let path = self.of_repository("pulls?state=open");
        let all: Result<Vec<Pull>, _> = self.list(&path, |_| false)?.iter().map(|one| pull(&path, one)).collect();
        let mut open = all?;
        open.sort_by_key(|one| one.number);
        Ok(open)
    }

    /// The pull requests that were merged since a time, the oldest first.
    ///
    /// # Errors
    /// See [`ForgeError`].
    pub fn merged_since(&self, since: Timestamp) -> Result<Vec<Pull>, ForgeError> {
        // Merging changes a pull request, so what was changed last before that time was not merged after it.
        let order = if self.is_gitea() { "sort=recentupdate" } else { "sort=updated&direction=desc" };
        let path = self.of_repository(&format!("pulls?state=closed&{order}"));
        let older = |one: &Value| text(one, "/updated_at").parse::<Timestamp>().is_ok_and(|changed| changed < since);
        let all: Result<Vec<Pull>, _> = self.list(&path, older)?.iter().map(|one| pull(&path, one)).collect();
        let mut merged = all?;
        merged.retain(|one| one.merged.is_some_and(|merged| merged >= since));
        merged.sort_by_key(|one| one.number);
        Ok(merged)
    }

    /// Whoever agrees to a commit of a pull request, by the last word of each.
    ///
    /// # Errors
    /// See [`ForgeError`].
    pub fn approvals(&self, number: u64, commit: &str) -> Result<Vec<String>, ForgeError> {
        let reviews = self.list(&self.of_repository(&format!("pulls/{number}/reviews")), |_| false)?;
        Ok(agreed(&reviews, commit))
    }

    /// The files that a pull request touches, also where it takes something away.
    ///
    /// # Errors
    /// See [`ForgeError`].
    pub fn files(&self, number: u64) -> Result<Vec<String>, ForgeError> {
        let all = self.list(&self.of_repository(&format!("pulls/{number}/files")), |_| false)?;
        let mut files: Vec<String> = all
            .iter()
            .flat_map(|file| [text(file, "/filename"), text(file, "/previous_filename")])
            .filter(|name| !name.is_empty())
            .map(ToString::to_string)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// A person with those of these teams that it is in.
    ///
    /// # Errors
    /// See [`ForgeError`]: also that the token may not see who is in a team, which is not the same as nobody.
    pub fn person(&self, login: &str, owners: &BTreeSet<&Owner>) -> Result<Person, ForgeError> {
        let mut teams = Vec::new();
        for owner in owners {
            let owner = owner.to_string();
            let Some((organisation, team)) = owner.trim_start_matches('@').split_once('/') else { continue };
            if self.is_member(organisation, team, login)? {
                teams.push(format!("{organisation}/{team}"));
            }
        }
        Ok(Person::new(login, &teams))
    }

    fn is_member(&self, organisation: &str, team: &str, login: &str) -> Result<bool, ForgeError> {
        let there = |answer: Result<Value, ForgeError>| match answer {
            Ok(value) => Ok(text(&value, "/state") != "pending"),
            Err(ForgeError::Unknown { .. }) => Ok(false),
            Err(other) => Err(other),
        };
        if !self.is_gitea() {
            // First whether the team is seen at all: otherwise everybody would seem to be outside.
            self.get(&format!("/orgs/{organisation}/teams/{team}"))?;
            return there(self.get(&format!("/orgs/{organisation}/teams/{team}/memberships/{login}")));
        }
        let teams = self.list(&format!("/orgs/{organisation}/teams"), |_| false)?;
        let id = teams.iter().find(|known| text(known, "/name").eq_ignore_ascii_case(team)).and_then(|team| team.get("id")?.as_u64());
        let Some(id) = id else {
            let what = format!("the team {organisation}/{team} of access.yaml");
            return Err(ForgeError::Unknown { what, said: "no team of that name".into() });
        };
        there(self.get(&format!("/teams/{id}/members/{login}")))
    }

    /// The content of a file at a commit; none when there is no such file there.
    ///
    /// # Errors
    /// See [`ForgeError`].
    pub fn file(&self, path: &str, commit: &str) -> Result<Option<Vec<u8>>, ForgeError> {
        use base64::Engine;
        let what = self.of_repository(&format!("contents/{}?ref={commit}", encoded(path)));
        let value = match self.get(&what) {
            Ok(value) => value,
            Err(ForgeError::Unknown { .. }) => return Ok(None),
            Err(other) => return Err(other),
        };
        let content: String = text(&value, "/content").split_whitespace().collect();
        let content = base64::engine::general_purpose::STANDARD.decode(content);
        content.map(Some).map_err(|why| ForgeError::Strange { what, why: why.to_string() })
    }
}

/// A path in an address.
fn encoded(path: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(byte);
    path.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn pull(what: &str, value: &Value) -> Result<Pull, ForgeError> {
    let number = value.get("number").and_then(Value::as_u64);
    let number = number.ok_or_else(|| ForgeError::Strange { what: what.to_owned(), why: "a pull request has no number".into() })?;
    Ok(Pull {
        number,
        author: text(value, "/user/login").to_owned(),
        head: text(value, "/head/sha").to_owned(),
        base: text(value, "/base/ref").to_owned(),
        merged: text(value, "/merged_at").parse().ok(),
        merge_commit: text(value, "/merge_commit_sha").to_owned(),
        open: text(value, "/state") == "open",
    })
}

/// What somebody agreed to is that commit and no other; who asked for changes after that, or whose word was set aside, does not
/// agree any more.
fn agreed(reviews: &[Value], commit: &str) -> Vec<String> {
    let mut last: BTreeMap<String, bool> = BTreeMap::new();
    for review in reviews {
        let login = text(review, "/user/login").to_ascii_lowercase();
        let set_aside = |name: &str| review.get(name).and_then(Value::as_bool).unwrap_or_default();
        let this = text(review, "/commit_id") == commit && !set_aside("dismissed") && !set_aside("stale");
        match text(review, "/state") {
            "APPROVED" => last.insert(login, this),
            "CHANGES_REQUESTED" | "REQUEST_CHANGES" | "DISMISSED" => last.insert(login, false),
            _ => None,
        };
    }
    last.into_iter().filter(|(login, agrees)| *agrees && !login.is_empty()).map(|(login, _)| login).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_word_of_each_on_this_very_commit_counts() {
        let review = |login: &str, state: &str, commit: &str| json!({"user": {"login": login}, "state": state, "commit_id": commit});
        let reviews = [
            review("Anna-IT", "APPROVED", "new"),
            review("early", "APPROVED", "old"),
            review("unsure", "APPROVED", "new"),
            review("unsure", "CHANGES_REQUESTED", "new"),
            review("gitea", "APPROVED", "new"),
            review("gitea", "REQUEST_CHANGES", "new"),
            review("talks", "APPROVED", "new"),
            review("talks", "COMMENTED", "new"),
            review("waits", "PENDING", "new"),
            review("", "APPROVED", "new"),
            json!({"user": {"login": "aside"}, "state": "APPROVED", "commit_id": "new", "dismissed": true}),
            json!({"user": {"login": "stale"}, "state": "APPROVED", "commit_id": "new", "stale": true}),
            review("back", "CHANGES_REQUESTED", "old"),
            review("back", "APPROVED", "new"),
        ];
        assert_eq!(agreed(&reviews, "new"), ["anna-it", "back", "talks"]);
    }

    #[test]
    fn paths_are_written_into_addresses_so_that_nothing_in_them_is_taken_for_more() {
        assert_eq!(encoded("municipalities/ogres-novads/a b?ref=x#y.yaml"), "municipalities/ogres-novads/a%20b%3Fref%3Dx%23y.yaml");
        assert_eq!(encoded("ķ"), "%C4%B7");
    }
}

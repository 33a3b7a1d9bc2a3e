//! The one comment of its kind on a pull request: made once, and changed from then on.

use super::{Forge, ForgeError, Question, Written, text};
use serde_json::{Value, json};
use ureq::http::Method;

/// Characters of a comment that forges take.
pub const LONGEST: usize = 65_536;
/// How often is looked anew after it was not clear whether something was written.
const LOOKS: u32 = 4;
/// As whom GitHub's own workflows write, whose token may not ask who it is.
const WORKFLOWS: &str = "github-actions[bot]";

/// What became of a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It is new.
    Made,
    /// It was there and said something else.
    Changed,
    /// It was there and said just this.
    Same,
}

/// A comment of one's own.
#[derive(Clone, Debug)]
struct Own {
    id: u64,
    body: String,
    url: String,
}

impl Forge {
    /// As whom the token writes.
    ///
    /// # Errors
    /// See [`ForgeError`].
    pub fn login(&self) -> Result<String, ForgeError> {
        match self.get("/user") {
            Ok(user) => Ok(text(&user, "/login").to_owned()),
            Err(ForgeError::Forbidden { status: 403, .. }) if !self.is_gitea() => Ok(WORKFLOWS.to_owned()),
            Err(other) => Err(other),
        }
    }

    /// Makes sure that a pull request has one comment of a kind, with this text; what it is and where. Comments of others are
    /// never touched, whatever they say.
    ///
    /// # Errors
    /// See [`ForgeError`].
    pub fn comment(&self, number: u64, kind: &str, body: &str) -> Result<(Posted, String), ForgeError> {
        let body = format!("<!-- kopnams:{kind} -->\n{}", body.trim_end());
        if body.chars().count() > LONGEST {
            let why = format!("the comment has {} characters, and forges take {LONGEST}", body.chars().count());
            return Err(ForgeError::Input(why));
        }
        let login = self.login()?;
        let mut posted = Posted::Same;
        let mut unclear = String::new();
        for _ in 0..LOOKS {
            let own = self.own(number, kind, &login)?;
            // The oldest stays: two that ran at once both see it so.
            if let Some((first, more)) = own.split_first() {
                for other in more {
                    self.forget(other.id)?;
                }
                if first.body == body {
                    return Ok((posted, first.url.clone()));
                }
                let path = self.of_repository(&format!("issues/comments/{}", first.id));
                self.sure(Method::PATCH, &path, Some(&json!({"body": body})))?;
                return Ok((if posted == Posted::Made { posted } else { Posted::Changed }, first.url.clone()));
            }
            let path = self.of_repository(&format!("issues/{number}/comments"));
            match self.ask(&Question { method: Method::POST, path: &path, body: Some(&json!({"body": body})) }, true)? {
                // Then it is looked for once more: somebody may have made one at the same time.
                Written::Done(_) => posted = Posted::Made,
                Written::Unclear(why) => {
                    unclear = why;
                    std::thread::sleep(self.patience.first);
                }
            }
        }
        let what = format!("the comment on pull request {number}");
        Err(ForgeError::Away { what, why: if unclear.is_empty() { "it was made and is not there".into() } else { unclear }, times: LOOKS })
    }

    /// What one's own comment of a kind says; none when there is none.
    ///
    /// # Errors
    /// See [`ForgeError`].
    pub fn said(&self, number: u64, kind: &str) -> Result<Option<String>, ForgeError> {
        let login = self.login()?;
        Ok(self.own(number, kind, &login)?.into_iter().next().map(|own| own.body))
    }

    /// One's own comments of a kind, the oldest first.
    fn own(&self, number: u64, kind: &str, login: &str) -> Result<Vec<Own>, ForgeError> {
        let mark = format!("<!-- kopnams:{kind} -->");
        let all = self.list(&self.of_repository(&format!("issues/{number}/comments")), |_| false)?;
        let own = all
            .iter()
            .filter(|comment| text(comment, "/user/login").eq_ignore_ascii_case(login) && text(comment, "/body").starts_with(&mark));
        let mut own: Vec<Own> = own
            .filter_map(|comment| {
                let id = comment.get("id").and_then(Value::as_u64)?;
                // Forges keep line ends as browsers send them.
                Some(Own { id, body: text(comment, "/body").replace("\r\n", "\n"), url: text(comment, "/html_url").to_owned() })
            })
            .collect();
        own.sort_by_key(|own| own.id);
        Ok(own)
    }

    fn forget(&self, id: u64) -> Result<(), ForgeError> {
        match self.sure(Method::DELETE, &self.of_repository(&format!("issues/comments/{id}")), None) {
            Ok(_) | Err(ForgeError::Unknown { .. }) => Ok(()),
            Err(other) => Err(other),
        }
    }
}

//! The forge: where pull requests are, what they say, and what is said to them. GitHub, Forgejo and Gitea answer the same
//! questions in the same places.
//!
//! Nothing is written twice: whoever cannot tell whether something was written looks first.

pub mod comment;
pub mod patience;
pub mod pull;

use patience::{Patience, Refusal};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use ureq::http::{Method, Request, Response};
use ureq::tls::{RootCerts, TlsConfig};

/// Longest time for one question.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// Bytes of an answer at most.
const LARGEST: u64 = 16 << 20;
/// Entries of a page of a list; forges give no more at once, some fewer.
const PAGE: usize = 50;
/// Pages of a list at most.
const PAGES: usize = 200;

/// Why the forge did not do what was asked.
#[derive(Debug, Error)]
pub enum ForgeError {
    /// Something that was given cannot be used, and nothing was asked: why, and what to write.
    #[error("{0}")]
    Input(String),
    /// The token does not reach that far.
    #[error("{what}: the forge refuses it ({status}: {said}). {hint}")]
    Forbidden {
        /// What was asked.
        what: String,
        /// The status code.
        status: u16,
        /// What the forge said.
        said: String,
        /// What to look at.
        hint: &'static str,
    },
    /// There is no such thing, or the token may not see it.
    #[error("{what}: the forge knows no such thing, or does not show it to this token ({0})", said)]
    Unknown {
        /// What was asked.
        what: String,
        /// What the forge said.
        said: String,
    },
    /// It was refused for another reason.
    #[error("{what}: the forge answers {status}: {said}")]
    Refused {
        /// What was asked.
        what: String,
        /// The status code.
        status: u16,
        /// What the forge said.
        said: String,
    },
    /// It did not answer, or asks for more patience than there is; asked as often as was right.
    #[error("{what}: {why}; asked {times} times, nothing more is known")]
    Away {
        /// What was asked.
        what: String,
        /// What came instead.
        why: String,
        /// How often.
        times: u32,
    },
    /// It answered something that is not what it should be.
    #[error("{what}: the answer is not what a forge answers: {why}")]
    Strange {
        /// What was asked.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}

/// A secret that nothing prints.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Of a text; blanks around it are none of it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A repository at a forge, as a token sees it.
#[derive(Debug)]
pub struct Forge {
    agent: ureq::Agent,
    api: String,
    repository: String,
    token: Token,
    patience: Patience,
}

/// What was asked, and whether asking again does no harm.
struct Question<'a> {
    method: Method,
    path: &'a str,
    body: Option<&'a Value>,
}

impl Question<'_> {
    fn what(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What came of a question that writes.
enum Written {
    Done(Value),
    /// Nobody knows whether it was written.
    Unclear(String),
}

impl Forge {
    /// The repository `OWNER/NAME` at the forge whose API is at an address.
    ///
    /// # Errors
    /// An address or a name that is none; a token is never sent to another machine without encryption.
    pub fn new(api: &str, repository: &str, token: Token, patience: Patience) -> Result<Self, ForgeError> {
        let api = api.trim_end_matches('/');
        let host = api.split_once("://").map(|(_, rest)| rest.split(['/', ':']).next().unwrap_or_default());
        let local = matches!(host, Some("127.0.0.1" | "localhost" | "["));
        if !(api.starts_with("https://") || api.starts_with("http://") && local) {
            return Err(ForgeError::Input(format!(
                "`{api}` is no address of a forge's API that a token may be sent to; write it with https, for example https://git.example.lv/api/v1"
            )));
        }
        let named = |part: &str| {
            !part.is_empty() && part != "." && part != ".." && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if repository.split('/').count() != 2 || !repository.split('/').all(named) {
            return Err(ForgeError::Input(format!("`{repository}` is no repository; write OWNER/NAME, for example novadi/pieprasijumi")));
        }
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // Whoever is led elsewhere would write where nobody looks.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(ANSWERS_WITHIN))
            .user_agent(concat!("kopnams/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build();
        Ok(Self { agent: config.into(), api: api.to_owned(), repository: repository.to_owned(), token, patience })
    }

    /// Whether it is Forgejo or Gitea.
    fn is_gitea(&self) -> bool {
        self.api.ends_with("/api/v1")
    }

    /// The path of something of the repository.
    fn of_repository(&self, rest: &str) -> String {
        format!("/repos/{}/{rest}", self.repository)
    }

    fn send(&self, question: &Question<'_>) -> Result<Response<ureq::Body>, ureq::Error> {
        let request = Request::builder()
            .method(question.method.clone())
            .uri(format!("{}{}", self.api, question.path))
            .header("authorization", format!("Bearer {}", self.token.0))
            .header("accept", "application/json")
            .header("content-type", "application/json");
        match question.body {
            Some(body) => self.agent.run(request.body(body.to_string()).map_err(ureq::Error::Http)?),
            None => self.agent.run(request.body(()).map_err(ureq::Error::Http)?),
        }
    }

    /// Asks until there is an answer, or patience ends. What may have been written is not asked again if `once`.
    fn ask(&self, question: &Question<'_>, once: bool) -> Result<Written, ForgeError> {
        let what = question.what();
        let mut times = 0;
        loop {
            times += 1;
            let (why, wait) = match self.send(question) {
                Ok(mut answer) => {
                    let status = answer.status().as_u16();
                    let refusal = Refusal::of(status, answer.headers());
                    let text = answer.body_mut().with_config().limit(LARGEST).read_to_string();
                    match (refusal, text) {
                        (None, Ok(text)) => return body(&what, &text).map(Written::Done),
                        (None, Err(error)) if once => return Ok(Written::Unclear(error.to_string())),
                        (None, Err(error)) => (error.to_string(), self.patience.after(times, None)),
                        (Some(Refusal::Final), text) => return Err(refused(what, status, &text.unwrap_or_default())),
                        // It was not even looked at.
                        (Some(Refusal::Later(asked)), _) => (format!("it answers {status}"), self.patience.after(times, asked)),
                        (Some(Refusal::Broken), _) if once => return Ok(Written::Unclear(format!("it answers {status}"))),
                        (Some(Refusal::Broken), _) => (format!("it answers {status}"), self.patience.after(times, None)),
                    }
                }
                // Nothing was sent over a connection that was not made.
                Err(error @ (ureq::Error::HostNotFound | ureq::Error::ConnectionFailed)) => {
                    (error.to_string(), self.patience.after(times, None))
                }
                Err(error) if once => return Ok(Written::Unclear(error.to_string())),
                Err(error) => (error.to_string(), self.patience.after(times, None)),
            };
            match wait {
                Ok(wait) => std::thread::sleep(wait),
                Err(more) => return Err(ForgeError::Away { what, why: why + &more, times }),
            }
        }
    }

    fn get(&self, path: &str) -> Result<Value, ForgeError> {
        self.sure(Method::GET, path, None)
    }

    /// Asks for something that is the same however often it is done.
    fn sure(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ForgeError> {
        match self.ask(&Question { method, path, body }, false)? {
            Written::Done(value) => Ok(value),
            Written::Unclear(why) => Err(ForgeError::Strange { what: path.to_owned(), why }),
        }
    }

    /// All entries of a list up to one that is enough. Some forges give all of them on every page, so it ends when nothing new
    /// comes.
    fn list(&self, path: &str, enough: impl Fn(&Value) -> bool) -> Result<Vec<Value>, ForgeError> {
        let mut all: Vec<Value> = Vec::new();
        let sign = if path.contains('?') { '&' } else { '?' };
        for page in 1..=PAGES {
            let path = format!("{path}{sign}page={page}&limit={PAGE}&per_page={PAGE}");
            let Value::Array(entries) = self.get(&path)? else {
                return Err(ForgeError::Strange { what: path, why: "it is no list".into() });
            };
            let before = all.len();
            for entry in entries {
                let known = |known: &&Value| match entry.get("id") {
                    Some(id) => known.get("id") == Some(id),
                    None => **known == entry,
                };
                if !all.iter().any(|other| known(&other)) {
                    all.push(entry);
                }
            }
            if all.len() == before || all.last().is_some_and(&enough) {
                return Ok(all);
            }
        }
        Err(ForgeError::Strange { what: path.to_owned(), why: format!("it has more than {PAGES} pages") })
    }

    /// Says of a commit how it stands, beside its pull request. The same said again is the same.
    ///
    /// # Errors
    /// See [`ForgeError`].
    pub fn status(&self, commit: &str, status: &Status<'_>) -> Result<(), ForgeError> {
        let description: String = status.description.chars().take(140).collect();
        let body = serde_json::json!({
            "state": status.state.as_str(),
            "context": status.context,
            "description": description,
            "target_url": status.url.unwrap_or_default(),
        });
        self.sure(Method::POST, &self.of_repository(&format!("statuses/{commit}")), Some(&body)).map(drop)
    }
}

/// What is said of a commit.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// How it stands.
    pub state: State,
    /// The name that the forge's rules ask for.
    pub context: &'a str,
    /// In a few words; forges take 140 characters.
    pub description: &'a str,
    /// Where more is said.
    pub url: Option<&'a str>,
}

/// How a commit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It may be merged.
    Success,
    /// It may not be merged as it is.
    Failure,
    /// Something is still to come.
    Pending,
    /// Nobody knows.
    Error,
}

impl State {
    /// As forges write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Pending => "pending",
            Self::Error => "error",
        }
    }
}

fn body(what: &str, text: &str) -> Result<Value, ForgeError> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|why| ForgeError::Strange { what: what.to_owned(), why: why.to_string() })
}

fn refused(what: String, status: u16, text: &str) -> ForgeError {
    let said = serde_json::from_str::<Value>(text).ok().and_then(|value| Some(value.get("message")?.as_str()?.to_owned()));
    let said: String = said.unwrap_or_else(|| "without a reason".into()).chars().filter(|c| !c.is_control()).take(300).collect();
    match status {
        401 => ForgeError::Forbidden { what, status, said, hint: "The token is wrong, or its time is over." },
        403 => ForgeError::Forbidden {
            what,
            status,
            said,
            hint: "The token lacks the right; it needs to read pull requests and write comments and commit statuses.",
        },
        404 => ForgeError::Unknown { what, said },
        301 | 302 | 307 | 308 => {
            ForgeError::Refused { what, status, said: "it has moved; name the address and the repository as they are called now".into() }
        }
        _ => ForgeError::Refused { what, status, said },
    }
}

/// A text of an answer.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;

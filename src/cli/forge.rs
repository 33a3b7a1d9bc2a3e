//! Where the pull requests are, and `kopnams comment`.

use super::screen;
use crate::forge::comment::Posted;
use crate::forge::patience::Patience;
use crate::forge::{Forge, State, Status, Token};
use anyhow::{Context, Result, bail};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use std::io::Read;
use std::path::PathBuf;

/// The variables that may hold the token, the first that is set.
const TOKENS: [&str; 2] = ["KOPNAMS_FORGE_TOKEN", "GITHUB_TOKEN"];

/// Which repository at which forge. Workflows of GitHub, Forgejo and Gitea set both variables.
#[derive(Debug, Args)]
pub struct At {
    /// The address of the forge's API, as <https://git.example.lv/api/v1>.
    #[arg(long, value_name = "URL", env = "GITHUB_API_URL")]
    api_url: Option<String>,
    /// The repository, as OWNER/NAME.
    #[arg(long, value_name = "OWNER/NAME", env = "GITHUB_REPOSITORY")]
    repository: Option<String>,
}

impl At {
    /// The forge, with the token of the environment.
    pub fn forge(&self) -> Result<Forge> {
        let api =
            self.api_url.as_ref().context("it is not said which forge; write --api-url, for example https://git.example.lv/api/v1")?;
        let repository = self.repository.as_ref().context("it is not said which repository; write --repository OWNER/NAME")?;
        let token = TOKENS.into_iter().find_map(|name| std::env::var(name).ok().filter(|token| !token.trim().is_empty()));
        let token = token.with_context(|| format!("there is no token: set {} in the environment", TOKENS[0]))?;
        Ok(Forge::new(api, repository, Token::new(&token), Patience::default())?)
    }
}

/// Write the one comment of its kind on a pull request: made once, changed from then on.
///
/// The token is read from `KOPNAMS_FORGE_TOKEN`, or `GITHUB_TOKEN`. Comments of others are never touched,
/// and what may have been written already is looked for before it is written again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kopnams review --base main --head pr --author kuldiga-it | kopnams comment --number 7
  kopnams comment --number 7 --kind result answer.md
  kopnams comment --number 7 --status-of 2f0c… --state success --description 'may be merged' comment.md

Exit codes: 0 it says so now, 2 wrong usage or the forge did not do it.")]
pub struct Comment {
    /// The text in Markdown; without it, what comes in.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The number of the pull request.
    #[arg(long, value_name = "NUMBER")]
    number: u64,
    /// What the comment is about: there is one of each kind.
    #[arg(long, value_name = "KIND", default_value = "review")]
    kind: String,
    /// Also say how this commit stands.
    #[arg(long, value_name = "COMMIT", requires = "state")]
    status_of: Option<String>,
    /// How the commit stands.
    #[arg(long, value_enum, requires = "status_of")]
    state: Option<State>,
    /// The name of the status, by which the forge's rules ask for it.
    #[arg(long, value_name = "NAME", default_value = CONTEXT)]
    context: String,
    /// How it stands, in a few words.
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    #[command(flatten)]
    at: At,
}

/// The status by which a review is asked for.
pub const CONTEXT: &str = "kopnams";

impl ValueEnum for State {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Success, Self::Failure, Self::Pending, Self::Error]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Success => "It may be merged",
            Self::Failure => "It may not be merged as it is",
            Self::Pending => "Something is still to come",
            Self::Error => "Nobody knows",
        };
        Some(PossibleValue::new(self.as_str()).help(help))
    }
}

impl Comment {
    /// Runs the command.
    pub fn run(self) -> Result<u8> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.kind.is_empty() || !self.kind.chars().all(plain) {
            bail!("`{}` is no kind of a comment; write small letters, digits and hyphens, for example review", self.kind);
        }
        let body = if let Some(file) = &self.file {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
        } else {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read what comes in")?;
            text
        };
        if body.trim().is_empty() {
            bail!(
                "there is nothing to write: {}",
                self.file.map_or("nothing came in".into(), |file| format!("{} is empty", file.display()))
            );
        }
        let forge = self.at.forge()?;
        let (posted, url) = forge.comment(self.number, &self.kind, &body)?;
        if let Some((commit, state)) = self.status_of.as_ref().zip(self.state) {
            forge.status(commit, &Status { state, context: &self.context, description: &self.description, url: Some(&url) })?;
        }
        screen::print(&told(posted, &url)).context("cannot write the output")?;
        Ok(super::FINE)
    }
}

/// What became of a comment, and where it is.
#[must_use]
pub fn told(posted: Posted, url: &str) -> String {
    let what = match posted {
        Posted::Made => "the comment is made",
        Posted::Changed => "the comment is changed",
        Posted::Same => "the comment says so already",
    };
    format!("{what}: {url}\n")
}

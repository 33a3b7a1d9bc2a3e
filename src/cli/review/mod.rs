//! `kopnams review`: everything that is to be said of a pull request, in one comment: whether its author may do that, what is
//! wrong, and what it comes to.

pub mod markdown;
pub mod words;

use super::authorize::{Judged, Who, judge, rules};
use super::forge::{At, CONTEXT, told};
use super::plan::change::sheet::Sheet;
use super::plan::change::{Sides, snapshots};
use super::screen;
use crate::forge::{Forge, State, Status};
use crate::policy::authority::Answer;
use crate::request::access::{Owner, Person};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Say everything about a pull request in one comment: who may do that, what is wrong, what it comes to.
///
/// The rules and the catalogue are those of the base. Trees are read out of the repository; nothing is
/// checked out and nothing in them is run, so it is safe for pull requests of strangers. The comment is
/// in Latvian first and in English below.
///
/// With --number the forge is asked who made it and who agrees to just this commit, and with --post it is
/// told: the comment is made or changed, and the commit's status says whether it may be merged.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kopnams review --base origin/main --head pr --author kuldiga-it > comment.md
  kopnams review --base main --head refs/pull/7/head --author kuldiga-it --approved-by ogre-it --output json
  kopnams review --repo requests.git --base main --head refs/pull/7/head --number 7 --post
  kopnams review --list

Exit codes: 0 it may be merged, 1 it may not be merged as it is, 2 wrong usage or something could not be read. With --post 0, whatever was found: the forge has it.")]
pub struct ReviewArgs {
    /// Files and folders that are on both sides, such as the platform's objects of another repository.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The commit that the change is to be merged into; its access.yaml has the rules.
    #[arg(long, value_name = "REF", required_unless_present = "list")]
    base: Option<String>,
    /// The commit that is to be merged.
    #[arg(long, value_name = "REF", required_unless_present = "list")]
    head: Option<String>,
    /// The repository, bare or not, or a folder in it.
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    #[command(flatten)]
    who: Who,
    /// The number of the pull request: the forge is asked who made it and who agrees to it.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["author", "groups", "approved_by"])]
    number: Option<u64>,
    /// Write the comment and the commit's status.
    #[arg(long, requires = "number", conflicts_with = "output")]
    post: bool,
    /// Print the numbers of the open pull requests, and do nothing else.
    #[arg(long, conflicts_with_all = ["base", "head", "number", "post"])]
    list: bool,
    #[command(flatten)]
    at: At,
    /// How to print.
    #[arg(long, short, value_enum, default_value_t = Output::Markdown)]
    output: Output,
}

/// How `kopnams review` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For a comment on a pull request: at most 60,000 characters.
    Markdown,
    /// For programs; docs/schemas/review.schema.json describes it.
    Json,
}

/// What is to be done with a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It may be merged.
    Fine,
    /// Only an owner's agreement is missing.
    Awaits,
    /// Its author may not change all of that.
    Refused,
    /// Something in it must be mended.
    Mend,
}

impl Verdict {
    const fn state(self) -> State {
        match self {
            Self::Fine => State::Success,
            Self::Awaits => State::Pending,
            Self::Refused | Self::Mend => State::Failure,
        }
    }
}

/// Which of the comments this one is.
const KIND: &str = "review";
/// How often it is said anew at most.
const LOOKS: usize = 4;

/// The JSON form of `kopnams review`. Fields are only ever added.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reviewed<'a> {
    /// What is to be done with it.
    pub verdict: Verdict,
    /// Whether its author may do that.
    pub authority: &'a Answer,
    /// What it comes to.
    pub plan: Sheet<'a>,
}

impl<'a> Reviewed<'a> {
    /// Of what was judged.
    #[must_use]
    pub fn of(judged: &'a Judged) -> Self {
        let Judged { answer, change, base, head } = judged;
        let verdict = match (change.is_refused(), answer.refused.is_empty(), answer.awaits.is_empty()) {
            // Whoever may not do that has nothing to mend there.
            (_, false, _) => Verdict::Refused,
            (true, ..) => Verdict::Mend,
            (false, true, false) => Verdict::Awaits,
            (false, true, true) => Verdict::Fine,
        };
        Self { verdict, authority: answer, plan: Sheet::of(change, base.clone(), head.clone()) }
    }
}

impl ReviewArgs {
    /// Runs the command.
    pub fn run(self) -> Result<u8> {
        let (Some(base), Some(head)) = (&self.base, &self.head) else { return self.list() };
        let sides = snapshots(base, head, &self.repo)?;
        let forge = self.number.map(|number| Ok::<_, anyhow::Error>((number, self.at.forge()?))).transpose()?;
        let people = || match &forge {
            Some((number, forge)) => people(forge, *number, &sides),
            None => self.who.people(),
        };
        if let Some((number, forge)) = forge.as_ref().filter(|_| self.post) {
            return self.post(forge, *number, &sides, people);
        }
        let (author, approvers) = people()?;
        let judged = judge(&sides, &self.paths, &author, &approvers)?;
        let reviewed = Reviewed::of(&judged);
        let out = match self.output {
            Output::Json => format!("{}\n", serde_json::to_string_pretty(&reviewed)?),
            Output::Markdown => markdown::markdown(&reviewed, &author),
        };
        screen::print(&out).context("cannot write the output")?;
        Ok(if reviewed.verdict == Verdict::Fine { super::FINE } else { super::REFUSED })
    }

    /// Says it at the forge. Where several say it at once, the one that is slower may have asked earlier: so whoever agreed is
    /// asked once more in the end, and what is not true any more is said anew.
    fn post(&self, forge: &Forge, number: u64, sides: &Sides, people: impl Fn() -> Result<(Person, Vec<Person>)>) -> Result<u8> {
        let mut known = people()?;
        for _ in 0..LOOKS {
            let (author, approvers) = &known;
            let judged = judge(sides, &self.paths, author, approvers)?;
            let reviewed = Reviewed::of(&judged);
            let (posted, url) = forge.comment(number, KIND, &markdown::markdown(&reviewed, author))?;
            let (state, description) = (reviewed.verdict.state(), words::status(reviewed.verdict));
            forge.status(&sides.head.commit, &Status { state, context: CONTEXT, description: &description, url: Some(&url) })?;
            let now = people()?;
            if now == known {
                screen::print(&format!("{description}; {}", told(posted, &url))).context("cannot write the output")?;
                return Ok(super::FINE);
            }
            known = now;
        }
        bail!("whoever agrees to pull request {number} changes faster than it can be said; it is looked at again with the next event")
    }

    fn list(&self) -> Result<u8> {
        let open = self.at.forge()?.open()?;
        let numbers: Vec<String> = open.iter().map(|pull| pull.number.to_string()).collect();
        let end = if numbers.is_empty() { "" } else { "\n" };
        screen::print(&(numbers.join("\n") + end)).context("cannot write the output")?;
        Ok(super::FINE)
    }
}

/// Whoever made a pull request, and whoever agrees to just the commit that was read.
fn people(forge: &Forge, number: u64, sides: &Sides) -> Result<(Person, Vec<Person>)> {
    let access = rules(sides)?;
    let owners: BTreeSet<&Owner> = access.platform.iter().chain(access.municipalities.values().flatten()).collect();
    let pull = forge.pull(number)?;
    if pull.head != sides.head.commit {
        bail!(
            "pull request {number} is at {} by now and {} at {}; fetch it again: what was read is not what would be merged",
            pull.head,
            sides.head.name,
            sides.head.commit
        );
    }
    let author = forge.person(&pull.author, &owners)?;
    let approvers = forge.approvals(number, &sides.head.commit)?;
    let approvers: Result<Vec<Person>, _> = approvers.iter().map(|login| forge.person(login, &owners)).collect();
    Ok((author, approvers?))
}

/// The JSON schema of what is written, as it is published in `docs/schemas/review.schema.json`.
#[must_use]
pub fn schema() -> schemars::Schema {
    let mut schema = schemars::schema_for!(Reviewed<'_>);
    schema.insert("title".into(), "kopnams review --output json".into());
    schema
}

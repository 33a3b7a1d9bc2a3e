//! `kopnams review`: everything that is to be said of a pull request, in one comment: whether its author may do that, what is
//! wrong, and what it comes to.

pub mod markdown;
pub mod words;

use super::authorize::{Judged, Who, judge};
use super::plan::change::sheet::Sheet;
use super::plan::change::snapshots;
use super::screen;
use crate::policy::authority::Answer;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;

/// Say everything about a pull request in one comment: who may do that, what is wrong, what it comes to.
///
/// The rules and the catalogue are those of the base. Trees are read out of the repository; nothing is
/// checked out and nothing in them is run, so it is safe for pull requests of strangers. The comment is
/// in Latvian first and in English below.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kopnams review --base origin/main --head pr --author kuldiga-it > comment.md
  kopnams review --base main --head refs/pull/7/head --author kuldiga-it --approved-by ogre-it --output json

Exit codes: 0 it may be merged, 1 it may not be merged as it is, 2 wrong usage or something could not be read.")]
pub struct ReviewArgs {
    /// Files and folders that are on both sides, such as the platform's objects of another repository.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The commit that the change is to be merged into; its access.yaml has the rules.
    #[arg(long, value_name = "REF")]
    base: String,
    /// The commit that is to be merged.
    #[arg(long, value_name = "REF")]
    head: String,
    /// The repository, bare or not, or a folder in it.
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    #[command(flatten)]
    who: Who,
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
        let sides = snapshots(&self.base, &self.head, &self.repo)?;
        let (author, approvers) = self.who.people();
        let judged = judge(&sides, &self.paths, &author, &approvers)?;
        let reviewed = Reviewed::of(&judged);
        let out = match self.output {
            Output::Json => format!("{}\n", serde_json::to_string_pretty(&reviewed)?),
            Output::Markdown => markdown::markdown(&reviewed, &author),
        };
        screen::print(&out).context("cannot write the output")?;
        Ok(if reviewed.verdict == Verdict::Fine { super::FINE } else { super::REFUSED })
    }
}

/// The JSON schema of what is written, as it is published in `docs/schemas/review.schema.json`.
#[must_use]
pub fn schema() -> schemars::Schema {
    let mut schema = schemars::schema_for!(Reviewed<'_>);
    schema.insert("title".into(), "kopnams review --output json".into());
    schema
}

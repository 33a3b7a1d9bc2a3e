//! `kopnams validate`: what is wrong with files, where, and what to write instead.

mod fix;
pub mod github;
pub mod markdown;
pub mod words;

use super::language::Spoken;
use super::live::Live;
use super::screen::{self, Screen, Tone, counted, wrapped};
use crate::request::check::{Checker, Definitions};
use crate::request::explain::Language;
use crate::request::read::folders::Disk;
use crate::request::read::{self, Code, Document, Finding, layout};
use crate::review::{Review, gather, review_checked};
use anyhow::{Context, Result};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use layout::Layout;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// Check files: what is wrong, where, and what to write instead.
///
/// Reads files and folders (*.yaml, *.yml, *.json) and says what the API server or the operator would
/// refuse. Requests are decided against the platform's objects, so name these too. An object in a
/// later PATH takes the place of one with the same name in an earlier PATH.
///
/// In a repository of requests, `municipalities/<slug>/<app>.yaml` holds the request of that municipality
/// and of that name, and nothing else lies there. This is checked wherever a PATH is, directly holds or
/// lies in a folder municipalities in which folders or requests lie; the platform's own folder of
/// Municipality objects is none.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kopnams validate examples/platform examples/requests
  kopnams validate examples/platform my-request.yaml
  kopnams validate examples/platform examples/requests --output markdown --lang lv
  kopnams validate platform municipalities --fix
  kopnams validate examples/platform my-request.yaml --output json | jq '.findings[].message'

`kopnams explain` tells more of every code.

Exit codes: 0 nothing to mend, 1 findings, 2 wrong usage or a file could not be read.")]
pub struct Validate {
    #[command(flatten)]
    sources: Sources,
    /// How to print.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Write into the files what can only have been meant: quotes around text that looks like a number, the field that was
    /// misspelt, addresses in small letters. Everything else is yours to mend.
    #[arg(long, conflicts_with_all = ["live", "cluster"])]
    fix: bool,
    #[command(flatten)]
    spoken: Spoken,
}

/// What is read.
#[derive(Debug, Args)]
pub struct Sources {
    /// Files and folders with the platform's objects and requests.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    live: Live,
    /// Whether files below a folder municipalities must lie as `municipalities/<slug>/<app>.yaml`.
    #[arg(long, value_enum, default_value_t)]
    layout: Layout,
}

/// How `kopnams validate` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs; docs/schemas/validate.schema.json describes it.
    Json,
    /// For a comment on a pull request: at most 60,000 characters.
    Markdown,
    /// Annotations of a GitHub workflow: at most 10, as GitHub shows.
    Github,
}

impl ValueEnum for Layout {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::On, Self::Off]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Auto => PossibleValue::new("auto").help("Where there is such a folder with folders or requests in it"),
            Self::On => PossibleValue::new("on").help("So too, and it is an error if there is none"),
            Self::Off => PossibleValue::new("off").help("Nowhere"),
        })
    }
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Sources {
    /// These paths.
    #[must_use]
    pub const fn of(paths: Vec<PathBuf>, live: Live, layout: Layout) -> Self {
        Self { paths, live, layout }
    }

    /// Reads everything and reviews it.
    pub fn review(&self) -> Result<Review> {
        let definitions = Definitions::compile()?;
        let check = |checker: &mut Checker<'_>, document: &mut Document| gather::check_and_let_go(checker, document);
        let (mut tree, checked) = read::read_each(&self.paths, || Checker::new(&definitions), check)?;
        let misplaced = layout::check(&Disk, &self.paths, self.layout, &tree)?;
        tree.findings.extend(misplaced);
        let live = self.live.read()?;
        Ok(review_checked(&tree, checked, live.as_ref(), &definitions, Timestamp::now()))
    }
}

impl Validate {
    /// Runs the command.
    pub fn run(self) -> Result<u8> {
        let language = self.spoken.language();
        let mut review = self.sources.review()?;
        if self.fix {
            review = self.mended(review, language)?;
        }
        let text = match self.output {
            Output::Text => text(&review, language, Screen::stdout()),
            Output::Json => json(&review)?,
            Output::Markdown => markdown::markdown(&review, language),
            Output::Github => github::github(&review, language),
        };
        screen::print(&text).context("cannot write the output")?;
        Ok(exit_code(&review))
    }
}

impl Validate {
    /// Mends what can be mended, until nothing more can: what was hidden behind one fault may be another.
    fn mended(&self, mut review: Review, language: Language) -> Result<Review> {
        for _ in 0..ROUNDS {
            let done = fix::apply(&review.findings)?;
            if done.is_empty() {
                break;
            }
            for one in &done {
                eprintln!("{}", words::fixed(one, language));
            }
            review = self.sources.review()?;
        }
        Ok(review)
    }
}

/// How often files are mended and looked at again.
const ROUNDS: usize = 10;

/// The exit code of a review: what could not be decided is not fine.
#[must_use]
pub fn exit_code(review: &Review) -> u8 {
    exit_code_if(review.is_refused(), review)
}

/// The same, of a review of which only a part counts as refused.
#[must_use]
pub fn exit_code_if(refused: bool, review: &Review) -> u8 {
    match (refused, is_without_platform(review)) {
        (true, _) => super::REFUSED,
        (false, true) => super::TROUBLE,
        (false, false) => super::FINE,
    }
}

/// Requests were given without anything that they could be decided against.
#[must_use]
pub fn is_without_platform(review: &Review) -> bool {
    review.undecided && review.counts.get("requests").is_some_and(|n| *n > 0)
}

/// What to say of requests without a platform.
pub const WITHOUT_PLATFORM: &str = "The requests were checked by themselves only and not decided: there is no catalogue and no municipality \
among the files. Name the platform's folder too, for example: kopnams validate examples/platform my-request.yaml";

/// The findings, one line each unless a terminal is narrower, and a summary.
#[must_use]
pub fn text(review: &Review, language: Language, screen: Screen) -> String {
    let mut out = String::new();
    let mut file: Option<&str> = None;
    for finding in to_mend(review) {
        if file.is_some_and(|file| file != &*finding.file) {
            out.push('\n');
        }
        file = Some(&finding.file);
        let message = words::message(finding, language);
        out.push_str(&line(&JsonFinding { message: &message, ..finding.into() }, screen));
    }
    if file.is_some() {
        out.push('\n');
    }
    if let Some(note) = words::passed_over(review, language) {
        let _ = writeln!(out, "{note}");
    }
    if is_without_platform(review) {
        let _ = writeln!(out, "{}", wrapped(words::without_platform(language), screen.columns(), 0, 0));
    }
    let tone = match review.to_mend() {
        (0, _) if is_without_platform(review) => Tone::Change,
        (0, _) => Tone::Good,
        _ => Tone::Bad,
    };
    let _ = writeln!(out, "{}", screen.paint(tone, &words::summary(review, language)));
    out
}

/// The findings without those that only say something.
fn to_mend(review: &Review) -> impl Iterator<Item = &Finding> {
    review.findings.iter().filter(|finding| !finding.code.is_note())
}

/// `file:line:column: Reason: message`, with the object under it.
#[must_use]
pub fn line(finding: &JsonFinding<'_>, screen: Screen) -> String {
    let place = format!("{}:{}:{}:", finding.file, finding.line, finding.column);
    let object = if finding.object.is_empty() { String::new() } else { format!(" ({})", finding.object) };
    let body = format!("{} {}: {}{object}", place, finding.reason, finding.message);
    let body = match screen.width {
        Some(width) => wrapped(&body, width, 0, 4),
        None => body,
    };
    // The place and the reason are never broken apart from their colour: they come first and hold no blanks.
    let reason = format!("{}:", finding.reason);
    let body = body.replacen(&place, &screen.paint(Tone::Strong, &place), 1);
    let body = body.replacen(&reason, &screen.paint(Tone::Bad, &reason), 1);
    format!("{body}\n")
}

/// `18 requests, 43 municipalities, 10 systems, 4 data classes`.
#[must_use]
pub fn inventory(review: &Review) -> String {
    let kinds = [("requests", "request"), ("municipalities", "municipality"), ("systems", "system"), ("data classes", "data class")];
    let count = |(many, one)| counted(review.counts.get(many).copied().unwrap_or(0), one, many);
    kinds.map(count).join(", ")
}

/// The JSON form of `kopnams validate`. Fields are only ever added.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    /// What must be mended, in the order of the files.
    findings: Vec<JsonFinding<'a>>,
    /// What was passed over; nothing needs mending.
    notes: Vec<JsonFinding<'a>>,
    /// How many objects of each kind there are: `requests`, `municipalities`, `systems`, `data classes`, …
    counts: &'a std::collections::BTreeMap<&'static str, usize>,
    /// Whether the requests could be decided; false without a catalogue among the files.
    decided: bool,
}

/// A finding in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JsonFinding<'a> {
    /// The file as it was named.
    pub file: &'a str,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The stable reason, such as `HostnameTaken`; also `YamlInvalid`, `LayoutInvalid` and, for notes, `Ignored`.
    pub reason: &'static str,
    /// `Kind/name` or `Kind/namespace/name`; empty when the whole file is meant.
    pub object: &'a str,
    /// JSON pointer of the field; empty for the object as a whole.
    pub path: &'a str,
    /// What is wrong and what to write instead.
    pub message: &'a str,
    /// The same in Latvian; null where only maintainers of the catalogue and admins are spoken to.
    #[serde(rename = "messageLv")]
    pub latvian: Option<&'a str>,
    /// What to write at that place instead; null where only you know.
    pub fix: Option<JsonFix<'a>>,
    /// The reason, for those who look up what it means.
    #[serde(skip)]
    pub code: Code,
}

/// What to write instead of what stands at the place of a finding, as `--fix` does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
pub struct JsonFix<'a> {
    /// What stands there.
    pub old: &'a str,
    /// What to write.
    pub new: &'a str,
}

impl<'a> From<&'a Finding> for JsonFinding<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            file: &finding.file,
            line: finding.line,
            column: finding.column,
            reason: finding.code.as_str(),
            object: &finding.object,
            path: &finding.path,
            message: &finding.message,
            latvian: finding.latvian.as_deref(),
            fix: finding.fix.as_ref().map(|fix| JsonFix { old: &fix.old, new: &fix.new }),
            code: finding.code,
        }
    }
}

/// The review as JSON.
pub fn json(review: &Review) -> Result<String> {
    let (notes, findings): (Vec<_>, Vec<_>) = review.findings.iter().partition(|finding| finding.code.is_note());
    let report = Report {
        findings: findings.into_iter().map(JsonFinding::from).collect(),
        notes: notes.into_iter().map(JsonFinding::from).collect(),
        counts: &review.counts,
        decided: !review.undecided,
    };
    Ok(format!("{}\n", serde_json::to_string_pretty(&report)?))
}

/// The JSON schema of what [`json`] writes, as it is published in `docs/schemas/validate.schema.json`.
#[must_use]
pub fn schema() -> schemars::Schema {
    let mut schema = schemars::schema_for!(Report<'_>);
    schema.insert("title".into(), "kopnams validate --output json".into());
    schema
}

/// A finding that somebody has to print.
#[cfg(test)]
fn found(object: &str, file: &str, message: &str) -> Finding {
    let (object, message) = (object.into(), message.into());
    Finding {
        file: file.into(),
        line: 3,
        column: 7,
        code: Code::YamlInvalid,
        object,
        path: String::new(),
        message,
        latvian: None,
        fix: None,
    }
}

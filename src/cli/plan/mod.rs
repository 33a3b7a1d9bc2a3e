//! `kopnams plan`: what files would create, change or be refused, without a cluster.

pub mod change;
pub mod choices;
pub mod sheet;
pub mod text;

use super::language::Spoken;
use super::live::Live;
use super::screen::{self, Screen};
use super::validate::{Sources, exit_code, exit_code_if};
use crate::request::read::layout::Layout;
use crate::review::Review;
use anyhow::{Context, Result, bail};
use change::Between;
use clap::{Args, ValueEnum};
use sheet::Sheet;
use std::fmt::Write;
use std::path::PathBuf;

/// Say what files would create, change or refuse, without a cluster.
///
/// The decisions are the operator's own. Without --live or --cluster nothing is granted yet, and requests are
/// decided by name; with one of them, what the cluster has granted keeps its place and requests are decided by
/// the time of their creation, new ones last. Files never remove an app that the cluster has.
///
/// With --base and --head it says what lies between two commits, as a pull request does: what is
/// created, changed, removed and refused, what of the allotment is used before and after, and what an
/// approver looks at first. Trees are read out of the repository; nothing is checked out. Only what the
/// change itself makes wrong counts for the exit code. With --live or --cluster it also says which requests and
/// municipalities the cluster has otherwise than --base is now: not applied yet, or changed by hand.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kopnams plan examples/platform examples/requests
  kopnams plan examples/platform my-request.yaml --show objects
  kubectl get municipalityapps,municipalities -A -o yaml > live.yaml
  kopnams plan examples/platform requests --live live.yaml --output json | jq .summary
  kopnams plan --base origin/main --head HEAD
  kopnams plan --base origin/main --head HEAD --output markdown --lang lv > comment.md
  kopnams plan --base origin/main --head HEAD --cluster
  kopnams plan --base ./before --head ./after examples/platform --summary

Exit codes: 0 everything is granted, 1 something is refused or found, 2 wrong usage or a file could not be read.")]
pub struct PlanArgs {
    /// Files and folders with the platform's objects and requests; with --base and --head, what is on both sides.
    #[arg(required_unless_present = "base", value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    live: Live,
    /// Whether files below a folder municipalities must lie as `municipalities/<slug>/<app>.yaml`.
    #[arg(long, value_enum, default_value_t)]
    layout: Layout,
    #[command(flatten)]
    between: Between,
    /// How to print.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Print one line: how many apps are created, changed, removed and refused.
    #[arg(long, requires = "base", conflicts_with = "output")]
    summary: bool,
    /// Also show what is made: with text, YAML takes the place of the table.
    #[arg(long, value_enum, conflicts_with = "base")]
    show: Option<Show>,
    #[command(flatten)]
    spoken: Spoken,
}

/// How `kopnams plan` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For programs; docs/schemas/plan.schema.json describes what lies between two commits.
    Json,
    /// For a comment on a pull request, of what lies between two commits: at most 60,000 characters.
    Markdown,
}

/// What can be shown beside the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Show {
    /// The Kubernetes objects.
    Objects,
}

impl PlanArgs {
    /// Runs the command.
    pub fn run(self) -> Result<u8> {
        if let (Some(base), Some(head)) = (&self.between.base, &self.between.head) {
            return self.run_between(base, head);
        }
        if self.output == Output::Markdown {
            bail!("--output markdown is of what lies between two commits; write --base and --head, too");
        }
        let review = Sources::of(self.paths, self.live, self.layout).review()?;
        let sheet = Sheet::of(&review, self.show.is_some());
        let out = match (self.output, self.show) {
            (Output::Json, _) => format!("{}\n", serde_json::to_string_pretty(&sheet)?),
            (_, None) => text::text(&sheet, &review, self.spoken.language(), Screen::stdout()),
            (_, Some(Show::Objects)) => objects(&sheet, &review)?,
        };
        screen::print(&out).context("cannot write the output")?;
        Ok(exit_code(&review))
    }

    fn run_between(&self, base: &str, head: &str) -> Result<u8> {
        let (found, base, head) = change::compare(base, head, &self.between.repo, &self.paths, self.layout, self.live.read()?.as_ref())?;
        let sheet = change::sheet::Sheet::of(&found, base, head);
        let language = self.spoken.language();
        let out = match self.output {
            _ if self.summary => format!("{}\n", change::words::summary(&sheet.summary, language)),
            Output::Text => change::text::text(&sheet, language, Screen::stdout()),
            Output::Json => format!("{}\n", serde_json::to_string_pretty(&sheet)?),
            Output::Markdown => change::markdown::markdown(&sheet, language),
        };
        screen::print(&out).context("cannot write the output")?;
        Ok(exit_code_if(found.is_refused(), &found.after))
    }
}

/// Everything that would be made, as YAML; what is refused stands above it as comments.
pub fn objects(sheet: &Sheet<'_>, review: &Review) -> Result<String> {
    let mut out = String::from("# As the operator would make it; the tenant's id and the deed are added when a namespace is made.\n");
    for finding in review.findings.iter().filter(|finding| !finding.code.is_note()) {
        let _ = writeln!(out, "# {}:{}:{}: {}: {}", finding.file, finding.line, finding.column, finding.code, finding.message);
    }
    let sets = sheet.municipalities.iter().flat_map(|row| row.home.iter().map(|h| &h.rendered).chain(row.apps.iter().map(|a| &a.rendered)));
    for object in sets.flatten() {
        let _ = write!(out, "---\n{}", serde_yaml::to_string(object)?);
    }
    Ok(out)
}

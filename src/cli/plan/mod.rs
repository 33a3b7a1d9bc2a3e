//! `kopnams plan`: what files would create, change or be refused, without a cluster.

pub mod sheet;
pub mod text;

use super::screen::{self, Screen};
use super::validate::{Format, Sources, exit_code};
use crate::review::Review;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use sheet::Sheet;
use std::fmt::Write;

/// Say what files would create, change or refuse, without a cluster.
///
/// The decisions are the operator's own. Without --live nothing is granted yet, and requests are
/// decided by name; with it, what the cluster has granted keeps its place and requests are decided by
/// the time of their creation, new ones last. Files never remove an app that the cluster has.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kopnams plan examples/platform examples/requests
  kopnams plan examples/platform my-request.yaml --show objects
  kubectl get municipalityapps,municipalities -A -o yaml > live.yaml
  kopnams plan examples/platform requests --live live.yaml --output json | jq .summary

Exit codes: 0 everything is granted, 1 something is refused or found, 2 wrong usage or a file could not be read.")]
pub struct PlanArgs {
    #[command(flatten)]
    sources: Sources,
    /// How to print.
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    output: Format,
    /// Also show what is made: with text, YAML takes the place of the table.
    #[arg(long, value_enum)]
    show: Option<Show>,
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
        let (_, review) = self.sources.review()?;
        let sheet = Sheet::of(&review, self.show.is_some());
        let out = match (self.output, self.show) {
            (Format::Json, _) => format!("{}\n", serde_json::to_string_pretty(&sheet)?),
            (Format::Text, None) => text::text(&sheet, &review, Screen::stdout()),
            (Format::Text, Some(Show::Objects)) => objects(&sheet, &review)?,
        };
        screen::print(&out).context("cannot write the output")?;
        Ok(exit_code(&review))
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

//! The command line: thin, over the same functions as the controller.

pub mod authorize;
pub mod backups;
pub mod crds;
pub mod explain;
pub mod forge;
pub mod language;
pub mod live;
pub mod plan;
pub mod report;
pub mod review;
pub mod request_page;
pub mod run;
pub mod runner;
pub mod screen;
pub mod validate;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Shared hosting for municipalities: reads requests, says what they come to, and makes it so.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 fine, 1 refused or findings, 2 wrong usage or a file or the cluster could not be read."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the controller.
    Run(run::Run),
    Validate(validate::Validate),
    Explain(explain::Explain),
    Plan(plan::PlanArgs),
    Authorize(authorize::Authorize),
    Review(review::ReviewArgs),
    Comment(forge::Comment),
    ReportBack(report::ReportBack),
    Codeowners(authorize::Codeowners),
    RequestPage(request_page::RequestPage),
    Backups(backups::Backups),
    Restore(backups::Restore),
    Evidence(backups::EvidenceArgs),
    /// Print the custom resource definitions of this release.
    Crds(crds::Crds),
    /// Take the operator's finalizers off before it is uninstalled; nothing else is touched.
    Release(run::Release),
    #[command(hide = true)]
    Runner(runner::Runner),
}

/// Nothing to complain about.
pub const FINE: u8 = 0;
/// Something was refused or found.
pub const REFUSED: u8 = 1;
/// Wrong usage, or something could not be read.
pub const TROUBLE: u8 = 2;

impl Cli {
    /// Runs the command; its exit code says how it ended.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let result: Result<u8> = match self.command {
            Command::Run(args) => args.run(),
            Command::Validate(args) => args.run(),
            Command::Explain(args) => args.run(),
            Command::Plan(args) => args.run(),
            Command::Authorize(args) => args.run(),
            Command::Review(args) => args.run(),
            Command::Comment(args) => args.run(),
            Command::ReportBack(args) => args.run(),
            Command::Codeowners(args) => args.run(),
            Command::RequestPage(args) => args.run(),
            Command::Backups(args) => args.run(),
            Command::Restore(args) => args.run(),
            Command::Evidence(args) => args.run(),
            Command::Crds(args) => args.run(),
            Command::Release(args) => args.run(),
            Command::Runner(args) => args.run(),
        };
        match result {
            Ok(code) => ExitCode::from(code),
            Err(error) => {
                eprintln!("kopnams: {}", told(&error));
                ExitCode::from(TROUBLE)
            }
        }
    }
}

/// An error with what caused it, each once: some name their cause in their own words already.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if !text.contains(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_cause_is_told_once() {
        let cause: anyhow::Result<()> = Err(anyhow::anyhow!("no such file"));
        let error = cause.context("cannot read a.yaml: no such file").context("nothing was done").unwrap_err();
        assert_eq!(told(&error), "nothing was done: cannot read a.yaml: no such file");
    }
}

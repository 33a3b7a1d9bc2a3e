//! What reading, validation and plan must never do, whatever a request holds: panic, take memory without bound, write more
//! than a forge takes, or say something else the second time.
//!
//! `fuzz/run` runs it under libFuzzer, which sees what of kopnams each input reaches; the program by itself runs single files.

mod git;
mod plan;
mod platform;
mod validate;

use anyhow::{Result, bail};
use kopnams::request::read;

/// What an input is given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Reading: the input is a file.
    Read,
    /// `kopnams validate`: the input is a request beside a platform.
    Validate,
    /// `kopnams plan --base --head`: the input is a request before and after, with a line `#### HEAD` between.
    Plan,
    /// Trees of git repositories: the input is an object of one.
    Git,
}

impl Target {
    /// The target of that name.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "read" => Self::Read,
            "validate" => Self::Validate,
            "plan" => Self::Plan,
            "git" => Self::Git,
            _ => bail!("there is no target `{name}`; name one of read, validate, plan and git"),
        })
    }

    /// Gives it an input.
    ///
    /// # Errors
    /// What the targets need could not be made.
    ///
    /// # Panics
    /// What must never be was found.
    pub fn run(self, input: &[u8]) -> Result<()> {
        match self {
            Self::Read => read(input),
            Self::Validate => validate::run(input)?,
            Self::Plan => plan::run(input)?,
            Self::Git => git::run(input)?,
        }
        Ok(())
    }
}

fn read(input: &[u8]) {
    let (documents, findings) = read::parse("a.yaml", 0, input);
    for finding in documents.iter().flat_map(|document| &document.findings).chain(&findings) {
        assert!(finding.line > 0 && finding.column > 0, "{finding:?}");
        assert!(!finding.message.is_empty(), "{finding:?}");
    }
}

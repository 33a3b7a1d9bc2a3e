//! A finding: what is wrong, where it stands and what to write instead.

use crate::policy::Reason;
use std::fmt;
use std::sync::Arc;

/// The code of a finding: a reason of policy, or one that only files can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The API server or the controller would refuse the object for this reason.
    Refused(Reason),
    /// The file is not YAML, or is too large or too deep to be read.
    YamlInvalid,
    /// The file lies where it may not, or holds what may not lie there.
    LayoutInvalid,
    /// A document that is none of ours; said and passed over.
    Ignored,
}

impl Code {
    /// Every code, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        let files = [Self::YamlInvalid, Self::LayoutInvalid];
        files.into_iter().chain(Reason::ALL.iter().copied().map(Self::Refused)).chain([Self::Ignored])
    }

    /// The code with this name, however its letters are written.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|code| code.as_str().eq_ignore_ascii_case(name))
    }

    /// What the code means, in one line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Refused(reason) => reason.meaning(),
            Self::YamlInvalid => "The file is not YAML, or is too large or too deep to be read.",
            Self::LayoutInvalid => "A file below municipalities/ lies in the wrong place, or is not exactly one request of its own.",
            Self::Ignored => "The document is none of the platform's; it is passed over and nothing needs mending.",
        }
    }

    /// The code as it is written in output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused(reason) => reason.as_str(),
            Self::YamlInvalid => "YamlInvalid",
            Self::LayoutInvalid => "LayoutInvalid",
            Self::Ignored => "Ignored",
        }
    }

    /// Whether it is only said, and nothing needs mending.
    #[must_use]
    pub const fn is_note(self) -> bool {
        matches!(self, Self::Ignored)
    }
}

impl From<Reason> for Code {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that was found in a file. The order is the order of reading: by file, line and column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    /// The file, as it was named or found below a named folder.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The code.
    pub code: Code,
    /// The object: `Kind/name` or `Kind/namespace/name`; empty when the file as a whole is meant.
    pub object: String,
    /// Where in the object, as a JSON pointer; empty for the object as a whole.
    pub path: String,
    /// What is wrong and what to write instead.
    pub message: String,
    /// The same in Latvian, where clerks read it.
    pub latvian: Option<String>,
    /// What to write at that place, where only one thing can have been meant.
    pub fix: Option<Fix>,
}

/// What to write instead of what stands at the place of a finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fix {
    /// What stands there.
    pub old: String,
    /// What to write.
    pub new: String,
}

impl Finding {
    /// The same, with what to write instead.
    #[must_use]
    pub fn with_fix(self, old: &str, new: &str) -> Self {
        Self { fix: Some(Fix { old: old.to_owned(), new: new.to_owned() }), ..self }
    }
}

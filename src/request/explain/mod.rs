//! What every code means, why it is so and how to mend it, in Latvian and English, with an example.
//!
//! `kopnams explain` and `docs/findings.md` both show this, so they say the same. The languages are exhaustive matches:
//! a new code does not compile without its words.

mod en;
mod examples;
mod lv;

pub use examples::{Example, Source, dedented, example};

use crate::request::read::Code;

/// A language in which the program speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// Latvian.
    Lv,
    /// English.
    #[default]
    En,
}

impl Language {
    /// The language of a locale's name, such as `lv_LV.UTF-8`; whatever is not Latvian is English.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        if locale.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("lv")) { Self::Lv } else { Self::En }
    }
}

/// Why something is refused, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Words {
    why: &'static str,
    mend: &'static str,
}

/// The explanation of a code in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What it means, in one line.
    pub meaning: &'static str,
    /// Why it is so.
    pub why: &'static str,
    /// What to do.
    pub mend: &'static str,
}

/// Explains a code.
#[must_use]
pub const fn explain(code: Code, language: Language) -> Explanation {
    let (meaning, words) = match language {
        Language::Lv => (lv::meaning(code), lv::words(code)),
        Language::En => (code.meaning(), en::words(code)),
    };
    Explanation { meaning, why: words.why, mend: words.mend }
}

/// The code that is spelt most like what was written.
#[must_use]
pub fn nearest(written: &str) -> Option<Code> {
    let folded = written.to_lowercase();
    // Who breaks off or leaves a letter out has the beginning right.
    let like = |code: &Code| strsim::jaro_winkler(&folded, &code.as_str().to_lowercase());
    Code::all().max_by(|one, other| like(one).total_cmp(&like(other)))
}

#[cfg(test)]
mod tests;

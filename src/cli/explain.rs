//! `kopnams explain`: what a code means, why it is so and how to mend it.

use super::language::{Spoken, either};
use super::screen::{self, Screen, Tone, wrapped};
use crate::request::explain::{Language, dedented, example, explain, nearest};
use crate::request::read::Code;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fmt::Write;

/// Explain a code of a finding: what it means, why it is so, how to mend it.
///
/// Without CODE all codes are listed with one line each.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kopnams explain HostnameTaken
  kopnams explain --lang lv RequirementMissing
  kopnams explain

Exit codes: 0 explained, 2 wrong usage or no such code.")]
pub struct Explain {
    /// The code, such as `HostnameTaken`, as `kopnams validate` and `kubectl describe` show it.
    code: Option<String>,
    #[command(flatten)]
    spoken: Spoken,
}

impl Explain {
    /// Runs the command.
    ///
    /// Fails when there is no such code, naming the nearest one.
    pub fn run(self) -> Result<u8> {
        let language = self.spoken.language();
        let screen = Screen::stdout();
        let text = match &self.code {
            None => list(language, screen),
            Some(written) => match Code::parse(written) {
                Some(code) => text(code, language, screen),
                None => bail!(unknown(written, language)),
            },
        };
        screen::print(&text).context("cannot write the output")?;
        Ok(super::FINE)
    }
}

/// What to say of a code that does not exist.
#[must_use]
pub fn unknown(written: &str, language: Language) -> String {
    let near = nearest(written).map_or_else(String::new, |code| match language {
        Language::Lv => format!("; līdzīgākais ir {code}"),
        Language::En => format!("; the nearest one is {code}"),
    });
    match language {
        Language::Lv => format!("koda `{written}` nav{near}; visus kodus parāda `kopnams explain`"),
        Language::En => format!("there is no code `{written}`{near}; `kopnams explain` lists all of them"),
    }
}

/// All codes with one line each.
#[must_use]
pub fn list(language: Language, screen: Screen) -> String {
    let longest = Code::all().map(|code| code.as_str().len()).max().unwrap_or_default();
    let indent = longest + 2;
    let mut out = String::new();
    for code in Code::all() {
        let meaning = wrapped(explain(code, language).meaning, screen.columns(), indent, indent);
        let gap = " ".repeat(indent - code.as_str().len());
        let _ = writeln!(out, "{}{gap}{meaning}", screen.paint(Tone::Strong, code.as_str()));
    }
    out
}

/// The explanation of one code.
#[must_use]
pub fn text(code: Code, language: Language, screen: Screen) -> String {
    let said = explain(code, language);
    let mut out = String::new();
    let _ = writeln!(out, "{}", screen.paint(Tone::Strong, code.as_str()));
    let mut paragraph = |heading: &str, text: &str| {
        let body = wrapped(&format!("{heading}{text}"), screen.columns(), 0, 0);
        let _ = writeln!(out, "{}\n", body.replacen(heading, &screen.paint(Tone::Strong, heading), 1));
    };
    paragraph("", said.meaning);
    paragraph(either(language, "Kāpēc? ", "Why? "), said.why);
    paragraph(either(language, "Kā labot? ", "How to mend it? "), said.mend);
    match example(code) {
        Some(example) => {
            let (wrong, right) = (either(language, "Nepareizi", "Wrong"), either(language, "Pareizi", "Right"));
            let _ = writeln!(out, "{} ({}):\n\n{}", screen.paint(Tone::Bad, wrong), example.kind, indented(example.wrong));
            let _ = write!(out, "{}:\n\n{}", screen.paint(Tone::Good, right), indented(example.right));
        }
        None => out.truncate(out.trim_end().len()),
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn indented(lines: &str) -> String {
    dedented(lines).lines().fold(String::new(), |text, line| text + "    " + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: Screen = Screen { width: None, colour: false };

    #[test]
    fn a_code_is_explained_with_its_example() {
        let text = text(Code::parse("HostnameInvalid").unwrap(), Language::En, PIPE);
        assert!(text.starts_with("HostnameInvalid\nA host name is not an exact DNS name in lower case.\n\nWhy? "), "{text}");
        let example =
            "Wrong (MunicipalityApp):\n\n    spec:\n      system: website\n      hostname: WWW.madona.example.lv\n\nRight:\n\n    spec:\n";
        assert!(text.contains(example), "{text}");
    }

    #[test]
    fn every_code_fits_on_the_screen_in_both_languages() {
        for language in [Language::Lv, Language::En] {
            for code in Code::all() {
                let text = text(code, language, PIPE);
                let prose = text.lines().filter(|line| !line.starts_with("    "));
                assert!(prose.clone().all(|line| line.chars().count() <= 100), "{text}");
                assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{text:?}");
            }
            let list = list(language, PIPE);
            assert!(list.lines().all(|line| line.chars().count() <= 100), "{list}");
            assert_eq!(list.lines().filter(|line| !line.starts_with(' ')).count(), Code::all().count());
        }
    }

    #[test]
    fn a_wrong_code_names_the_nearest_one() {
        let said = unknown("HostnameTakn", Language::En);
        assert_eq!(said, "there is no code `HostnameTakn`; the nearest one is HostnameTaken; `kopnams explain` lists all of them");
        assert!(unknown("HostnameTakn", Language::Lv).contains("līdzīgākais ir HostnameTaken"));
    }
}

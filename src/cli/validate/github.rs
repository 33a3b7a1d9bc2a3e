//! Findings as annotations of a GitHub workflow.

use super::{is_without_platform, to_mend, words};
use crate::request::explain::Language;
use crate::request::read::Finding;
use crate::review::Review;
use std::fmt::Write;

/// GitHub shows so many errors of one step and drops the rest in silence.
const SHOWN: usize = 10;

/// The workflow commands, and a summary in the log.
#[must_use]
pub fn github(review: &Review, language: Language) -> String {
    let mut out = String::new();
    for finding in to_mend(review).take(SHOWN) {
        let _ = writeln!(out, "{}", command(finding, language));
    }
    let more = words::count(review).saturating_sub(SHOWN);
    if more > 0 {
        // Notices are counted by themselves, so this one is shown.
        let _ = writeln!(out, "::notice title=kopnams::{}", data(&words::left_out(more, language)));
    }
    if is_without_platform(review) {
        let _ = writeln!(out, "::error title=kopnams::{}", data(words::without_platform(language)));
    }
    let _ = writeln!(out, "{}", words::summary(review, language));
    out
}

fn command(finding: &Finding, language: Language) -> String {
    let message = words::message(finding, language);
    let object = if finding.object.is_empty() { String::new() } else { format!(" ({})", finding.object) };
    let (file, title) = (property(&finding.file), property(finding.code.as_str()));
    let (line, column) = (finding.line, finding.column);
    format!("::error file={file},line={line},col={column},title={title}::{}", data(&format!("{message}{object}")))
}

/// The text of a command: a line that it would end is written in another way.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command, which colons and commas would end too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    #[test]
    fn nothing_ends_a_command_early() {
        let command = command(&found("Platform/platform", "a,b:c%\n::error::.yaml", "100 %\r\n::set-output name=x::y, z: 1"), Language::En);
        let expected = "::error file=a%2Cb%3Ac%25%0A%3A%3Aerror%3A%3A.yaml,line=3,col=7,title=YamlInvalid\
                        ::100 %25%0D%0A::set-output name=x::y, z: 1 (Platform/platform)";
        assert_eq!(command, expected);
    }

    #[test]
    fn no_more_are_printed_than_are_shown() {
        let review = |number: usize| Review { findings: vec![found("Platform/platform", "a.yaml", "b"); number], ..Review::default() };
        let lines = |number| github(&review(number), Language::En).lines().map(str::to_string).collect::<Vec<_>>();
        let errors = |lines: &[String]| lines.iter().filter(|line| line.starts_with("::error ")).count();
        assert_eq!((errors(&lines(10)), lines(10).len()), (10, 11));
        assert_eq!((errors(&lines(13)), lines(13).len()), (10, 12));
        assert_eq!(lines(13)[10], "::notice title=kopnams::3 more findings are not shown here. `kopnams validate` shows all.");
        assert_eq!(lines(13)[11], "13 findings in 1 file");
    }
}

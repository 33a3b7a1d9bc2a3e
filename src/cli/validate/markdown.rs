//! Findings as Markdown, for a comment on a pull request.
//!
//! What files and messages say was written by whoever made the pull request, so it is shown as text: it can neither end
//! the table, nor make links, nor call people.

use super::{is_without_platform, to_mend, words};
use crate::cli::language::either;
use crate::request::explain::Language;
use crate::review::Review;
use std::fmt::Write;

/// Forges take some 65,000 characters in a comment, and others may write before and after this.
pub const LIMIT: usize = 60_000;
/// For what follows the table.
const ROOM: usize = 10_000;
/// Characters of one cell.
const CELL: usize = 1_000;

/// The findings as a table, at most [`LIMIT`] characters long.
#[must_use]
pub fn markdown(review: &Review, language: Language) -> String {
    let mut out = format!("### kopnams validate: {}\n", words::summary(review, language));
    let mut shown = 0;
    for finding in to_mend(review) {
        if shown == 0 {
            let headings =
                either(language, "vieta | kods | kas nav pareizi un ko rakstīt", "place | code | what is wrong and what to write");
            let _ = writeln!(out, "\n| {headings} |\n|---|---|---|");
        }
        let place = code(&shortened(&format!("{}:{}:{}", finding.file, finding.line, finding.column)));
        let message = escaped_message(&shortened(&words::message(finding, language)));
        let object = if finding.object.is_empty() { String::new() } else { format!("<br>{}", code(&shortened(&finding.object))) };
        let row = format!("| {place} | `{}` | {message}{object} |\n", finding.code);
        // A character is never shorter than a byte, so the limit holds for both.
        if out.len() + row.len() + ROOM > LIMIT {
            break;
        }
        out.push_str(&row);
        shown += 1;
    }
    let more = words::count(review) - shown;
    if more > 0 {
        let _ = writeln!(out, "\n{}", words::left_out(more, language));
    }
    if shown > 0 {
        let hint = either(
            language,
            "Ko kods nozīmē un kā kļūdu labot, pasaka `kopnams explain`, piemēram,",
            "`kopnams explain` tells what a code means and how to mend it, for example",
        );
        let first = to_mend(review).next().map_or("", |finding| finding.code.as_str());
        let _ = writeln!(out, "\n{hint} `kopnams explain {}{first}`.", either(language, "--lang lv ", ""));
    }
    if let Some(note) = words::passed_over(review, language) {
        let _ = writeln!(out, "\n{}", escaped_message(&shortened(&note)));
    }
    if is_without_platform(review) {
        let _ = writeln!(out, "\n{}", words::without_platform(language));
    }
    out
}

/// A message: what stands between backticks is code, the rest is text.
#[must_use]
pub fn escaped_message(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    let mut out = String::new();
    // A backtick without a second one is text.
    let last = if parts.len().is_multiple_of(2) { parts.len() - 1 } else { parts.len() };
    for (index, part) in parts.iter().enumerate() {
        match index {
            _ if index == last => out.push_str(&escaped(&format!("`{part}"))),
            _ if index % 2 == 1 => out.push_str(&code(part)),
            _ => out.push_str(&escaped(part)),
        }
    }
    out
}

/// Text as code; what code cannot hold in a table is shown as text.
#[must_use]
pub fn code(text: &str) -> String {
    let text: String = text.chars().map(printable).collect();
    let fits = !text.trim().is_empty() && !text.contains(['`', '|', '\\']);
    if fits { format!("`{text}`") } else { escaped(&text) }
}

/// Text in which nothing is Markdown or HTML, a link, or the name of a person or an issue.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut before = String::new();
    for character in text.chars().map(printable) {
        match character {
            '&' | '<' | '>' | '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                let _ = write!(out, "&#{};", u32::from(character));
            }
            // Names and numbers are looked for in the rendered text, so only something between helps.
            '@' | '#' => {
                let _ = write!(out, "{character}&#8203;");
            }
            ':' => out.push_str(":&#8203;"),
            '.' if before.eq_ignore_ascii_case("www") => out.push_str("&#8203;."),
            _ => out.push(character),
        }
        if character.is_alphanumeric() {
            before.push(character);
        } else {
            before.clear();
        }
    }
    out
}

/// Line ends and what else steers a screen become blanks; what turns the direction of writing is shown as unreadable.
#[must_use]
pub fn printable(character: char) -> char {
    match character {
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        '\u{2028}' | '\u{2029}' => ' ',
        _ if character.is_control() => ' ',
        _ => character,
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= CELL { text.to_string() } else { text.chars().take(CELL - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    fn review(number: usize, file: &str, message: &str) -> Review {
        Review { findings: vec![found("MunicipalityApp/riga/karte", file, message); number], ..Review::default() }
    }

    /// The rows of the table, each with its cells.
    fn rows(text: &str) -> Vec<Vec<&str>> {
        let rows = text.lines().filter(|line| line.starts_with("| ")).skip(1);
        rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
    }

    #[test]
    fn a_finding_is_a_row() {
        let text = markdown(&review(1, "a.yaml", "`website` has no size `huge`; write one of small"), Language::En);
        assert!(text.starts_with("### kopnams validate: 1 finding in 1 file\n\n| place | code | what"), "{text}");
        let row = ["`a.yaml:3:7`", "`YamlInvalid`", "`website` has no size `huge`; write one of small<br>`MunicipalityApp/riga/karte`"];
        assert_eq!(rows(&text), [row]);
        let text = markdown(&review(1, "a.yaml", "b"), Language::Lv);
        assert!(text.starts_with("### kopnams validate: jālabo: 1, faili: 1\n\n| vieta | kods"), "{text}");
        assert!(text.contains("Fails nav YAML, vai arī tas ir pārāk liels vai pārāk dziļi sazarots. b"), "{text}");
    }

    #[test]
    fn nothing_to_mend_has_no_table() {
        let text = markdown(&Review::default(), Language::En);
        assert_eq!(text.lines().count(), 1);
        assert!(text.ends_with("0 data classes: nothing to mend\n"), "{text}");
    }

    #[test]
    fn what_others_wrote_stays_text() {
        let evil = [
            "a | b\n\n# heading\n| c |",
            "@platform-team look, #1 and https://example.lv, www.example.lv",
            "<img src=x onerror=y> <!-- & ]]>",
            "[link](https://example.lv) ![x](y) ~~z~~ *a* __b__ $\\sqrt{x}$",
            "` @a ` | ` x",
            "``` \n @someone",
            "`a|b` `c\\` `@d`",
            "\u{202e}evil\u{2066}\u{1b}[31m\r\u{2028}",
        ];
        for text in evil {
            let out = markdown(&review(1, text, text), Language::En);
            let rows = rows(&out);
            assert_eq!((rows.len(), rows[0].len()), (1, 3), "{out}");
            assert!(!out.contains(['\r', '\u{1b}', '\u{202e}', '\u{2066}', '\u{2028}']), "{out:?}");
            // Between code there is nothing that would be understood.
            let plain: String = out.lines().filter(|line| line.starts_with("| ")).flat_map(|line| line.split('`').step_by(2)).collect();
            let plain = plain.replace("<br>", "").replace("&#8203;", "\u{200b}");
            assert!(!plain.contains(['<', '>', '*', '[', ']', '~', '$', '\\', '_']), "{plain}");
            let followed = |mark: char| plain.split(mark).skip(1).all(|rest| rest.starts_with('\u{200b}'));
            assert!(followed('@') && followed(':'), "{plain}");
            assert!(!plain.contains("://") && !plain.contains("www."), "{plain}");
        }
    }

    #[test]
    fn backticks_without_a_second_one_are_text() {
        assert_eq!(escaped_message("a `b` c ` d"), "a `b` c &#96; d");
        assert_eq!(escaped_message("`"), "&#96;");
        assert_eq!(escaped_message("a `b|c`"), "a b&#124;c");
        assert_eq!(escaped_message("plain"), "plain");
    }

    #[test]
    fn the_limit_holds_and_rows_stay_whole() {
        for message in ["short", &"ā".repeat(5_000), &"|".repeat(5_000)] {
            let out = markdown(&review(5_000, "municipalities/kuldigas-novads/majaslapa.yaml", message), Language::Lv);
            assert!(out.chars().count() <= LIMIT && out.len() <= LIMIT, "{}", out.len());
            let shown = rows(&out).len();
            assert!(shown > 5 && rows(&out).iter().all(|row| row.len() == 3));
            assert!(out.contains(&format!("kas jālabo: {}.", 5_000 - shown)), "{shown}");
        }
    }

    #[test]
    fn one_more_than_fits_is_counted() {
        let out = markdown(&review(1, "a", "b"), Language::En);
        assert!(!out.contains("not shown here"), "{out}");
    }
}

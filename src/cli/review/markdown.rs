//! The one comment on a pull request: Latvian first, English below.
//!
//! What requests say was written by whoever made the pull request, so it is shown as text or as code that cannot end.

use super::{Reviewed, Verdict, words};
use crate::cli::language::either;
use crate::cli::plan::change::markdown::{between, sections};
use crate::cli::plan::change::words::short;
use crate::cli::validate::markdown::{LIMIT, code, escaped_message};
use crate::request::access::Person;
use crate::request::explain::Language;
use std::fmt::Write;

/// For what stands around the parts that are cut to size.
const AROUND: usize = 1_000;
/// Refusals and agreements that are shown at most, in each language.
const ROWS: usize = 20;

/// What was reviewed, at most [`LIMIT`] characters long.
#[must_use]
pub fn markdown(reviewed: &Reviewed<'_>, author: &Person) -> String {
    let mark = match reviewed.verdict {
        Verdict::Fine => "✅",
        Verdict::Awaits => "⏳",
        Verdict::Refused => "⛔",
        Verdict::Mend => "✏️",
    };
    let en = words::verdict(reviewed.verdict, Language::En);
    let mut out = format!("## {mark} kopnams: {}\n", words::status(reviewed.verdict));
    out.push_str(&part(reviewed, author, Language::Lv));
    let _ = write!(out, "\n<details><summary>In English: {en}</summary>\n{}\n</details>\n", part(reviewed, author, Language::En));
    let _ = writeln!(out, "\n<sub>{}</sub>", between(&reviewed.plan, Language::En));
    out
}

fn part(reviewed: &Reviewed<'_>, author: &Person, language: Language) -> String {
    let mut out = format!("\n{}\n", words::next(reviewed.verdict, language));
    let authority = reviewed.authority;
    let may = |owners: &[String]| {
        let owners: Vec<String> = owners.iter().map(|owner| code(owner)).collect();
        if owners.is_empty() { String::new() } else { format!(" ({}: {})", words::may(language), owners.join(", ")) }
    };
    let refused = authority.refused.iter().map(|refusal| {
        let why = escaped_message(&words::why(&refusal.why, language));
        format!("- ⛔ {}: {why}{}\n", code(&refusal.path), may(&refusal.owners))
    });
    let awaits = authority.awaits.iter().map(|awaited| {
        let (grave, needs) = (&awaited.grave, either(language, "vajag otra cilvēka piekrišanu", "needs a second person"));
        let app = code(&format!("{}/{}", grave.municipality, grave.app));
        format!("- ⏳ {app}: {}; {needs}{}\n", escaped_message(&words::grave(&grave.why, language)), may(&awaited.owners))
    });
    let rows: Vec<String> = refused.chain(awaits).collect();
    if !rows.is_empty() {
        let _ = writeln!(out, "\n**{}**\n", either(language, "Kurš to drīkst", "Who may do this"));
        out.extend(rows.iter().take(ROWS).map(String::as_str));
        if let Some(more) = rows.len().checked_sub(ROWS).filter(|more| *more > 0) {
            let _ = writeln!(out, "- {}: {more}", either(language, "un vēl", "and more"));
        }
    }
    let author = if author.login().is_empty() { String::new() } else { format!(" · {}", code(&format!("@{}", author.login()))) };
    let _ = writeln!(out, "\n**{}** {}{author}", either(language, "Kas notiks:", "What happens:"), short(&reviewed.plan.summary, language));
    let limit = (LIMIT / 2).saturating_sub(out.len() + AROUND);
    // Objects are named alike in every language, and who reads them reads English.
    out.push_str(&sections(&reviewed.plan, language, limit, language == Language::En));
    out
}

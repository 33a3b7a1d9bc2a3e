//! The words of `kopnams validate` itself, in Latvian and English.

use super::fix::Fixed;
use super::{JsonFinding, inventory, is_without_platform, to_mend};
use crate::cli::language::either;
use crate::cli::screen::counted;
use crate::request::explain::{Language, explain};
use crate::request::read::Finding;
use crate::review::Review;
use std::borrow::Cow;

/// What a finding says.
#[must_use]
pub fn message(finding: &Finding, language: Language) -> Cow<'_, str> {
    said(&finding.into(), language)
}

/// What a finding says. What only maintainers of the catalogue and admins read is English; in Latvian the meaning of its code
/// comes before it.
#[must_use]
pub fn said<'a>(finding: &JsonFinding<'a>, language: Language) -> Cow<'a, str> {
    match (language, finding.latvian) {
        (Language::En, _) => Cow::Borrowed(finding.message),
        (Language::Lv, Some(latvian)) => Cow::Borrowed(latvian),
        (Language::Lv, None) => Cow::Owned(format!("{} {}", explain(finding.code, language).meaning, finding.message)),
    }
}

/// What it all comes to, in one line.
#[must_use]
pub fn summary(review: &Review, language: Language) -> String {
    let all = match language {
        Language::Lv => inventory_lv(review),
        Language::En => inventory(review),
    };
    match (review.to_mend(), language) {
        ((0, _), Language::Lv) if is_without_platform(review) => format!("{all}; nav izlemts"),
        ((0, _), Language::Lv) => format!("{all}; nekas nav jālabo"),
        ((0, _), Language::En) if is_without_platform(review) => format!("{all}: not decided"),
        ((0, _), Language::En) => format!("{all}: nothing to mend"),
        ((mend, files), Language::Lv) => format!("jālabo: {mend}, faili: {files}"),
        ((mend, files), Language::En) => format!("{} in {}", counted(mend, "finding", "findings"), counted(files, "file", "files")),
    }
}

/// `pieprasījumi: 18, pašvaldības: 43, …`: with the number behind, no noun has to agree with it.
fn inventory_lv(review: &Review) -> String {
    let kinds = [("requests", "pieprasījumi"), ("municipalities", "pašvaldības"), ("systems", "sistēmas"), ("data classes", "datu klases")];
    kinds.map(|(key, name)| format!("{name}: {}", review.counts.get(key).copied().unwrap_or(0))).join(", ")
}

/// What was passed over, if anything was.
#[must_use]
pub fn passed_over(review: &Review, language: Language) -> Option<String> {
    let notes: Vec<_> = review.findings.iter().filter(|finding| finding.code.is_note()).collect();
    let first = notes.first()?;
    let place = format!("{}:{}", first.file, first.line);
    Some(match language {
        Language::Lv => format!("piezīme: nelasīti dokumenti: {}, pirmais {place}: {}", notes.len(), message(first, language)),
        Language::En => {
            let count = counted(notes.len(), "document is", "documents are");
            format!("note: {count} passed over, the first in {place}: {}", first.message)
        }
    })
}

/// What to say of requests without a platform.
#[must_use]
pub const fn without_platform(language: Language) -> &'static str {
    either(
        language,
        "Pieprasījumi pārbaudīti tikai katrs par sevi, un par tiem nav izlemts: starp failiem nav ne kataloga, ne pašvaldību. Norādiet arī platformas mapi, piemēram: kopnams validate examples/platform my-request.yaml",
        super::WITHOUT_PLATFORM,
    )
}

/// That something was mended.
#[must_use]
pub fn fixed(one: &Fixed, language: Language) -> String {
    let Fixed { file, line, column, fix } = one;
    let words = either(language, "izlabots", "fixed");
    format!("{file}:{line}:{column}: {words}: {} -> {}", fix.old, fix.new)
}

/// How many findings there are to mend.
#[must_use]
pub fn count(review: &Review) -> usize {
    to_mend(review).count()
}

/// What to say of findings for which there was no room.
#[must_use]
pub fn left_out(number: usize, language: Language) -> String {
    match language {
        Language::Lv => format!("Te nav parādītas vēl šādas vietas, kas jālabo: {number}. Visas parāda `kopnams validate`."),
        Language::En => {
            format!("{} not shown here. `kopnams validate` shows all.", counted(number, "more finding is", "more findings are"))
        }
    }
}

//! A change as Markdown, for the one comment on a pull request.
//!
//! What requests say was written by whoever made the pull request, so it is shown as text or as code that cannot end.

use super::sheet::{AppRow, DriftRow, Row, Sheet};
use super::words;
use crate::cli::language::either;
use crate::cli::plan::choices::Change as Choice;
use crate::cli::plan::sheet::Allotment;
use crate::cli::plan::text::{parts, share};
use crate::cli::validate::markdown::{LIMIT, code, escaped, escaped_message};
use crate::cli::validate::words::said;
use crate::request::explain::Language;
use std::fmt::Write;

/// Bytes that are left for what follows when something is cut.
const ROOM: usize = 2_000;
/// Bytes of the differences of one object at most.
const DIFF: usize = 6_000;

/// The sheet as Markdown, at most [`LIMIT`] characters long. What does not fit is counted, never cut within.
#[must_use]
pub fn markdown(sheet: &Sheet<'_>, language: Language) -> String {
    let heading = format!("### kopnams plan: {}\n", words::summary(&sheet.summary, language));
    let rest = sections(sheet, language, LIMIT - heading.len(), true);
    format!("{heading}{rest}\n<sub>{}</sub>\n", between(sheet, language))
}

/// Between which commits, and the hash of the plan.
#[must_use]
pub fn between(sheet: &Sheet<'_>, language: Language) -> String {
    let hash = &sheet.hash[..16.min(sheet.hash.len())];
    format!("{} → {}, {} `{hash}`", side(&sheet.base), side(&sheet.head), either(language, "plāna nospiedums", "plan"))
}

/// What a change comes to, without a heading, at most so many characters long; with what becomes of each object, or without.
#[must_use]
pub fn sections(sheet: &Sheet<'_>, language: Language, limit: usize, objects: bool) -> String {
    let mut out = String::new();
    if !sheet.risks.is_empty() {
        let _ = writeln!(out, "\n**{}**\n", either(language, "Vispirms apskatiet", "Look at these first"));
        let risks = sheet.risks.iter().map(|risk| format!("- {}\n", escaped_message(&words::risk(risk, language))));
        append(&mut out, risks, language, limit);
    }
    if !sheet.findings.is_empty() {
        let _ = writeln!(out, "\n**{}**\n", either(language, "Jālabo", "To mend"));
        let found = sheet.findings.iter().map(|finding| {
            let place = code(&format!("{}:{}:{}", finding.file, finding.line, finding.column));
            format!("- {place} `{}`: {}\n", finding.reason, escaped_message(&said(finding, language)))
        });
        append(&mut out, found, language, limit);
    }
    let rows = sheet.municipalities.iter().map(|row| municipality(row, language, objects));
    append(&mut out, rows, language, limit);
    if let Some(drift) = &sheet.drift {
        let _ = writeln!(out, "\n**{}**\n", words::drift(drift.is_empty(), &sheet.base.name, language));
        append(&mut out, drift.iter().map(|row| drifted(row, language)), language, limit);
    }
    if let Some(known) = words::known(sheet.summary.known, language) {
        let _ = writeln!(out, "\n{known}");
    }
    out
}

fn side(side: &super::sheet::Side) -> String {
    let commit = side.commit.as_ref().map(|commit| format!(" ({})", &commit[..10.min(commit.len())])).unwrap_or_default();
    format!("{}{commit}", code(&side.name))
}

/// Appends what fits, each part wholly or not at all, and says how many do not.
fn append(out: &mut String, parts: impl Iterator<Item = String>, language: Language, limit: usize) {
    let mut left = 0;
    for part in parts {
        if left > 0 || out.len() + part.len() + ROOM > limit {
            left += 1;
        } else {
            out.push_str(&part);
        }
    }
    if left > 0 {
        let _ = match language {
            Language::Lv => writeln!(out, "\nTe vairs neietilpa: {left}. Visu rāda `kopnams plan` pats.\n"),
            Language::En => writeln!(out, "\nNot shown here for want of room: {left}. `kopnams plan` itself shows everything.\n"),
        };
    }
}

fn municipality(row: &Row<'_>, language: Language, objects: bool) -> String {
    let title = row.title.map_or_else(|| either(language, "tādas pašvaldības nav", "there is no such municipality").to_owned(), escaped);
    let mut out = format!("\n#### {title} ({})\n\n", code(row.name));
    for app in &row.apps {
        out.push_str(&self::app(app, language));
        if objects {
            out.push_str(&self::objects(app, language));
        }
    }
    for (hosts, words) in [
        (&row.claims, either(language, "Aizņem adreses", "Claims the addresses")),
        (&row.gives_up, either(language, "Atbrīvo adreses", "Gives up the addresses")),
    ] {
        if !hosts.is_empty() {
            let hosts: Vec<String> = hosts.iter().map(|host| code(host)).collect();
            let _ = writeln!(out, "\n{words}: {}", hosts.join(", "));
        }
    }
    if let Some(after) = &row.after {
        out.push_str(&bars(row.before.as_ref(), after, language));
    }
    out
}

fn app(app: &AppRow<'_>, language: Language) -> String {
    let mark = match app.action {
        "create" => "➕",
        "change" => "✏️",
        "remove" => "🗑️",
        _ => "⛔",
    };
    let mut out = format!("- {mark} **{}** {}", code(app.name), words::action(app, language));
    if let Some(grant) = app.grant.filter(|_| app.action != "refuse") {
        let (system, version, size, class) = (&grant.system, &grant.version, &grant.size.name, &grant.data_class.name);
        let _ = write!(out, ": {}", code(&format!("{system} {version}")));
        let _ =
            write!(out, ", {} {}, {} {}", words::field("size", language), code(size), words::field("data class", language), code(class));
        if let Some(host) = &grant.hostname {
            let _ = write!(out, ", {}", code(host));
        }
    }
    out.push('\n');
    changed(&mut out, &app.changes, language);
    for requirement in &app.requires {
        let _ = writeln!(out, "  - {} {}", either(language, "datu klase prasa", "the data class requires"), code(requirement));
    }
    for finding in &app.because {
        let place = code(&format!("{}:{}:{}", finding.file, finding.line, finding.column));
        let _ = writeln!(out, "  - `{}`: {} ({place})", finding.reason, escaped_message(&said(finding, language)));
    }
    out
}

fn changed(out: &mut String, changes: &[Choice], language: Language) {
    for change in changes {
        // Parameters are named by whoever asks.
        let field =
            if change.field.starts_with("parameters.") { code(&change.field) } else { words::field(&change.field, language).into() };
        let _ = writeln!(out, "  - {field}: {} → {}", code(&change.before), code(&change.now));
    }
}

fn drifted(row: &DriftRow<'_>, language: Language) -> String {
    let mut out = format!("- ≠ {}\n", escaped_message(&words::drifted(row, language)));
    changed(&mut out, &row.changes, language);
    out
}

/// What becomes of an app's objects, folded.
fn objects(app: &AppRow<'_>, language: Language) -> String {
    if app.objects.is_empty() {
        return String::new();
    }
    let title = either(language, "Kubernetes objekti", "Kubernetes objects");
    let mut out = format!("\n  <details><summary>{title} ({})</summary>\n\n", app.objects.len());
    for object in &app.objects {
        let mark = match object.action {
            "create" => "+",
            "delete" => "-",
            _ => "~",
        };
        let _ = writeln!(out, "  {}<br>", code(&format!("{mark} {} {}", object.kind, object.name)));
        if !object.diff.is_empty() {
            out.push_str(&fenced(&object.diff, language));
        }
    }
    out.push_str("\n  </details>\n");
    out
}

/// Lines as code, which nothing in them ends.
fn fenced(text: &str, language: Language) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let mut out = format!("\n  {fence}diff\n");
    let (mut bytes, mut cut) = (0, 0);
    for line in text.lines() {
        if cut > 0 || bytes + line.len() > DIFF {
            cut += 1;
            continue;
        }
        bytes += line.len() + 1;
        let _ = writeln!(out, "  {line}");
    }
    let _ = writeln!(out, "  {fence}\n");
    if cut > 0 {
        let _ = writeln!(out, "  {}: {cut}\n", either(language, "rindas, kas te neietilpa", "lines that are not shown"));
    }
    out
}

/// What is used of the allotment, before and after.
fn bars(before: Option<&Allotment>, after: &Allotment, language: Language) -> String {
    let heading = either(language, "resurss | pirms | pēc | atļauts |", "of the allotment | before | after | allowed |");
    let mut out = format!("\n| {heading} |\n|---|---|---|---|---|\n");
    let was = before.map(parts);
    for (number, (name, now, write)) in parts(after).into_iter().enumerate() {
        let (name, was) = (words::field(name, language), was.map_or(0, |was| was[number].1.granted));
        let _ = writeln!(out, "| {name} | {} | {} | {} | `{}` |", write(was), write(now.granted), write(now.allowed), share(now));
    }
    out
}

//! A change as Markdown, for the one comment on a pull request.
//!
//! What requests say was written by whoever made the pull request, so it is shown as text or as code that cannot end.

use super::sheet::{AppRow, Row, Sheet};
use super::words;
use crate::cli::language::either;
use crate::cli::plan::sheet::Allotment;
use crate::cli::plan::text::{parts, share};
use crate::cli::validate::markdown::{LIMIT, code, escaped, escaped_message};
use crate::request::explain::Language;
use std::fmt::Write;

/// Bytes that are left for what follows when something is cut.
const ROOM: usize = 2_000;
/// Bytes of the differences of one object at most.
const DIFF: usize = 6_000;

/// The sheet as Markdown, at most [`LIMIT`] characters long. What does not fit is counted, never cut within.
#[must_use]
pub fn markdown(sheet: &Sheet<'_>, language: Language) -> String {
    let mut out = format!("### kopnams plan: {}\n", words::summary(&sheet.summary, language));
    if !sheet.risks.is_empty() {
        let _ = writeln!(out, "\n**{}**\n", either(language, "Vispirms apskatiet", "Look at these first"));
        let risks = sheet.risks.iter().map(|risk| format!("- {}\n", escaped_message(&words::risk(risk, language))));
        append(&mut out, risks, language);
    }
    if !sheet.findings.is_empty() {
        let _ = writeln!(out, "\n**{}**\n", either(language, "Jālabo", "To mend"));
        let found = sheet.findings.iter().map(|finding| {
            let place = code(&format!("{}:{}:{}", finding.file, finding.line, finding.column));
            format!("- {place} `{}`: {}\n", finding.reason, escaped_message(finding.message))
        });
        append(&mut out, found, language);
    }
    let rows = sheet.municipalities.iter().map(|row| municipality(row, language));
    append(&mut out, rows, language);
    if let Some(known) = words::known(sheet.summary.known, language) {
        let _ = writeln!(out, "\n{known}");
    }
    let between = format!("{} → {}", side(&sheet.base), side(&sheet.head));
    let _ = writeln!(
        out,
        "\n<sub>{between}, {} `{}`</sub>",
        either(language, "plāna nospiedums", "plan"),
        &sheet.hash[..16.min(sheet.hash.len())]
    );
    out
}

fn side(side: &super::sheet::Side) -> String {
    let commit = side.commit.as_ref().map(|commit| format!(" ({})", &commit[..10.min(commit.len())])).unwrap_or_default();
    format!("{}{commit}", code(&side.name))
}

/// Appends what fits, each part wholly or not at all, and says how many do not.
fn append(out: &mut String, parts: impl Iterator<Item = String>, language: Language) {
    let mut left = 0;
    for part in parts {
        if left > 0 || out.len() + part.len() + ROOM > LIMIT {
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

fn municipality(row: &Row<'_>, language: Language) -> String {
    let title = row.title.map_or_else(|| either(language, "tādas pašvaldības nav", "there is no such municipality").to_owned(), escaped);
    let mut out = format!("\n#### {title} ({})\n\n", code(row.name));
    for app in &row.apps {
        out.push_str(&self::app(app, language));
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
    for change in &app.changes {
        let _ = writeln!(out, "  - {}: {} → {}", words::field(change.field, language), code(&change.before), code(&change.now));
    }
    for requirement in &app.requires {
        let _ = writeln!(out, "  - {} {}", either(language, "datu klase prasa", "the data class requires"), code(requirement));
    }
    for finding in &app.because {
        let place = code(&format!("{}:{}:{}", finding.file, finding.line, finding.column));
        let _ = writeln!(out, "  - `{}`: {} ({place})", finding.reason, escaped_message(finding.message));
    }
    if !app.objects.is_empty() {
        let _ = writeln!(
            out,
            "\n  <details><summary>{} ({})</summary>\n",
            either(language, "Kubernetes objekti", "Kubernetes objects"),
            app.objects.len()
        );
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
    }
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

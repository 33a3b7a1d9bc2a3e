//! A change for people at a terminal.

use super::sheet::{AppRow, Row, Sheet};
use super::words;
use crate::cli::language::either;
use crate::cli::plan::choices::Change as Choice;
use crate::cli::plan::sheet::Allotment;
use crate::cli::plan::text::{parts, share};
use crate::cli::screen::{Screen, Tone, wrapped};
use crate::cli::validate::markdown::printable;
use crate::cli::validate::words::said;
use crate::cli::validate::{JsonFinding, line};
use crate::request::explain::Language;
use std::fmt::Write;

/// Where the second column begins.
const INDENT: usize = 6;

/// The sheet as text: risks, what is wrong, each municipality for which something changes, and a summary.
#[must_use]
pub fn text(sheet: &Sheet<'_>, language: Language, screen: Screen) -> String {
    let mut out = String::new();
    let heading = |out: &mut String, words: &str| {
        let _ = writeln!(out, "{}", screen.paint(Tone::Strong, words));
    };
    if !sheet.risks.is_empty() {
        heading(&mut out, either(language, "Vispirms apskatiet", "Look at these first"));
        for risk in &sheet.risks {
            let words = words::risk(risk, language).replace('`', "");
            let _ = writeln!(out, "  {} {}", screen.paint(Tone::Bad, "!"), wrapped(&words, screen.columns(), 4, 4));
        }
        out.push('\n');
    }
    for finding in &sheet.findings {
        out.push_str(&line(&JsonFinding { message: &said(finding, language), ..*finding }, screen));
    }
    if !sheet.findings.is_empty() {
        out.push('\n');
    }
    for row in &sheet.municipalities {
        municipality(&mut out, row, language, screen);
    }
    if let Some(drift) = &sheet.drift {
        let words = words::drift(drift.is_empty(), &sheet.base.name, language).replace('`', "");
        heading(&mut out, &wrapped(&words, screen.columns(), 0, 0));
        for row in drift {
            let words: String = words::drifted(row, language).replace('`', "").chars().map(printable).collect();
            let _ = writeln!(out, "  {} {}", screen.paint(Tone::Change, "≠"), wrapped(&words, screen.columns(), 4, 4));
            changed(&mut out, &row.changes, language, screen);
        }
        out.push('\n');
    }
    if let Some(known) = words::known(sheet.summary.known, language) {
        let _ = writeln!(out, "{known}");
    }
    let tone = if sheet.summary.refuse + sheet.summary.findings > 0 { Tone::Bad } else { Tone::Good };
    let _ = writeln!(out, "{}", screen.paint(tone, &wrapped(&words::summary(&sheet.summary, language), screen.columns(), 0, 2)));
    out
}

fn municipality(out: &mut String, row: &Row<'_>, language: Language, screen: Screen) {
    let title = row.title.unwrap_or_else(|| either(language, "tādas pašvaldības nav", "there is no such municipality"));
    let _ = writeln!(out, "{}  {title}", screen.paint(Tone::Strong, row.name));
    for app in &row.apps {
        self::app(out, app, language, screen);
    }
    for (hosts, words) in [
        (&row.claims, either(language, "aizņem adreses", "claims the addresses")),
        (&row.gives_up, either(language, "atbrīvo adreses", "gives up the addresses")),
    ] {
        if !hosts.is_empty() {
            let text = format!("{words}: {}", hosts.join(", "));
            let _ = writeln!(out, "  {}", wrapped(&text, screen.columns(), 2, 4));
        }
    }
    if let Some(after) = &row.after {
        bars(out, row.before.as_ref(), after, language);
    }
    out.push('\n');
}

fn app(out: &mut String, app: &AppRow<'_>, language: Language, screen: Screen) {
    let (mark, tone) = match app.action {
        "create" => ("+", Tone::Good),
        "change" => ("~", Tone::Change),
        "remove" => ("-", Tone::Bad),
        _ => ("!", Tone::Bad),
    };
    let mut head = format!("{} {}", app.name, words::action(app, language));
    if let Some(grant) = app.grant.filter(|_| app.action != "refuse") {
        let (size, class) = (words::field("size", language), words::field("data class", language));
        let host = grant.hostname.as_ref().map(|host| format!(", {host}")).unwrap_or_default();
        let _ = write!(head, ": {} {}, {size} {}, {class} {}{host}", grant.system, grant.version, grant.size.name, grant.data_class.name);
    }
    let _ = writeln!(out, "  {} {}", screen.paint(tone, mark), wrapped(&head, screen.columns(), 4, INDENT));
    changed(out, &app.changes, language, screen);
    let mut more = |text: &str| indented(out, text, screen);
    for requirement in &app.requires {
        more(&format!("{} {requirement}", either(language, "datu klase prasa", "the data class requires")));
    }
    for finding in &app.because {
        more(&format!("{}: {} ({}:{}:{})", finding.reason, said(finding, language), finding.file, finding.line, finding.column));
    }
    if !app.objects.is_empty() {
        let named = |action: &str| app.objects.iter().filter(|object| object.action == action).count();
        let counts = [("create", "+"), ("change", "~"), ("delete", "-")].map(|(action, mark)| (named(action), mark));
        let counts: Vec<String> = counts.iter().filter(|(number, _)| *number > 0).map(|(number, mark)| format!("{mark}{number}")).collect();
        more(&format!("{} {}: {}", either(language, "objekti nosaukumvietā", "objects in the namespace"), app.namespace, counts.join(" ")));
    }
}

fn changed(out: &mut String, changes: &[Choice], language: Language, screen: Screen) {
    for change in changes {
        indented(out, &format!("{}: {} -> {}", words::field(&change.field, language), change.before, change.now), screen);
    }
}

/// A line in the second column.
fn indented(out: &mut String, text: &str, screen: Screen) {
    let _ = writeln!(out, "{:INDENT$}{}", "", wrapped(text, screen.columns(), INDENT, INDENT + 2));
}

fn bars(out: &mut String, before: Option<&Allotment>, after: &Allotment, language: Language) {
    let was = before.map(parts);
    for (number, (name, now, write)) in parts(after).into_iter().enumerate() {
        let (name, was) = (words::field(name, language), was.map_or(0, |was| was[number].1.granted));
        let of = either(language, "no", "of");
        let _ = writeln!(out, "  {name:<10}{}  {} -> {} {of} {}", share(now), write(was), write(now.granted), write(now.allowed));
    }
}

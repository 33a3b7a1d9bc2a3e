//! The plan for people.

use super::change::words::field;
use super::sheet::{Allotment, AppRow, Objects, Row, Sheet, Use};
use crate::cli::language::either;
use crate::cli::screen::{Screen, Tone, counted, wrapped};
use crate::cli::validate::words::{said, without_platform};
use crate::cli::validate::{JsonFinding, is_without_platform, line};
use crate::request::app::Grant;
use crate::request::explain::Language;
use crate::request::quantity::write_bytes;
use crate::review::Review;
use std::fmt::Write;

/// Width of a bar.
const BAR: u64 = 10;
/// A blank at which no line is broken.
const TIE: char = '\u{a0}';
/// Where the second column begins.
const INDENT: usize = 6;

/// The sheet as text: what is wrong, then each municipality with apps, then a summary.
#[must_use]
pub fn text(sheet: &Sheet<'_>, review: &Review, language: Language, screen: Screen) -> String {
    let mut out = String::new();
    for finding in &sheet.findings {
        out.push_str(&line(&JsonFinding { message: &said(finding, language), ..*finding }, screen));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    for row in sheet.municipalities.iter().filter(|row| !row.apps.is_empty()) {
        municipality(&mut out, row, language, screen);
    }
    if is_without_platform(review) {
        let _ = writeln!(out, "{}", wrapped(without_platform(language), screen.columns(), 0, 0));
    }
    summary(&mut out, sheet, language, screen);
    out.replace(TIE, " ")
}

fn municipality(out: &mut String, row: &Row<'_>, language: Language, screen: Screen) {
    let title = row.title.unwrap_or_else(|| either(language, "tādas pašvaldības nav", "there is no such municipality"));
    let home_space = either(language, "mājas nosaukumvieta", "home namespace");
    let _ = writeln!(out, "{}  {title}", screen.paint(Tone::Strong, row.name));
    if let Some(home) = &row.home {
        let (tone, what) = match home.action {
            "create" => (Tone::Good, format!("+ {home_space} {}: {}", row.name, objects(&home.objects))),
            "exists" => (Tone::Faint, format!("= {home_space} {} {}", row.name, either(language, "jau ir", "exists"))),
            _ => {
                let why = either(
                    language,
                    "netiek veidota: pašvaldība ir noraidīta vai tiek noņemta",
                    "is not made: the municipality is refused or being removed",
                );
                (Tone::Bad, format!("! {home_space} {} {why}", row.name))
            }
        };
        let _ = writeln!(out, "  {}", paint_mark(screen, tone, &wrapped(&what, screen.columns(), 2, INDENT)));
    }
    for app in &row.apps {
        self::app(out, app, language, screen);
    }
    if let Some(allotment) = &row.allotment {
        used(out, allotment, language, screen);
    }
    out.push('\n');
}

fn app(out: &mut String, app: &AppRow<'_>, language: Language, screen: Screen) {
    let (mark, tone) = match app.action {
        "create" => ('+', Tone::Good),
        "change" => ('~', Tone::Change),
        "refuse" => ('!', Tone::Bad),
        _ => ('=', Tone::Faint),
    };
    let chosen = app.grant.map(|grant| choices(grant, language)).unwrap_or_default();
    let becomes = match app.action {
        "create" => "",
        "change" => either(language, "mainīsies uz ", "changes to "),
        "unchanged" => either(language, "nemainās, ", "unchanged, "),
        "elsewhere" => either(language, "paliek, kāda ir, failos tās nav, ", "stays as it is, not among the files, "),
        _ if app.grant.is_some() => either(language, "noraidīta, tāpēc paliek ", "refused, so it stays "),
        _ => either(language, "noraidīta", "refused"),
    };
    let head = format!("{mark} {}: {becomes}{chosen}", app.name);
    let _ = writeln!(out, "  {}", paint_mark(screen, tone, &wrapped(&head, screen.columns(), 2, INDENT)));
    for change in &app.changes {
        let becomes = either(language, "->", "becomes");
        let text = format!("{}: {} {becomes} {}", field(&change.field, language), change.before, change.now);
        let _ = writeln!(out, "{:INDENT$}{}", "", wrapped(&text, screen.columns(), INDENT, INDENT + 2));
    }
    if !app.objects.is_empty() {
        let text = format!("{} {}: {}", either(language, "nosaukumvieta", "namespace"), app.namespace, objects(&app.objects));
        let _ = writeln!(out, "{:INDENT$}{}", "", wrapped(&text, screen.columns(), INDENT, INDENT + 2));
    }
    for finding in &app.because {
        let text = format!("{}: {}", finding.reason, said(finding, language));
        let text = wrapped(&text, screen.columns(), INDENT, INDENT + 2);
        let text = text.replacen(finding.reason, &screen.paint(Tone::Bad, finding.reason), 1);
        let _ = writeln!(out, "{:INDENT$}{text}", "");
        let place = format!("{}:{}:{}", finding.file, finding.line, finding.column);
        let _ = writeln!(out, "{:INDENT$}  {}", "", screen.paint(Tone::Faint, &place));
    }
}

/// `website 1.0, size small, class open, www.kuldiga.example.lv`.
fn choices(grant: &Grant, language: Language) -> String {
    let host = grant.hostname.as_ref().map_or_else(String::new, |host| format!(", {host}"));
    let (size, class) = (field("size", language), either(language, "datu klase", "class"));
    format!("{} {}, {size} {}, {class} {}{host}", grant.system, grant.version, grant.size.name, grant.data_class.name)
}

/// `4 ResourceQuota, 1 LimitRange, …`: what is in a namespace, a number never apart from its kind.
fn objects(objects: &Objects) -> String {
    let inside = crate::desired::Kind::ALL.iter().filter(|kind| **kind != crate::desired::Kind::Namespace);
    let kinds: Vec<_> = inside.filter_map(|kind| objects.get(kind.as_str()).map(|n| format!("{n}{TIE}{kind}"))).collect();
    kinds.join(", ")
}

fn paint_mark(screen: Screen, tone: Tone, text: &str) -> String {
    match text.split_once(' ') {
        Some((mark, rest)) => format!("{} {rest}", screen.paint(tone, mark)),
        None => text.to_string(),
    }
}

/// A part of an allotment: its name, what is used of it, and how its figures are written.
pub type Part = (&'static str, Use, fn(u64) -> String);

/// The parts of an allotment, each with its name and how its figures are written.
#[must_use]
pub fn parts(allotment: &Allotment) -> [Part; 4] {
    [
        ("cpu", allotment.cpu, cores as fn(u64) -> String),
        ("memory", allotment.memory, write_bytes),
        ("storage", allotment.storage, write_bytes),
        ("apps", allotment.apps, |n| n.to_string()),
    ]
}

/// What is used of the allotment: figures with a bar each, in two columns if they fit.
fn used(out: &mut String, allotment: &Allotment, language: Language, screen: Screen) {
    let first = match language {
        Language::Lv => 11,
        Language::En => 8,
    };
    let half = (screen.columns() - 2) / 2;
    let mut second = false;
    for (name, part, write) in parts(allotment) {
        let (full, tone) = bar(part);
        let figures = format!("{} {} {}", write(part.granted), either(language, "no", "of"), write(part.allowed));
        let length = first + usize::try_from(BAR).unwrap_or(0) + 2 + figures.chars().count();
        let two = half > 40 && length < half;
        if !second {
            out.push_str("  ");
        }
        let empty = BAR.saturating_sub(full);
        let filled = screen.paint(tone, &"#".repeat(usize::try_from(full).unwrap_or(0)));
        let name = field(name, language);
        let _ = write!(out, "{name:<first$}{filled}{}  {figures}", ".".repeat(usize::try_from(empty).unwrap_or(0)));
        second = two && !second;
        if second {
            out.push_str(&" ".repeat(half - length));
        } else {
            out.push('\n');
        }
    }
    if second {
        out.push('\n');
    }
}

/// A bar of what is used: `##........`.
#[must_use]
pub fn share(part: Use) -> String {
    let full = bar(part).0;
    let times = |mark: &str, number: u64| mark.repeat(usize::try_from(number).unwrap_or(0));
    times("#", full) + &times(".", BAR.saturating_sub(full))
}

/// How much of a bar is full: at least something if anything is used, all of it only if nothing is left.
fn bar(part: Use) -> (u64, Tone) {
    let Use { granted, allowed } = part;
    let tone = match granted {
        _ if granted > allowed => Tone::Bad,
        _ if u128::from(granted) * 10 >= u128::from(allowed) * 9 => Tone::Change,
        _ => Tone::Good,
    };
    if granted == 0 || allowed == 0 {
        return (if granted == 0 { 0 } else { BAR }, tone);
    }
    let share = u128::from(granted) * u128::from(BAR) / u128::from(allowed);
    let full = u64::try_from(share).unwrap_or(BAR).clamp(1, BAR);
    (full, tone)
}

/// Millicores as cores: `1.5`.
#[must_use]
pub fn cores(millis: u64) -> String {
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn summary(out: &mut String, sheet: &Sheet<'_>, language: Language, screen: Screen) {
    let s = &sheet.summary;
    let quiet = sheet.municipalities.iter().filter(|row| row.apps.is_empty()).count();
    // In Latvian numbers stand behind, so that no noun has to agree with them.
    let (without, all, mend) = match language {
        Language::Lv => {
            let elsewhere = if s.elsewhere == 0 { String::new() } else { format!(", nav failos: {}", s.elsewhere) };
            let apps =
                format!("izveidos: {}, mainīs: {}, nemainīs: {}, noraidīs: {}{elsewhere}", s.create, s.change, s.unchanged, s.refuse);
            (
                format!("pašvaldības bez pieprasījumiem: {quiet}"),
                format!("lietotnes: {apps}; mājas nosaukumvietas: izveidos: {}; objekti: ierakstīs: {}", s.homes, s.objects),
                format!("augstāk nosauktais jālabo: {}", s.findings),
            )
        }
        Language::En => {
            let elsewhere = if s.elsewhere == 0 { String::new() } else { format!(", {} not among the files", s.elsewhere) };
            let apps =
                format!("{} to create, {} to change, {} unchanged, {} refused{elsewhere}", s.create, s.change, s.unchanged, s.refuse);
            let (homes, objects) = (counted(s.homes, "home", "homes"), counted(s.objects, "object", "objects"));
            (
                counted(quiet, "municipality has no requests", "municipalities have no requests"),
                format!("apps: {apps}; {homes} to create; {objects} to write"),
                format!("{} above must be mended", counted(s.findings, "finding", "findings")),
            )
        }
    };
    if quiet > 0 {
        let _ = writeln!(out, "{without}");
    }
    let tone = if s.refuse > 0 || s.findings > 0 { Tone::Bad } else { Tone::Good };
    let _ = writeln!(out, "{}", screen.paint(tone, &wrapped(&all, screen.columns(), 0, 2)));
    if s.findings > 0 {
        let _ = writeln!(out, "{}", screen.paint(Tone::Bad, &mend));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_easily() {
        assert_eq!((cores(1500).as_str(), cores(250).as_str(), cores(8000).as_str(), cores(0).as_str()), ("1.5", "0.25", "8", "0"));
        let full = |granted, allowed| bar(Use { granted, allowed }).0;
        assert_eq!((full(0, 10), full(1, 1000), full(999, 1000), full(1000, 1000), full(5, 0), full(20, 10)), (0, 1, 9, 10, 10, 10));
    }
}

//! `kopnams authorize`: whether somebody may make a change, by the rules that were there before it.

use super::language::{Spoken, either};
use super::plan::change::sheet::Side;
use super::plan::change::{Sides, compare_snapshots, snapshots};
use super::screen::{self, Screen, Tone, wrapped};
use crate::policy::AppKey;
use crate::policy::authority::{Answer, Grave, GraveWhy, Question, decide};
use crate::request::access::{Access, FILE, Person};
use crate::request::explain::Language;
use crate::request::read::foreign::foreign;
use crate::request::read::git::Snapshot;
use crate::request::read::layout::Layout;
use crate::request::read::parse;
use crate::request::read::touched::{self, Touched};
use crate::review::change::Change;
use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Say whether somebody may make a change: by access.yaml of the base, never of the change itself.
///
/// Each municipality changes what lies in its own folder, and there only requests of its own; everything
/// else is the platform's. Removals and data of certain classes need a second person. Trees are read out
/// of the repository; nothing is checked out and nothing in them is run.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kopnams authorize --base origin/main --head HEAD --author janis-kuldiga
  kopnams authorize --base origin/main --head pr --author janis --groups kuldiga/it --approved-by anna:kuldiga/it
  kopnams authorize --base origin/main --head pr --author janis --output json | jq .allowed

Exit codes: 0 it may be merged, 1 it is refused or waits for a second person, 2 wrong usage or something could not be read.")]
pub struct Authorize {
    /// Files and folders that are on both sides, such as the platform's objects of another repository.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The commit that the change is to be merged into; its access.yaml has the rules.
    #[arg(long, value_name = "REF")]
    base: String,
    /// The commit that is to be merged.
    #[arg(long, value_name = "REF")]
    head: String,
    /// The repository, bare or not, or a folder in it.
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    #[command(flatten)]
    who: Who,
    /// How to print.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[command(flatten)]
    spoken: Spoken,
}

/// Whoever makes a change, and whoever agreed to it.
#[derive(Debug, Args)]
pub struct Who {
    /// Whoever made the change, by the login at the forge.
    #[arg(long, value_name = "LOGIN")]
    author: Option<String>,
    /// The author's teams, as organisation/team, with commas between.
    #[arg(long, value_name = "TEAMS", value_delimiter = ',')]
    groups: Vec<String>,
    /// Whoever agreed to it, with teams behind a colon: anna:kuldiga/it,kuldiga/vadiba. May be given again.
    #[arg(long, value_name = "LOGIN[:TEAMS]")]
    approved_by: Vec<String>,
}

impl Who {
    /// The author, and those who agreed.
    pub fn people(&self) -> Result<(Person, Vec<Person>)> {
        let author = self.author.as_ref().context("nobody is named as the author; write --author LOGIN")?;
        Ok((Person::new(author, &self.groups), self.approved_by.iter().map(|text| person(text)).collect()))
    }
}

/// A change, and whether it may be made.
#[derive(Debug)]
pub struct Judged {
    /// Whether it may.
    pub answer: Answer,
    /// What it comes to.
    pub change: Change,
    /// Where it begins.
    pub base: Side,
    /// Where it leads.
    pub head: Side,
}

/// Judges what lies between two commits by the rules of the first. What lies in `paths` is on both sides.
pub fn judge(sides: &Sides, paths: &[PathBuf], author: &Person, approvers: &[Person]) -> Result<Judged> {
    let access = rules(sides)?;
    let mut touched = touched::between(sides.base(), &sides.head);
    for one in &mut touched {
        one.foreign = foreign(&sides.head, one)?;
    }
    let (change, base, head) = compare_snapshots(sides, paths, Layout::Auto)?;
    let grave = grave(&access, &change, sides, &touched)?;
    let answer = decide(&Question { access: &access, author, approvers, touched: &touched, grave: &grave });
    Ok(Judged { answer, change, base, head })
}

/// The rules that were there before the change.
pub fn rules(sides: &Sides) -> Result<Access> {
    let rules = sides.target.file(Path::new(FILE))?;
    let rules = rules.with_context(|| {
        format!("{} has no {FILE}, which says who may change what; a platform admin commits one first", sides.target.name)
    })?;
    Access::parse(&rules).map_err(|why| anyhow!("{FILE} of {}: {why}", sides.target.name))
}

/// How `kopnams authorize` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Authorize {
    /// Runs the command.
    pub fn run(self) -> Result<u8> {
        let sides = snapshots(&self.base, &self.head, &self.repo)?;
        let (author, approvers) = self.who.people()?;
        let Judged { answer, .. } = judge(&sides, &self.paths, &author, &approvers)?;
        let out = match self.output {
            Output::Json => format!("{}\n", serde_json::to_string_pretty(&answer)?),
            Output::Text => text(&answer, self.spoken.language(), Screen::stdout()),
        };
        screen::print(&out).context("cannot write the output")?;
        Ok(if answer.allowed { super::FINE } else { super::REFUSED })
    }
}

/// Print CODEOWNERS, made from access.yaml, so that the forge asks the same people.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kopnams codeowners access.yaml > .github/CODEOWNERS")]
pub struct Codeowners {
    /// The file with the rules.
    #[arg(value_name = "FILE", default_value = FILE)]
    file: PathBuf,
}

impl Codeowners {
    /// Runs the command.
    pub fn run(self) -> Result<u8> {
        let shown = self.file.display();
        let text = std::fs::read(&self.file).with_context(|| format!("cannot read {shown}"))?;
        let access = Access::parse(&text).map_err(|why| anyhow!("{shown}: {why}"))?;
        screen::print(&access.codeowners()).context("cannot write the output")?;
        Ok(super::FINE)
    }
}

/// `anna:kuldiga/it,kuldiga/vadiba`.
fn person(text: &str) -> Person {
    let (login, teams) = text.split_once(':').unwrap_or((text, ""));
    let teams: Vec<String> = teams.split(',').filter(|team| !team.is_empty()).map(ToString::to_string).collect();
    Person::new(login, &teams)
}

/// What of a change is grave, by the rules.
fn grave(access: &Access, change: &Change, sides: &Sides, touched: &[Touched]) -> Result<Vec<Grave>> {
    let mut found: BTreeMap<AppKey, GraveWhy> = BTreeMap::new();
    let classes = &access.two_people.data_classes;
    if access.two_people.removals {
        for key in change.removed.keys() {
            found.insert(key.clone(), GraveWhy::Removed);
        }
        // Also where nothing could be decided, without a catalogue: a request that goes is a removal.
        for key in requests_in(sides.base(), touched.iter().filter(|one| one.after.is_none()))? {
            if !change.after.apps.contains_key(&key) {
                found.entry(key).or_insert(GraveWhy::RequestRemoved);
            }
        }
    }
    for (key, outcome) in change.touched() {
        let Some((before, now)) = outcome.granted() else { continue };
        let of_class = before.into_iter().chain([now]).find(|grant| classes.contains(&grant.data_class.name));
        if let Some(grant) = of_class {
            found.entry(key.clone()).or_insert_with(|| GraveWhy::Class(grant.data_class.name.clone()));
        }
    }
    if change.after.undecided && !classes.is_empty() {
        // Without a catalogue nobody knows a system's class.
        for key in requests_in(&sides.head, touched.iter())? {
            found.entry(key).or_insert(GraveWhy::ClassUnknown);
        }
    }
    Ok(found.into_iter().map(|(AppKey { municipality, app }, why)| Grave { municipality, app, why }).collect())
}

/// The requests in files of a side.
fn requests_in<'a>(side: &Snapshot, files: impl Iterator<Item = &'a Touched>) -> Result<BTreeSet<AppKey>> {
    let mut found = BTreeSet::new();
    for one in files {
        let Some(content) = side.file(&one.path)? else { continue };
        let (documents, _) = parse(&one.path.display().to_string(), 0, &content);
        let requests = documents.iter().filter(|document| document.kind() == "MunicipalityApp");
        found.extend(requests.map(|document| AppKey::new(document.namespace(), document.name())));
    }
    Ok(found)
}

/// Text without what steers a terminal: paths and kinds are as somebody wrote them.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character }).collect()
}

fn text(answer: &Answer, language: Language, screen: Screen) -> String {
    let mut out = String::new();
    let mut line = |tone: Tone, mark: &str, text: &str| {
        let _ = writeln!(out, "{} {}", screen.paint(tone, mark), wrapped(text, screen.columns(), 2, 4));
    };
    let may = either(language, "drīkst", "may");
    for refusal in &answer.refused {
        let owners = if refusal.owners.is_empty() { String::new() } else { format!(" ({may}: {})", refusal.owners.join(", ")) };
        line(Tone::Bad, "!", &format!("{}: {}{owners}", plain(&refusal.path), plain(&refusal.why.to_string())));
    }
    for awaited in &answer.awaits {
        let (grave, owners) = (&awaited.grave, awaited.owners.join(", "));
        let needs = either(language, "vajag otra cilvēka piekrišanu", "needs a second person");
        line(Tone::Change, "?", &format!("{}/{}: {}; {needs} ({may}: {owners})", grave.municipality, grave.app, grave.why));
    }
    let areas = answer.areas.join(", ");
    let end = match (answer.allowed, answer.refused.is_empty()) {
        (true, _) => either(language, "drīkst apvienot", "may be merged"),
        (false, true) => either(language, "gaida otra cilvēka piekrišanu", "waits for a second person"),
        (false, false) => either(language, "noraidīts", "refused"),
    };
    let tone = if answer.allowed { Tone::Good } else { Tone::Bad };
    let touched = either(language, "skar", "touches");
    let _ = writeln!(out, "{}", screen.paint(tone, &format!("{end}; {touched}: {areas}")));
    out
}

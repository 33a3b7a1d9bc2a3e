//! `kopnams backups` and `kopnams restore`: what there is to be restored, and restoring it.

use super::run::{config, runtime};
use super::screen::{self, Screen, Tone, counted, wrapped};
use crate::backup::coverage::State;
use crate::backup::evidence::{Evidence, to_csv, to_json, verify_chain};
use crate::request::app::BackupStatus;
use crate::request::backup::{LONGEST_NAME, RestoreRunSpec, RunKind, RunPhase, VAULT_NAMESPACE};
use crate::request::{BackupVault, MunicipalityApp, RestoreDrill, RestoreRun};
use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use std::fmt::Write;
use std::time::Duration;

/// Say what there is to be restored: the sets of each app, what they hold and when a restore was last tried.
///
/// Only the requests are read, so whoever may look at a municipality's requests may use it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kopnams backups                                every app that you may see
  kopnams backups kuldigas-novads                one municipality
  kopnams backups kuldigas-novads/majaslapa      one app, with every set
  kopnams backups --output json | jq '.[] | select(.backedUp == false)'

Exit codes: 0 everything shown is backed up and proven, 1 something is not, 2 the cluster could not be read.")]
pub struct Backups {
    /// A municipality, or one of its apps as MUNICIPALITY/APP.
    #[arg(value_name = "MUNICIPALITY[/APP]")]
    what: Option<String>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    Json,
    Text,
}

/// Put an app's data back as a set has it. The app is stopped meanwhile; a set of what is there now is made first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kopnams restore kuldigas-novads/majaslapa --before 2026-01-31T12:00:00Z
  kopnams restore kuldigas-novads/majaslapa --set 0c1f…-b202601312215 --from vecalapa
  kopnams restore kuldigas-novads/majaslapa --set 0c1f…-b202601312215 --without-set-before 'the database does not start'

Exit codes: 0 restored, 1 it failed and what was there before was put back, 2 wrong usage, or the cluster could not be read.")]
pub struct Restore {
    /// The app.
    #[arg(value_name = "MUNICIPALITY/APP")]
    what: String,
    /// The set, as `kopnams backups` lists it.
    #[arg(long, value_name = "SET", conflicts_with = "before", required_unless_present = "before")]
    set: Option<String>,
    /// The newest set from before this time. If there is none nothing is done.
    #[arg(long, value_name = "TIME")]
    before: Option<Timestamp>,
    /// Another app of the same municipality whose set it is.
    #[arg(long, value_name = "APP")]
    from: Option<String>,
    /// The app also goes back to the version that wrote the set, the one that it had before an upgrade.
    #[arg(long)]
    with_version: bool,
    /// Go on where no set can be made of what is there now because it is broken, for this reason. Then nothing can be put back.
    #[arg(long, value_name = "REASON")]
    without_set_before: Option<String>,
    /// Return at once instead of waiting until it is done.
    #[arg(long)]
    no_wait: bool,
}

fn parse(what: &str) -> Result<(&str, Option<&str>)> {
    match what.split_once('/') {
        Some((municipality, app)) if !municipality.is_empty() && !app.is_empty() && !app.contains('/') => Ok((municipality, Some(app))),
        None if !what.is_empty() => Ok((what, None)),
        _ => bail!("`{what}` names neither a municipality nor an app; write kuldigas-novads or kuldigas-novads/majaslapa"),
    }
}

impl Backups {
    /// Shows the backups.
    pub fn run(self) -> Result<u8> {
        let apps = runtime()?.block_on(async {
            let client = Client::try_from(config().await?)?;
            match self.what.as_deref().map(parse).transpose()? {
                Some((municipality, Some(app))) => {
                    let api: Api<MunicipalityApp> = Api::namespaced(client, municipality);
                    let found = api.get_opt(app).await.context("the request could not be read")?;
                    found.map(|app| vec![app]).ok_or_else(|| anyhow!("{municipality} has no request `{app}`"))
                }
                Some((municipality, None)) => list(Api::namespaced(client, municipality)).await,
                None => list(Api::all(client)).await,
            }
        })?;
        // Not every class asks for copies at a second place.
        let copied = |app| condition(app, "Copied").is_none() || holds(app, "Copied");
        let good = |app| holds(app, "BackedUp") && holds(app, "RestoreProven") && copied(app);
        let (all_good, now) = (apps.iter().all(good), Timestamp::now());
        let text = match self.output {
            Output::Json => json(&apps)?,
            Output::Text if self.what.as_deref().is_some_and(|what| what.contains('/')) => {
                apps.first().map(|app| one(app, Screen::stdout(), now)).unwrap_or_default()
            }
            Output::Text => table(&apps, Screen::stdout(), now),
        };
        screen::print(&text)?;
        Ok(if all_good { super::FINE } else { super::REFUSED })
    }
}

async fn list(api: Api<MunicipalityApp>) -> Result<Vec<MunicipalityApp>> {
    Ok(api.list(&ListParams::default()).await.context("the requests could not be read")?.items)
}

fn condition<'a>(app: &'a MunicipalityApp, type_: &str) -> Option<&'a Condition> {
    app.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == type_)
}

fn holds(app: &MunicipalityApp, type_: &str) -> bool {
    condition(app, type_).is_some_and(|condition| condition.status == "True")
}

fn backup(app: &MunicipalityApp) -> BackupStatus {
    app.status.as_ref().and_then(|status| status.backup.clone()).unwrap_or_default()
}

fn place(app: &MunicipalityApp) -> String {
    format!("{}/{}", app.metadata.namespace.as_deref().unwrap_or_default(), app.metadata.name.as_deref().unwrap_or_default())
}

fn json(apps: &[MunicipalityApp]) -> Result<String> {
    let line = |app: &MunicipalityApp| {
        serde_json::json!({
            "municipality": app.metadata.namespace, "app": app.metadata.name,
            "backedUp": holds(app, "BackedUp"), "restoreProven": holds(app, "RestoreProven"), "backup": backup(app),
        })
    };
    Ok(format!("{}\n", serde_json::to_string_pretty(&apps.iter().map(line).collect::<Vec<_>>())?))
}

/// A time as a clerk reads it: in Latvia, to the minute.
fn local(time: Option<&String>) -> String {
    let zone = TimeZone::get("Europe/Riga").unwrap_or(TimeZone::UTC);
    let time: Option<Timestamp> = time.and_then(|text| text.parse().ok());
    time.map_or_else(|| "never".into(), |time| time.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string())
}

/// How long ago, in the largest unit that says something.
fn ago(time: Option<&String>, now: Timestamp) -> String {
    let Some(time) = time.and_then(|text| text.parse::<Timestamp>().ok()) else { return "never".into() };
    let minutes = now.duration_since(time).as_mins().max(0);
    match minutes {
        0..=119 => format!("{minutes} min ago"),
        120..=2879 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut whole = bytes;
    while whole >= 10 * 1024 && unit + 1 < units.len() {
        whole /= 1024;
        unit += 1;
    }
    format!("{whole} {}", units[unit])
}

fn table(apps: &[MunicipalityApp], screen: Screen, now: Timestamp) -> String {
    if apps.is_empty() {
        return "There are no requests that you may see.\n".into();
    }
    let heads = ["APP", "LAST BACKUP", "SETS", "RESTORE TRIED", "STATE"];
    let rows: Vec<[String; 5]> = apps
        .iter()
        .map(|app| {
            let backup = backup(app);
            let bad = ["BackedUp", "RestoreProven", "Copied"].iter().find_map(|type_| condition(app, type_).filter(|c| c.status != "True"));
            let state = bad.map_or_else(|| "proven".to_string(), |condition| format!("{}: {}", condition.type_, condition.reason));
            let tried = backup.proven.as_ref().map(|proven| proven.at.clone());
            [place(app), ago(backup.last_success.as_ref(), now), backup.sets.to_string(), ago(tried.as_ref(), now), state]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).chain([heads[column].len()]).max().unwrap_or(0);
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let mut text = String::new();
    let line = |cells: &[String]| -> String {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    let _ = writeln!(text, "{}", screen.paint(Tone::Strong, &line(&heads.map(ToString::to_string))));
    for row in &rows {
        let tone = if row[4] == "proven" { Tone::Good } else { Tone::Bad };
        let plain = line(row);
        let head = plain.strip_suffix(row[4].as_str()).unwrap_or(&plain);
        let _ = writeln!(text, "{head}{}", screen.paint(tone, &row[4]));
    }
    let bad = rows.iter().filter(|row| row[4] != "proven").count();
    let _ = match bad {
        0 => writeln!(text, "\n{} backed up, and a restore of each was tried.", counted(rows.len(), "app is", "apps are")),
        _ => writeln!(
            text,
            "\n{} not backed up and proven; `kopnams backups MUNICIPALITY/APP` says why.",
            counted(bad, "app is", "apps are")
        ),
    };
    text
}

fn one(app: &MunicipalityApp, screen: Screen, now: Timestamp) -> String {
    let backup = backup(app);
    let columns = screen.columns();
    let mut text = format!("{}\n", screen.paint(Tone::Strong, &place(app)));
    for (type_, words) in [("BackedUp", "Backed up"), ("RestoreProven", "Restore proven"), ("Copied", "Copied to a second place")] {
        let Some(condition) = condition(app, type_) else { continue };
        let yes = condition.status == "True";
        let said = screen.paint(if yes { Tone::Good } else { Tone::Bad }, if yes { "yes" } else { "no" });
        let _ = writeln!(text, "  {words}: {said}, {}", wrapped(&condition.message, columns, words.len() + 8, 4));
    }
    let _ = writeln!(text, "  Next backup: {}", backup.next_due.as_ref().map_or_else(|| "not planned".into(), |time| local(Some(time))));
    if let Some(restore) = &backup.restore {
        let _ = writeln!(text, "  Restore: {}", wrapped(restore, columns, 11, 4));
    }
    if let Some(proven) = &backup.proven {
        let took: u64 = proven.phases.iter().map(|phase| phase.milliseconds).sum();
        let _ = writeln!(text, "  A restore was tried {} and took {} s.", ago(Some(&proven.at), now), took.div_ceil(1000));
    }
    if !backup.coverage.is_empty() {
        text.push_str("\n  What is in the backups:\n");
    }
    for one in &backup.coverage {
        let (tone, words) = match one.state {
            State::Covered => (Tone::Good, "in every set"),
            State::CoveredByDump => (Tone::Good, "in every set, as a dump"),
            State::DeclaredEmpty => (Tone::Good, "in every set, may be empty"),
            State::Excluded => (Tone::Faint, "left out"),
            State::Uncovered => (Tone::Bad, "NOT backed up"),
        };
        let kind = format!("{:?}", one.kind).to_lowercase();
        let reason = if one.reason.is_empty() { String::new() } else { format!(": {}", wrapped(&one.reason, columns, 30, 6)) };
        let _ = writeln!(text, "    {kind} {}: {}{reason}", one.name, screen.paint(tone, words));
    }
    if backup.list.is_empty() {
        text.push_str("\n  There is no set yet.\n");
        return text;
    }
    let _ = writeln!(
        text,
        "\n  {}",
        screen.paint(Tone::Strong, &format!("{:<50}  {:<16}  {:>9}  TRIED  BEFORE", "SET", "HOLDS ALL UNTIL", "SIZE"))
    );
    for set in backup.list.iter().rev() {
        let tried = if set.verified { "yes" } else { "" };
        let before = match set.kind {
            RunKind::Scheduled | RunKind::Manual => "",
            RunKind::BeforeRestore => "a restore",
            RunKind::BeforeUpgrade => "an upgrade",
            RunKind::Final => "removal",
        };
        let line = format!("  {:<50}  {:<16}  {:>9}  {tried:<5}  {before}", set.name, local(Some(&set.recovery_point)), size(set.bytes));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

impl Restore {
    /// Asks for the restore, and tells how it goes.
    pub fn run(self) -> Result<u8> {
        let (municipality, Some(app)) = parse(&self.what)? else {
            bail!("`{}` is a municipality; write MUNICIPALITY/APP", self.what);
        };
        runtime()?.block_on(async {
            let client = Client::try_from(config().await?)?;
            let api: Api<RestoreRun> = Api::namespaced(client, VAULT_NAMESPACE);
            let now = Timestamp::now();
            let when = now.strftime("-%Y%m%d%H%M%S").to_string();
            let what: String = format!("{municipality}-{app}").chars().take(LONGEST_NAME - when.len()).collect();
            let name = what + &when;
            let spec = RestoreRunSpec {
                municipality: municipality.into(),
                app: app.into(),
                from: self.from.clone(),
                set: self.set.clone(),
                before: self.before.map(|time| time.to_string()),
                fresh: false,
                with_version: self.with_version,
                without_set_before: self.without_set_before.clone(),
            };
            let run = RestoreRun { metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() }, spec, status: None };
            api.create(&PostParams::default(), &run).await.context("the restore could not be asked for")?;
            eprintln!("asked for as {VAULT_NAMESPACE}/{name}");
            if self.no_wait {
                return Ok(super::FINE);
            }
            let mut said = String::new();
            loop {
                let run = api.get(&name).await.context("the restore could not be looked at; it goes on all the same")?;
                let status = run.status.unwrap_or_default();
                if status.message != said {
                    said.clone_from(&status.message);
                    eprintln!("{said}");
                }
                match status.phase {
                    RunPhase::Succeeded => return Ok(super::FINE),
                    RunPhase::Failed => return Ok(super::REFUSED),
                    _ => tokio::time::sleep(Duration::from_secs(1)).await,
                }
            }
        })
    }
}

/// Print what drills have shown, for an auditor: each record holds the hash of the one before it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kopnams evidence >evidence.csv
  kopnams evidence --output json kuldigas-novads/majaslapa

Exit codes: 0 the chains are whole, 1 a record was changed or is missing, 2 the cluster could not be read.")]
pub struct EvidenceArgs {
    /// A municipality, or one of its apps as MUNICIPALITY/APP.
    #[arg(value_name = "MUNICIPALITY[/APP]")]
    what: Option<String>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Sheet::Csv)]
    output: Sheet,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Sheet {
    Csv,
    Json,
}

impl EvidenceArgs {
    /// Prints the records, and says whether the chains are whole.
    pub fn run(self) -> Result<u8> {
        let wanted = self.what.as_deref().map(parse).transpose()?;
        let (drills, vaults) = runtime()?.block_on(async {
            let client = Client::try_from(config().await?)?;
            let drills: Api<RestoreDrill> = Api::namespaced(client.clone(), VAULT_NAMESPACE);
            let vaults: Api<BackupVault> = Api::all(client);
            let all = ListParams::default();
            let drills = drills.list(&all).await.context("the drills could not be read")?.items;
            anyhow::Ok((drills, vaults.list(&all).await.context("the vaults could not be read")?.items))
        })?;
        let mut records = Vec::new();
        let mut whole = true;
        for vault in vaults {
            let spec = &vault.spec;
            if wanted.is_some_and(|(municipality, app)| municipality != spec.municipality || app.is_some_and(|app| app != spec.app)) {
                continue;
            }
            let tenant = vault.metadata.name.as_deref().unwrap_or_default();
            let mut of: Vec<_> = drills.iter().filter(|drill| drill.spec.tenant_id == tenant).collect();
            of.sort_by_key(|drill| drill.metadata.name.clone());
            let chain: Vec<Evidence> = of.iter().filter_map(|drill| drill.status.as_ref()?.evidence.clone()).collect();
            let head = vault.status.as_ref().map(|status| status.evidence.clone()).unwrap_or_default();
            // The oldest records may have been taken to an archive; what they ended with stands in the first that is left.
            let after = chain.first().map(|first| first.previous.clone()).unwrap_or_default();
            if let Err(broken) = verify_chain(&chain, &after, Some(&head)) {
                eprintln!("{}/{}: {broken}", spec.municipality, spec.app);
                whole = false;
            }
            records.extend(chain);
        }
        let text = match self.output {
            Sheet::Csv => to_csv(&records)?,
            Sheet::Json => format!("{}\n", to_json(&records)?),
        };
        screen::print(&text)?;
        Ok(if whole { super::FINE } else { super::REFUSED })
    }
}

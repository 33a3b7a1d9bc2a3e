//! `kopnams report-back`: what became of the requests of a pull request after it was merged.

pub mod answer;
mod words;

use super::forge::{At, told};
use super::run::{config, runtime};
use super::screen;
use crate::forge::Forge;
use crate::forge::pull::Pull;
use crate::policy::AppKey;
use crate::request::app::MunicipalityAppSpec;
use crate::request::read::layout::FOLDER;
use crate::request::read::parse;
use crate::request::{Municipality, MunicipalityApp};
use answer::{Answer, Known, answer};
use anyhow::{Context, Result, bail};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use kube::{Api, Client};
use std::collections::BTreeMap;
use std::time::Duration;

/// The comment that this is.
const KIND: &str = "result";
/// How often the cluster is asked.
const LOOK: Duration = Duration::from_secs(5);

/// Tell a merged pull request what became of its requests: ready and where, or why not.
///
/// It reads requests and municipalities of the cluster, and writes one comment on each pull request. What
/// was told in the end is not told again. It runs where the cluster is, for example every minute, so that
/// the forge needs no way into the data centre.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kopnams report-back --number 7 --wait 10m
  kopnams report-back --merged-since 24h
  kopnams report-back --number 7 --dry-run

Exit codes: 0 everything is as it was asked for or has time left, 1 something is refused or not ready after --wait, 2 the forge or the cluster could not be asked.")]
pub struct ReportBack {
    /// The number of the pull request.
    #[arg(long, value_name = "NUMBER", required_unless_present = "merged_since", conflicts_with = "merged_since")]
    number: Option<u64>,
    /// All pull requests that were merged in this time, for example 24h.
    #[arg(long, value_name = "TIME")]
    merged_since: Option<SignedDuration>,
    /// Wait so long until nothing is to be waited for any more.
    #[arg(long, value_name = "TIME", default_value = "0s")]
    wait: SignedDuration,
    /// Print what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    at: At,
}

/// A request of a pull request.
struct Asked {
    key: AppKey,
    merged: Option<MunicipalityAppSpec>,
    now: Option<MunicipalityAppSpec>,
}

impl ReportBack {
    /// Runs the command.
    pub fn run(self) -> Result<u8> {
        let forge = self.at.forge()?;
        let now = Timestamp::now();
        let pulls = match (self.number, self.merged_since) {
            (Some(number), _) => vec![forge.pull(number)?],
            (None, Some(since)) => forge.merged_since(now.checked_sub(since).context("--merged-since reaches too far back")?)?,
            (None, None) => Vec::new(),
        };
        let runtime = runtime()?;
        let client = runtime.block_on(async { anyhow::Ok(Client::try_from(config().await?)?) })?;
        let until = now.checked_add(self.wait).context("--wait reaches too far")?;
        let mut good = true;
        for pull in pulls {
            good &= self.report(&forge, &pull, until, |asked, merged| runtime.block_on(answers(&client, asked, merged)))?;
        }
        Ok(if good { super::FINE } else { super::REFUSED })
    }

    /// Reports of one pull request; whether all is as it was asked for, or may still become so.
    fn report(
        &self,
        forge: &Forge,
        pull: &Pull,
        until: Timestamp,
        answers: impl Fn(&[Asked], Timestamp) -> Result<BTreeMap<AppKey, Answer>>,
    ) -> Result<bool> {
        let number = pull.number;
        let Some(merged) = pull.merged else { bail!("pull request {number} is not merged, so nothing came of it yet") };
        if !self.dry_run && forge.said(number, KIND)?.is_some_and(|said| said.contains(words::END)) {
            return Ok(true);
        }
        let asked = asked(forge, pull)?;
        if asked.is_empty() {
            return Ok(true);
        }
        let found = loop {
            let found = answers(&asked, merged)?;
            if found.values().all(Answer::is_final) || Timestamp::now() >= until {
                break found;
            }
            std::thread::sleep(LOOK);
        };
        let body = words::markdown(&found);
        if self.dry_run {
            screen::print(&body).context("cannot write the output")?;
        } else {
            let (posted, url) = forge.comment(number, KIND, &body)?;
            screen::print(&format!("{number}: {}", told(posted, &url))).context("cannot write the output")?;
        }
        let waited = self.wait > SignedDuration::ZERO;
        Ok(found.values().all(|answer| answer.is_good() || (!waited && !answer.is_final())))
    }
}

/// The app that a file asks for, by where it lies.
fn key(path: &str) -> Option<AppKey> {
    let (slug, file) = path.strip_prefix(FOLDER)?.strip_prefix('/')?.split_once('/')?;
    let app = file.strip_suffix(".yaml").filter(|app| !app.is_empty() && !app.contains('/'))?;
    Some(AppKey::new(slug, app))
}

/// The requests that a pull request touches, as it was merged and as the branch has them now.
fn asked(forge: &Forge, pull: &Pull) -> Result<Vec<Asked>> {
    let mut all = Vec::new();
    for path in forge.files(pull.number)? {
        let Some(key) = key(&path) else { continue };
        let at = |commit: &str| -> Result<Option<MunicipalityAppSpec>> {
            Ok(forge.file(&path, commit)?.and_then(|text| request(&path, &text, &key)))
        };
        let (merged, now) = (at(&pull.merge_commit)?, at(&pull.base)?);
        all.push(Asked { key, merged, now });
    }
    Ok(all)
}

/// The request in a file, if it is the one that its place says.
fn request(path: &str, text: &[u8], key: &AppKey) -> Option<MunicipalityAppSpec> {
    let (documents, _) = parse(path, 0, text);
    let document = documents.iter().find(|one| one.is_request() && one.namespace() == key.municipality && one.name() == key.app)?;
    serde_json::from_value(document.value.get("spec")?.clone()).ok()
}

async fn answers(client: &Client, asked: &[Asked], at: Timestamp) -> Result<BTreeMap<AppKey, Answer>> {
    let mut found = BTreeMap::new();
    for Asked { key, merged, now } in asked {
        let api: Api<MunicipalityApp> = Api::namespaced(client.clone(), &key.municipality);
        let live = api.get_opt(&key.app).await.with_context(|| format!("the request {key} could not be read"))?;
        let homes: Api<Municipality> = Api::all(client.clone());
        let home = if live.is_none() { homes.get_opt(&key.municipality).await.context("a municipality could not be read")? } else { None };
        let unclaimed = home.and_then(|home| home.status).map(|status| status.unclaimed).unwrap_or_default();
        let left = unclaimed.iter().find(|left| left.app == key.app);
        let known = Known { asked: merged.as_ref(), now: now.as_ref(), live: live.as_ref(), left, merged: at };
        found.insert(key.clone(), answer(&known));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_asks_for_the_app_that_its_place_says() {
        assert_eq!(key("municipalities/kuldigas-novads/majaslapa.yaml"), Some(AppKey::new("kuldigas-novads", "majaslapa")));
        for path in [
            "municipalities/majaslapa.yaml",
            "municipalities/a/b/c.yaml",
            "municipalities/a/.yaml",
            "municipalities/a/b.yml",
            "x/municipalities/a/b.yaml",
            "access.yaml",
        ] {
            assert_eq!(key(path), None, "{path}");
        }
        let text = b"apiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata: {name: b, namespace: a}\nspec: {system: website}\n";
        assert!(request("x", text, &AppKey::new("a", "b")).is_some());
        assert!(request("x", text, &AppKey::new("a", "c")).is_none(), "another app's file says nothing of this one");
    }
}

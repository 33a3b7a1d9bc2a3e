//! What a request wishes for its backups: refused if it does not fit what the request comes to, and otherwise part of the
//! grant. So a request that is refused, for whatever reason, changes nothing about what is backed up and what is asked.

use super::{Ask, Reason, Rejection, Turn};
use crate::backup::check::{self, AppChecks};
use crate::desired::Kind;
use crate::request::backup::AppBackup;
use crate::request::said::Said;
use crate::request::system::Version;
use serde_json::Value;

/// The wishes that are granted.
///
/// # Errors
/// What does not fit.
pub fn granted(ask: Ask<'_>, version: &Version, objects: &[(Kind, Value)]) -> Result<AppBackup, Vec<Rejection>> {
    let wishes = &ask.spec.backup;
    if ask.turn == Turn::Back {
        return Ok(fitting(wishes, version, objects));
    }
    let (entry, routed) = (&version.backup, version.route.is_some());
    let reject = |place| move |message: Said| Rejection::new(Reason::BackupInvalid, place, message);
    let excluded = entry.exclusion_problems(&wishes.exclude, objects).into_iter().map(reject("/spec/backup/exclude"));
    let checks = check::request_problems(&wishes.checks, &entry.checks, routed).into_iter().map(reject("/spec/backup/checks"));
    let found: Vec<Rejection> = excluded.chain(checks).collect();
    if found.is_empty() { Ok(wishes.clone()) } else { Err(found) }
}

/// Those that fit. They were written for the version that did not answer: that one of them does not fit what the app had
/// before must not keep it from going back, and neither may it be granted.
fn fitting(wishes: &AppBackup, version: &Version, objects: &[(Kind, Value)]) -> AppBackup {
    let (entry, routed) = (&version.backup, version.route.is_some());
    let mut checks = AppChecks::default();
    for check in &wishes.checks.http {
        checks.http.push(check.clone());
        if !check::request_problems(&checks, &entry.checks, routed).is_empty() {
            checks.http.pop();
        }
    }
    let fits = |one: &&_| entry.exclusion_problems(std::slice::from_ref(*one), objects).is_empty();
    AppBackup { window: wishes.window.clone(), exclude: wishes.exclude.iter().filter(fits).cloned().collect(), checks }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::AppKey;
    use crate::request::MunicipalityAppSpec;
    use serde_json::json;

    #[test]
    fn what_does_not_fit_is_refused_and_an_app_that_goes_back_is_granted_the_rest() {
        let claim = |name: &str| (Kind::PersistentVolumeClaim, json!({"metadata": {"name": name}}));
        let page = |name: &str, path: &str| json!({"name": name, "path": path});
        let spec = |volumes: &[&str], pages: &[Value]| -> MunicipalityAppSpec {
            let exclude: Vec<Value> = volumes.iter().map(|volume| json!({"volume": volume, "reason": "made anew"})).collect();
            let window = json!({"from": "23:00", "to": "04:00"});
            serde_json::from_value(
                json!({"system": "register", "backup": {"window": window, "exclude": exclude, "checks": {"http": pages}}}),
            )
            .unwrap()
        };
        let version: Version = serde_json::from_value(json!({
            "name": "1.0", "objects": [], "route": {"service": "web", "port": 80}, "backup": {"checks": {"http": [page("front", "/")]}},
        }))
        .unwrap();
        let bare = Version { route: None, ..version.clone() };
        let granted = |spec: &MunicipalityAppSpec, version: &Version, turn: Turn| {
            let key = AppKey::new("ogres-novads", "a");
            let ask = Ask { key: &key, spec, standing: None, namespace_is_foreign: false, turn, answered: None };
            granted(ask, version, &[claim("cache"), claim("files")])
        };
        let good = spec(&["cache"], &[page("news", "/news")]);
        for turn in [Turn::Now, Turn::Stay, Turn::Back] {
            assert_eq!(granted(&good, &version, turn).as_ref(), Ok(&good.backup), "{turn:?}");
        }
        // Each flaw by itself refuses everything, and only that is left out where nothing may be refused.
        let pages = [page("front", "/a"), page("news", "/news"), page("out", "//example.lv/"), page("news", "/twice")];
        let mixed = spec(&["gone", "cache"], &pages);
        for turn in [Turn::Now, Turn::Stay] {
            assert_eq!(granted(&mixed, &version, turn).unwrap_err().len(), 4, "{turn:?}");
        }
        assert_eq!(granted(&mixed, &version, Turn::Back).as_ref(), Ok(&good.backup));
        let without = granted(&good, &bare, Turn::Back).unwrap();
        assert_eq!(
            (without.exclude, without.checks.is_empty()),
            (good.backup.exclude.clone(), true),
            "what had no page has none to ask for"
        );
        assert!(granted(&good, &bare, Turn::Now).is_err());
    }
}

//! What an app that was started on a backup has to show before the backup counts as proven. Pure.
//!
//! That a page answers says little about what stands on it. A catalogue entry asks for pages with a text, and runs commands
//! in copies of its own containers, such as a query that fails when a table is empty. A request may add pages of its own.

use super::coverage::{WorkloadKind, container_in};
use crate::desired::Kind;
use crate::request::names::is_slug;
use crate::request::said::Said;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// Letters of a check's name at most: its container is named after it.
const NAME_MOST: usize = 40;

/// What a catalogue entry asks of an app that was started on a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntryChecks {
    /// Pages that are asked for at the version's route.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub http: Vec<HttpCheck>,
    /// Commands that have to end with exit code 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub commands: Vec<CommandCheck>,
}

impl EntryChecks {
    /// Whether nothing is asked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.http.is_empty() && self.commands.is_empty()
    }
}

/// What a request asks of its app when it was started on a backup, beside what its catalogue entry does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppChecks {
    /// Pages that are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub http: Vec<HttpCheck>,
}

impl AppChecks {
    /// Whether nothing is asked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.http.is_empty()
    }
}

/// A page that is asked for, and what it has to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpCheck {
    /// Its name, for whoever reads that it failed: lower-case letters, digits and hyphens, for example front-page.
    #[schemars(length(min = 1, max = 40))]
    pub name: String,
    /// The path, with the query if there is one, for example /news?page=1.
    #[schemars(length(min = 1, max = 500))]
    pub path: String,
    /// The HTTP status of the answer. It is not led on: one that leads elsewhere is 302. Default: 200.
    #[serde(default = "fine")]
    #[schemars(range(min = 100, max = 599))]
    pub status: u16,
    /// A text that stands in the first 4 MiB of the answer, as it is written there. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub contains: Option<String>,
}

const fn fine() -> u16 {
    200
}

/// A command in a copy of one of the app's containers: with its image, environment, passwords and settings, and without its
/// volumes. What it prints as its termination message is told when it fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommandCheck {
    /// Its name, for whoever reads that it failed: lower-case letters, digits and hyphens, for example tickets.
    #[schemars(length(min = 1, max = 40))]
    pub name: String,
    /// Kind of the object whose container it is. Default: `StatefulSet`.
    #[serde(default)]
    pub workload_kind: WorkloadKind,
    /// Name of that object.
    #[schemars(length(min = 1, max = 253))]
    pub workload: String,
    /// The container. Default: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub container: Option<String>,
    /// The command and its arguments, without a shell.
    #[schemars(length(min = 1, max = 32), inner(length(max = 4096)))]
    pub command: Vec<String>,
}

/// Whether a path is one of a page of the app that is asked: behind where the app is, nothing of it leads anywhere else.
#[must_use]
pub fn is_page(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

/// What a page says of itself does not fit a check.
fn flaw(check: &HttpCheck) -> Option<Said> {
    let path = &check.path;
    (!is_page(path)).then(|| {
        Said::both(
            format!("`{path}` is no path of a page; write one that begins with a single / and has no spaces and no letters beyond ASCII but as %C4%81, for example /news?page=1"),
            format!("`{path}` nav lapas ceļš; tas sākas ar vienu /, tajā nav atstarpju, un burti ar diakritiskajām zīmēm ir rakstīti kā %C4%81, piemēram, /jaunumi?lapa=1"),
        )
    })
}

/// Why a page cannot be asked for of an app that nobody can reach, and what to do.
#[must_use]
pub fn unroutable(check: &HttpCheck) -> String {
    format!(
        "check {}: the app has no route, so {} cannot be asked for; write route on the version of its catalogue entry, or take the check out of the request",
        check.name, check.path
    )
}

/// What is wrong with pages that are asked for, in plain words.
fn pages(checks: &[HttpCheck], routed: bool, names: &mut BTreeSet<String>) -> Vec<Said> {
    let mut found = Vec::new();
    for check in checks {
        let name = &check.name;
        found.extend(named(name, names));
        let about = |en: &str, lv: &str| Said::both(format!("check `{name}`: {en}"), format!("pārbaude `{name}`: {lv}"));
        found.extend(flaw(check).map(|flaw| about(&flaw.en, flaw.lv.as_deref().unwrap_or_default())));
        if !routed {
            found.push(about(
                "the system has no page to ask for, because the version has no route",
                "sistēmai nav lapas, ko apskatīt, jo versijai nav maršruta",
            ));
        }
    }
    found
}

fn named(name: &str, names: &mut BTreeSet<String>) -> Option<Said> {
    if !is_slug(name, NAME_MOST) {
        return Some(Said::both(
            format!("`{name}` cannot be a check's name; write lower-case letters, digits and single hyphens"),
            format!(
                "`{name}` nevar būt pārbaudes nosaukums; rakstiet mazos burtus bez diakritiskajām zīmēm, ciparus un atsevišķas defises"
            ),
        ));
    }
    (!names.insert(name.to_string())).then(|| {
        Said::both(
            format!("two checks are named `{name}`; give each a name of its own"),
            format!("divām pārbaudēm ir nosaukums `{name}`; dodiet katrai savu"),
        )
    })
}

/// What of an entry's checks does not fit what the version consists of, in plain words.
#[must_use]
pub fn entry_problems(checks: &EntryChecks, objects: &[(Kind, Value)], routed: bool) -> Vec<String> {
    let mut names = BTreeSet::new();
    let mut found: Vec<String> = pages(&checks.http, routed, &mut names).into_iter().map(|said| said.en).collect();
    for check in &checks.commands {
        found.extend(named(&check.name, &mut names).map(|said| said.en));
        let kind = check.workload_kind.kind();
        if let Err(problem) = container_in(objects, kind, &check.workload, check.container.as_deref()) {
            found.push(format!("check `{}`: {problem}", check.name));
        }
    }
    found
}

/// What of a request's checks does not fit its system, in plain words.
#[must_use]
pub fn request_problems(checks: &AppChecks, entry: &EntryChecks, routed: bool) -> Vec<Said> {
    let of_entry = entry.http.iter().map(|check| &check.name).chain(entry.commands.iter().map(|check| &check.name));
    pages(&checks.http, routed, &mut of_entry.cloned().collect())
}

/// Whether an answer is what a check asks for; otherwise what is wrong, without a word of what the page says.
///
/// # Errors
/// The difference.
pub fn judge(check: &HttpCheck, status: u16, body: &[u8]) -> Result<(), String> {
    if status != check.status {
        return Err(format!("{} answers with the status {status} and not {}", check.path, check.status));
    }
    let Some(text) = check.contains.as_deref().map(str::as_bytes) else { return Ok(()) };
    if body.windows(text.len()).any(|window| window == text) {
        return Ok(());
    }
    Err(format!("{} does not contain the text that it should, in {} bytes", check.path, body.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(name: &str, path: &str) -> HttpCheck {
        HttpCheck { name: name.into(), path: path.into(), status: 200, contains: None }
    }

    #[test]
    fn an_answer_is_judged_by_its_status_and_its_text() {
        let check = HttpCheck { contains: Some("Pieteikumi".into()), ..page("tickets", "/tickets") };
        assert_eq!(judge(&check, 200, b"<h1>Pieteikumi</h1>"), Ok(()));
        assert_eq!(judge(&check, 302, b"<h1>Pieteikumi</h1>"), Err("/tickets answers with the status 302 and not 200".into()));
        let told = judge(&check, 200, "Jānis 121212-12345".as_bytes()).unwrap_err();
        assert_eq!(told, "/tickets does not contain the text that it should, in 19 bytes", "a page may hold what nobody else may read");
        assert_eq!(judge(&HttpCheck { status: 302, ..page("login", "/") }, 302, b""), Ok(()));
        assert_eq!(judge(&check, 200, b""), Err("/tickets does not contain the text that it should, in 0 bytes".into()));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let objects =
            [(Kind::StatefulSet, json!({"metadata": {"name": "db"}, "spec": {"template": {"spec": {"containers": [{"name": "db"}]}}}}))];
        let command = |name: &str, workload: &str, container: Option<&str>| CommandCheck {
            name: name.into(),
            workload_kind: WorkloadKind::StatefulSet,
            workload: workload.into(),
            container: container.map(Into::into),
            command: vec!["true".into()],
        };
        let good = EntryChecks {
            http: vec![page("front", "/?a=%C4%81")],
            commands: vec![command("rows", "db", None), command("more", "db", Some("db"))],
        };
        assert_eq!(entry_problems(&good, &objects, true), Vec::<String>::new());
        assert!(entry_problems(&good, &objects, false)[0].contains("the version has no route"));
        let bad = EntryChecks {
            http: vec![page("Front", "/"), page("a", "news"), page("b", "/ziņas"), page("c", "//example.lv/"), page("b", "/")],
            commands: vec![command("a", "web", None), command("d", "db", Some("none"))],
        };
        let found = entry_problems(&bad, &objects, true);
        for (number, says) in [
            "`Front` cannot be a check's name",
            "check `a`: `news` is no path",
            "check `b`: `/ziņas` is no path",
            "check `c`: `//example.lv/` is no path",
            "two checks are named `b`",
            "two checks are named `a`",
            "check `a`: the entry has no StatefulSet `web`",
            "check `d`: `db` has no container `none`",
        ]
        .into_iter()
        .enumerate()
        {
            assert!(found[number].contains(says), "{says}: {found:#?}");
        }
        assert_eq!(found.len(), 8, "{found:#?}");
        let own = AppChecks { http: vec![page("front", "/"), page("mine", "/")] };
        let found = request_problems(&own, &good, true);
        assert_eq!(found.len(), 1);
        assert!(found[0].en.contains("two checks are named `front`"), "one of the entry: {found:?}");
    }
}

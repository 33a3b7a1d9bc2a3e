//! What an order names and nobody may be sent to. Whoever wrote it has judged it, too: the runner follows no path out of its
//! folder and asks nobody but the app, whatever an operator of another version or a stored grant says.

use super::super::check::is_page;
use super::super::coverage::is_below;
use super::super::work::Task;
use super::failure::{Failure, Outcome};
use crate::request::names::canonical_host;
use std::path::{Component, Path};

/// Whether every path and host of an order can be followed.
pub(super) fn judge(task: &Task) -> Outcome<()> {
    for folder in folders(task) {
        if !folder.is_absolute() || folder.components().any(|step| step == Component::ParentDir) {
            return Err(Failure::order(format!("`{}` of the order is no whole path of a folder or file.", folder.display())));
        }
    }
    match task {
        Task::Part { exclude, .. } => {
            if let Some(wrong) = exclude.iter().find(|path| !is_below(path)) {
                return Err(Failure::order(format!("`{wrong}`, which is to be left out, is no path below the folder.")));
            }
        }
        Task::Ask { endpoint, host, checks } => {
            if let Some(endpoint) = endpoint.as_deref().filter(|endpoint| !is_endpoint(endpoint)) {
                return Err(Failure::order(format!("`{endpoint}` is nowhere that an app is asked at; it is as http://web:8080.")));
            }
            if let Some(host) = host.as_deref().filter(|host| canonical_host(host).is_none()) {
                return Err(Failure::order(format!("`{host}` is no host name that an app is asked as.")));
            }
            if let Some(wrong) = checks.iter().find(|check| !is_page(&check.path)) {
                return Err(Failure::order(format!("check {}: `{}` is no path of a page, so nothing is asked.", wrong.name, wrong.path)));
            }
        }
        _ => {}
    }
    Ok(())
}

/// The folders and files that an order names.
fn folders(task: &Task) -> Vec<&Path> {
    match task {
        Task::Part { path, .. } | Task::Commit { path, .. } | Task::Clear { path } | Task::Compare { facts: path, .. } => vec![path],
        Task::Restore { parts, into, .. } => parts.iter().map(|(_, folder)| folder).chain(into).map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    }
}

/// `http://`, a name or an address, and a port if there is one: nothing that leads elsewhere when a path is added.
fn is_endpoint(endpoint: &str) -> bool {
    let Some(place) = endpoint.strip_prefix("http://") else { return false };
    let (host, port) = place.split_once(':').unwrap_or((place, "80"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    !host.is_empty() && host.bytes().all(plain) && port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::super::check::HttpCheck;
    use super::super::super::set::Part;
    use super::super::super::work::{Class, Repository, Work};
    use super::super::{Settings, run};
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    fn ask(endpoint: Option<&str>, host: Option<&str>, paths: &[&str]) -> Task {
        let check = |path: &&str| HttpCheck { name: "front".into(), path: (*path).into(), status: 200, contains: None };
        Task::Ask { endpoint: endpoint.map(Into::into), host: host.map(Into::into), checks: paths.iter().map(check).collect() }
    }

    #[test]
    fn nobody_but_the_app_is_asked() {
        let (web, host) = (Some("http://web:8080"), Some("majaslapa.ogre.example.lv"));
        for good in [
            ask(web, host, &["/", "/news?page=1", "/%C4%81"]),
            ask(Some("http://web"), None, &[]),
            ask(Some("http://127.0.0.1:1"), None, &["/"]),
            ask(None, None, &[]),
        ] {
            assert_eq!(judge(&good), Ok(()), "{good:?}");
        }
        for (endpoint, host, paths) in [
            (web, host, ["/", "@example.lv/"]),
            (web, host, ["/", ".example.lv/"]),
            (web, host, ["/", "//example.lv/"]),
            (web, host, ["/", "1/"]),
            (web, host, ["/", "/a b"]),
            (web, host, ["/", "/a\r\nX-Role: admin"]),
            (web, host, ["/", "/ziņas"]),
            (web, Some("ogre.example.lv\r\nX-Role: admin"), ["/", "/"]),
            (web, Some("*.example.lv"), ["/", "/"]),
            (Some("http://web:8080@example.lv"), host, ["/", "/"]),
            (Some("http://web/admin"), host, ["/", "/"]),
            (Some("http://web:+80"), host, ["/", "/"]),
            (Some("file:///etc"), host, ["/", "/"]),
        ] {
            let wrong = ask(endpoint, host, &paths);
            assert_eq!(judge(&wrong).map_err(|failure| failure.class), Err(Class::Order), "{wrong:?}");
        }
    }

    #[test]
    fn a_path_leads_into_no_other_folder() {
        let part = |path: &str, exclude: &str| Task::Part {
            part: Part::Volume("files".into()),
            path: path.into(),
            exclude: vec![exclude.into()],
            may_be_empty: false,
            before: Vec::new(),
            facts: false,
        };
        let restore = |folder: &str, into: Option<&str>| Task::Restore {
            manifest: String::new(),
            parts: vec![(Part::Volume("files".into()), folder.into())],
            into: into.map(Into::into),
            replace: false,
        };
        for good in [part("/data", "cache/thumbnails"), restore("/data", Some("/data/all")), Task::Clear { path: "/data".into() }] {
            assert_eq!(judge(&good), Ok(()), "{good:?}");
        }
        for wrong in [
            part("/data", "../other"),
            part("/data", "a/../../b"),
            part("/data", "/etc"),
            part("/data", ""),
            part("data", "cache"),
            restore("/data/../etc", None),
            restore("/data", Some("data")),
            Task::Clear { path: "/data/..".into() },
        ] {
            assert_eq!(judge(&wrong).map_err(|failure| failure.class), Err(Class::Order), "{wrong:?}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_refused_before_anything_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository { endpoint: "https://s3.example.lv".into(), ..Repository::default() };
        let work = Work { repository, tenant: "t".into(), run: "r".into(), task: ask(Some("http://web"), None, &["@example.lv/"]) };
        std::fs::write(folder.path().join("work.json"), serde_json::to_vec(&work).unwrap()).unwrap();
        let report = run(&Settings {
            folder: folder.path().into(),
            order: "work.json".into(),
            restic: "/nowhere".into(),
            cache: folder.path().join("cache"),
            lock_patience: Duration::ZERO,
            outage_patience: Duration::ZERO,
            stop: Arc::default(),
        });
        assert_eq!(report.failure, Some(Class::Order), "{}", report.message);
        assert_eq!(report.message, "check front: `@example.lv/` is no path of a page, so nothing is asked.");
    }
}

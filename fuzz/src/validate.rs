//! `kopnams validate` of a request beside a platform.

use crate::platform::{FILE, platform};
use anyhow::Result;
use jiff::Timestamp;
use kopnams::cli::screen::Screen;
use kopnams::cli::validate::markdown::{LIMIT, markdown};
use kopnams::cli::validate::{github::github, json, text};
use kopnams::request::explain::Language;
use kopnams::request::read::files::ReadError;
use kopnams::request::read::folders::{Entry, Folders, Kind};
use kopnams::request::read::layout::{self, Layout};
use kopnams::review::review_checked;
use std::path::{Path, PathBuf};

pub fn run(input: &[u8]) -> Result<()> {
    let platform = platform()?;
    let mut tree = platform.with(input);
    tree.findings.extend(layout::check(&Repository(input), &[PathBuf::new()], Layout::On, &tree)?);
    let review = review_checked(&tree, platform.check(&tree), None, &platform.definitions, Timestamp::UNIX_EPOCH);
    for finding in &review.findings {
        assert!(finding.line > 0 && finding.column > 0, "{finding:?}");
    }
    for language in [Language::Lv, Language::En] {
        let comment = markdown(&review, language);
        assert!(comment.len() <= LIMIT, "the comment has {} bytes", comment.len());
        assert!(github(&review, language).lines().count() > 0);
        for (width, colour) in [(None, false), (Some(40), true)] {
            assert!(!text(&review, language, Screen { width, colour }).is_empty());
        }
    }
    json(&review)?;
    Ok(())
}

/// A repository of requests with the one file.
struct Repository<'a>(&'a [u8]);

impl Folders for Repository<'_> {
    fn kind(&self, path: &Path) -> Result<Kind, ReadError> {
        Ok(if path == Path::new(FILE) { Kind::File } else { Kind::Folder })
    }

    fn is_folder(&self, path: &Path) -> bool {
        path != Path::new(FILE) && Path::new(FILE).starts_with(path)
    }

    fn entries(&self, path: &Path) -> Result<Vec<Entry>, ReadError> {
        let below = Path::new(FILE).strip_prefix(path).ok().and_then(|rest| rest.iter().next());
        let entry = |name: &std::ffi::OsStr| {
            let path = path.join(name);
            Ok(Entry { name: name.to_owned(), kind: self.kind(&path)?, path })
        };
        below.into_iter().map(entry).collect()
    }

    fn content(&self, _: &Path) -> Result<Vec<u8>, ReadError> {
        Ok(self.0.to_vec())
    }
}

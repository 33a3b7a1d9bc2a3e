//! `--fix`: writes into files what can only have been meant, where it still stands as it was read.

use crate::request::read::{Finding, Fix};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Something that was mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What was written instead of what.
    pub fix: Fix,
}

/// Mends what findings say, and tells what was done. What does not stand there any more is left alone.
pub fn apply(findings: &[Finding]) -> Result<Vec<Fixed>> {
    let mut files: BTreeMap<&Arc<str>, Vec<Fixed>> = BTreeMap::new();
    for finding in findings {
        let Some(fix) = finding.fix.clone() else { continue };
        let one = Fixed { file: Arc::clone(&finding.file), line: finding.line, column: finding.column, fix };
        files.entry(&finding.file).or_default().push(one);
    }
    let mut done = Vec::new();
    for (file, mut fixes) in files {
        let text = fs::read_to_string(&**file).with_context(|| format!("cannot read {file}"))?;
        // From the end, so that what is to the left of it stays where it is.
        fixes.sort_by_key(|fix| (fix.line, fix.column));
        fixes.dedup_by_key(|fix| (fix.line, fix.column));
        let (mended, mut of_file) =
            fixes.into_iter().rev().fold((text.clone(), Vec::new()), |(text, mut done), one| match write(&text, &one) {
                Some(text) => {
                    done.push(one);
                    (text, done)
                }
                None => (text, done),
            });
        if mended != text {
            replace(Path::new(&**file), &mended).with_context(|| format!("cannot write {file}"))?;
            of_file.reverse();
            done.extend(of_file);
        }
    }
    Ok(done)
}

/// The text with one thing mended; none when it does not stand there.
fn write(text: &str, one: &Fixed) -> Option<String> {
    let lines = usize::try_from(one.line).ok()?.checked_sub(1)?;
    let start: usize = text.split_inclusive('\n').take(lines).map(str::len).sum();
    let line = text.get(start..)?.split('\n').next()?;
    let column = usize::try_from(one.column).ok()?.checked_sub(1)?;
    let mut at = start + line.char_indices().map(|(at, _)| at).chain([line.len()]).nth(column)?;
    let rest = &text[at..];
    if !rest.starts_with(&one.fix.old) {
        // In quotes it begins one further.
        let quoted = rest.strip_prefix(['"', '\'']).is_some_and(|rest| rest.starts_with(&one.fix.old));
        at += usize::from(quoted).checked_sub(usize::from(!quoted))?;
    }
    Some(format!("{}{}{}", &text[..at], one.fix.new, &text[at + one.fix.old.len()..]))
}

/// Writes a file as a whole: whoever is stopped in between leaves the old one.
fn replace(path: &Path, text: &str) -> Result<()> {
    // Where a link leads, not instead of it.
    let path = fs::canonicalize(path)?;
    let beside = path.with_file_name(format!(".{}.kopnams", path.file_name().unwrap_or_default().to_string_lossy()));
    let permissions = fs::metadata(&path)?.permissions();
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let moved = written.and_then(|()| fs::set_permissions(&beside, permissions)).and_then(|()| fs::rename(&beside, &path));
    if moved.is_err() {
        let _ = fs::remove_file(&beside);
    }
    Ok(moved?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(text: &str, line: u32, column: u32, old: &str, new: &str) -> Option<String> {
        write(text, &Fixed { file: "a".into(), line, column, fix: Fix { old: old.into(), new: new.into() } })
    }

    #[test]
    fn it_is_written_where_it_stands_and_nowhere_else() {
        assert_eq!(fixed("a: 1\nbā: 0123 # x\n", 2, 5, "0123", "\"0123\"").as_deref(), Some("a: 1\nbā: \"0123\" # x\n"));
        assert_eq!(fixed("a: \"WWW\"\n", 1, 4, "WWW", "www").as_deref(), Some("a: \"www\"\n"));
        assert_eq!(fixed("a: 'WWW'", 1, 4, "WWW", "www").as_deref(), Some("a: 'www'"));
        for (line, column) in [(1, 1), (1, 99), (2, 4), (9, 1), (0, 1), (1, 0)] {
            assert_eq!(fixed("a: WWW\n", line, column, "WWW", "www"), None, "{line}:{column}");
        }
    }
}

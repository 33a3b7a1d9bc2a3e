//! The facts of a loaded database: the rows of each table, before and after.

use super::super::set::Part;
use super::super::work::{Class, Facts, Report};
use super::failure::{Failure, Outcome};
use super::part::{FACTS_FILE, SENTINEL_FILE};
use super::sets::snapshot_of;
use super::{Runner, timed};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// Rows by table.
type Rows = BTreeMap<String, u64>;

/// Reads lines `table rows`; anything else is told.
fn rows(text: &str) -> Result<Rows, String> {
    let mut rows = Rows::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = number + 1;
        let (table, count) =
            line.trim().rsplit_once(char::is_whitespace).ok_or_else(|| format!("has no number of rows in line {number}"))?;
        let count = count.parse().map_err(|_| format!("has no number of rows in line {number}"))?;
        if rows.insert(table.trim().to_owned(), count).is_some() {
            return Err(format!("names a table twice in line {number}"));
        }
    }
    Ok(rows)
}

/// The facts in lines `table rows`, or what is wrong with them.
pub fn facts(text: &str) -> Result<Facts, String> {
    let rows = rows(text)?;
    // By the bytes of the lines, whatever order a database sorts in.
    let mut lines: Vec<String> = rows.iter().map(|(table, count)| format!("{table} {count}\n")).collect();
    lines.sort_unstable();
    Ok(Facts {
        tables: u64::try_from(rows.len()).unwrap_or(u64::MAX),
        rows: rows.values().fold(0, |sum: u64, &count| sum.saturating_add(count)),
        digest: hex::encode(Sha256::digest(lines.concat())),
    })
}

/// The first difference between what was dumped and what was loaded.
fn difference(dumped: &Rows, loaded: &Rows) -> Option<String> {
    let tables: std::collections::BTreeSet<_> = dumped.keys().chain(loaded.keys()).collect();
    tables.into_iter().find_map(|table| match (dumped.get(table), loaded.get(table)) {
        (Some(before), Some(after)) if before == after => None,
        (Some(before), Some(after)) => {
            Some(format!("The table {table} had {before} rows when it was dumped and has {after} after loading."))
        }
        (Some(_), None) => Some(format!("The table {table} is missing after loading.")),
        _ => Some(format!("The table {table} is there after loading and was not dumped.")),
    })
}

impl Runner {
    /// Compares the facts of a loaded database with those in the set.
    pub(crate) fn compare(&self, report: &mut Report, manifest: &str, part: &Part, file: &Path) -> Outcome<()> {
        let database = |message: String| Failure::new(Class::Database, message);
        let text =
            std::fs::read_to_string(file).map_err(|error| database(format!("The facts found after loading cannot be read: {error}.")))?;
        let unread = |why| database(format!("The file with the facts found after loading {why}."));
        let (found, loaded) = (facts(&text).map_err(unread)?, rows(&text).map_err(unread)?);
        let (manifest, all) = timed(report, "manifest", || self.manifest_and_snapshots(manifest))?;
        let record = manifest.parts.iter().find(|record| &record.part == part);
        let record = record.ok_or_else(|| Failure::new(Class::Missing, format!("The set has no part {part}.")))?;
        let listed = record.facts.as_ref().ok_or_else(|| Failure::order(format!("The set has no facts of {part}.")))?;
        let snapshot = snapshot_of(record, &manifest.set, &all)?;
        if let Ok(sentinel) = std::fs::read_to_string(file.with_file_name(SENTINEL_FILE))
            && sentinel.trim() != manifest.sentinel.trim()
        {
            return Err(Failure::new(Class::Damaged, format!("What was loaded for {part} is of another set.")));
        }
        let said = timed(report, "facts", || self.restic.read(["dump", &snapshot.id, &format!("/{FACTS_FILE}")]))?;
        let damaged = |why| Failure::new(Class::Damaged, format!("The facts of {part} in the set {why}."));
        let text = said.text();
        if facts(&text).map_err(|why| damaged(why.as_str().to_owned()))? != *listed {
            return Err(damaged("are other than the manifest says".to_owned()));
        }
        let dumped = rows(&text).map_err(damaged)?;
        if let Some(difference) = difference(&dumped, &loaded) {
            return Err(database(difference));
        }
        if found != *listed {
            return Err(database(format!("The facts of {part} differ from those in the set.")));
        }
        report.message = format!("{} tables with {} rows are as they were dumped.", found.tables, found.rows);
        report.facts = Some(found);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_tables_does_not_matter_and_their_rows_do() {
        let one = facts("public.tickets 12\npublic.users 3\n").unwrap();
        assert_eq!(one, facts("public.users 3\n\npublic.tickets 12").unwrap());
        assert_eq!((one.tables, one.rows), (2, 15));
        assert_ne!(one.digest, facts("public.tickets 13\npublic.users 2\n").unwrap().digest);
        assert_eq!(facts("a table 1\n").unwrap().tables, 1, "names may hold blanks");
        for wrong in ["tickets", "tickets many", "tickets 1\ntickets 2", "tickets -1"] {
            assert!(facts(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_first_difference_is_named() {
        let told = |dumped, loaded| difference(&rows(dumped).unwrap(), &rows(loaded).unwrap()).unwrap_or_default();
        assert_eq!(told("a 1\nb 2", "b 2\na 1"), "");
        assert!(told("a 1\nb 2\nc 3", "a 1\nb 1\nc 1").contains("table b had 2 rows when it was dumped and has 1"));
        assert!(told("a 1\nb 2", "a 1").contains("table b is missing"));
        assert!(told("a 1", "a 1\nz 0").contains("table z is there"));
    }
}

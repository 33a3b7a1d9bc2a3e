//! The few bytes that the pod leaves: always whole JSON, never longer than the kubelet takes.

use super::super::work::{REPORT_MOST, Report};
use super::failure::{Failure, Outcome};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Cuts a report until it fits: the oldest sets go first, then what is lacking, then the end of the message, then the phases.
#[must_use]
pub fn fit(mut report: Report) -> Report {
    // A list can be long: several at a time, so that this ends soon.
    while excess(&report) > 0 && !report.sets.is_empty() {
        let gone = (excess(&report) / 160).clamp(1, report.sets.len());
        report.sets.drain(..gone);
    }
    while excess(&report) > 0 && !report.lacks.is_empty() {
        report.lacks.pop();
    }
    while excess(&report) > 0 && !report.message.is_empty() {
        let keep = report.message.len().saturating_sub(excess(&report) + '…'.len_utf8());
        let keep = report.message.floor_char_boundary(keep);
        report.message.truncate(keep);
        if keep > 0 {
            report.message.push('…');
        }
    }
    while excess(&report) > 0 && !report.phases.is_empty() {
        let gone = (excess(&report) / 32).clamp(1, report.phases.len());
        report.phases.truncate(report.phases.len() - gone);
    }
    report
}

/// The report as it is written.
#[must_use]
pub fn text(report: &Report) -> String {
    // Its types always serialise: no map has keys that are not strings.
    serde_json::to_string(report).unwrap_or_else(|_| r#"{"failure":"Other"}"#.to_owned())
}

/// Writes the report. Below the folder of a kubelet the file is there already and cannot be replaced, only written: one write.
pub fn write(file: &Path, report: &Report) -> Outcome<()> {
    let failed = |error| Failure::local(&format!("Writing the report to {}", file.display()), &error);
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(file).map_err(failed)?;
    file.write_all(text(report).as_bytes()).and_then(|()| file.sync_all().or(Ok(()))).map_err(failed)
}

fn excess(report: &Report) -> usize {
    text(report).len().saturating_sub(REPORT_MOST)
}

#[cfg(test)]
mod tests {
    use super::super::super::work::Class;
    use super::*;
    use proptest::prelude::*;

    fn set(number: usize) -> (String, String, String) {
        (format!("{number:064}"), format!("ogre-site-backup-{number:012}"), "2026-11-25T20:27:09Z".to_owned())
    }

    #[test]
    fn the_newest_sets_stay() {
        let cut = fit(Report { sets: (0..1000).map(set).collect(), ..Report::default() });
        assert!(text(&cut).len() <= REPORT_MOST);
        assert_eq!(cut.sets.last(), Some(&set(999)));
        assert!(cut.sets.len() > 20, "{} sets", cut.sets.len());
    }

    #[test]
    fn what_fits_is_left_alone() {
        let report = Report { message: "ā".repeat(1000), sets: (0..5).map(set).collect(), ..Report::default() };
        assert_eq!(fit(report.clone()), report);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn it_always_fits_and_the_failure_always_stays(message in "[a-zā\"\n\\x01]{0,6000}", phases in 0..300_usize, sets in 0..100_usize) {
            let phases = (0..phases).map(|number| (format!("phase {number}"), 12)).collect();
            let cut = fit(Report { failure: Some(Class::Damaged), message, phases, sets: (0..sets).map(set).collect(), ..Report::default() });
            let text = text(&cut);
            prop_assert!(text.len() <= REPORT_MOST);
            prop_assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), cut.clone());
            prop_assert_eq!(cut.failure, Some(Class::Damaged));
        }
    }
}

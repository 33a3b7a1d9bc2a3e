//! Listens to what restic complains of while it runs: an outage is told when patience ends, and at once what cannot change.

use super::super::work::Class;
use super::failure::{Failure, class_of, classify, hopeless};
use super::say;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Complaints kept, in bytes: the class stands in the first of them.
const COMPLAINTS: usize = 64 * 1024;

/// Follows what restic complains of.
#[derive(Debug)]
pub(super) struct Watch {
    patience: Duration,
    /// Since when it has done nothing but try again.
    trouble: Option<Instant>,
    repeated: String,
    pub(super) complaints: String,
    /// Its last word.
    pub(super) fatal: String,
    /// Why it is to be ended before it has said its last word.
    pub(super) verdict: Option<Failure>,
}

impl Watch {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, trouble: None, repeated: String::new(), complaints: String::new(), fatal: String::new(), verdict: None }
    }

    pub(super) fn hear(&mut self, line: &str) {
        if let Ok(value) = serde_json::from_str::<Value>(line) {
            match value["message_type"].as_str() {
                Some("exit_error") => {
                    value["message"].as_str().unwrap_or_default().clone_into(&mut self.fatal);
                    say(&format!("restic: {}", self.fatal.trim()));
                    return;
                }
                Some("summary" | "status" | "verbose_status") => return,
                _ => {}
            }
        } else if line.contains(" returned error, retrying after ") {
            self.trouble.get_or_insert_with(Instant::now);
            line.clone_into(&mut self.repeated);
            if let Some(class) = hopeless(line) {
                self.decide(class);
            }
        } else if line.contains("operation successful after") {
            self.trouble = None;
        }
        if !line.trim().is_empty() {
            say(&format!("restic: {}", line.trim()));
            if self.complaints.len() < COMPLAINTS {
                self.complaints.push_str(line);
                self.complaints.push('\n');
            }
        }
    }

    pub(super) fn look(&mut self) {
        if self.trouble.is_some_and(|since| since.elapsed() > self.patience) {
            let class = class_of(&self.repeated).unwrap_or(Class::Unreachable);
            self.decide(class);
        }
    }

    fn decide(&mut self, class: Class) {
        if self.verdict.is_none() {
            let said = self.repeated.split_once(": ").map_or("", |(_, said)| said).to_owned();
            let told = classify(
                match class {
                    Class::Vanished => Some(10),
                    _ => Some(1),
                },
                &self.repeated,
                &said,
            );
            self.verdict = Some(Failure::new(class, told.message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = r#"Stat(<config/>) returned error, retrying after 1s: Stat: Get "http://127.0.0.1:1/b/": dial tcp 127.0.0.1:1: connect: connection refused"#;

    #[test]
    fn an_outage_is_told_when_patience_ends_and_not_before() {
        let mut watch = Watch::new(Duration::from_mins(1));
        watch.hear(REFUSED);
        watch.look();
        assert_eq!(watch.verdict, None);
        let mut watch = Watch::new(Duration::ZERO);
        watch.look();
        assert_eq!(watch.verdict, None, "no trouble, no verdict");
        watch.hear(REFUSED);
        std::thread::sleep(Duration::from_millis(2));
        watch.look();
        assert_eq!(watch.verdict.map(|failure| failure.class), Some(Class::Unreachable));
    }

    #[test]
    fn trouble_that_is_over_is_forgotten() {
        let mut watch = Watch::new(Duration::ZERO);
        watch.hear(REFUSED);
        watch.hear("Stat(<config/>) operation successful after 1 retries");
        std::thread::sleep(Duration::from_millis(2));
        watch.look();
        assert_eq!(watch.verdict, None);
    }

    #[test]
    fn refused_credentials_are_told_at_once() {
        let mut watch = Watch::new(Duration::from_mins(1));
        watch.hear(
            "Stat(<config/>) returned error, retrying after 1s: Stat: The AWS Access Key Id you provided does not exist in our records.",
        );
        assert_eq!(watch.verdict.map(|failure| failure.class), Some(Class::Refused));
    }
}

//! What a change of files comes to: what was granted before keeps its place, and what is not among the files any more goes.

use super::drift::{Drift, Whose};
use super::gather::{self, Checked, Standing};
use super::{Outcome, Review, review_of};
use crate::policy::AppKey;
use crate::request::app::Grant;
use crate::request::check::Definitions;
use crate::request::read::{Document, Finding, Tree};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Two sets of files, and what lies between them.
#[derive(Debug)]
pub struct Change {
    /// What the files came to before.
    pub before: Review,
    /// What they come to now, to whom the grants from before stand.
    pub after: Review,
    /// What was granted before and is not asked for any more.
    pub removed: BTreeMap<AppKey, Grant>,
    /// What is wrong now and was not before, wherever it stands, in order.
    pub new: Vec<Finding>,
    /// What a cluster has otherwise than the files that the change is to be merged into; none when no cluster was asked.
    pub drift: Option<BTreeMap<Whose, Drift>>,
}

/// Compares two sets of files. The same files come to the same, whenever that is asked: no time of today is in it.
#[must_use]
pub fn change(base: &Tree, head: &Tree, definitions: &Definitions) -> Change {
    change_checked(base, gather::check(base, definitions), head, definitions)
}

/// The same, of files whose documents were checked already as far as they are before.
#[must_use]
pub fn change_checked(base: &Tree, checked: Vec<Checked>, head: &Tree, definitions: &Definitions) -> Change {
    let now = Timestamp::UNIX_EPOCH;
    let checked_head = gather::check_beside(head, base, &checked, definitions);
    let before = review_of(gather::gather_checked(base, checked, None, definitions), now);
    let mut gathered = gather::gather_checked(head, checked_head, None, definitions);
    let granted = before.apps.iter().filter_map(|(key, outcome)| outcome.grant().map(|grant| (key, grant)));
    let (mut removed, mut standing) = (BTreeMap::new(), BTreeMap::new());
    for (key, grant) in granted {
        // What goes makes room for what comes, though it may take its grace days.
        if gathered.asks(key) {
            // Older than anything new, and among each other by name.
            standing.insert(key.clone(), Standing { grant: grant.clone(), created: Some(now) });
        } else {
            removed.insert(key.clone(), grant.clone());
        }
    }
    gathered.standing = standing;
    gathered.homes = before.homes.keys().cloned().collect();
    let after = review_of(gathered, now);
    let new = new_findings(&before, &after, &still_refused(&before, base, head));
    Change { before, after, removed, new, drift: None }
}

/// Requests that were refused before and stand as they stood. Why they are refused can change with the order in which they
/// are decided; nobody who changed something else has to answer for that.
fn still_refused(before: &Review, base: &Tree, head: &Tree) -> HashSet<String> {
    let refused = |document: &&Document| {
        let key = AppKey::new(document.namespace(), document.name());
        document.kind() == "MunicipalityApp" && matches!(before.apps.get(&key), Some(Outcome::Refused { .. }))
    };
    let was: HashMap<String, &Document> =
        base.documents.iter().map(|document| &**document).filter(refused).map(|document| (document.object(), document)).collect();
    let stands = |document: &&Document| was.get(&document.object()).is_some_and(|before| before.value == document.value);
    head.documents.iter().map(|document| &**document).filter(stands).map(Document::object).collect()
}

/// What is found after and was not found before. A line that moved is not new.
fn new_findings(before: &Review, after: &Review, still_refused: &HashSet<String>) -> Vec<Finding> {
    let same =
        |finding: &Finding| (finding.file.clone(), finding.code, finding.object.clone(), finding.path.clone(), finding.message.clone());
    let mut known: HashMap<_, usize> = HashMap::new();
    for finding in &before.findings {
        *known.entry(same(finding)).or_default() += 1;
    }
    let is_new = |finding: &&Finding| match known.get_mut(&same(finding)) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    };
    let own = |finding: &&Finding| !finding.code.is_note() && !still_refused.contains(&finding.object);
    after.findings.iter().filter(own).filter(is_new).cloned().collect()
}

impl Change {
    /// Whether something must be mended before it may be merged: by whoever made this change, not by whoever came before.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        !self.new.is_empty()
    }

    /// The apps that become otherwise than they were, but those that go.
    pub fn touched(&self) -> impl Iterator<Item = (&AppKey, &Outcome)> {
        self.after.apps.iter().filter(|(_, outcome)| match outcome {
            Outcome::Created(_) | Outcome::Changed { .. } => true,
            Outcome::Unchanged(_) | Outcome::Elsewhere(_) => false,
            Outcome::Refused { because, .. } => because.iter().any(|finding| self.new.binary_search(finding).is_ok()),
        })
    }
}

#[cfg(test)]
mod tests;

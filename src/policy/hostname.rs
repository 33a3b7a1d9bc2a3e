//! Who may claim a host name: the municipality whose zone holds it, once.

use super::{Ask, Ledger, Reason, Rejection, listed};
use crate::request::names::{canonical_host, in_zone};

/// Checks the host name that a request claims, if it claims one.
pub fn check(ask: Ask<'_>, zones: &[String], ledger: &Ledger) -> Option<Rejection> {
    let host = ask.spec.hostname.as_deref()?;
    let reject = |reason, message| Some(Rejection::new(reason, "/spec/hostname", message));
    if canonical_host(host).is_none() {
        let message = format!(
            "`{host}` is not an exact host name; write it in lower case without a wildcard and with accents in their xn-- form, as www.kuldiga.example.lv"
        );
        return reject(Reason::HostnameInvalid, message);
    }
    if !zones.iter().any(|zone| in_zone(host, zone)) {
        let own = listed(zones.iter().map(String::as_str));
        let message = format!("`{host}` is outside the municipality's zones; write a name in {own}");
        return reject(Reason::HostnameOutsideZones, message);
    }
    let (other, since) = ledger.claimant(host, ask.key)?;
    // Between two sets of files nobody knows since when.
    let known = since.parse::<jiff::Timestamp>().is_ok_and(|since| since > jiff::Timestamp::UNIX_EPOCH);
    let since = if known { format!(" since {since}") } else { String::new() };
    let message = format!("`{host}` is claimed by {other}{since}; write another name, or remove it there first");
    reject(Reason::HostnameTaken, message)
}

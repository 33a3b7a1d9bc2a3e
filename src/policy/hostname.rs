//! Who may claim a host name: the municipality whose zone holds it, once.

use super::{Ask, Ledger, Reason, Rejection};
use crate::request::names::{canonical_host, in_zone};
use crate::request::said::{Said, listed, listed_lv};

/// Checks the host name that a request claims, if it claims one.
pub fn check(ask: Ask<'_>, zones: &[String], ledger: &Ledger) -> Option<Rejection> {
    let host = ask.spec.hostname.as_deref()?;
    let reject = |reason, message| Some(Rejection::new(reason, "/spec/hostname", message));
    if canonical_host(host).is_none() {
        let message = Said::both(
            format!(
                "`{host}` is not an exact host name; write it in lower case without a wildcard and with accents in their xn-- form, as www.kuldiga.example.lv"
            ),
            format!(
                "`{host}` nav precīza adrese; rakstiet to ar mazajiem burtiem, bez zvaigznītes; burtus ar diakritiskajām zīmēm — xn-- formā, piemēram, www.kuldiga.example.lv"
            ),
        );
        return reject(Reason::HostnameInvalid, message);
    }
    if !zones.iter().any(|zone| in_zone(host, zone)) {
        let own = || zones.iter().map(String::as_str);
        let example = zones.first().map_or_else(String::new, |zone| format!(", piemēram, www.{zone}"));
        let message = Said::both(
            format!("`{host}` is outside the municipality's zones; write a name in {}", listed(own())),
            format!("`{host}` ir ārpus pašvaldības zonām; rakstiet adresi zonā {}{example}", listed_lv(own())),
        );
        return reject(Reason::HostnameOutsideZones, message);
    }
    let (other, since) = ledger.claimant(host, ask.key)?;
    // Between two sets of files nobody knows since when.
    let known = since.parse::<jiff::Timestamp>().is_ok_and(|since| since > jiff::Timestamp::UNIX_EPOCH);
    let when = |word: &str| if known { format!(" {word} {since}") } else { String::new() };
    let message = Said::both(
        format!("`{host}` is claimed by {other}{}; write another name, or remove it there first", when("since")),
        format!("adresi `{host}` jau izmanto {other}{}; rakstiet citu adresi vai vispirms noņemiet to tur", when("kopš")),
    );
    reject(Reason::HostnameTaken, message)
}

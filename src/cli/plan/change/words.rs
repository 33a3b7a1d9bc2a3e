//! The words of a plan between two commits, in Latvian and English.

use super::risk::{Risk, RiskKind};
use super::sheet::{AppRow, DriftRow, Summary};
use crate::cli::language::either;
use crate::policy::allotment;
use crate::request::explain::Language;

/// What it all comes to, in one line. With numbers behind, no Latvian noun has to agree with them.
#[must_use]
pub fn summary(summary: &Summary, language: Language) -> String {
    let Summary { create, change, remove, refuse, unchanged, findings, .. } = summary;
    match language {
        Language::Lv => {
            format!("izveidos: {create}, mainīs: {change}, noņems: {remove}, noraidīs: {refuse}, nemainīs: {unchanged}; jālabo: {findings}")
        }
        Language::En => format!(
            "apps: {create} to create, {change} to change, {remove} to remove, {refuse} refused, {unchanged} unchanged; to mend: {findings}"
        ),
    }
}

/// The same without what is not there.
#[must_use]
pub fn short(summary: &Summary, language: Language) -> String {
    let parts = [
        (summary.create, either(language, "izveidos", "created")),
        (summary.change, either(language, "mainīs", "changed")),
        (summary.remove, either(language, "noņems", "removed")),
        (summary.refuse, either(language, "noraidīs", "refused")),
        (summary.findings, either(language, "jālabo", "to mend")),
    ];
    let parts: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{word}: {count}")).collect();
    if parts.is_empty() { either(language, "lietotnēm nekas nemainās", "nothing changes for any app").into() } else { parts.join(", ") }
}

/// What becomes of an app.
#[must_use]
pub fn action(app: &AppRow<'_>, language: Language) -> &'static str {
    match app.action {
        "create" => either(language, "tiks izveidota", "will be created"),
        "change" => either(language, "mainīsies", "will change"),
        "remove" => either(language, "tiks noņemta", "will be removed"),
        _ if app.grant.is_some() => either(language, "noraidīta, paliek kā līdz šim", "refused, so it stays as it is"),
        _ => either(language, "noraidīta", "refused"),
    }
}

/// The name of a choice of an app, or of a part of an allotment.
#[must_use]
pub fn field(field: &str, language: Language) -> &str {
    match (language, field) {
        (Language::Lv, "system") => "sistēma",
        (Language::Lv, "version") => "versija",
        (Language::Lv, "revision") => "redakcija",
        (Language::Lv, "size") => "izmērs",
        (Language::Lv, "data class") => "datu klase",
        (Language::Lv, "hostname") => "adrese",
        (Language::Lv, "egress") => "savienojumi uz āru",
        (Language::Lv, "suspend") => "apturēta (suspend)",
        (Language::Lv, "rotateSecrets") => "paroļu nomaiņa (rotateSecrets)",
        (Language::Lv, "more parameters") => "vēl citi parametri",
        (Language::Lv, "more fields") => "vēl citi lauki",
        (Language::Lv, "backup.window") => "rezerves kopiju laiks",
        (Language::Lv, "backup.exclude") => "netiek kopēts",
        (Language::Lv, "backup.checks") => "pārbaudes pēc atjaunošanas",
        (Language::Lv, amount) => allotment::latvian(amount),
        (Language::En, _) => field,
    }
}

/// A risk in a sentence.
#[must_use]
pub fn risk(risk: &Risk, language: Language) -> String {
    let Risk { municipality, app, .. } = risk;
    let (before, now) = (risk.before.as_deref(), risk.now.as_deref());
    let (grace, kept) = (risk.grace_days.unwrap_or_default(), risk.retention_days.unwrap_or_default());
    let who = format!("`{municipality}/{app}`");
    match (risk.kind, language) {
        (RiskKind::Removal, Language::En) => format!(
            "{who} ({}) is removed: it is stopped at once, a last backup is made and tried, its data goes after {grace} days, and the backups are kept for {kept} days after that.",
            before.unwrap_or_default()
        ),
        (RiskKind::Removal, Language::Lv) => format!(
            "{who} ({}) tiek noņemta: tā tiek uzreiz apturēta, tiek izveidota un pārbaudīta pēdējā rezerves kopija, dati tiek dzēsti pēc {grace} dienām, bet rezerves kopijas glabā vēl {kept} dienas.",
            before.unwrap_or_default()
        ),
        (RiskKind::DataClass, Language::En) => match before {
            Some(before) => format!("{who} holds data of the class `{}` from now on, and of `{before}` before.", now.unwrap_or_default()),
            None => format!("{who} holds data of the class `{}`, which has requirements of its own.", now.unwrap_or_default()),
        },
        (RiskKind::DataClass, Language::Lv) => match before {
            Some(before) => format!("{who} turpmāk glabās datus ar klasi `{}`, līdz šim – `{before}`.", now.unwrap_or_default()),
            None => format!("{who} glabās datus ar klasi `{}`, kurai ir īpašas prasības.", now.unwrap_or_default()),
        },
        (RiskKind::EndOfLife, Language::En) => {
            format!("{who} gets `{}`, which is looked after until {} only.", before.unwrap_or_default(), now.unwrap_or_default())
        }
        (RiskKind::EndOfLife, Language::Lv) => {
            format!("{who} saņem `{}`, ko uztur tikai līdz {}.", before.unwrap_or_default(), now.unwrap_or_default())
        }
        (RiskKind::Version, Language::En) => {
            format!("{who} gets another version: `{}` becomes `{}`.", before.unwrap_or_default(), now.unwrap_or_default())
        }
        (RiskKind::Version, Language::Lv) => {
            format!("{who} saņem citu versiju: `{}` vietā `{}`.", before.unwrap_or_default(), now.unwrap_or_default())
        }
        (RiskKind::Hostname, Language::En) => match now {
            Some(now) => format!("{who} is at `{now}` from now on, and `{}` leads nowhere.", before.unwrap_or_default()),
            None => format!("{who} has no address any more; `{}` leads nowhere.", before.unwrap_or_default()),
        },
        (RiskKind::Hostname, Language::Lv) => match now {
            Some(now) => format!("{who} turpmāk būs adresē `{now}`, un `{}` vairs nedarbosies.", before.unwrap_or_default()),
            None => format!("{who} vairs nav adreses; `{}` vairs nedarbosies.", before.unwrap_or_default()),
        },
        (RiskKind::Stopped, Language::En) => format!("{who} is stopped; its data is kept."),
        (RiskKind::Stopped, Language::Lv) => format!("{who} tiek apturēta; dati tiek saglabāti."),
    }
}

/// The heading of what a cluster has otherwise; a sentence where that is nothing.
#[must_use]
pub fn drift(nothing: bool, base: &str, language: Language) -> String {
    match (nothing, language) {
        (true, Language::Lv) => format!("Klasterī visi pieprasījumi un pašvaldības ir tādi paši kā `{base}`."),
        (true, Language::En) => format!("The cluster has all requests and municipalities as they are in `{base}`."),
        (false, Language::Lv) => format!("Klasterī ir citādi nekā `{base}`"),
        (false, Language::En) => format!("The cluster has it otherwise than `{base}`"),
    }
}

/// What a cluster has otherwise of one thing. What it says itself was written there, by whomever.
#[must_use]
pub fn drifted(row: &DriftRow<'_>, language: Language) -> String {
    let who = row.app.map_or_else(|| format!("`{}`", row.municipality), |app| format!("`{}/{app}`", row.municipality));
    let what = match (row.state, language) {
        ("missing", Language::Lv) => "klasterī nav",
        ("missing", Language::En) => "is not on the cluster",
        ("extra", Language::Lv) => "ir klasterī, bet neviens fails to nepieprasa",
        ("extra", Language::En) => "is on the cluster, and no file asks for it",
        ("leaving", Language::Lv) => "klasterī tiek noņemta, lai gan fails to pieprasa",
        ("leaving", Language::En) => "is being removed on the cluster, though a file asks for it",
        ("ungranted", Language::Lv) => "ir klasterī, bet nekas tai vēl nav piešķirts",
        ("ungranted", Language::En) => "is on the cluster, and nothing is granted to it yet",
        ("unreadable", Language::Lv) => "klasterī ir tāda, kādu šī programma nevar nolasīt",
        ("unreadable", Language::En) => "is on the cluster in a way that this release cannot read",
        (_, Language::Lv) => "klasterī ir pieprasīta citādi (klasterī → failā)",
        (_, Language::En) => "is asked for otherwise on the cluster (cluster → file)",
    };
    let said = row.said.map(|said| format!(": {said}")).unwrap_or_default();
    format!("{who} {what}{said}")
}

/// What was wrong before and is not of this change.
#[must_use]
pub fn known(known: usize, language: Language) -> Option<String> {
    (known > 0).then(|| match language {
        Language::Lv => format!("Kas šajās mapēs nebija pareizi jau pirms šīm izmaiņām un te nav rādīts: {known}."),
        Language::En => format!("What was wrong in these folders before this change already, and is not shown: {known}."),
    })
}

//! The page of one system: what it is, what it asks for, what it costs of the allotment, and the form.

use super::page::Frame;
use super::request::request;
use super::words::{Both, counted, decimal};
use super::{SiteError, Subject, facts, titled};
use crate::policy::Amounts;
use crate::request::Requirement;
use crate::request::class::DataClassSpec;
use crate::request::explain::Language;
use maud::{Markup, html};

/// The page.
///
/// # Errors
/// When an amount cannot be read; the entry has a problem then.
pub fn page(subject: &Subject<'_>, frame: &Frame<'_>) -> Result<Vec<u8>, SiteError> {
    let language = frame.language;
    let title = titled(&subject.spec.title, language);
    let words = match language {
        Language::Lv => "assets/words-lv.js",
        Language::En => "assets/words-en.js",
    };
    let own = format!("facts/{}.js", subject.name);
    let scripts =
        ["assets/platform.js", &own, words, "assets/check.js", "assets/yaml.js", "assets/forge.js", "assets/fields.js", "assets/page.js"];
    let main = html! {
        h1 { (title) }
        (what_it_is(subject, language))
        (data(subject, language))
        (sizes(subject, language)?)
        (request(subject, frame))
    };
    Ok(frame.page(title, &scripts.map(str::to_string), &main))
}

fn what_it_is(subject: &Subject<'_>, language: Language) -> Markup {
    let spec = subject.spec;
    let text = |lv: &'static str, en: &'static str| Both(lv, en).of(language);
    let link = spec.documentation.as_deref().filter(|address| address.starts_with("https://"));
    html! {
        dl.about {
            dt { (text("Uztur", "Maintained by")) }
            dd { (subject.maintainer(language)) }
            dt { (text("Joma", "Area")) }
            dd { (super::category(&spec.category, language)) }
            dt { (text("Versija", "Version")) }
            dd { (spec.default_version) }
            @if let Some(licence) = &spec.licence {
                dt { (text("Licence", "Licence")) }
                dd { (licence) }
            }
            @if let Some(address) = link {
                dt { (text("Apraksts", "Documentation")) }
                dd { a href=(address) rel="noopener noreferrer" { (address) } }
            }
        }
    }
}

/// The class of the data and what it requires, in plain words.
fn data(subject: &Subject<'_>, language: Language) -> Markup {
    let text = |lv: &'static str, en: &'static str| Both(lv, en).of(language);
    let class = subject.class;
    html! {
        section aria-labelledby="dati" {
            h2 #dati { (text("Dati", "Data")) }
            p { strong { (titled(&class.title, language)) } " (" code { (subject.spec.data_class) } ")" }
            ul { @for line in requirements(class, language) { li { (line) } } }
        }
    }
}

fn requirements(class: &DataClassSpec, language: Language) -> Vec<String> {
    let text = |lv: &'static str, en: &'static str| Both(lv, en).of(language).to_string();
    let mut lines: Vec<String> = class
        .requires
        .iter()
        .map(|requirement| match requirement {
            Requirement::LegalBasis => text(
                "Pieprasījumā jānorāda apstrādes tiesiskais pamats: likums un tā pants.",
                "The request has to state the legal basis of the processing: the law and its article.",
            ),
            Requirement::Dpia => text(
                "Vajadzīgs novērtējums par ietekmi uz datu aizsardzību; pieprasījumā jānorāda tā numurs un datums.",
                "A data protection impact assessment is needed; the request has to state its number and date.",
            ),
        })
        .collect();
    if lines.is_empty() {
        lines.push(text("Nekādas papildu ziņas pieprasījumā nav jānorāda.", "Nothing further has to be stated in the request."));
    }
    let hours = counted(class.backup.rpo_hours, language, Both("stundu", "hour"), Both("stundām", "hours"));
    lines.push(match language {
        Language::Lv => format!("Rezerves kopijas platforma veido pati: pēdējā nav vecāka par {hours}."),
        Language::En => format!("The platform makes backups by itself: the latest is never older than {hours}."),
    });
    let days = counted(class.grace_days, language, Both("diena", "day"), Both("dienas", "days"));
    lines.push(match language {
        Language::Lv => format!("Pārdomu laiks, ja pieprasījumu izdzēš: {days}. Tajā failu var pievienot atpakaļ, un dati ir savā vietā."),
        Language::En => {
            format!("Time for second thoughts when the request is deleted: {days}. Until then the file can be added again and the data is there.")
        }
    });
    lines
}

/// The sizes, with what each takes of the allotment.
fn sizes(subject: &Subject<'_>, language: Language) -> Result<Markup, SiteError> {
    let text = |lv: &'static str, en: &'static str| Both(lv, en).of(language);
    let mut sizes =
        subject.spec.sizes.iter().map(|(name, size)| Ok((name, facts::of_size(size)?))).collect::<Result<Vec<_>, SiteError>>()?;
    sizes.sort_by_key(|(name, amounts)| (amounts.cpu, amounts.memory, amounts.storage, *name));
    let headings = [text("Procesora kodoli", "CPU cores"), text("Atmiņa", "Memory"), text("Krātuve", "Storage")];
    let of_allotment = text("Daļa no atvēlētā", "Part of the allotment");
    let numbers =
        |amounts: Amounts, language| [cores(amounts.cpu, language), amount(amounts.memory, language), amount(amounts.storage, language)];
    Ok(html! {
        section aria-labelledby="izmeri" {
            h2 #izmeri { (text("Izmēri", "Sizes")) }
            p {
                (text(
                    "Katrai pašvaldībai ir atvēlēts savs procesora, atmiņas, krātuves un lietotņu apjoms. „Daļa no atvēlētā” ir lielākā daļa, ko izmērs no kāda no tiem aizņem; izvēlieties pašvaldību, un tur būs jūsu skaitļi.",
                    "Every municipality has an allotment of CPU, memory, storage and apps. “Part of the allotment” is the largest part that a size takes of any of them; choose the municipality, and your own numbers stand there.",
                ))
            }
            div.scroll role="region" aria-label=(text("Izmēru tabula", "Table of sizes")) tabindex="0" {
                // On a phone the cells stand below each other, each with its heading; the roles keep it a table for who listens.
                table role="table" {
                    thead role="rowgroup" {
                        tr role="row" {
                            th role="columnheader" scope="col" { (text("Izmērs", "Size")) }
                            @for heading in &headings { th.number role="columnheader" scope="col" { (heading) } }
                            th role="columnheader" scope="col" { (of_allotment) }
                        }
                    }
                    tbody role="rowgroup" {
                        @for (name, amounts) in sizes {
                            tr role="row" data-size=(name) {
                                th role="rowheader" scope="row" {
                                    (name)
                                    @if *name == subject.spec.default_size { " " span.tag { (text("parastais", "usual")) } }
                                }
                                @for (heading, value) in headings.iter().zip(numbers(amounts, language)) {
                                    td.number role="cell" data-heading=(heading) { (value) }
                                }
                                td role="cell" data-heading=(of_allotment) data-share { (share(subject, amounts, language)) }
                            }
                        }
                    }
                }
            }
        }
    })
}

/// How much of the allotment a size takes at most of anything, from the largest municipality to the smallest.
fn share(subject: &Subject<'_>, amounts: Amounts, language: Language) -> String {
    let percent = |allowed: Amounts| {
        let parts = [(amounts.cpu, allowed.cpu), (amounts.memory, allowed.memory), (amounts.storage, allowed.storage), (1, allowed.apps)];
        parts.into_iter().map(|(part, whole)| (part * 100).div_ceil(whole.max(1))).max().unwrap_or(0)
    };
    let shares: Vec<u64> = subject.allotments.iter().map(|allowed| percent(*allowed)).collect();
    let (Some(least), Some(most)) = (shares.iter().min(), shares.iter().max()) else { return "–".into() };
    let space = Both("\u{a0}%", "%").of(language);
    if least == most { format!("{least}{space}") } else { format!("{least}–{most}{space}") }
}

fn cores(millis: u64, language: Language) -> String {
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    decimal(text.trim_end_matches('0').trim_end_matches('.'), language)
}

/// Mebibytes or gibibytes; amounts are whole mebibytes.
fn amount(bytes: u64, language: Language) -> String {
    let mebi = bytes >> 20;
    if mebi < 1024 {
        return format!("{mebi}\u{a0}MiB");
    }
    let tenths = (mebi * 10 + 512) / 1024;
    let text = if tenths.is_multiple_of(10) { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) };
    format!("{}\u{a0}GiB", decimal(&text, language))
}

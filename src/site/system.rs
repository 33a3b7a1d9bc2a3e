//! The page of one system: what it is, what it asks for, what it costs of the allotment, and the form.

use super::form::{self, Field};
use super::page::Frame;
use super::texts::Texts;
use super::words::{Both, counted, decimal};
use super::{SiteError, Subject, facts, schema, titled};
use crate::policy::Amounts;
use crate::request::Requirement;
use crate::request::class::DataClassSpec;
use crate::request::explain::Language;
use crate::request::names::APP_NAME_MAX;
use crate::request::read::layout::FOLDER;
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

/// The form, what becomes of it, and the sample for whoever has no scripts.
fn request(subject: &Subject<'_>, frame: &Frame<'_>) -> Markup {
    let language = frame.language;
    let text = |lv: &'static str, en: &'static str| Both(lv, en).of(language);
    html! {
        section aria-labelledby="pieprasit" {
            h2 #pieprasit { (text("Pieprasīt šo sistēmu", "Ask for this system")) }
            p.notice {
                (text(
                    "Nerakstiet cilvēku vārdus, personas kodus un paroles: failu lasa daudzi, un to glabā vienmēr.",
                    "Write no names of people, personal codes or passwords: the file is read by many and kept for ever.",
                ))
            }
            noscript {
                p.notice {
                    (text(
                        "Veidlapai vajadzīgs JavaScript, un jūsu pārlūkā tas ir izslēgts. Lejupielādējiet paraugu un izlabojiet to teksta redaktorā.",
                        "The form needs JavaScript, which is off in your browser. Download the sample and edit it with a text editor.",
                    ))
                }
            }
            p {
                a href=(frame.link(&format!("paraugi/{}.yaml", subject.name))) download=(format!("{}.yaml", subject.sample_app)) {
                    (text("Lejupielādēt parauga failu", "Download a sample file"))
                }
                " — "
                (text("pilns pieprasījums, kurā viss ir jānomaina pret savu.", "a complete request in which everything is to be replaced by your own."))
            }
            div #problems.summary tabindex="-1" role="group" aria-labelledby="problems-title" hidden {
                h3 #problems-title {}
                ul #problems-list {}
            }
            form #form novalidate hidden autocomplete="off" {
                (choices(subject, language))
                (settings(subject, language))
                (legal(language))
                (outcome(subject, language))
            }
        }
    }
}

fn choices(subject: &Subject<'_>, language: Language) -> Markup {
    let text = |lv: &'static str, en: &'static str| Both(lv, en).of(language);
    let named = |path: &str, title, hint: Markup, required| Field { path: path.into(), title, hint: Some(hint), required, depends: false };
    let name_hint = match language {
        Language::Lv => format!(
            "Jūsu nosaukums sistēmai: mazie burti bez garumzīmēm un mīkstinājuma zīmēm, cipari un atsevišķas defises; lielākais rakstzīmju skaits ir {APP_NAME_MAX}. Piemēram, {}.",
            subject.sample_app
        ),
        Language::En => format!(
            "Your name for the system: small letters without diacritics, digits and single hyphens, at most {APP_NAME_MAX} characters. For example {}.",
            subject.sample_app
        ),
    };
    let size_title =
        |name: &String| if *name == subject.spec.default_size { format!("{name} ({})", text("parastais", "usual")) } else { name.clone() };
    html! {
        fieldset.part {
            legend { (text("Kas un kam", "What and for whom")) }
            (named("/metadata/namespace", text("Pašvaldība", "Municipality"), html! {}, true).around(language, |id, described| html! {
                select id=(id) data-kind="plain" aria-describedby=(described) aria-required="true" {
                    option value="" { (text("— izvēlieties —", "— choose —")) }
                    @for (slug, title) in subject.municipalities(language) { option value=(slug) { (title) } }
                }
            }))
            (named("/metadata/name", text("Lietotnes nosaukums", "Name of the app"), html! { (name_hint) }, true).around(language, |id, described| html! {
                input id=(id) type="text" data-kind="plain" aria-describedby=(described) aria-required="true" autocapitalize="none" spellcheck="false" autocomplete="off";
            }))
            (named("/spec/size", text("Izmērs", "Size"), html! { (text("Cik katrs aizņem, rāda tabula augstāk.", "The table above shows what each takes.")) }, false).around(language, |id, described| html! {
                select id=(id) data-kind="text" aria-describedby=(described) {
                    @for name in subject.sizes() { option value=(name) selected[*name == subject.spec.default_size] { (size_title(name)) } }
                }
            }))
            (named("/spec/hostname", text("Adrese", "Address"), html! {
                (text("Kā sistēmu sasniedz pārlūkā, pašvaldības domēnā. Ja atstāj tukšu, to sasniedz tikai no platformas iekšienes.", "How people reach the system in a browser, inside the municipality's domain. Left empty it is reached only from inside the platform."))
                " " span #zones {}
            }, false).around(language, |id, described| html! {
                input id=(id) type="text" data-kind="text" aria-describedby=(described) inputmode="url" autocapitalize="none" spellcheck="false" autocomplete="off";
            }))
            details {
                summary { (text("Retāk vajadzīgas izvēles", "Choices that are rarely needed")) }
                (named("/spec/version", text("Versija", "Version"), html! { (text("Bez izvēles lietotne seko versijai, ko iesaka katalogs.", "Without a choice the app follows the version that the catalogue recommends.")) }, false).around(language, |id, described| html! {
                    select id=(id) data-kind="text" aria-describedby=(described) {
                        option value="" { (text("kā iesaka katalogs", "as the catalogue recommends")) ": " (subject.spec.default_version) }
                        @for version in &subject.spec.versions { option value=(version.name) { (version.name) } }
                    }
                }))
                (named("/spec/dataClass", text("Datu klase", "Kind of data"), html! { (text("Tikai tad, ja sistēmā glabāsiet stingrāk aizsargājamus datus, nekā paredz katalogs.", "Only if you keep data in it that needs more protection than the catalogue foresees.")) }, false).around(language, |id, described| html! {
                    select id=(id) data-kind="text" aria-describedby=(described) {
                        option value="" { (text("kā noteikts sistēmai", "as the system has it")) ": " (titled(&subject.class.title, language)) }
                        @for (name, class) in subject.stricter() { option value=(name) { (titled(&class.title, language)) } }
                    }
                }))
                (restored(language))
            }
        }
    }
}

/// From which backup the new app is filled.
fn restored(language: Language) -> Markup {
    let text = |lv: &'static str, en: &'static str| Both(lv, en).of(language);
    let field =
        |path: &str, title, hint: &str| Field { path: path.into(), title, hint: Some(html! { (hint) }), required: false, depends: false };
    let app = field(
        "/spec/restoreFrom/app",
        text("Sākt ar lietotnes rezerves kopiju", "Begin with a backup of the app"),
        text(
            "Tikai tad, ja jaunajai lietotnei jāsāk ar citas jūsu lietotnes datiem: tās nosaukums, arī ja tā jau ir noņemta.",
            "Only if the new app is to begin with the data of another app of yours: its name, also if that one was removed.",
        ),
    );
    let before = field(
        "/spec/restoreFrom/before",
        text("Dati, kādi tie bija pirms", "The data as it was before"),
        text(
            "Tiek ņemta jaunākā kopija, kurā ir viss, kas ierakstīts pirms šī laika. Ja tādas nav, nekas cits netiek ņemts.",
            "The newest backup with everything that was written before this time is taken. If there is none, nothing else is taken.",
        ),
    );
    html! {
        (app.around(language, |id, described| html! {
            input id=(id) type="text" data-kind="text" aria-describedby=(described) autocapitalize="none" spellcheck="false" autocomplete="off";
        }))
        (before.around(language, |id, described| html! {
            input id=(id) type="datetime-local" max="9999-12-31T23:59" data-kind="time" aria-describedby=(described);
        }))
    }
}

fn settings(subject: &Subject<'_>, language: Language) -> Markup {
    let fields = form::fields(&subject.spec.parameters, "/spec/parameters", language, true, 0);
    html! {
        @if !subject.spec.parameters["properties"].as_object().is_none_or(serde_json::Map::is_empty) {
            fieldset.part #settings tabindex="-1" data-path="/spec/parameters" {
                legend { (Both("Sistēmas iestatījumi", "Settings of the system").of(language)) }
                (fields)
            }
        }
    }
}

fn legal(language: Language) -> Markup {
    let text = |lv: &'static str, en: &'static str| Both(lv, en).of(language);
    let area = |path: &str, title, hint: &str| {
        let field = Field { path: path.into(), title, hint: Some(html! { (hint) }), required: false, depends: true };
        field.around(language, |id, described| html! { textarea id=(id) rows="3" data-kind="text" aria-describedby=(described) {} })
    };
    html! {
        fieldset.part #legal {
            legend { (text("Personas datu apstrāde", "Processing of personal data")) }
            (area("/spec/processing/legalBasis", text("Tiesiskais pamats", "Legal basis"), text(
                "Likums un pants. Piemēram: Vispārīgās datu aizsardzības regulas 6. panta 1. punkta c) apakšpunkts; Arhīvu likums.",
                "The law and its article. For example: General Data Protection Regulation, article 6(1)(c); Archives Law.",
            )))
            (area("/spec/processing/dpia", text("Novērtējums par ietekmi uz datu aizsardzību", "Data protection impact assessment"), text(
                "Novērtējuma numurs un datums.",
                "The number and date of the assessment.",
            )))
        }
    }
}

fn outcome(subject: &Subject<'_>, language: Language) -> Markup {
    let text = |lv: &'static str, en: &'static str| Both(lv, en).of(language);
    html! {
        section.part aria-labelledby="fails" {
            h3 #fails { (text("Jūsu pieprasījums", "Your request")) }
            p #status role="status" {}
            p #place {}
            pre tabindex="0" aria-labelledby="fails" { code #yaml {} }
            p #long.notice hidden {}
            div.actions {
                button #send type="button" hidden {}
                button #save type="button" { (text("Lejupielādēt failu", "Download the file")) }
                button #copy type="button" hidden { (text("Kopēt tekstu", "Copy the text")) }
            }
            p #said role="status" {}
            h3 { (text("Kā iesniegt", "How to hand it in")) }
            ol #steps {
                li data-forge hidden {
                    (text("Nospiediet pogu, kas atver repozitoriju: tur fails jau būs ierakstīts. Ja prasa, piesakieties.", "Press the button that opens the repository: the file will be there already. Log in if you are asked to."))
                }
                li data-file {
                    (text("Lejupielādējiet failu un pievienojiet to pieprasījumu repozitorijam mapē ", "Download the file and add it to the repository of requests, in the folder "))
                    code.folder { (FOLDER) "/" (text("<pašvaldība>", "<municipality>")) "/" } "."
                }
                li { (text("Saglabājiet to kā izmaiņu pieprasījumu (pull request).", "Save it as a pull request.")) }
                li { (text("Sagaidiet atbildi: tajā ir teikts, kas tiks izveidots, cik tas aizņems un kas vēl jālabo.", "Wait for the answer: it says what will be made, what it takes, and what is still to mend.")) }
            }
            h3 { (text("Ko pārbauda tikai pēc iesniegšanas", "What is checked only after you have sent it")) }
            ul #later {
                li { (text("vai pašvaldībai atvēlētā atlikumā pietiek vietas šim izmēram;", "whether this size fits in what is left of the municipality's allotment;")) }
                li { (text("vai nosaukums un adrese nav jau aizņemti;", "whether the name and the address are not taken already;")) }
                li { (text("vai jūs drīkstat pieprasīt šai pašvaldībai.", "whether you may ask for this municipality.")) }
                @for name in unchecked(subject, language) {
                    li { (text("iestatījums „", "the setting “")) (name) "”" }
                }
            }
        }
    }
}

/// What the settings are called of which the browser cannot know everything that the catalogue asks.
fn unchecked(subject: &Subject<'_>, language: Language) -> Vec<String> {
    let (_, paths) = schema::known(&subject.spec.parameters);
    let title = |path: &String| {
        let place = path.split('/').skip(1).fold(String::new(), |place, name| place + "/properties/" + name);
        let schema = subject.spec.parameters.pointer(&place);
        let name = path.rsplit('/').next().unwrap_or_default();
        schema.map_or(name, |schema| Texts::of(schema, language).title(name)).to_string()
    };
    let all = Both("visi iestatījumi kopā", "all settings together").of(language);
    paths.iter().map(|path| if path.is_empty() { all.to_string() } else { title(path) }).collect()
}

//! The form with which a system is asked for, what becomes of it, and how it is handed in.

use super::form::{self, Field};
use super::page::Frame;
use super::texts::Texts;
use super::words::Both;
use super::{Subject, schema, titled};
use crate::request::explain::Language;
use crate::request::names::APP_NAME_MAX;
use crate::request::read::layout::FOLDER;
use maud::{Markup, html};

/// The form, what becomes of it, and the sample for whoever has no scripts.
pub fn request(subject: &Subject<'_>, frame: &Frame<'_>) -> Markup {
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
            (Field::new("/metadata/namespace", text("Pašvaldība", "Municipality"), html! {}, true).around(language, |id, described| html! {
                select id=(id) data-kind="plain" aria-describedby=(described) aria-required="true" {
                    option value="" { (text("— izvēlieties —", "— choose —")) }
                    @for (slug, title) in subject.municipalities(language) { option value=(slug) { (title) } }
                }
            }))
            (Field::new("/metadata/name", text("Lietotnes nosaukums", "Name of the app"), html! { (name_hint) }, true).around(language, |id, described| html! {
                input id=(id) type="text" data-kind="plain" aria-describedby=(described) aria-required="true" autocapitalize="none" spellcheck="false" autocomplete="off";
            }))
            (Field::new("/spec/size", text("Izmērs", "Size"), html! { (text("Cik katrs aizņem, rāda tabula augstāk.", "The table above shows what each takes.")) }, false).around(language, |id, described| html! {
                select id=(id) data-kind="text" aria-describedby=(described) {
                    @for name in subject.sizes() { option value=(name) selected[*name == subject.spec.default_size] { (size_title(name)) } }
                }
            }))
            (Field::new("/spec/hostname", text("Adrese", "Address"), html! {
                (text("Kā sistēmu sasniedz pārlūkā, pašvaldības domēnā. Ja atstāj tukšu, to sasniedz tikai no platformas iekšienes.", "How people reach the system in a browser, inside the municipality's domain. Left empty it is reached only from inside the platform."))
                " " span #zones {}
            }, false).around(language, |id, described| html! {
                input id=(id) type="text" data-kind="text" aria-describedby=(described) inputmode="url" autocapitalize="none" spellcheck="false" autocomplete="off";
            }))
            details {
                summary { (text("Retāk vajadzīgas izvēles", "Choices that are rarely needed")) }
                (Field::new("/spec/version", text("Versija", "Version"), html! { (text("Bez izvēles lietotne seko versijai, ko iesaka katalogs.", "Without a choice the app follows the version that the catalogue recommends.")) }, false).around(language, |id, described| html! {
                    select id=(id) data-kind="text" aria-describedby=(described) {
                        option value="" { (text("kā iesaka katalogs", "as the catalogue recommends")) ": " (subject.spec.default_version) }
                        @for version in &subject.spec.versions { option value=(version.name) { (version.name) } }
                    }
                }))
                (Field::new("/spec/dataClass", text("Datu klase", "Kind of data"), html! { (text("Tikai tad, ja sistēmā glabāsiet stingrāk aizsargājamus datus, nekā paredz katalogs.", "Only if you keep data in it that needs more protection than the catalogue foresees.")) }, false).around(language, |id, described| html! {
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
    let app = Field::new(
        "/spec/restoreFrom/app",
        text("Sākt ar lietotnes rezerves kopiju", "Begin with a backup of the app"),
        html! { (text(
            "Tikai tad, ja jaunajai lietotnei jāsāk ar citas jūsu lietotnes datiem: tās nosaukums, arī ja tā jau ir noņemta.",
            "Only if the new app is to begin with the data of another app of yours: its name, also if that one was removed.",
        )) },
        false,
    );
    let before = Field::new(
        "/spec/restoreFrom/before",
        text("Dati, kādi tie bija pirms", "The data as it was before"),
        html! { (text(
            "Tiek ņemta jaunākā kopija, kurā ir viss, kas ierakstīts pirms šī laika. Ja tādas nav, nekas cits netiek ņemts.",
            "The newest backup with everything that was written before this time is taken. If there is none, nothing else is taken.",
        )) },
        false,
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
        let field = Field { depends: true, ..Field::new(path, title, html! { (hint) }, false) };
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

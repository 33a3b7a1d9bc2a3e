//! The words of `kopnams review`, in Latvian and English.

use super::Verdict;
use crate::cli::language::either;
use crate::policy::authority::{GraveWhy, Why};
use crate::request::access::FILE;
use crate::request::explain::Language;
use crate::request::read::foreign::Foreign;

/// The verdict in a few words.
#[must_use]
pub const fn verdict(verdict: Verdict, language: Language) -> &'static str {
    match verdict {
        Verdict::Fine => either(language, "var apvienot", "may be merged"),
        Verdict::Awaits => either(language, "gaida piekrišanu", "waits for agreement"),
        Verdict::Refused => either(language, "autors to nedrīkst mainīt", "not its author's to change"),
        Verdict::Mend => either(language, "jālabo", "must be mended"),
    }
}

/// The verdict in both languages.
#[must_use]
pub fn status(verdict: Verdict) -> String {
    [Language::Lv, Language::En].map(|language| self::verdict(verdict, language)).join(" · ")
}

/// What is to be done now.
#[must_use]
pub const fn next(verdict: Verdict, language: Language) -> &'static str {
    match verdict {
        Verdict::Fine => either(
            language,
            "Platformas administrators to apvieno. Pēc tam šeit parādīsies atbilde: adrese, kad viss ir gatavs, vai iemesls, ja nav.",
            "A platform admin merges it. Then the answer appears here: the address when everything is ready, or the reason if it is not.",
        ),
        Verdict::Awaits => either(
            language,
            "Vēl jāpiekrīt (*Approve*) kādam no zemāk nosauktajiem. Pēc tam pārbaude notiek vēlreiz.",
            "One of those named below has to agree (*Approve*). Then it is checked again.",
        ),
        Verdict::Refused => either(
            language,
            "To maina kāds no zemāk nosauktajiem, vai arī kāds no viņiem piekrīt (*Approve*). Ja izmaiņa šeit nokļuva nejauši, izņemiet to.",
            "One of those named below changes it, or agrees to it (*Approve*). If it got here by mistake, take it out.",
        ),
        Verdict::Mend => either(
            language,
            "Izlabojiet zemāk nosaukto šajā pašā izmaiņu pieprasījumā; pārbaude pēc tam notiek pati.",
            "Mend what is named below in this same pull request; it is then checked again by itself.",
        ),
    }
}

/// Why somebody may not change something.
#[must_use]
pub fn why(why: &Why, language: Language) -> String {
    if language == Language::En {
        return why.to_string();
    }
    match why {
        Why::NotOwner { slug, author } if author.is_empty() => format!("tas pieder pašvaldībai {slug}, un autors nav zināms"),
        Why::NotOwner { slug, author } => format!("tas pieder pašvaldībai {slug}, un @{author} nav starp tās īpašniekiem"),
        Why::Rules => format!("{FILE} nosaka, kurš ko drīkst mainīt, tāpēc to maina tikai platformas administratori"),
        Why::NoMunicipality => format!("tādas pašvaldības failā {FILE} nav, tāpēc tas pieder platformai"),
        Why::Platform => "tas pieder platformai".into(),
        Why::Link => "tā ir simboliskā saite; ielieciet šeit pašu pieprasījumu".into(),
        Why::NoFile => "tas ir apakšmodulis vai cits, kas nav parasts fails; ielieciet šeit pašu pieprasījumu".into(),
        Why::Foreign(foreign) => self::foreign(foreign),
    }
}

fn foreign(foreign: &Foreign) -> String {
    match foreign {
        Foreign::TooLarge => "tas ir par lielu, lai būtu pieprasījums".into(),
        Foreign::Unreadable(why) => format!("to nevar izlasīt: {}", why.lv.as_ref().unwrap_or(&why.en)),
        Foreign::Kind(what) => {
            format!("tajā ir {}, bet pašvaldības mapē drīkst būt tikai MunicipalityApp", what.lv.as_ref().unwrap_or(&what.en))
        }
        Foreign::Elsewhere { named, slug } => format!("tas ir pašvaldības `{named}` pieprasījums pašvaldības {slug} mapē"),
        Foreign::Status => "tajā ir status, ko raksta tikai operators".into(),
        Foreign::Meta(path) => format!("tajā ir {path}"),
        Foreign::Steers(path) => format!("tajā ir {path}, kas vada platformas programmas"),
    }
}

/// Why a second person has to agree.
#[must_use]
pub fn grave(why: &GraveWhy, language: Language) -> String {
    match (language, why) {
        (Language::En, why) => why.to_string(),
        (Language::Lv, GraveWhy::Removed) => "lietotne tiek noņemta kopā ar datiem".into(),
        (Language::Lv, GraveWhy::RequestRemoved) => "pieprasījums tiek noņemts".into(),
        (Language::Lv, GraveWhy::Class(class)) => format!("tās dati ir klasē {class}"),
        (Language::Lv, GraveWhy::ClassUnknown) => "tās datu klase bez platformas objektiem nav zināma".into(),
    }
}

/// Who may, before their names.
#[must_use]
pub const fn may(language: Language) -> &'static str {
    either(language, "drīkst", "may")
}

//! The page's own words, in Latvian and English.

use crate::policy::Reason as R;
use crate::request::explain::{Language, explain};
use crate::request::read::Code;
use serde_json::{Map, Value, json};

/// One text in both languages.
#[derive(Clone, Copy, Debug)]
pub struct Both(pub &'static str, pub &'static str);

impl Both {
    /// The text in a language.
    #[must_use]
    pub const fn of(self, language: Language) -> &'static str {
        match language {
            Language::Lv => self.0,
            Language::En => self.1,
        }
    }
}

/// What is wrong with a value, by the keyword of the schema that it breaks. `{limit}` and `{name}` are filled in.
const KEYWORDS: [(&str, Both); 27] = [
    ("required", Both("Aizpildiet šo lauku.", "Fill this field in.")),
    ("type:string", Both("Rakstiet tekstu.", "Write text.")),
    ("type:integer", Both("Rakstiet veselu skaitli ar cipariem, piemēram, 12.", "Write a whole number in digits, for example 12.")),
    ("type:number", Both("Rakstiet skaitli ar cipariem, piemēram, 12 vai 1,5.", "Write a number in digits, for example 12 or 1.5.")),
    ("type:boolean", Both("Izvēlieties „jā” vai „nē”.", "Choose yes or no.")),
    ("type:array", Both("Rakstiet sarakstu.", "Write a list.")),
    ("type:object", Both("Rakstiet objektu JSON formātā.", "Write an object in JSON.")),
    ("type", Both("Vērtība ir nepareiza veida.", "The value is of the wrong kind.")),
    ("json", Both("Tas nav JSON; pārbaudiet pēdiņas, iekavas un komatus.", "This is not JSON; check quotes, brackets and commas.")),
    ("enum", Both("Izvēlieties kādu no piedāvātajām vērtībām.", "Choose one of the values that are offered.")),
    ("const", Both("Šeit derīga ir tikai viena vērtība: {limit}.", "Only one value is good here: {limit}.")),
    ("minimum", Both("Skaitlis ir par mazu; rakstiet {limit} vai vairāk.", "The number is too small; write {limit} or more.")),
    ("maximum", Both("Skaitlis ir par lielu; rakstiet {limit} vai mazāk.", "The number is too large; write {limit} or less.")),
    ("exclusiveMinimum", Both("Skaitlis ir par mazu; rakstiet vairāk nekā {limit}.", "The number is too small; write more than {limit}.")),
    ("exclusiveMaximum", Both("Skaitlis ir par lielu; rakstiet mazāk nekā {limit}.", "The number is too large; write less than {limit}.")),
    ("multipleOf", Both("Rakstiet skaitli, kas dalās ar {limit}.", "Write a multiple of {limit}.")),
    (
        "minLength",
        Both("Teksts ir par īsu; mazākais rakstzīmju skaits ir {limit}.", "The text is too short; write at least {limit} characters."),
    ),
    (
        "maxLength",
        Both("Teksts ir par garu; lielākais rakstzīmju skaits ir {limit}.", "The text is too long; write at most {limit} characters."),
    ),
    ("pattern", Both("Tā to šeit rakstīt nevar; skatiet paskaidrojumu pie lauka.", "It cannot be written so; see the note at the field.")),
    ("minItems", Both("Vērtību ir par maz; mazākais skaits ir {limit}.", "There are too few entries; give at least {limit}.")),
    ("maxItems", Both("Vērtību ir par daudz; lielākais skaits ir {limit}.", "There are too many entries; give at most {limit}.")),
    (
        "uniqueItems",
        Both("Kaut kas nosaukts divreiz; norādiet katru vērtību vienreiz.", "Something is named twice; write each entry once."),
    ),
    (
        "minProperties",
        Both("Laukus ir aizpildīts par maz; mazākais skaits ir {limit}.", "Too few fields are filled in; fill in at least {limit}."),
    ),
    (
        "maxProperties",
        Both("Laukus ir aizpildīts par daudz; lielākais skaits ir {limit}.", "Too many fields are filled in; at most {limit} are taken."),
    ),
    ("additionalProperties", Both("Lauka {name} šai sistēmai nav.", "This system has no field {name}.")),
    (
        "length",
        Both(
            "Iestatījumi kopā ir pārāk gari; lielākais garums ir {limit} KiB.",
            "The settings are too long; at most {limit} KiB are taken.",
        ),
    ),
    ("other", Both("Vērtība neder.", "The value does not fit.")),
];

/// What to do about a code, where the explanation of `kopnams explain` speaks of a message that the page does not have.
const HINTS: [(R, Both); 9] = [
    (R::HostnameOutsideZones, Both("Rakstiet adresi kādā no šīm zonām: {known}.", "Write an address in one of these zones: {known}.")),
    (R::NotAHomeNamespace, Both("Izvēlieties pašvaldību sarakstā.", "Choose the municipality from the list.")),
    (R::VersionUnknown, Both("Izvēlieties kādu no šīm: {known}.", "Choose one of these: {known}.")),
    (R::SizeUnknown, Both("Izvēlieties kādu no šiem: {known}.", "Choose one of these: {known}.")),
    (R::DataClassUnknown, Both("Izvēlieties kādu no šīm: {known}.", "Choose one of these: {known}.")),
    (
        R::DataClassLowered,
        Both("Izvēlieties stingrāku klasi vai atstājiet to, kas noteikta sistēmai.", "Choose a stricter class, or leave the system's own."),
    ),
    (
        R::AllotmentExceeded,
        Both(
            "Šis izmērs ir lielāks par visu, kas pašvaldībai atvēlēts. Izvēlieties mazāku vai lūdziet platformas administratoriem vairāk.",
            "This size is larger than the whole allotment. Choose a smaller one, or ask the platform admins for more.",
        ),
    ),
    (R::NameInvalid, Both("", "")),
    (R::HostnameInvalid, Both("", "")),
];

/// What is missing, by the requirement of a data class.
const REQUIREMENTS: [(&str, Both); 2] = [
    ("legalBasis", Both("Norādiet tiesisko pamatu: likumu un tā pantu.", "State the legal basis: the law and its article.")),
    ("dpia", Both("Norādiet novērtējuma numuru un datumu.", "State the number and date of the assessment.")),
];

/// What the scripts of a page say.
const SPOKEN: [(&str, Both); 14] = [
    ("send", Both("Atvērt {forge} (jaunā cilnē)", "Open {forge} (in a new tab)")),
    ("good", Both("Pieprasījums ir pilnīgs, un kļūdu tajā nav.", "The request is complete and nothing is wrong with it.")),
    ("open", Both("Vēl jāaizpilda vai jālabo lauki: {count}.", "Fields still to fill in or to mend: {count}.")),
    ("summary", Both("Pieprasījumā vēl ir, ko labot", "There is something to mend")),
    ("file", Both("Fails: {path}", "File: {path}")),
    ("fileUnknown", Both("pieprasijums", "request")),
    (
        "tooLong",
        Both(
            "Pieprasījums ir par garu, lai to nodotu saitē. Lejupielādējiet failu un pievienojiet to mapē {folder}.",
            "The request is too long for a link. Download the file and add it to the folder {folder}.",
        ),
    ),
    (
        "saved",
        Both(
            "Fails {file} ir lejupielādēts. Tā vieta ir mapē {folder}.",
            "The file {file} was downloaded. It belongs into the folder {folder}.",
        ),
    ),
    (
        "savedWrong",
        Both(
            "Fails {file} ir lejupielādēts, bet tajā vēl ir, ko labot: kas, uzskaitīts veidlapas sākumā.",
            "The file {file} was downloaded, but there is something to mend in it: what, is listed at the top of the form.",
        ),
    ),
    ("copied", Both("Teksts ir nokopēts.", "The text was copied.")),
    ("zones", Both("Adresei jābeidzas ar: {known}.", "The address has to end in: {known}.")),
    (
        "noZones",
        Both(
            "Šai pašvaldībai domēna vēl nav; atstājiet tukšu vai jautājiet platformas administratoriem.",
            "This municipality has no domain yet; leave it empty or ask the platform admins.",
        ),
    ),
    (
        "share",
        Both(
            "procesors {cpu} %, atmiņa {memory} %, krātuve {storage} %, lietotnes {apps} %",
            "CPU {cpu}%, memory {memory}%, storage {storage}%, apps {apps}%",
        ),
    ),
    ("opened", Both("Pieprasījums tiek atvērts jaunā cilnē.", "The request opens in a new tab.")),
];

/// Everything that the scripts say, in one language.
#[must_use]
pub fn spoken(language: Language) -> Value {
    let texts =
        |list: &[(&str, Both)]| list.iter().map(|(key, text)| ((*key).to_string(), text.of(language).into())).collect::<Map<_, _>>();
    let codes = HINTS.iter().map(|(reason, hint)| {
        let said = explain(Code::Refused(*reason), language);
        let hint = hint.of(language);
        let mend = if hint.is_empty() { said.mend } else { hint };
        // What stands in a terminal between backticks stands as it is on a page.
        (reason.as_str().to_string(), Value::from(format!("{} {mend}", said.meaning).replace('`', "")))
    });
    json!({
        "keywords": texts(&KEYWORDS), "codes": codes.collect::<Map<_, _>>(), "requirements": texts(&REQUIREMENTS), "spoken": texts(&SPOKEN),
        "language": match language { Language::Lv => "lv", Language::En => "en" },
    })
}

/// A number with its noun in Latvian: only those that end in 1, but not in 11, have the singular.
#[must_use]
pub fn counted(number: u32, language: Language, one: Both, many: Both) -> String {
    let single = match language {
        Language::Lv => number % 10 == 1 && number % 100 != 11,
        Language::En => number == 1,
    };
    format!("{number} {}", if single { one } else { many }.of(language))
}

/// A decimal as it is written in a language.
#[must_use]
pub fn decimal(text: &str, language: Language) -> String {
    match language {
        Language::Lv => text.replace('.', ","),
        Language::En => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_with_their_nouns() {
        let days = |number, language| counted(number, language, Both("diena", "day"), Both("dienas", "days"));
        let of = |language| [1, 2, 11, 21, 111].map(|number| days(number, language));
        assert_eq!(of(Language::Lv), ["1 diena", "2 dienas", "11 dienas", "21 diena", "111 dienas"]);
        assert_eq!(of(Language::En), ["1 day", "2 days", "11 days", "21 days", "111 days"]);
    }

    #[test]
    fn the_scripts_say_the_same_things_in_both_languages() {
        let (lv, en) = (spoken(Language::Lv), spoken(Language::En));
        for (part, texts) in lv.as_object().unwrap().iter().filter(|(_, texts)| texts.is_object()) {
            for (key, text) in texts.as_object().unwrap() {
                let other = en[part][key].as_str().unwrap();
                let holes = |text: &str| {
                    let mut holes: Vec<String> =
                        text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_string())).collect();
                    holes.sort();
                    holes
                };
                assert!(!other.is_empty() && holes(text.as_str().unwrap()) == holes(other), "{part} {key}");
            }
        }
    }
}

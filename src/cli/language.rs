//! In which language a command speaks.

use crate::request::explain::Language;
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

/// `--lang`, for the commands that speak both languages.
#[derive(Clone, Copy, Debug, Args)]
pub struct Spoken {
    /// Language of the program's own words; without it as `LC_ALL`, `LC_MESSAGES` or `LANG` say, else English.
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    lang: Option<Language>,
}

impl ValueEnum for Language {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Lv, Self::En]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Lv => PossibleValue::new("lv").help("Latvian"),
            Self::En => PossibleValue::new("en").help("English"),
        })
    }
}

impl Spoken {
    /// The language: what was asked for, else what the environment says.
    #[must_use]
    pub fn language(self) -> Language {
        self.lang.unwrap_or_else(|| of_environment(|name| std::env::var(name).ok()))
    }
}

/// The first of the variables that is set decides, as POSIX says.
fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Language {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    set.map_or(Language::En, |locale| Language::of_locale(&locale))
}

/// The text in the language.
#[must_use]
pub const fn either<'a>(language: Language, lv: &'a str, en: &'a str) -> &'a str {
    match language {
        Language::Lv => lv,
        Language::En => en,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_decides() {
        let of = |set: &[(&str, &str)]| {
            of_environment(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_string()))
        };
        assert_eq!(of(&[]), Language::En);
        assert_eq!(of(&[("LANG", "lv_LV.UTF-8")]), Language::Lv);
        assert_eq!(of(&[("LC_ALL", "C"), ("LANG", "lv_LV.UTF-8")]), Language::En);
        assert_eq!(of(&[("LC_ALL", ""), ("LC_MESSAGES", "lv_LV"), ("LANG", "en_US")]), Language::Lv);
    }
}

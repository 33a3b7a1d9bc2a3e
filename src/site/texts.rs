//! What a parameter is called: in the language of the page if the catalogue says so, else as the schema has it.
//!
//! A schema may hold `x-texts: {lv: {title, description, options}, en: {…}}` beside its own title and description;
//! `options` names the values of an enum.

use crate::request::explain::Language;
use serde_json::Value;

pub use crate::request::system::TEXTS as KEYWORD;

/// The texts of one schema in one language.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    schema: &'a Value,
    language: &'static str,
}

impl<'a> Texts<'a> {
    /// The texts of a schema.
    #[must_use]
    pub const fn of(schema: &'a Value, language: Language) -> Self {
        let language = match language {
            Language::Lv => "lv",
            Language::En => "en",
        };
        Self { schema, language }
    }

    /// What the field is called; the parameter's own name if nothing says more.
    #[must_use]
    pub fn title(self, name: &'a str) -> &'a str {
        self.text("title").unwrap_or(name)
    }

    /// What is to be known of it.
    #[must_use]
    pub fn description(self) -> Option<&'a str> {
        self.text("description")
    }

    /// What a value of an enum is called.
    #[must_use]
    pub fn option(self, value: &str) -> Option<&'a str> {
        self.own()?.get("options")?.get(value)?.as_str()
    }

    fn own(self) -> Option<&'a Value> {
        self.schema.get(KEYWORD)?.get(self.language)
    }

    fn text(self, field: &str) -> Option<&'a str> {
        let own = self.own().and_then(|own| own.get(field));
        own.or_else(|| self.schema.get(field)).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_pages_language_comes_before_the_schemas_own_words() {
        let schema = json!({
            "title": "Order", "description": "Who comes first", "enum": ["date"],
            "x-texts": {"lv": {"title": "Secība", "options": {"date": "pēc datuma"}}},
        });
        let (lv, en) = (Texts::of(&schema, Language::Lv), Texts::of(&schema, Language::En));
        assert_eq!((lv.title("order"), en.title("order")), ("Secība", "Order"));
        assert_eq!((lv.description(), lv.option("date"), en.option("date")), (Some("Who comes first"), Some("pēc datuma"), None));
        assert_eq!(Texts::of(&json!({"title": " "}), Language::Lv).title("order"), "order");
    }
}

//! Fields of a form, made from a schema.

use super::texts::Texts;
use super::words::Both;
use crate::request::explain::Language;
use crate::request::read::place::joined;
use maud::{Markup, html};
use serde_json::Value;

/// How the page reads a field: `data-kind` in the form, and the word that its scripts know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A line of text.
    Text,
    /// Text of several lines.
    Lines,
    /// A number.
    Number,
    /// Yes, no, or nothing said.
    Boolean,
    /// One of some values.
    Choice,
    /// Some of some values.
    Choices,
    /// A list of texts or numbers, one in each line.
    List,
    /// Fields of its own.
    Group,
    /// Anything else, as JSON.
    Json,
}

/// A text longer than this gets several lines.
const LINE: u64 = 160;
/// How deep fields have fields of their own.
const DEPTH: usize = 4;

/// A field of the form.
pub struct Field<'a> {
    /// JSON pointer of its value in the request.
    pub path: String,
    /// What it is called.
    pub title: &'a str,
    /// What is to be known of it.
    pub hint: Option<Markup>,
    /// It has to be filled in.
    pub required: bool,
    /// The page's scripts say when it has to be filled in.
    pub depends: bool,
}

impl<'a> Field<'a> {
    /// A field with what is to be known of it.
    #[must_use]
    pub fn new(path: &str, title: &'a str, hint: Markup, required: bool) -> Self {
        Self { path: path.into(), title, hint: Some(hint), required, depends: false }
    }

    /// The id of its element: the pointer in letters that any id and any selector may have, each pointer its own.
    #[must_use]
    pub fn id(&self) -> String {
        let part = |c: char| match c {
            '/' => "-".to_string(),
            c if c.is_ascii_alphanumeric() => c.to_string(),
            c => format!("_{:x}_", u32::from(c)),
        };
        self.path.chars().skip(1).map(part).collect()
    }

    /// The field around its control: label, hint and a place for what is wrong.
    #[must_use]
    pub fn around(&self, language: Language, control: impl FnOnce(&str, &str) -> Markup) -> Markup {
        let id = self.id();
        let described = format!("{id}-hint {id}-error");
        html! {
            div.field data-path=(self.path) {
                label for=(id) { (self.title) " " (self.mark(language)) }
                p.hint id=(format!("{id}-hint")) { @if let Some(hint) = &self.hint { (hint) } }
                (control(&id, &described))
                p.error id=(format!("{id}-error")) hidden {}
            }
        }
    }

    fn mark(&self, language: Language) -> Markup {
        let text = Both("(obligāti)", "(required)").of(language);
        html! {
            @if self.required || self.depends { span.required data-depends[self.depends] hidden[self.depends] { (text) } }
        }
    }

    /// Several controls with one name.
    fn grouped(&self, language: Language, controls: impl FnOnce(&str, &str) -> Markup) -> Markup {
        let id = self.id();
        let described = format!("{id}-hint {id}-error");
        html! {
            fieldset.field data-path=(self.path) id=(id) tabindex="-1" aria-describedby=(described) {
                legend { (self.title) " " (self.mark(language)) }
                p.hint id=(format!("{id}-hint")) { @if let Some(hint) = &self.hint { (hint) } }
                (controls(&id, &described))
                p.error id=(format!("{id}-error")) hidden {}
            }
        }
    }
}

/// The fields of an object's schema.
#[must_use]
pub fn fields(schema: &Value, path: &str, language: Language, must: bool, depth: usize) -> Markup {
    let none = serde_json::Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required = |name: &str| {
        let listed = schema.get("required").and_then(Value::as_array);
        must && listed.is_some_and(|names| names.iter().any(|one| one.as_str() == Some(name)))
    };
    // What has to be filled in comes first; a schema has no order of its own.
    let (first, rest): (Vec<_>, Vec<_>) = properties.iter().partition(|(name, _)| required(name));
    html! {
        @for (name, schema) in first.into_iter().chain(rest) {
            (field(schema, &joined(path, name), name, language, required(name), depth))
        }
    }
}

fn field(schema: &Value, path: &str, name: &str, language: Language, required: bool, depth: usize) -> Markup {
    let texts = Texts::of(schema, language);
    let kind = kind(schema, depth);
    let hint = hint(schema, texts, name, kind, language);
    let field = Field::new(path, texts.title(name), hint, required);
    let placeholder = schema.get("default").filter(|value| is_plain(value)).map(shown).filter(|text| !text.is_empty());
    let word = word(kind);
    match kind {
        Kind::Text | Kind::Number => field.around(language, |id, described| {
            let mode = (kind == Kind::Number).then_some("decimal");
            html! {
                input id=(id) type="text" data-kind=(word) aria-describedby=(described) aria-required[required] inputmode=[mode]
                    placeholder=[placeholder] autocomplete="off";
            }
        }),
        Kind::Lines | Kind::List | Kind::Json => field.around(language, |id, described| {
            let item = (kind == Kind::List).then(|| item_type(schema));
            html! {
                textarea id=(id) rows="4" data-kind=(word) data-item=[item] aria-describedby=(described) aria-required[required] {}
            }
        }),
        Kind::Boolean | Kind::Choice => field.around(language, |id, described| {
            let options = if kind == Kind::Choice { options(schema) } else { vec![Value::from(true), Value::from(false)] };
            html! {
                select id=(id) data-kind=(word) aria-describedby=(described) aria-required[required] {
                    option value="" { (unset(schema, texts, language)) }
                    @for value in options { option value=(value.to_string()) { (named(&value, texts, language)) } }
                }
            }
        }),
        Kind::Choices => field.grouped(language, |id, _| {
            html! {
                div.choices data-kind=(word) {
                    @for (index, value) in options(schema.get("items").unwrap_or(&Value::Null)).iter().enumerate() {
                        @let own = format!("{id}-{index}");
                        div.choice {
                            input type="checkbox" id=(own) value=(value.to_string());
                            label for=(own) { (named(value, Texts::of(&schema["items"], language), language)) }
                        }
                    }
                }
            }
        }),
        Kind::Group => field.grouped(language, |_, _| fields(schema, path, language, required, depth + 1)),
    }
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Lines => "lines",
        Kind::Number => "number",
        Kind::Boolean | Kind::Choice => "choice",
        Kind::Choices => "choices",
        Kind::List => "list",
        Kind::Group => "group",
        Kind::Json => "json",
    }
}

fn type_of(schema: &Value) -> &str {
    schema.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn item_type(schema: &Value) -> &str {
    schema.get("items").map_or("string", type_of)
}

fn kind(schema: &Value, depth: usize) -> Kind {
    let number = |schema: &Value| schema.get(key::MAXIMUM_LENGTH).and_then(Value::as_u64);
    if !options(schema).is_empty() {
        return Kind::Choice;
    }
    match type_of(schema) {
        "boolean" => Kind::Boolean,
        "integer" | "number" => Kind::Number,
        "string" if schema.get("pattern").is_none() && number(schema).is_none_or(|most| most > LINE) => Kind::Lines,
        "string" => Kind::Text,
        "array" if schema.get("items").is_some_and(|items| !options(items).is_empty()) => Kind::Choices,
        "array" if matches!(item_type(schema), "string" | "integer" | "number") => Kind::List,
        "object" if depth < DEPTH && schema.get("properties").and_then(Value::as_object).is_some_and(|p| !p.is_empty()) => Kind::Group,
        _ => Kind::Json,
    }
}

mod key {
    pub const MAXIMUM_LENGTH: &str = "maxLength";
}

/// The values of an enum that a list can offer: texts, numbers and truth values.
fn options(schema: &Value) -> Vec<Value> {
    let options = schema.get("enum").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if options.iter().all(is_plain) { options.to_vec() } else { Vec::new() }
}

const fn is_plain(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

fn named(value: &Value, texts: Texts<'_>, language: Language) -> String {
    let own = texts.option(&shown(value)).map(str::to_string);
    own.unwrap_or_else(|| match value {
        Value::Bool(true) => Both("jā", "yes").of(language).to_string(),
        Value::Bool(false) => Both("nē", "no").of(language).to_string(),
        value => shown(value),
    })
}

fn unset(schema: &Value, texts: Texts<'_>, language: Language) -> String {
    let default = schema.get("default").filter(|value| is_plain(value));
    default.map_or_else(
        || Both("— nav izvēlēts —", "— not chosen —").of(language).to_string(),
        |value| format!("{} {}", Both("parasti:", "usually:").of(language), named(value, texts, language)),
    )
}

/// What a field takes, in words.
fn hint(schema: &Value, texts: Texts<'_>, name: &str, kind: Kind, language: Language) -> Markup {
    let limit = |keyword: &str| schema.get(keyword).filter(|value| value.is_number());
    let mut said: Vec<String> = Vec::new();
    if kind == Kind::Number {
        match (limit("minimum"), limit("maximum")) {
            (Some(from), Some(to)) => said.push(format!("{} {from}–{to}.", Both("Skaitlis", "A number,").of(language))),
            (Some(from), None) => said.push(format!("{} {from}.", Both("Skaitlis, ne mazāks par", "A number of at least").of(language))),
            (None, Some(to)) => said.push(format!("{} {to}.", Both("Skaitlis, ne lielāks par", "A number of at most").of(language))),
            (None, None) => {}
        }
    }
    if let (Kind::Text | Kind::Lines, Some(most)) = (kind, limit(key::MAXIMUM_LENGTH)) {
        said.push(format!("{} {most}.", Both("Lielākais rakstzīmju skaits:", "Characters at most:").of(language)));
    }
    match kind {
        Kind::List => said.push(Both("Katru vērtību rakstiet savā rindā.", "Write each entry in a line of its own.").of(language).into()),
        Kind::Json => said.push(Both("Rakstiet JSON formātā.", "Write it in JSON.").of(language).into()),
        _ => {}
    }
    html! {
        @if let Some(text) = texts.description() { (text.trim_end_matches('.')) ". " }
        @for text in said { (text) " " }
        span.path { (Both("Failā:", "In the file:").of(language)) " " code { (name) } }
    }
}

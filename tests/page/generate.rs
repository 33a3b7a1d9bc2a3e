//! Requests as nobody would write them, and many that are almost right: made from the schemas, with a seed that is printed.

use kopnams::policy::Register;
use serde_json::{Map, Number, Value, json};

/// Texts that YAML, JSON or a pattern may take for something else.
const ODD: [&str; 64] = [
    "",
    "no",
    "No",
    "NO",
    "on",
    "off",
    "y",
    "N",
    "yes",
    "true",
    "False",
    "null",
    "~",
    "0123",
    "0",
    "-017",
    "1_000",
    "0x1F",
    "0o17",
    "0b1",
    "1e3",
    "1.0",
    ".5",
    "5.",
    "+1",
    ".inf",
    ".nan",
    "12:30",
    "1:20:30",
    "2026-09-01",
    "2026-09-01T08:00:00Z",
    " leading",
    "trailing ",
    "a: b",
    "a:b",
    "a #b",
    "#a",
    "- a",
    "-",
    "? x",
    "& a",
    "*a",
    "!tag",
    "%x",
    "@x",
    "`x`",
    "{a: 1}",
    "[a]",
    "a, b",
    "|",
    ">",
    "---",
    "...",
    "<<",
    "=",
    "\"",
    "'",
    "it's \"so\"",
    "back\\slash",
    "🏛️ māja",
    "a\u{301}",
    "\u{202e}abc",
    "\u{feff}bom",
    "nbsp\u{a0}here",
];

/// Characters from which texts are put together.
const LETTERS: &[char] = &[
    'a', 'b', 'X', 'z', '0', '5', '9', ' ', ' ', '-', '_', '.', ':', '#', ',', '"', '\'', '\\', '/', '\n', '\t', '\r', '\u{0}', '\u{1b}',
    '\u{7f}', '\u{85}', '\u{a0}', 'ā', 'Š', 'ķ', '€', '\u{2028}', '\u{200b}', '\u{fffd}', '\u{ffff}', '😀', '𝔘', '{', '}', '[', ']', '&',
    '*', '!', '%', '@', '~', '|', '>', '<', '=', '?',
];

/// Makes requests.
pub struct Requests {
    state: u64,
    slugs: Vec<String>,
    zones: Vec<String>,
    classes: Vec<String>,
    /// Whether the request at hand is written with care.
    careful: bool,
}

impl Requests {
    pub fn new(register: &Register, seed: u64) -> Self {
        let zones = register.municipalities().flat_map(|(_, tenant)| tenant.spec.zones.clone()).collect();
        Self {
            state: seed,
            slugs: register.municipalities().map(|(slug, _)| slug.clone()).collect(),
            zones,
            classes: register.class_names().into_iter().map(str::to_string).collect(),
            careful: false,
        }
    }

    /// A number below a bound, as `SplitMix64` makes them, so that a seed means the same requests for ever.
    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound.max(1) as u64).unwrap_or(0)
    }

    /// True once in so many times.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// True once in so many times, and never in a request that is written with care.
    fn slips(&mut self, times: usize) -> bool {
        !self.careful && self.once_in(times)
    }

    fn one_of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }

    /// A request for a system.
    pub fn request(&mut self, register: &Register, system: &str) -> Value {
        let entry = &register.system(system).unwrap().spec;
        self.careful = self.once_in(3);
        let mut spec = Map::new();
        spec.insert("system".into(), system.into());
        let slug = self.slug();
        let sizes: Vec<String> = entry.sizes.keys().cloned().collect();
        let versions: Vec<String> = entry.versions.iter().map(|version| version.name.clone()).collect();
        let classes = self.classes.clone();
        for (field, known) in [("size", sizes), ("version", versions), ("dataClass", classes)] {
            if self.once_in(2) {
                let value = if self.slips(8) { self.anything(0) } else { self.one_of(&known).into() };
                spec.insert(field.into(), value);
            }
        }
        if self.once_in(2) {
            let zones = register.municipality(&slug).map_or(&[][..], |tenant| &tenant.spec.zones).to_vec();
            let host = self.host(&zones);
            spec.insert("hostname".into(), host);
        }
        if !self.slips(10) {
            let parameters = self.fitting(&entry.parameters, 0);
            spec.insert("parameters".into(), parameters);
        }
        if !self.once_in(3) {
            let statement = |this: &mut Self| match this.below(8) {
                0 => this.text(12).into(),
                1 => " \u{a0}\u{85}\u{2003}".into(),
                2 => "ā".repeat(500 + this.below(2)).into(),
                _ => Value::from("Likuma 1. pants"),
            };
            let mut processing = Map::new();
            for field in ["legalBasis", "dpia"] {
                if !self.once_in(3) {
                    processing.insert(field.into(), statement(self));
                }
            }
            spec.insert("processing".into(), Value::Object(processing));
        }
        if self.once_in(8) {
            let mut from = Map::new();
            if !self.slips(6) {
                let app = if self.slips(6) { self.anything(0) } else { self.name().into() };
                from.insert("app".into(), app);
            }
            if !self.slips(6) {
                let times = ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5+02:00"];
                let none = ["2026-13-01T12:00:00Z", "2026-01-31", "2026-01-31T24:00:00Z", "yesterday"];
                let before = if self.slips(6) { self.one_of(&none) } else { self.one_of(&times) };
                from.insert("before".into(), before.into());
            }
            spec.insert("restoreFrom".into(), Value::Object(from));
        }
        if self.slips(25) {
            let value = self.anything(0);
            spec.insert(self.one_of(&["image", "sizes", "Hostname"]).into(), value);
        }
        json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": "MunicipalityApp", "metadata": {"name": self.name(), "namespace": slug}, "spec": spec})
    }

    fn slug(&mut self) -> String {
        if self.careful {
            return self.one_of(&self.slugs.clone());
        }
        match self.below(12) {
            0 => self.one_of(&ODD).to_string(),
            1 => "nav-tadas".into(),
            2 => "bez-domena".into(),
            3 => "divi-domeni".into(),
            _ => self.one_of(&self.slugs.clone()),
        }
    }

    fn name(&mut self) -> String {
        match if self.careful { 9 } else { self.below(10) } {
            0 => self.text(6),
            1 => self.one_of(&["drill-a", "a--b", "-a", "a-", "Aa", "ā", "drill", "xdrill-a", "0", "no", "2026-01-01"]).into(),
            2 => "a".repeat(30 + self.below(3)),
            _ => self.one_of(&["majaslapa", "karte", "lietvediba-2", "a", "x1"]).into(),
        }
    }

    fn host(&mut self, zones: &[String]) -> Value {
        let zone = if zones.is_empty() || self.slips(6) { self.one_of(&self.zones.clone()) } else { self.one_of(zones) };
        match if self.careful { 11 } else { self.below(12) } {
            0 => self.anything(0),
            1 => zone.into(),
            2 => format!("*.{zone}").into(),
            3 => format!("WWW.{zone}").into(),
            4 => format!("www{zone}").into(),
            5 => format!("{}.{zone}", "a".repeat(62 + self.below(3))).into(),
            6 => format!("{}{zone}", "a.".repeat((253 - zone.len()) / 2 + self.below(2))).into(),
            7 => format!("kuldīga.{zone}").into(),
            8 => self.one_of(&["localhost", "a..lv", "a.lv.", "-a.lv", "https://a.lv", "a.lv\n"]).into(),
            _ => format!("www.{zone}").into(),
        }
    }

    /// A value that mostly fits a schema.
    fn fitting(&mut self, schema: &Value, depth: usize) -> Value {
        if self.slips(14) {
            return self.anything(depth);
        }
        let list = |keyword: &str| schema.get(keyword).and_then(Value::as_array).cloned().unwrap_or_default();
        let options = list("enum");
        if !options.is_empty() {
            return self.one_of(&options);
        }
        if let Some(only) = schema.get("const") {
            return only.clone();
        }
        let types: Vec<Value> =
            schema.get("type").map_or_else(Vec::new, |kind| kind.as_array().cloned().unwrap_or_else(|| vec![kind.clone()]));
        let kind = if types.is_empty() { Value::Null } else { self.one_of(&types) };
        match kind.as_str().unwrap_or_default() {
            "string" => self.fitting_text(schema).into(),
            "integer" | "number" => self.number(schema, kind == "integer"),
            "boolean" => self.once_in(2).into(),
            "null" => Value::Null,
            "array" => {
                let most = schema.get("maxItems").and_then(Value::as_u64).map_or(3, |most| usize::try_from(most).unwrap());
                let count = self.below(most + 2);
                Value::Array((0..count).map(|_| self.fitting(&schema["items"], depth + 1)).collect())
            }
            "object" => {
                let required = list("required");
                let mut map = Map::new();
                for (name, part) in schema["properties"].as_object().into_iter().flatten() {
                    let must = required.contains(&name.as_str().into());
                    if if must { !self.slips(20) } else { self.once_in(2) } {
                        map.insert(name.clone(), self.fitting(part, depth + 1));
                    }
                }
                if self.slips(8) {
                    let value = self.anything(depth + 1);
                    let own = self.text(4);
                    map.insert(self.one_of(&["siteTitel".into(), "x1".into(), "z".into(), own]), value);
                }
                Value::Object(map)
            }
            _ => self.anything(depth),
        }
    }

    fn number(&mut self, schema: &Value, whole: bool) -> Value {
        let limits = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
        let limits: Vec<f64> = limits.iter().filter_map(|name| schema.get(*name)?.as_f64()).collect();
        let near = if limits.is_empty() { 0.0 } else { self.one_of(&limits) };
        let mut number = near + self.one_of(&[-5.0, -1.0, 0.0, 0.0, 1.0, 2.0, 5.0, 10.0]);
        if !whole || self.slips(12) {
            number += self.one_of(&[0.0, 0.5, -0.1, 0.25, 1e-7, 1e21]);
        }
        exact(number)
    }

    fn fitting_text(&mut self, schema: &Value) -> String {
        let usual = [
            "LV-1",
            "AB_123",
            "AB1234",
            "kkkk",
            "bcd",
            "ā",
            "a.lv",
            "x.example.lv",
            "a\n.lv",
            "aā",
            "Ačē",
            "info@example.lv",
            "mail.example.lv",
        ];
        match if self.careful { 5 } else { self.below(6) } {
            0 => self.one_of(&ODD).into(),
            1 => self.text(8),
            2 => {
                let limits = ["minLength", "maxLength"].iter().filter_map(|name| schema.get(*name)?.as_u64()).collect::<Vec<_>>();
                let length = if limits.is_empty() { 20 } else { usize::try_from(self.one_of(&limits)).unwrap() };
                let letter: String = self.one_of(LETTERS).into();
                letter.repeat((length + self.below(3)).saturating_sub(1))
            }
            3 => format!("Kuldīgas novads\n\nrinda {}\n  ievilkta", self.below(9)),
            _ => self.one_of(&usual).into(),
        }
    }

    fn text(&mut self, most: usize) -> String {
        (0..self.below(most + 1)).map(|_| self.one_of(LETTERS)).collect()
    }

    /// Any value.
    fn anything(&mut self, depth: usize) -> Value {
        match self.below(if depth > 3 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => self.once_in(2).into(),
            2 => self.number(&Value::Null, false),
            3 => self.one_of(&ODD).into(),
            4 => self.text(20).into(),
            5 => json!([]),
            6 => (0..self.below(3)).map(|_| self.anything(depth + 1)).collect(),
            _ => {
                let mut map = Map::new();
                for _ in 0..self.below(3) {
                    let (name, value) = (self.text(5), self.anything(depth + 1));
                    map.insert(name, value);
                }
                Value::Object(map)
            }
        }
    }
}

/// A number as both languages hold it: whole ones as such, others as the nearest double.
fn exact(number: f64) -> Value {
    #[allow(clippy::cast_possible_truncation, reason = "whole and small, as checked")]
    let whole = (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64);
    whole.map_or_else(|| Number::from_f64(number).map_or(Value::Null, Value::Number), Value::from)
}

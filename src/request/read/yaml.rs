//! YAML text in, JSON values with their places out. Pure, and bounded whatever the text holds.

use super::place::{Inner, Place, Spot, joined};
use super::scalar;
use crate::request::said::Said;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Deeper than any request; a deeper document would only cost memory.
const DEPTH: usize = 64;
/// How many values aliases may add to a file, and anchors may keep for them; so many bytes of text count as one more.
const EXPANDED: usize = 50_000;
const TEXT: usize = 64;
/// Bytes of a field's name: each finding names all fields that it stands in.
const NAME: usize = 1_024;
/// Of so many doubtful spellings one is told each; whoever has more begins with these.
const REMARKS: usize = 1_000;

/// One document of a file.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// Its value, as the API server would get it.
    pub value: Value,
    /// Where everything in it stands.
    pub place: Place,
    /// What was read, but hardly meant so.
    pub remarks: Vec<Remark>,
}

/// Something to mend about the way in which a value is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Where it stands.
    pub spot: Spot,
    /// JSON pointer of the value.
    pub path: String,
    /// What is wrong and what to write instead.
    pub message: Said,
}

/// The place where a text stops being YAML, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Where.
    pub spot: Spot,
    /// Why.
    pub message: Said,
}

/// Reads every document of a text up to the first that is broken.
#[must_use]
pub fn parse(text: &str) -> (Vec<Parsed>, Option<Broken>) {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    while let Some(event) = parser.next_event() {
        let result = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => {
                let why = error.info();
                let message = Said::both(
                    format!("this is not YAML: {why}; check indentation, colons and quotes here and just above"),
                    format!("tas nav YAML ({why}); pārbaudiet atkāpes, kolus un pēdiņas šeit un tieši virs šīs vietas"),
                );
                Err(Broken { spot: spot(error.marker()), message })
            }
        };
        if let Err(broken) = result {
            return (builder.done, Some(broken));
        }
    }
    (builder.done, None)
}

fn spot(marker: &Marker) -> Spot {
    let from_one = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Spot { line: from_one(marker.line().max(1)), column: from_one(marker.col() + 1) }
}

/// A sequence or mapping that has begun and not ended.
enum Open {
    Items { values: Vec<Value>, places: Vec<Place> },
    Fields { map: Map<String, Value>, places: Vec<(Box<str>, Spot, Place)>, key: Option<(String, Spot)> },
}

struct Frame {
    open: Open,
    spot: Spot,
    anchor: usize,
}

/// What an alias repeats.
struct Anchored {
    value: Value,
    place: Place,
    weight: usize,
    height: usize,
}

#[derive(Default)]
struct Builder {
    done: Vec<Parsed>,
    remarks: Vec<Remark>,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Anchored>,
    expanded: usize,
    root: Option<(Value, Place)>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Broken> {
        let here = spot(&span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), here),
            Event::Alias(anchor) => self.alias(anchor, here),
            Event::SequenceStart(anchor, tag) => {
                self.open(Open::Items { values: Vec::new(), places: Vec::new() }, anchor, tag.as_deref(), here)
            }
            Event::MappingStart(anchor, tag) => {
                self.open(Open::Fields { map: Map::new(), places: Vec::new(), key: None }, anchor, tag.as_deref(), here)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::DocumentEnd => {
                let (value, place) = self.root.take().unwrap_or_default();
                self.done.push(Parsed { value, place, remarks: std::mem::take(&mut self.remarks) });
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => Ok(()),
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, tag: Option<&Tag>, here: Spot) -> Result<(), Broken> {
        let as_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        let (value, doubt) = if as_text { (Value::from(text), None) } else { scalar::read(text) };
        if let Some(Frame { open: Open::Fields { key: None, .. }, .. }) = self.stack.last() {
            return self.key(text, as_text, &value, doubt, here);
        }
        self.check_tag(tag, here);
        if let Some(doubt) = doubt {
            self.remark(here, doubt.of_value(text, &value));
        }
        let inner = if value.is_string() { Inner::Text } else { Inner::Plain(text.into()) };
        self.add(value, Place { spot: here, inner }, anchor)
    }

    fn key(&mut self, text: &str, as_text: bool, value: &Value, doubt: Option<scalar::Doubt>, here: Spot) -> Result<(), Broken> {
        let name = match value {
            Value::String(name) => name.clone(),
            Value::Null => {
                return Err(broken(
                    here,
                    "a field has no name; write a name before the colon, in quotes if it is null",
                    "laukam nav nosaukuma; rakstiet to pirms kola; ja tas ir null, — pēdiņās",
                ));
            }
            other => other.to_string(),
        };
        if text == "<<" && !as_text {
            return Err(broken(
                here,
                "merge keys (<<) are not read; write the fields out",
                "apvienošanas atslēgas (<<) netiek lasītas; izrakstiet laukus",
            ));
        }
        if name.len() > NAME {
            return Err(broken(
                here,
                &format!("the name of a field is longer than {NAME} bytes; write a shorter one"),
                &format!("lauka nosaukums ir garāks par {NAME} baitiem; rakstiet īsāku"),
            ));
        }
        let told = self.remarks.len() < REMARKS;
        let Some(Frame { open: Open::Fields { places, key, map }, .. }) = self.stack.last_mut() else {
            return Ok(());
        };
        // Looked for in the map first: one after another it would take a day for the fields of a file that is made so.
        let first = (told && map.contains_key(&name))
            .then(|| places.iter().find(|(known, ..)| **known == *name).map(|(_, first, _)| first.line))
            .flatten();
        *key = Some((name.clone(), here));
        if let Some(doubt) = doubt {
            self.remark(here, doubt.of_key(text, value));
        }
        if let Some(line) = first {
            self.remark(
                here,
                Said::both(
                    format!("the field `{name}` stands twice, first in line {line}; only the last is read; remove one of them"),
                    format!("lauks `{name}` ir divreiz, pirmoreiz {line}. rindā; lasīts tiek tikai pēdējais; izdzēsiet vienu no abiem"),
                ),
            );
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, here: Spot) -> Result<(), Broken> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(broken(here, "an alias cannot stand inside what it repeats", "aizstājvārds nevar būt tajā, ko tas atkārto"));
        };
        if matches!(self.stack.last(), Some(Frame { open: Open::Fields { key: None, .. }, .. })) {
            return Err(broken(
                here,
                "an alias cannot be the name of a field; write the name out",
                "aizstājvārds nevar būt lauka nosaukums; izrakstiet nosaukumu",
            ));
        }
        let (weight, height) = (anchored.weight, anchored.height);
        self.expand(weight, height, here)?;
        let Some(Anchored { value, place, .. }) = self.anchors.get(&anchor) else { return Ok(()) };
        let (value, place) = (value.clone(), place.clone());
        self.add(value, place, 0)
    }

    /// Counts a copy of what an anchor names.
    fn expand(&mut self, weight: usize, height: usize, here: Spot) -> Result<(), Broken> {
        self.expanded += weight;
        if self.expanded > EXPANDED || self.stack.len() + height > DEPTH {
            return Err(broken(
                here,
                "aliases make this file too large to be read; write the values out",
                "aizstājvārdu dēļ fails ir pārāk liels, lai to lasītu; izrakstiet vērtības",
            ));
        }
        Ok(())
    }

    fn open(&mut self, open: Open, anchor: usize, tag: Option<&Tag>, here: Spot) -> Result<(), Broken> {
        if matches!(self.stack.last(), Some(Frame { open: Open::Fields { key: None, .. }, .. })) {
            return Err(broken(
                here,
                "the name of a field is text, not a list or a mapping",
                "lauka nosaukumam jābūt tekstam, nevis sarakstam vai lauku kopai",
            ));
        }
        if self.stack.len() >= DEPTH {
            return Err(broken(
                here,
                &format!("values stand inside each other more than {DEPTH} deep"),
                &format!("vērtības ir cita citā vairāk nekā {DEPTH} līmeņos"),
            ));
        }
        self.check_tag(tag, here);
        self.stack.push(Frame { open, spot: here, anchor });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Broken> {
        let Some(frame) = self.stack.pop() else {
            return Ok(());
        };
        let (value, inner) = match frame.open {
            // Room for more is most of what thousands of small requests would keep.
            Open::Items { mut values, mut places } => {
                values.shrink_to_fit();
                places.shrink_to_fit();
                (Value::Array(values), Inner::Items(places))
            }
            Open::Fields { map, mut places, .. } => {
                places.shrink_to_fit();
                (Value::Object(map), Inner::Fields(places))
            }
        };
        self.add(value, Place { spot: frame.spot, inner }, frame.anchor)
    }

    fn add(&mut self, value: Value, place: Place, anchor: usize) -> Result<(), Broken> {
        if anchor != 0 {
            let (weight, height) = measure(&value);
            // What is kept is a copy, too, and anchors may stand inside each other.
            self.expand(weight, 0, place.spot)?;
            self.anchors.insert(anchor, Anchored { value: value.clone(), place: place.clone(), weight, height });
        }
        match self.stack.last_mut().map(|frame| &mut frame.open) {
            None => self.root = Some((value, place)),
            Some(Open::Items { values, places }) => {
                values.push(value);
                places.push(place);
            }
            Some(Open::Fields { map, places, key }) => {
                let Some((name, at)) = key.take() else {
                    return Err(broken(
                        place.spot,
                        "a value stands where the name of a field is expected",
                        "vērtība ir tur, kur jābūt lauka nosaukumam",
                    ));
                };
                places.push((name.as_str().into(), at, place));
                map.insert(name, value);
            }
        }
        Ok(())
    }

    fn check_tag(&mut self, tag: Option<&Tag>, here: Spot) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema() && tag.suffix != "!" && !tag.suffix.is_empty()) {
            self.remark(
                here,
                Said::both(
                    format!("the tag `{tag}` means nothing here; remove it"),
                    format!("birka `{tag}` šeit neko nenozīmē; izdzēsiet to"),
                ),
            );
        }
    }

    fn remark(&mut self, spot: Spot, message: Said) {
        if self.remarks.len() >= REMARKS {
            return;
        }
        let mut path = String::new();
        for frame in &self.stack {
            match &frame.open {
                Open::Items { values, .. } => path = joined(&path, &values.len().to_string()),
                Open::Fields { key: Some((name, _)), .. } => path = joined(&path, name),
                Open::Fields { key: None, .. } => {}
            }
        }
        self.remarks.push(Remark { spot, path, message });
    }
}

fn broken(spot: Spot, en: &str, lv: &str) -> Broken {
    Broken { spot, message: Said::both(en, lv) }
}

/// How much there is in a value, and how deep it stands.
fn measure(value: &Value) -> (usize, usize) {
    let sum = |parts: &mut dyn Iterator<Item = (usize, &Value)>| {
        parts.fold((1, 1), |(weight, height), (name, part)| {
            let (more, deep) = measure(part);
            (weight + name + more, height.max(deep + 1))
        })
    };
    match value {
        Value::Array(items) => sum(&mut items.iter().map(|item| (0, item))),
        Value::Object(map) => sum(&mut map.iter().map(|(name, field)| (name.len() / TEXT, field))),
        Value::String(text) => (1 + text.len() / TEXT, 1),
        _ => (1, 1),
    }
}

#[cfg(test)]
mod tests;

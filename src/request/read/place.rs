//! Where each value of a document stands in its file.

/// A line and a column, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The line.
    pub line: u32,
    /// The column in characters.
    pub column: u32,
}

/// Where a value stands, with the places of what is inside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Where the value begins.
    pub spot: Spot,
    /// What is inside it.
    pub inner: Inner,
}

/// What is inside a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Inner {
    /// Text, or nothing.
    #[default]
    Text,
    /// A plain scalar that is read as something else than text, as it was written.
    Plain(Box<str>),
    /// The items of a sequence.
    Items(Vec<Place>),
    /// The fields of a mapping: name, where the name stands, and the value.
    Fields(Vec<(Box<str>, Spot, Place)>),
}

/// Which end of a field is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its name.
    Key,
    /// Its value, if that is a scalar: a block is named by its key.
    Value,
}

impl Place {
    /// Where the field of a JSON pointer stands, or the nearest thing around it that exists.
    #[must_use]
    pub fn find(&self, pointer: &str, end: End) -> Spot {
        let mut here = self;
        let mut name = self.spot;
        let mut whole = true;
        for token in tokens(pointer) {
            let Some((key, place)) = here.step(&token) else {
                whole = false;
                break;
            };
            name = key.unwrap_or(place.spot);
            here = place;
        }
        let scalar = matches!(here.inner, Inner::Text | Inner::Plain(_));
        if whole && scalar && end == End::Value { here.spot } else { name }
    }

    /// A scalar that is not text, as it was written.
    #[must_use]
    pub fn written(&self, pointer: &str) -> Option<&str> {
        let mut here = self;
        for token in tokens(pointer) {
            here = here.step(&token)?.1;
        }
        match &here.inner {
            Inner::Plain(text) => Some(text),
            _ => None,
        }
    }

    fn step(&self, token: &str) -> Option<(Option<Spot>, &Self)> {
        match &self.inner {
            Inner::Items(items) => items.get(token.parse::<usize>().ok()?).map(|place| (None, place)),
            // The last of two equal keys is the one that is read.
            Inner::Fields(fields) => fields.iter().rev().find(|(name, ..)| **name == *token).map(|(_, key, place)| (Some(*key), place)),
            Inner::Text | Inner::Plain(_) => None,
        }
    }
}

/// The parts of a JSON pointer.
pub fn tokens(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"))
}

/// A pointer with one more part.
#[must_use]
pub fn joined(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
}

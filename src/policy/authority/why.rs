//! Why somebody may not make a change, in English; other languages are the program's own.

use crate::request::access::FILE;
use crate::request::read::foreign::Foreign;
use serde::{Serialize, Serializer};
use std::fmt;

/// Why something is refused to somebody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is of a municipality, and neither the author nor whoever agreed is one of its owners.
    NotOwner {
        /// The municipality.
        slug: String,
        /// The author's login; empty when nobody is named.
        author: String,
    },
    /// It is the file with the rules.
    Rules,
    /// It lies where a municipality's requests lie, and there is no such municipality.
    NoMunicipality,
    /// It is the platform's.
    Platform,
    /// It is a symbolic link.
    Link,
    /// It is a submodule, or something else that is no file.
    NoFile,
    /// Something stands in it that does not belong there.
    Foreign(Foreign),
}

/// Why something needs a second person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GraveWhy {
    /// The app goes, and its data with it.
    Removed,
    /// Its request goes, and nobody can say what that was granted.
    RequestRemoved,
    /// Its data is of a class for which the rules ask for two people, or was.
    Class(String),
    /// Nobody can say of which class its data is.
    ClassUnknown,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOwner { slug, author } if author.is_empty() => write!(f, "it is of {slug}, and nobody is named as the author"),
            Self::NotOwner { slug, author } => write!(f, "it is of {slug}, and @{author} is not one of its owners"),
            Self::Rules => write!(f, "{FILE} says who may change what, so only the platform's admins change it"),
            Self::NoMunicipality => write!(f, "{FILE} knows no such municipality, so this is the platform's"),
            Self::Platform => f.write_str("it is the platform's"),
            Self::Link => f.write_str("it is a symbolic link; put the request itself here"),
            Self::NoFile => f.write_str("it is a submodule, or no ordinary file; put the request itself here"),
            Self::Foreign(foreign) => foreign.fmt(f),
        }
    }
}

impl fmt::Display for GraveWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed => f.write_str("the app is removed, and its data with it"),
            Self::RequestRemoved => f.write_str("the request is removed"),
            Self::Class(class) => write!(f, "its data is of the class {class}"),
            Self::ClassUnknown => f.write_str("its data class is not known without the platform's objects; name them as PATH"),
        }
    }
}

impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for GraveWhy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

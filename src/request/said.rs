//! What people are told about what they have written.

/// What is wrong, and what to write instead.
///
/// Conditions on the cluster and programs get the English, clerks read the Latvian. There is none where only those who
/// maintain the catalogue or the platform are spoken to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Said {
    /// In English.
    pub en: String,
    /// In Latvian.
    pub lv: Option<String>,
}

impl Said {
    /// The same in both languages.
    pub fn both(en: impl Into<String>, lv: impl Into<String>) -> Self {
        Self { en: en.into(), lv: Some(lv.into()) }
    }
}

impl From<String> for Said {
    fn from(en: String) -> Self {
        Self { en, lv: None }
    }
}

impl From<&str> for Said {
    fn from(en: &str) -> Self {
        en.to_owned().into()
    }
}

/// `a, b or c`; `none` when there is nothing.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    joined(names, "or", "none")
}

/// The same in Latvian: `a, b vai c`.
pub fn listed_lv<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    joined(names, "vai", "(nav neviena)")
}

fn joined<'a>(names: impl IntoIterator<Item = &'a str>, or: &str, none: &str) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match names.split_last() {
        None => none.into(),
        Some((last, [])) => (*last).into(),
        Some((last, others)) => format!("{} {or} {last}", others.join(", ")),
    }
}

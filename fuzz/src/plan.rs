//! `kopnams plan --base --head` of one changed request beside a platform.

use crate::platform::platform;
use anyhow::Result;
use kopnams::cli::plan::change::markdown::markdown;
use kopnams::cli::plan::change::sheet::{Sheet, Side};
use kopnams::cli::plan::change::text::text;
use kopnams::cli::screen::Screen;
use kopnams::cli::validate::markdown::LIMIT;
use kopnams::request::explain::Language;
use kopnams::review::change::{Change, change_checked};

/// The line between what the request was and what it is.
pub const BETWEEN: &[u8] = b"\n#### HEAD\n";

pub fn run(input: &[u8]) -> Result<()> {
    let platform = platform()?;
    let at = input.windows(BETWEEN.len()).position(|window| window == BETWEEN);
    let (before, after) = at.map_or((input, input), |at| (&input[..at], &input[at + BETWEEN.len()..]));
    let (base, head) = (platform.with(before), platform.with(after));
    let found = change_checked(&base, platform.check(&base), &head, &platform.definitions);
    let said = said(&found)?;
    if at.is_some() {
        let again = change_checked(&base, platform.check(&base), &head, &platform.definitions);
        assert_eq!(said, self::said(&again)?, "the second time it is something else");
    } else {
        assert!(!found.is_refused() && found.removed.is_empty() && found.touched().next().is_none(), "nothing changed, but: {said}");
    }
    Ok(())
}

/// Everything that is said of a change, in every form.
fn said(change: &Change) -> Result<String> {
    let side = |name: &str| Side { name: name.to_owned(), commit: None };
    let sheet = Sheet::of(change, side("base"), side("head"));
    let mut said = serde_json::to_string_pretty(&sheet)?;
    for language in [Language::Lv, Language::En] {
        let comment = markdown(&sheet, language);
        assert!(comment.len() <= LIMIT, "the comment has {} bytes", comment.len());
        said.push_str(&comment);
        said.push_str(&text(&sheet, language, Screen { width: Some(80), colour: true }));
    }
    Ok(said)
}

//! Patterns as JavaScript reads them, exactly as they are meant here.
//!
//! The two languages differ in what `.`, `\s`, `$` or a bracket inside a class mean. So a pattern is read as it is read
//! when requests are checked, and what it comes to is written anew with nothing but ranges of characters, repetitions
//! and the two ends of the text, which JavaScript with the flag `u` takes for the same.

use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind, Look};
use std::fmt::Write;

/// A pattern longer than this was hardly meant for a form.
const LONGEST: usize = 8_000;

/// A pattern of a rule, which is a regular expression of Rust's.
#[must_use]
pub fn of_rule(pattern: &str) -> Option<String> {
    let hir = regex_syntax::Parser::new().parse(pattern).ok()?;
    let mut out = String::new();
    (write(&hir, &mut out).is_some() && out.len() <= LONGEST).then_some(out)
}

/// A pattern of a JSON schema, as the checker of parameters reads it. None where JavaScript would need more than this.
#[must_use]
pub fn of_schema(pattern: &str) -> Option<String> {
    of_rule(&jsonschema_regex::to_rust_regex(pattern).ok()?)
}

fn write(hir: &Hir, out: &mut String) -> Option<()> {
    match hir.kind() {
        HirKind::Empty => out.push_str("(?:)"),
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).ok()?.chars().for_each(|one| character(one, out)),
        HirKind::Class(Class::Unicode(class)) => ranges(class.ranges(), out),
        HirKind::Class(Class::Bytes(class)) => ranges(class.to_unicode_class()?.ranges(), out),
        HirKind::Look(Look::Start) => out.push('^'),
        HirKind::Look(Look::End) => out.push('$'),
        HirKind::Look(_) => return None,
        HirKind::Repetition(repetition) => {
            group(std::slice::from_ref(&*repetition.sub), "", out)?;
            let _ = match repetition.max {
                Some(max) => write!(out, "{{{},{max}}}", repetition.min),
                None => write!(out, "{{{},}}", repetition.min),
            };
        }
        HirKind::Capture(capture) => group(std::slice::from_ref(&*capture.sub), "", out)?,
        HirKind::Concat(parts) => group(parts, "", out)?,
        HirKind::Alternation(parts) => group(parts, "|", out)?,
    }
    Some(())
}

fn group(parts: &[Hir], between: &str, out: &mut String) -> Option<()> {
    out.push_str("(?:");
    for (index, part) in parts.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { between });
        write(part, out)?;
    }
    out.push(')');
    Some(())
}

fn ranges(ranges: &[ClassUnicodeRange], out: &mut String) {
    out.push('[');
    for range in ranges {
        character(range.start(), out);
        if range.start() != range.end() {
            out.push('-');
            character(range.end(), out);
        }
    }
    out.push(']');
}

/// Letters and digits as they are, everything else by its number.
fn character(one: char, out: &mut String) {
    if one.is_ascii_alphanumeric() {
        out.push(one);
    } else {
        let _ = write!(out, "\\u{{{:x}}}", u32::from(one));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_written_with_nothing_that_means_two_things() {
        assert_eq!(of_rule("^[a-z]+$").as_deref(), Some("(?:^(?:[a-z]){1,}$)"));
        assert_eq!(of_rule("a.b|é?").as_deref(), Some(r"(?:(?:a[\u{0}-\u{9}\u{b}-\u{10ffff}]b)|(?:\u{e9}){0,1})"));
        assert_eq!(of_schema(r"^\d{2}$").as_deref(), Some("(?:^(?:[0-9]){2,2}$)"));
        assert_eq!(of_schema("[[]").as_deref(), Some(r"\u{5b}"), "one character of a class is that character");
    }

    #[test]
    fn what_javascript_would_read_otherwise_is_left_out() {
        for pattern in [r"\bword\b", "(?m)^a$", "(?=a)", r"(a)\1"] {
            assert_eq!(of_schema(pattern), None, "{pattern}");
        }
    }
}

//! Plain scalars, as Kubernetes clients read them: mostly YAML 1.1, with its surprises.
//!
//! `kubectl` and the `GitOps` tools read `no` as false and `0033000` as an octal number. What is read
//! here is what the cluster would get; the doubts say where that is hardly what was meant.

use crate::request::said::Said;
use serde_json::{Number, Value};

/// Why a scalar without quotes may not be what was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// A word that is read as true or false.
    Word,
    /// Digits with leading zeros, which are lost or make the number octal.
    LeadingZero,
    /// Digits with `_` between them.
    Underscore,
    /// Digits with colons, which YAML 1.1 calls a number to the base 60.
    Sexagesimal,
    /// Not a number, or infinite: JSON has no such thing.
    NotFinite,
}

/// Reads a scalar that stands without quotes.
#[must_use]
pub fn read(text: &str) -> (Value, Option<Doubt>) {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => (Value::Null, None),
        "true" | "True" | "TRUE" => (true.into(), None),
        "false" | "False" | "FALSE" => (false.into(), None),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => (true.into(), Some(Doubt::Word)),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => (false.into(), Some(Doubt::Word)),
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" => {
            (Value::Null, Some(Doubt::NotFinite))
        }
        _ if text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) => numeric(text),
        _ => (text.into(), None),
    }
}

fn numeric(text: &str) -> (Value, Option<Doubt>) {
    if is_sexagesimal(text) {
        return (text.into(), Some(Doubt::Sexagesimal));
    }
    let plain: String = text.chars().filter(|c| *c != '_').collect();
    let unsigned = plain.trim_start_matches(['+', '-']);
    let padded = unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.bytes().all(|b| b.is_ascii_digit());
    match integer(&plain).or_else(|| float(&plain)) {
        None => (text.into(), None),
        Some(Value::Null) => (Value::Null, Some(Doubt::NotFinite)),
        Some(number) if padded => (number, Some(Doubt::LeadingZero)),
        Some(number) if plain.len() < text.len() => (number, Some(Doubt::Underscore)),
        Some(number) => (number, None),
    }
}

/// Go's `ParseInt` with base 0: a prefix or a leading zero chooses the base.
fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let prefixed = |marks: [&str; 2]| marks.into_iter().find_map(|mark| digits.strip_prefix(mark));
    let (base, digits) = if let Some(rest) = prefixed(["0x", "0X"]) {
        (16, rest)
    } else if let Some(rest) = prefixed(["0b", "0B"]) {
        (2, rest)
    } else if let Some(rest) = prefixed(["0o", "0O"]) {
        (8, rest)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, &digits[1..])
    } else {
        (10, digits)
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    if negative {
        let magnitude = i128::from_str_radix(digits, base).ok()?;
        return i64::try_from(-magnitude).ok().map(Value::from);
    }
    u64::from_str_radix(digits, base).ok().map(Value::from)
}

/// `Null` stands for a number that is too large for JSON.
fn float(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole.is_empty() || digits(whole)) && (digits(fraction) || (fraction.is_empty() && !whole.is_empty())),
        None => digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)));
    if !mantissa_fits || !exponent_fits {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    // JSON on its way to the API server carries 1.0 as 1.
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits, as checked")]
    let whole = (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64);
    Some(whole.map_or_else(|| Number::from_f64(number).map_or(Value::Null, Value::Number), Value::from))
}

fn is_sexagesimal(text: &str) -> bool {
    let mut parts = text.strip_prefix(['+', '-']).unwrap_or(text).split(':');
    let first = parts.next().is_some_and(|p| p.starts_with(|c: char| c.is_ascii_digit()) && p.bytes().all(|b| b.is_ascii_digit()));
    let mut rest = parts.peekable();
    first
        && rest.peek().is_some()
        && rest.all(|part| {
            let whole = part.split('.').next().unwrap_or_default();
            part.bytes().all(|b| b.is_ascii_digit() || b == b'.') && whole.parse::<u32>().is_ok_and(|n| n < 60) && whole.len() <= 2
        })
}

impl Doubt {
    /// What to say of a value.
    #[must_use]
    pub fn of_value(self, written: &str, read: &Value) -> Said {
        let (en, lv) = match self {
            Self::Word => (
                format!("`{written}` is read as {read}; write {read} if that is meant, or \"{written}\" in quotes for the word"),
                format!(
                    "`{written}` tiek lasīts kā {read}; ja tas domāts, rakstiet {read}, bet, ja domāts vārds, rakstiet \"{written}\" pēdiņās"
                ),
            ),
            Self::LeadingZero => (
                format!("`{written}` without quotes is read as the number {read}; write \"{written}\" in quotes"),
                format!("`{written}` bez pēdiņām tiek lasīts kā skaitlis {read}; rakstiet \"{written}\" pēdiņās"),
            ),
            Self::Underscore => (
                format!("`{written}` is read as the number {read}; write {read}, or \"{written}\" in quotes for the text"),
                format!(
                    "`{written}` tiek lasīts kā skaitlis {read}; rakstiet {read}, bet, ja domāts teksts, rakstiet \"{written}\" pēdiņās"
                ),
            ),
            Self::Sexagesimal => (
                format!("`{written}` without quotes is a number to the base 60 for some programs; write \"{written}\" in quotes"),
                format!("`{written}` bez pēdiņām dažām programmām ir skaitlis ar bāzi 60; rakstiet \"{written}\" pēdiņās"),
            ),
            Self::NotFinite => (
                format!("`{written}` is not a number that can be stored; write a finite number, or \"{written}\" in quotes"),
                format!("`{written}` nav skaitlis, ko var saglabāt; rakstiet parastu skaitli vai \"{written}\" pēdiņās"),
            ),
        };
        Said::both(en, lv)
    }

    /// What to say of a key.
    #[must_use]
    pub fn of_key(self, written: &str, read: &Value) -> Said {
        if self == Self::Sexagesimal || self == Self::NotFinite {
            return Said::both(
                format!("the field name `{written}` is a number for some programs; write \"{written}\" in quotes"),
                format!("lauka nosaukums `{written}` dažām programmām ir skaitlis; rakstiet \"{written}\" pēdiņās"),
            );
        }
        Said::both(
            format!("the field name `{written}` without quotes is read as {read}; write \"{written}\" in quotes"),
            format!("lauka nosaukums `{written}` bez pēdiņām tiek lasīts kā {read}; rakstiet \"{written}\" pēdiņās"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_and_padded_digits_are_doubted() {
        for word in ["y", "n", "Yes", "NO", "on", "Off"] {
            assert_eq!(read(word).1, Some(Doubt::Word), "{word}");
        }
        for (text, number) in [("0033000", 13824), ("0099000", 99000), ("-017", -15), ("00", 0)] {
            assert_eq!(read(text), (json!(number), Some(Doubt::LeadingZero)), "{text}");
        }
        assert_eq!(read("12:30"), (json!("12:30"), Some(Doubt::Sexagesimal)));
        assert_eq!(read("1_000"), (json!(1000), Some(Doubt::Underscore)));
        assert_eq!(read(".inf").1, Some(Doubt::NotFinite));
        assert_eq!(read("1e999").1, Some(Doubt::NotFinite));
    }

    #[test]
    fn what_is_clear_is_read_without_doubt() {
        let cases = [
            ("null", json!(null)),
            ("true", json!(true)),
            ("0", json!(0)),
            ("-5", json!(-5)),
            ("1.0", json!(1)),
            ("1.5", json!(1.5)),
            ("0.5", json!(0.5)),
            ("1e3", json!(1000)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("18446744073709551615", json!(u64::MAX)),
            ("2026-09-01", json!("2026-09-01")),
            ("2026-09-01T08:00:00Z", json!("2026-09-01T08:00:00Z")),
            ("250m", json!("250m")),
            ("192.0.2.25/32", json!("192.0.2.25/32")),
            ("kuldiga:it", json!("kuldiga:it")),
            ("8080:8080", json!("8080:8080")),
            ("-", json!("-")),
            (".", json!(".")),
            ("1.2.3", json!("1.2.3")),
            ("yesterday", json!("yesterday")),
        ];
        for (text, value) in cases {
            assert_eq!(read(text), (value, None), "{text}");
        }
    }
}

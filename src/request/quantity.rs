//! Amounts of CPU, memory and storage: read strictly, counted in integers, written canonically.
//!
//! The accepted forms are a small part of what Kubernetes takes: no exponents, no signs, no bare
//! bytes, nothing that overflows. The API server refuses the rest by the CEL rules below.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// CPU as written: whole cores (`2`), a decimal of at most three digits (`0.5`) or millicores (`250m`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cpu(pub String);

/// Memory or storage as written: a number with its unit, `Ki`, `Mi`, `Gi`, `Ti`, `k`, `M`, `G` or `T`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub String);

/// Why an amount cannot be used, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{written}` {problem}")]
pub struct QuantityError {
    written: String,
    problem: &'static str,
}

const CPU_HINT: &str = "is not an amount of CPU; write cores as \"2\" or \"0.5\", or millicores as 250m, up to 100000 cores";
const BYTES_HINT: &str = "is not an amount of memory or storage; write a number with its unit, as 512Mi or 20Gi, up to 4096Ti";
/// 100,000 cores in millicores: far above any data centre of this kind, far below overflow.
const CPU_MAX: u64 = 100_000_000;
/// 4 PiB: sums of a million of these still fit in 64 bits.
const BYTES_MAX: u64 = 1 << 52;

impl Cpu {
    /// Millicores.
    pub fn millis(&self) -> Result<u64, QuantityError> {
        let problem = || QuantityError { written: self.0.clone(), problem: CPU_HINT };
        let millis = match self.0.strip_suffix('m') {
            Some(digits) => integer(digits),
            None => decimal(&self.0, 3).and_then(|(digits, places)| digits.checked_mul(10u64.pow(3 - places))),
        };
        millis.filter(|m| *m <= CPU_MAX).ok_or_else(problem)
    }
}

impl Bytes {
    /// Bytes. A fraction is counted in whole bytes, rounded up as Kubernetes does.
    pub fn bytes(&self) -> Result<u64, QuantityError> {
        let problem = || QuantityError { written: self.0.clone(), problem: BYTES_HINT };
        let at = self.0.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(problem)?;
        let unit = UNITS.iter().find(|(name, _)| *name == &self.0[at..]).map(|(_, factor)| *factor);
        let bytes = decimal(&self.0[..at], 3).zip(unit).and_then(|((digits, places), factor)| {
            let scaled = u128::from(digits) * u128::from(factor);
            u64::try_from(scaled.div_ceil(10u128.pow(places))).ok()
        });
        bytes.filter(|b| *b <= BYTES_MAX).ok_or_else(problem)
    }

    /// Bytes of an amount that was written by [`write_bytes`], which may do without a unit.
    pub fn canonical(&self) -> Result<u64, QuantityError> {
        integer(&self.0).filter(|b| *b <= BYTES_MAX).map_or_else(|| self.bytes(), Ok)
    }
}

/// More digits than this are refused whatever they say; the largest amount in bytes has as many.
const DIGITS: usize = 16;

const UNITS: [(&str, u64); 8] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
];

fn integer(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.len() <= DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// Digits without their point, and how many stood after it.
fn decimal(text: &str, max_places: usize) -> Option<(u64, u32)> {
    let Some((whole, fraction)) = text.split_once('.') else {
        return integer(text).map(|n| (n, 0));
    };
    if whole.is_empty() || fraction.is_empty() || fraction.len() > max_places {
        return None;
    }
    let digits = integer(&format!("{whole}{fraction}"))?;
    u32::try_from(fraction.len()).ok().map(|places| (digits, places))
}

/// Millicores in the form in which the API server stores them.
#[must_use]
pub fn write_cpu(millis: u64) -> String {
    if millis.is_multiple_of(1000) { (millis / 1000).to_string() } else { format!("{millis}m") }
}

/// Bytes in the form in which the API server stores a quantity that was written with a binary unit.
#[must_use]
pub fn write_bytes(bytes: u64) -> String {
    const BINARY: [&str; 5] = ["", "Ki", "Mi", "Gi", "Ti"];
    const DECIMAL: [&str; 5] = ["", "k", "M", "G", "T"];
    let mut value = bytes;
    let mut unit = 0;
    while value != 0 && value.is_multiple_of(1024) && unit + 1 < BINARY.len() {
        value /= 1024;
        unit += 1;
    }
    if unit > 0 || bytes == 0 {
        return format!("{value}{}", BINARY[unit]);
    }
    // Without a power of 1024 the server reads and writes it as decimal.
    while value.is_multiple_of(1000) && unit + 1 < DECIMAL.len() {
        value /= 1000;
        unit += 1;
    }
    format!("{value}{}", DECIMAL[unit])
}

fn schema(pattern: &str, limit: &str, description: &str, hint: &str) -> Schema {
    let rule = format!("self.matches('{pattern}') && quantity(self).compareTo(quantity('{limit}')) <= 0");
    let message = format!("QuantityInvalid: this {hint}");
    json_schema!({
        "type": "string",
        "maxLength": 64,
        "description": description,
        "x-kubernetes-validations": [{"rule": rule, "message": message}],
    })
}

impl JsonSchema for Cpu {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Cpu".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pattern = r"^([0-9]{1,12}m|[0-9]{1,9}|[0-9]{1,9}[.][0-9]{1,3})$";
        schema(pattern, "100k", "An amount of CPU: cores (\"2\", \"0.5\") or millicores (250m).", CPU_HINT)
    }
}

impl JsonSchema for Bytes {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pattern = r"^([0-9]{1,9}|[0-9]{1,9}[.][0-9]{1,3})(Ki|Mi|Gi|Ti|k|M|G|T)$";
        schema(pattern, "4096Ti", "An amount of memory or storage with its unit (512Mi, 20Gi).", BYTES_HINT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (written, millis) in [("2", 2000), ("0.5", 500), ("250m", 250), ("1.25", 1250), ("0", 0)] {
            assert_eq!(Cpu(written.into()).millis(), Ok(millis), "{written}");
        }
        for (written, bytes) in [("512Mi", 512 << 20), ("1.5Gi", 3 << 29), ("2G", 2_000_000_000), ("0Gi", 0)] {
            assert_eq!(Bytes(written.into()).bytes(), Ok(bytes), "{written}");
        }
    }

    #[test]
    fn refuses_signs_exponents_bare_bytes_and_overflow() {
        for written in ["-1", "1e3", "1k", "", ".5", "5.", "0.1234", "+1", "1 ", "100000001m", "9999999999999999", "1m5"] {
            assert!(Cpu(written.into()).millis().is_err(), "{written}");
        }
        for written in ["512", "-1Gi", "1Ei", "1e3Mi", "1.0001Gi", "1e30Gi", "Gi", "5000Ti", "1gi", "1 Gi", "0.5"] {
            assert!(Bytes(written.into()).bytes().is_err(), "{written}");
        }
    }

    #[test]
    fn writes_the_canonical_form() {
        assert_eq!((write_cpu(1000).as_str(), write_cpu(1500).as_str()), ("1", "1500m"));
        let cases = [(0, "0"), (1 << 30, "1Gi"), (1536 << 20, "1536Mi"), (2_000_000_000, "1953125Ki"), (2_000_000, "2M"), (1500, "1500")];
        for (bytes, written) in cases {
            assert_eq!(write_bytes(bytes), written);
        }
        assert_eq!(write_bytes(3_000), "3k");
    }

    proptest::proptest! {
        #[test]
        fn canonical_cpu_reads_back_and_is_stable(millis in 0u64..=CPU_MAX) {
            let written = Cpu(write_cpu(millis));
            proptest::prop_assert_eq!(written.millis(), Ok(millis));
            proptest::prop_assert_eq!(write_cpu(written.millis().unwrap()), written.0);
        }

        #[test]
        fn canonical_bytes_read_back(bytes in 0u64..=BYTES_MAX, kib in 0u64..=(BYTES_MAX >> 10)) {
            for amount in [bytes, kib << 10] {
                proptest::prop_assert_eq!(Bytes(write_bytes(amount)).canonical(), Ok(amount));
            }
        }
    }
}

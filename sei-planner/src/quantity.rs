//! Kubernetes quantities (`2000Gi`, `500m`, `1e3`): read, compared by value, written in canonical form.
//!
//! Only what platform settings and size checks need; there is no arithmetic here.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as WireQuantity;
use serde::{Serialize, Serializer};

/// Nano units in one unit; Kubernetes keeps nothing finer.
const NANOS: i128 = 1_000_000_000;
/// Power of ten of one nano unit.
const NANO_EXPONENT: i32 = -9;
/// Greatest power of ten with a suffix of its own (`E`).
const DECIMAL_SUFFIX_EXPONENT_MAX: i32 = 18;
/// Suffixes of powers of ten, from nano upwards in steps of three.
const DECIMAL_SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
/// Suffixes of powers of 1024, from one upwards.
const BINARY_SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// A Kubernetes quantity.
///
/// Two quantities are equal when their values are, whatever their text:
///
/// ```
/// use sei_planner::quantity::Quantity;
/// let size: Quantity = "2048Gi".parse()?;
/// assert_eq!(size, "2Ti".parse()?);
/// assert_eq!(size.as_str(), "2048Gi");
/// assert_eq!(size.canonical(), "2Ti");
/// # Ok::<(), sei_planner::quantity::QuantityError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Quantity {
    text: String,
    canonical: String,
    nanos: i128,
}

/// How the text spelled its magnitude; the canonical form keeps that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notation {
    /// `Ki`, `Mi`, …
    Binary,
    /// `m`, `k`, …, or no suffix.
    Decimal,
    /// `e3`.
    Exponent,
}

/// Why a text is not a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// There is no number in front of the suffix.
    #[error("does not start with a number")]
    NoNumber,
    /// The text after the number is no suffix of a quantity.
    #[error("ends in an unknown suffix (known: n u m k M G T P E, Ki Mi Gi Ti Pi Ei, e<number>)")]
    UnknownSuffix,
    /// The value has more than about 29 digits.
    #[error("is too large")]
    TooLarge,
}

impl Quantity {
    /// Nothing of anything.
    #[must_use]
    pub fn zero() -> Self {
        Self { text: "0".to_owned(), canonical: "0".to_owned(), nanos: 0 }
    }

    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value in billionths of the unit (byte, core); finer values were rounded away from zero.
    #[must_use]
    pub fn nanos(&self) -> i128 {
        self.nanos
    }

    /// Whether the value is greater than zero.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.nanos > 0
    }

    /// The form in which Kubernetes writes the quantity: no fraction, greatest suffix that keeps the value exact.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    fn new(text: &str, nanos: i128, notation: Notation) -> Self {
        let canonical = match notation {
            _ if nanos == 0 => "0".to_owned(),
            Notation::Binary => Self::binary(nanos).unwrap_or_else(|| Self::decimal(nanos, false)),
            Notation::Decimal => Self::decimal(nanos, false),
            Notation::Exponent => Self::decimal(nanos, true),
        };
        Self { text: text.to_owned(), canonical, nanos }
    }

    /// Canonical binary form; `None` for values that Kubernetes writes decimally: fractions, and less than 1Ki.
    fn binary(nanos: i128) -> Option<String> {
        let units = nanos / NANOS;
        if nanos % NANOS != 0 || units.abs() < 1024 {
            return None;
        }
        let (mut number, mut step) = (units, 0);
        while number % 1024 == 0 && step + 1 < BINARY_SUFFIXES.len() {
            number /= 1024;
            step += 1;
        }
        Some(format!("{number}{}", BINARY_SUFFIXES[step]))
    }

    /// Canonical decimal form, with an exponent where asked for or where there is no suffix any more.
    fn decimal(nanos: i128, exponent_wanted: bool) -> String {
        let (mut number, mut exponent) = (nanos, NANO_EXPONENT);
        while number % 1000 == 0 && number != 0 {
            number /= 1000;
            exponent += 3;
        }
        if exponent == 0 {
            return number.to_string();
        }
        if exponent_wanted || exponent > DECIMAL_SUFFIX_EXPONENT_MAX {
            return format!("{number}e{exponent}");
        }
        let step = usize::try_from((exponent - NANO_EXPONENT) / 3).unwrap_or_default();
        let suffix = DECIMAL_SUFFIXES.get(step).copied().unwrap_or_default();
        format!("{number}{suffix}")
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = Parts::of(text)?;
        let (notation, scale) = suffix(parts.suffix)?;
        let magnitude = match (parts.nanos(scale), notation) {
            // Kubernetes caps binary quantities at the greatest 64-bit integer and does so silently.
            (Some(nanos), Notation::Binary) => nanos.min(i128::from(i64::MAX) * NANOS),
            (None, Notation::Binary) => i128::from(i64::MAX) * NANOS,
            (Some(nanos), _) => nanos,
            (None, _) => return Err(QuantityError::TooLarge),
        };
        let nanos = if parts.negative { -magnitude } else { magnitude };
        Ok(Self::new(text, nanos, notation))
    }
}

/// The pieces of a quantity's text.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Self, QuantityError> {
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (whole, rest) = split_digits(unsigned);
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
        if whole.is_empty() && fraction.is_empty() {
            return Err(QuantityError::NoNumber);
        }
        Ok(Self { negative, whole: whole.trim_start_matches('0'), fraction: fraction.trim_end_matches('0'), suffix })
    }

    /// The magnitude in nano units; `None` when it does not fit.
    fn nanos(&self, scale: Scale) -> Option<i128> {
        let mut number: i128 = 0;
        for digit in self.whole.bytes().chain(self.fraction.bytes()) {
            number = number.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        }
        let number = number.checked_mul(1 << scale.binary)?;
        let fraction_digits = i64::try_from(self.fraction.len()).ok()?;
        let shift = i64::from(scale.decimal) - i64::from(NANO_EXPONENT) - fraction_digits;
        shift_decimal(number, shift)
    }
}

/// `number` times ten to the power of `shift`, rounded up where digits are lost: who asks for a little gets a little.
fn shift_decimal(number: i128, shift: i64) -> Option<i128> {
    if number == 0 {
        return Some(0);
    }
    let digits = u32::try_from(shift.unsigned_abs()).unwrap_or(u32::MAX);
    let Some(factor) = 10_i128.checked_pow(digits) else {
        return if shift < 0 { Some(1) } else { None };
    };
    if shift >= 0 {
        return number.checked_mul(factor);
    }
    let lost = i128::from(number % factor != 0);
    Some(number / factor + lost)
}

/// What a suffix multiplies by: `2^binary` times `10^decimal`.
#[derive(Clone, Copy)]
struct Scale {
    binary: u32,
    decimal: i32,
}

fn suffix(text: &str) -> Result<(Notation, Scale), QuantityError> {
    let decimal = DECIMAL_SUFFIXES.iter().position(|s| *s == text);
    let binary = BINARY_SUFFIXES.iter().position(|s| *s == text);
    // The empty suffix stands in both tables and is a decimal one.
    if let Some(step) = decimal {
        let decimal = NANO_EXPONENT + 3 * i32::try_from(step).unwrap_or_default();
        return Ok((Notation::Decimal, Scale { binary: 0, decimal }));
    }
    if let Some(step) = binary {
        let binary = 10 * u32::try_from(step).unwrap_or_default();
        return Ok((Notation::Binary, Scale { binary, decimal: 0 }));
    }
    let exponent = text.strip_prefix(['e', 'E']).ok_or(QuantityError::UnknownSuffix)?;
    let decimal = exponent.parse::<i32>().map_err(|_| QuantityError::UnknownSuffix)?;
    Ok((Notation::Exponent, Scale { binary: 0, decimal }))
}

/// The leading ASCII digits of `text`, and the rest.
fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.canonical())
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.canonical())
    }
}

impl From<&Quantity> for WireQuantity {
    /// The quantity as it stands in a manifest: canonical.
    fn from(quantity: &Quantity) -> Self {
        Self(quantity.canonical().to_owned())
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nanos.hash(state);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn canonical_form_is_that_of_kubernetes() {
        let cases = [
            ("0", "0"),
            ("0Gi", "0"),
            ("-0", "0"),
            ("2048Gi", "2Ti"),
            ("1024Mi", "1Gi"),
            ("2000Gi", "2000Gi"),
            ("40Ti", "40Ti"),
            ("448Gi", "448Gi"),
            ("48", "48"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("5.", "5"),
            ("+7", "7"),
            ("007", "7"),
            ("1000", "1k"),
            ("1500", "1500"),
            ("1.5Gi", "1536Mi"),
            ("1.5", "1500m"),
            ("0.5Ki", "512"),
            ("0.5Mi", "512Ki"),
            ("1023Ki", "1023Ki"),
            ("1Ki", "1Ki"),
            ("0.3Ki", "307200m"),
            ("1e3", "1e3"),
            ("1E3", "1e3"),
            ("12e6", "12e6"),
            ("1e1", "10"),
            ("1e-3", "1e-3"),
            ("1E", "1E"),
            ("1000E", "1e21"),
            ("100n", "100n"),
            ("0.1n", "1n"),
            ("1.0000000001", "1000000001n"),
            ("8Ei", "9223372036854775807"),
            ("99999999999999999999999999999999999Ei", "9223372036854775807"),
            ("-1.5Gi", "-1536Mi"),
            ("1e-400", "1e-9"),
        ];
        for (text, canonical) in cases {
            assert_eq!(quantity(text).canonical(), canonical, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", " ", "Gi", ".", "+", "-Gi", "--1", "x1"] {
            assert_eq!(text.parse::<Quantity>(), Err(QuantityError::NoNumber), "{text}");
        }
        for text in ["1gi", "1 Gi", "1Gi ", "1.2.3", "1e", "1e1.5", "1K", "1ki", "2TB", "1_000", "1,5"] {
            assert_eq!(text.parse::<Quantity>(), Err(QuantityError::UnknownSuffix), "{text}");
        }
        for text in ["1e31", "1e400", "999999999999999999999999999999999999999"] {
            assert_eq!(text.parse::<Quantity>(), Err(QuantityError::TooLarge), "{text}");
        }
    }

    #[test]
    fn order_is_by_value() {
        let texts = [
            "-1", "0", "1n", "1u", "1m", "1", "1k", "1Ki", "1M", "1Mi", "1G", "1Gi", "1T", "1Ti", "1P", "1Pi", "1E",
            "1Ei",
        ];
        for pair in texts.windows(2) {
            assert!(quantity(pair[0]) < quantity(pair[1]), "{pair:?}");
        }
        assert_eq!(quantity("1Ti"), quantity("1024Gi"));
        assert_eq!(quantity("1"), quantity("1000m"));
    }

    #[test]
    fn manifests_get_the_canonical_form() {
        assert_eq!(WireQuantity::from(&quantity("2048Gi")).0, "2Ti");
        assert_eq!(serde_json::to_string(&quantity("0.5")).unwrap(), "\"500m\"");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[+-]?[0-9.]{0,40}[eEinumkKMGTP]{0,3}[+-]?[0-9]{0,4}") {
            let _ = text.parse::<Quantity>();
        }

        #[test]
        fn canonical_form_keeps_the_value_and_is_stable(
            number in "-?[0-9]{1,9}(\\.[0-9]{0,9})?",
            suffix in "(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|e[0-9]|e-[0-9])?",
        ) {
            let first = quantity(&format!("{number}{suffix}"));
            let again = quantity(first.canonical());
            prop_assert_eq!(&first, &again);
            prop_assert_eq!(first.canonical(), again.canonical());
        }

        #[test]
        fn whole_numbers_compare_as_numbers(a in any::<i32>(), b in any::<i32>(), step in 0_usize..7) {
            let unit = BINARY_SUFFIXES[step];
            let (left, right) = (quantity(&format!("{a}{unit}")), quantity(&format!("{b}{unit}")));
            // Ei of large numbers is capped by Kubernetes, which keeps the order but not its strictness.
            if step < 4 {
                prop_assert_eq!(left.cmp(&right), a.cmp(&b));
            }
        }

        #[test]
        fn units_are_factors_of_1024(number in 0_i64..1_000_000, step in 1_usize..4) {
            let small = quantity(&format!("{}{}", number * 1024, BINARY_SUFFIXES[step - 1]));
            prop_assert_eq!(small, quantity(&format!("{number}{}", BINARY_SUFFIXES[step])));
        }
    }
}

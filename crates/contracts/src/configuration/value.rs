//! The values that a key can have, in the two forms in which they travel: JSON to people, one text to the sidecars.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// A value within its key's bounds; only [`Kind`](super::Kind) makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    Bool(bool),
    Integer(u64),
    Decimal(Decimal),
    Duration(Span),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

impl Display for Value {
    /// The text that the sidecars carry: scalars as they are, lists and maps as JSON.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => value.fmt(to),
            Value::Integer(value) => value.fmt(to),
            Value::Decimal(value) => value.fmt(to),
            Value::Duration(value) => value.fmt(to),
            Value::Text(value) => value.fmt(to),
            Value::List(_) | Value::Map(_) => {
                to.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
            }
        }
    }
}

/// A number of at least 0 with at most six decimals, exactly; `"0.25"` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal {
    millionths: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a decimal is digits, a point and at most six digits, as in 0.25")]
pub struct DecimalError;

impl Decimal {
    const PLACES: usize = 6;
    const ONE: u64 = 1_000_000;

    pub const fn of_millionths(millionths: u64) -> Decimal {
        Decimal { millionths }
    }

    pub const fn millionths(self) -> u64 {
        self.millionths
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Decimal, DecimalError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > Decimal::PLACES {
            return Err(DecimalError);
        }
        let whole = whole.parse::<u64>().map_err(|_| DecimalError)?;
        let fraction = format!("{fraction:0<places$}", places = Decimal::PLACES);
        let fraction = fraction.parse::<u64>().map_err(|_| DecimalError)?;
        let millionths = whole.checked_mul(Decimal::ONE).and_then(|whole| whole.checked_add(fraction));
        Ok(Decimal { millionths: millionths.ok_or(DecimalError)? })
    }
}

impl Display for Decimal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.millionths / Decimal::ONE, self.millionths % Decimal::ONE);
        let fraction = format!("{fraction:0places$}", places = Decimal::PLACES);
        match fraction.trim_end_matches('0') {
            "" => write!(to, "{whole}"),
            fraction => write!(to, "{whole}.{fraction}"),
        }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A length of time in whole milliseconds; `"15m"` in JSON, one number and one unit of `ms`, `s`, `m`, `h`, `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    milliseconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a duration is a number and one of ms, s, m, h, d, as in 15m")]
pub struct SpanError;

impl Span {
    /// The largest first: so a length has one text.
    const UNITS: [(&'static str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

    pub const fn milliseconds(milliseconds: u64) -> Span {
        Span { milliseconds }
    }

    pub const fn seconds(seconds: u64) -> Span {
        Span { milliseconds: seconds * 1_000 }
    }

    pub const fn minutes(minutes: u64) -> Span {
        Span { milliseconds: minutes * 60_000 }
    }

    pub const fn days(days: u64) -> Span {
        Span { milliseconds: days * 86_400_000 }
    }

    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Span, SpanError> {
        let unit = text.find(|letter: char| !letter.is_ascii_digit()).ok_or(SpanError)?;
        let (number, unit) = text.split_at(unit);
        let number = number.parse::<u64>().map_err(|_| SpanError)?;
        let (_, each) = Span::UNITS.into_iter().find(|(name, _)| *name == unit).ok_or(SpanError)?;
        Ok(Span { milliseconds: number.checked_mul(each).ok_or(SpanError)? })
    }
}

impl Display for Span {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = Span::UNITS.into_iter().find(|(_, each)| self.milliseconds.is_multiple_of(*each));
        match whole.filter(|_| self.milliseconds > 0) {
            Some((unit, each)) => write!(to, "{}{unit}", self.milliseconds / each),
            None => to.write_str("0s"),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_decimal_reads_what_it_wrote(millionths: u64) {
            let decimal = Decimal::of_millionths(millionths);
            prop_assert_eq!(decimal.to_string().parse(), Ok(decimal));
        }

        #[test]
        fn a_span_reads_what_it_wrote(milliseconds: u64) {
            let span = Span::milliseconds(milliseconds);
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
    }

    #[test]
    fn a_decimal_has_one_text() {
        for (read, written) in [("0.250", "0.25"), ("1", "1"), ("01.0", "1"), ("0.000001", "0.000001")] {
            assert_eq!(read.parse::<Decimal>().unwrap().to_string(), written);
        }
        for refused in ["", ".5", "1.", "1e3", "-1", "+1", "0.0000001", "0,5", "99999999999999999999"] {
            assert_eq!(refused.parse::<Decimal>(), Err(DecimalError), "{refused}");
        }
    }

    #[test]
    fn a_span_is_written_in_its_largest_unit() {
        for (read, written) in
            [("900s", "15m"), ("24h", "1d"), ("1500ms", "1500ms"), ("0ms", "0s"), ("90m", "90m")]
        {
            assert_eq!(read.parse::<Span>().unwrap().to_string(), written);
        }
        for refused in ["", "15", "m", "1.5h", "15 m", "15M", "-1s", "1m30s", "213503982335d"] {
            assert_eq!(refused.parse::<Span>(), Err(SpanError), "{refused}");
        }
    }
}

//! What a key's values are and which bounds they keep; the one place where a value is read.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::value::{Decimal, Span, Value};

/// A type with its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Integer {
        least: u64,
        most: u64,
    },
    Decimal {
        least: Decimal,
        most: Decimal,
    },
    Duration {
        least: Span,
        most: Span,
    },
    /// At most so many characters.
    Text {
        longest: usize,
    },
    Enum(&'static [&'static str]),
    /// At most so many values of another kind.
    List {
        of: &'static Kind,
        most: usize,
    },
    /// At most so many values of another kind, each under a name of its own.
    Map {
        of: &'static Kind,
        most: usize,
    },
}

/// Why a value was not taken: it is of another type, or breaks the bound that is named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    #[error("the value is not {expected}: {found}")]
    OtherType { expected: &'static str, found: String },
    #[error("{value} is not between {least} and {most}")]
    OutOfBounds { value: String, least: String, most: String },
    #[error("the text has more than {most} characters")]
    TooLong { most: usize },
    #[error("there are more than {most} entries")]
    TooMany { most: usize },
    #[error("{value:?} is none of {}", .names.join(", "))]
    NotNamed { value: String, names: &'static [&'static str] },
    #[error("at {place}: {source}")]
    Within { place: String, source: Box<ValueError> },
}

impl Kind {
    /// The type's name, as the registry and the documents give it.
    pub const fn name(&self) -> &'static str {
        match self {
            Kind::Bool => "bool",
            Kind::Integer { .. } => "integer",
            Kind::Decimal { .. } => "decimal",
            Kind::Duration { .. } => "duration",
            Kind::Text { .. } => "string",
            Kind::Enum(_) => "enum",
            Kind::List { .. } => "list",
            Kind::Map { .. } => "map",
        }
    }

    /// Reads a value as people send it.
    ///
    /// # Errors
    /// [`ValueError`] names the type that was expected or the bound that is broken, and in a list or map the place.
    pub fn read(&self, json: &Json) -> Result<Value, ValueError> {
        let other =
            |expected: &'static str| ValueError::OtherType { expected, found: shortened(&json.to_string()) };
        match (*self, json) {
            (Kind::Bool, Json::Bool(value)) => Ok(Value::Bool(*value)),
            (Kind::Bool, _) => Err(other("true or false")),
            (Kind::Integer { least, most }, _) => {
                let value = json.as_u64().ok_or_else(|| other("a whole number of at least 0"))?;
                within(value, least, most).map(Value::Integer)
            }
            (Kind::Decimal { least, most }, Json::String(text)) => {
                let value = text.parse().map_err(|_| other("a decimal in quotes, as \"0.25\""))?;
                within(value, least, most).map(Value::Decimal)
            }
            (Kind::Decimal { .. }, _) => Err(other("a decimal in quotes, as \"0.25\"")),
            (Kind::Duration { least, most }, Json::String(text)) => {
                let value = text.parse().map_err(|_| other("a duration, as \"15m\""))?;
                within(value, least, most).map(Value::Duration)
            }
            (Kind::Duration { .. }, _) => Err(other("a duration, as \"15m\"")),
            (Kind::Text { longest }, Json::String(text)) => {
                if text.chars().count() > longest {
                    return Err(ValueError::TooLong { most: longest });
                }
                if text.contains(char::is_control) {
                    return Err(other("a text without control characters"));
                }
                Ok(Value::Text(text.clone()))
            }
            (Kind::Text { .. }, _) => Err(other("a text")),
            (Kind::Enum(names), Json::String(text)) => names
                .contains(&text.as_str())
                .then(|| Value::Text(text.clone()))
                .ok_or_else(|| ValueError::NotNamed { value: shortened(text), names }),
            (Kind::Enum(_), _) => Err(other("a name in quotes")),
            (Kind::List { of, most }, Json::Array(values)) => {
                few(values.len(), most)?;
                let values = values.iter().enumerate();
                let values = values
                    .map(|(place, value)| of.read(value).map_err(|error| inside(&place.to_string(), error)));
                values.collect::<Result<Vec<_>, _>>().map(Value::List)
            }
            (Kind::List { .. }, _) => Err(other("a list")),
            (Kind::Map { of, most }, Json::Object(values)) => {
                few(values.len(), most)?;
                let values = values.iter();
                let values = values.map(|(name, value)| match of.read(value) {
                    Ok(value) => Ok((name.clone(), value)),
                    Err(error) => Err(inside(name, error)),
                });
                values.collect::<Result<BTreeMap<_, _>, _>>().map(Value::Map)
            }
            (Kind::Map { .. }, _) => Err(other("an object")),
        }
    }

    /// Reads a value from the text that sidecars carry; what a person may have put there by hand.
    ///
    /// # Errors
    /// As [`Kind::read`].
    pub fn parse(&self, text: &str) -> Result<Value, ValueError> {
        let quoted = || Json::String(text.to_owned());
        let json = match self {
            Kind::Decimal { .. } | Kind::Duration { .. } | Kind::Text { .. } | Kind::Enum(_) => quoted(),
            // What is no JSON is quoted, which none of these takes: the error then shows it.
            Kind::Bool | Kind::Integer { .. } | Kind::List { .. } | Kind::Map { .. } => {
                serde_json::from_str(text).unwrap_or_else(|_| quoted())
            }
        };
        self.read(&json)
    }

    /// The bounds as people read them; nothing where there are none.
    pub fn bounds(&self) -> Bounds {
        let mut bounds = Bounds::default();
        match self {
            Kind::Bool => {}
            Kind::Integer { least, most } => bounds.between(least, most),
            Kind::Decimal { least, most } => bounds.between(least, most),
            Kind::Duration { least, most } => bounds.between(least, most),
            Kind::Text { longest } => bounds.longest = Some(*longest),
            Kind::Enum(names) => bounds.one_of = Some(names.to_vec()),
            Kind::List { of, most } | Kind::Map { of, most } => {
                bounds = of.bounds();
                bounds.entries = Some(*most);
            }
        }
        bounds
    }
}

/// Bounds in the texts of their type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Bounds {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<String>,
    /// Characters of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<&'static str>>,
    /// Entries of a list or map; the other bounds are those of each entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<usize>,
}

impl Bounds {
    fn between(&mut self, least: &impl ToString, most: &impl ToString) {
        (self.least, self.most) = (Some(least.to_string()), Some(most.to_string()));
    }
}

fn within<T: PartialOrd + ToString>(value: T, least: T, most: T) -> Result<T, ValueError> {
    if least <= value && value <= most {
        return Ok(value);
    }
    let (value, least, most) = (value.to_string(), least.to_string(), most.to_string());
    Err(ValueError::OutOfBounds { value, least, most })
}

fn few(entries: usize, most: usize) -> Result<(), ValueError> {
    if entries > most { Err(ValueError::TooMany { most }) } else { Ok(()) }
}

fn inside(place: &str, source: ValueError) -> ValueError {
    ValueError::Within { place: shortened(place), source: Box::new(source) }
}

/// As much of what somebody sent as an error shows.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 64;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PORT: Kind = Kind::Integer { least: 1, most: 65_535 };

    #[test]
    fn each_type_takes_its_own_and_says_what_it_expected() {
        let kinds: [(Kind, Json, Json, &str); 8] = [
            (Kind::Bool, json!(true), json!("true"), "the value is not true or false: \"true\""),
            (PORT, json!(80), json!(0), "0 is not between 1 and 65535"),
            (
                Kind::Decimal { least: Decimal::of_millionths(0), most: Decimal::of_millionths(1_000_000) },
                json!("0.5"),
                json!("1.5"),
                "1.5 is not between 0 and 1",
            ),
            (
                Kind::Duration { least: Span::seconds(5), most: Span::days(7) },
                json!("15m"),
                json!("1s"),
                "1s is not between 5s and 7d",
            ),
            (Kind::Text { longest: 3 }, json!("abc"), json!("abcd"), "the text has more than 3 characters"),
            (Kind::Enum(&["now", "later"]), json!("now"), json!("never"), "\"never\" is none of now, later"),
            (
                Kind::List { of: &PORT, most: 2 },
                json!([80, 443]),
                json!([80, 0]),
                "at 1: 0 is not between 1 and 65535",
            ),
            (
                Kind::Map { of: &PORT, most: 1 },
                json!({"a": 1}),
                json!({"a": 1, "b": 2}),
                "there are more than 1 entries",
            ),
        ];
        for (kind, taken, refused, why) in kinds {
            let value = kind.read(&taken).unwrap();
            assert_eq!(serde_json::to_value(&value).unwrap(), taken, "{}", kind.name());
            assert_eq!(kind.parse(&value.to_string()), Ok(value), "{} reads the text it wrote", kind.name());
            assert_eq!(kind.read(&refused).unwrap_err().to_string(), why);
        }
    }

    #[test]
    fn what_is_no_number_is_shown_in_short() {
        assert_eq!(
            PORT.parse("eighty").unwrap_err().to_string(),
            "the value is not a whole number of at least 0: \"eighty\""
        );
        assert_eq!(
            PORT.read(&json!(-1)).unwrap_err().to_string(),
            "the value is not a whole number of at least 0: -1"
        );
        assert_eq!(
            PORT.read(&json!(80.0)).unwrap_err().to_string(),
            "the value is not a whole number of at least 0: 80.0"
        );
        let long = PORT.parse(&"x".repeat(1_000)).unwrap_err().to_string();
        assert!(long.len() < 200, "{long}");
    }
}

//! The configuration as a file: one `key = value` on a line, scoped values as `key @ audience = value`, and comments
//! behind `#`. Values and audiences are JSON. The lines of a key say all of it; keys that have none stay as they are.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use contracts::ProblemType;
use serde_json::{Value as Json, json};

use super::change::{self, Planned, Refused, Wanted, Why, Wish, shortened, without_repetition};
use super::setting::Settings;

/// The most lines of a file.
pub const MOST_LINES: usize = 1_000;

/// A line that is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongLine {
    /// From 1.
    pub line: usize,
    pub key: Option<String>,
    pub why: LineError,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("a line is `key = value`, `key @ audience = value`, or a comment behind #")]
    Form,
    #[error("the value is not JSON; a text stands in quotes")]
    ValueNotJson,
    #[error("the audience is not JSON, as {{\"percent\": 10}}")]
    AudienceNotJson,
    #[error("the key has a value for everyone in line {first} already")]
    Twice { first: usize },
    #[error("the key has no line with its value for everyone")]
    NotForEveryone,
    #[error(transparent)]
    Refused(Box<Why>),
}

impl From<Why> for LineError {
    fn from(why: Why) -> LineError {
        LineError::Refused(Box::new(why))
    }
}

impl LineError {
    /// The problem under which a client knows it.
    pub fn problem_type(&self) -> ProblemType {
        match self {
            LineError::Refused(why) => why.problem_type(),
            LineError::Form
            | LineError::ValueNotJson
            | LineError::AudienceNotJson
            | LineError::Twice { .. }
            | LineError::NotForEveryone => ProblemType::InvalidLines,
        }
    }
}

/// A line that says something.
struct Line {
    number: usize,
    key: String,
    audience: Option<Json>,
    value: Json,
}

/// All lines of one key.
#[derive(Default)]
struct Lines {
    everyone: Option<(usize, Json)>,
    scopes: Vec<(usize, Json)>,
}

/// The whole configuration, also what is at its default, so that it is the same wherever the file is imported.
/// Where the table holds what cannot be read, the file has the default, and says so; a value that is only tried is
/// left out, which it says as well.
pub fn write(version: i64, settings: &Settings) -> String {
    let mut text = format!("# The configuration at version {version}.\n");
    for setting in settings.iter() {
        let name = setting.key.name;
        match setting.lasting() {
            Ok(state) => {
                if let Some(trial) = setting.trial {
                    put(
                        &mut text,
                        format_args!(
                            "# Trial {trial} of {name} is running; the value that it tries is left out.\n"
                        ),
                    );
                }
                put(&mut text, format_args!("{name} = {}\n", json!(state.value)));
                for scope in state.scopes.iter() {
                    let (audience, value) = (json!(scope.audience), json!(scope.value));
                    put(&mut text, format_args!("{name} @ {audience} = {value}\n"));
                }
            }
            Err(_) => {
                put(
                    &mut text,
                    format_args!("# What is kept for {name} cannot be read; this is its default.\n"),
                );
                put(&mut text, format_args!("{name} = {}\n", json!(setting.value())));
            }
        }
    }
    text
}

/// What has to change so that the configuration is what the file says.
///
/// # Errors
/// Every wrong line, at once and in order.
pub fn plan(present: &Settings, text: &str, most: u64) -> Result<Vec<Planned>, Vec<WrongLine>> {
    let mut wrong = Vec::new();
    let mut keys: BTreeMap<String, Lines> = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let taken = read(index + 1, line.trim()).and_then(|line| match line {
            None => Ok(()),
            Some(line) => take(&mut keys, line, most),
        });
        if let Err(error) = taken {
            wrong.push(error);
        }
    }
    let mut everyone = HashMap::new();
    let mut wishes = Vec::new();
    for (key, lines) in keys {
        let scopes: Vec<Json> = lines.scopes.iter().map(|(_, scope)| scope.clone()).collect();
        let spoilt = wrong.iter().any(|line| line.key.as_ref() == Some(&key));
        match lines.everyone {
            Some((number, value)) => {
                everyone.insert(key.clone(), number);
                let wanted = Wanted::Given { value: Some(value), scopes: Some(Json::Array(scopes)) };
                // A key with a wrong line is refused as it is; what the others come to is still looked at.
                if !spoilt {
                    wishes.push(Wish { key, wanted, version: None });
                }
            }
            None if spoilt => {}
            None => wrong.extend(lines.scopes.first().map(|(number, _)| WrongLine {
                line: *number,
                key: Some(key),
                why: LineError::NotForEveryone,
            })),
        }
    }
    let planned = change::decide(present, &wishes, most).unwrap_or_else(|refused| {
        wrong.extend(refused.into_iter().map(|refused| by_line(refused, &everyone)));
        Vec::new()
    });
    let mut planned = without_repetition(planned);
    // A file that was exported while a key is tried changes nothing of it.
    planned.retain(|planned| !lasts(present, planned));
    let refused = change::tried(present, &planned).into_iter();
    let refused = refused.chain(change::contradictions(present, &planned, &[]));
    wrong.extend(refused.map(|refused| by_line(refused, &everyone)));
    wrong.sort_by_key(|wrong| wrong.line);
    if wrong.is_empty() { Ok(planned) } else { Err(wrong) }
}

/// Whether it says of a key that is tried what the key has for everyone, and nothing else.
fn lasts(present: &Settings, planned: &Planned) -> bool {
    let tried = present.find(planned.key.name).filter(|setting| setting.trial.is_some());
    tried.is_some_and(|setting| setting.lasting().as_ref() == Ok(&planned.after))
}

/// What was refused of a key is told of the line with its value for everyone.
fn by_line(refused: Refused, everyone: &HashMap<String, usize>) -> WrongLine {
    let line = everyone.get(&refused.key).copied().unwrap_or_default();
    WrongLine { line, key: Some(refused.key), why: refused.why.into() }
}

/// Reads one line by its form; none where it is empty or a comment.
fn read(number: usize, line: &str) -> Result<Option<Line>, WrongLine> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let wrong = |key: Option<&str>, why: LineError| WrongLine { line: number, key: key.map(shortened), why };
    let (left, value) = line.split_once('=').ok_or_else(|| wrong(None, LineError::Form))?;
    let (key, audience) = match left.split_once('@') {
        Some((key, audience)) => (key.trim(), Some(audience)),
        None => (left.trim(), None),
    };
    change::find(key).map_err(|why| wrong(Some(key), why.into()))?;
    let audience = audience.map(serde_json::from_str::<Json>).transpose();
    let audience = audience.map_err(|_| wrong(Some(key), LineError::AudienceNotJson))?;
    let value = serde_json::from_str(value).map_err(|_| wrong(Some(key), LineError::ValueNotJson))?;
    Ok(Some(Line { number, key: key.to_owned(), audience, value }))
}

/// Checks a line by itself and puts it to the others of its key.
fn take(keys: &mut BTreeMap<String, Lines>, line: Line, most: u64) -> Result<(), WrongLine> {
    let Line { number, key, audience, value } = line;
    let wrong = |why: LineError| WrongLine { line: number, key: Some(key.clone()), why };
    let spec = change::find(&key).map_err(|why| wrong(why.into()))?;
    let lines = keys.entry(key.clone()).or_default();
    match audience {
        None => {
            if let Some((first, _)) = &lines.everyone {
                return Err(wrong(LineError::Twice { first: *first }));
            }
            // Kept even when it is wrong: what is missing is then not this line.
            lines.everyone = Some((number, value.clone()));
            change::read_value(spec, &value, most).map_err(|why| wrong(why.into()))?;
        }
        Some(audience) => {
            let scope = json!({"audience": audience, "value": value});
            // Together with those before it: behind them it may never hold, or be one too many.
            let scopes = lines.scopes.iter().map(|(_, scope)| scope.clone()).chain([scope.clone()]);
            change::read_scopes(spec, &scopes.collect::<Json>(), most).map_err(|why| wrong(why.into()))?;
            lines.scopes.push((number, scope));
        }
    }
    Ok(())
}

fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("invariant: a string takes any text");
}

#[cfg(test)]
mod tests;

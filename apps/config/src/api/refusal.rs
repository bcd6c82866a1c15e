//! Refusals of keys, changes and files as problems.

use contracts::ProblemType;
use contracts::configuration::ValueError;
use serde::Serialize;
use web::Problem;

use crate::domain::change::{Refused, Why};
use crate::domain::file::WrongLine;

/// A key that is not taken, as the problem names it.
#[derive(Debug, Serialize)]
struct RefusedKey {
    key: String,
    /// The name of a problem type.
    problem: &'static str,
    why: String,
}

/// A line that is not taken, as the problem names it.
#[derive(Debug, Serialize)]
struct RefusedLine {
    line: usize,
    key: Option<String>,
    problem: &'static str,
    why: String,
}

/// The refusal of the one key that was asked for.
pub(super) fn of_one(why: Why) -> Problem {
    let problem = Problem::new(why.problem_type()).detail(why.to_string());
    match why {
        Why::TooLong { most } => problem.with("most_bytes", most),
        Why::Value(ValueError::OutOfBounds { least, most, .. }) => {
            problem.with("least", least).with("most", most)
        }
        Why::Stale { current } => problem.with("current", format!("\"{current}\"")),
        Why::Tried { trial } => problem.with("trial", trial),
        Why::Value(_)
        | Why::Name
        | Why::Unknown
        | Why::Twice
        | Why::Nothing
        | Why::Both
        | Why::Scopes(_)
        | Why::NotTriable(_)
        | Why::Unreadable(_)
        | Why::Contradiction { .. }
        | Why::Retyped { .. }
        | Why::NoLonger { .. } => problem,
    }
}

/// The refusal of a change of several keys, with everything that speaks against it.
pub(super) fn of_several(refused: Vec<Refused>) -> Problem {
    let only_stale = refused.iter().all(|refused| matches!(refused.why, Why::Stale { .. }));
    let only_tried = refused.iter().all(|refused| matches!(refused.why, Why::Tried { .. }));
    let (kind, next) = if only_stale {
        (ProblemType::PreconditionFailed, "read the keys named again and decide anew")
    } else if only_tried {
        (ProblemType::TrialRunning, "wait for the trials named, or end them by end_trial")
    } else {
        (ProblemType::ConfigurationRefused, "mend the keys named and send all again")
    };
    let refused = refused.into_iter().map(|Refused { key, why }| RefusedKey {
        key,
        problem: why.problem_type().name(),
        why: why.to_string(),
    });
    Problem::new(kind).detail(next).with("refused", refused.collect::<Vec<_>>())
}

/// The refusal of a file with every wrong line.
pub(super) fn of_lines(wrong: Vec<WrongLine>) -> Problem {
    let lines = wrong.into_iter().map(|WrongLine { line, key, why }| RefusedLine {
        line,
        key,
        problem: why.problem_type().name(),
        why: why.to_string(),
    });
    Problem::new(ProblemType::InvalidLines)
        .detail("mend the lines named and send the whole file again")
        .with("lines", lines.collect::<Vec<_>>())
}

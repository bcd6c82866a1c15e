//! What becomes of a trial by itself, and the words for it.

use chrono::{DateTime, Utc};
use contracts::configuration::{Group, Groups, Guard};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::statistics::{Score, Share, ranks, shares};
use super::{Outcome, Trial};
use crate::domain::Reason;

/// The groups are compared once, as soon as each has so many orders.
pub const ENOUGH: u32 = 200;

/// What is to become of a trial now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    Wait,
    Adopt(Findings),
    TakeBack(Cause, Option<Findings>),
}

/// Why a trial goes back by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Something that guards the key is worse.
    Worse,
    /// The time limit came before the orders.
    TooFew,
    /// `order` could not be asked at the time limit.
    Unanswered,
    /// With the value for everyone this rule would no longer hold.
    Contradicts(&'static str),
}

/// The numbers of the two groups of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = TrialFindings)]
pub struct Findings {
    /// Orders with the value that is tried.
    pub tried: Counted,
    pub others: Counted,
    /// Each guard of the key, once both groups have 200 orders; until then nothing is compared.
    pub guards: Vec<Compared>,
}

/// What became of the orders of a group that have come to their end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = TrialGroup)]
pub struct Counted {
    #[schema(example = 203)]
    pub orders: u32,
    /// By stock or payment.
    #[schema(example = 71)]
    pub refused: u32,
    /// Expired.
    pub failed: u32,
    /// The middle one of the times to confirmation, in milliseconds.
    #[schema(example = 840)]
    pub confirmed_in: Option<u64>,
}

/// A guard of the key, and how it compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = TrialGuard)]
pub struct Compared {
    /// `refusals`, `failures` or `time_to_confirm`.
    #[schema(value_type = String, example = "refusals")]
    pub guard: Guard,
    /// How much worse the tried are, in standard deviations.
    pub z: Score,
    /// Whether that is more than chance does once in a hundred times: 2.3263.
    pub worse: bool,
}

/// Decides about a running trial; without groups `order` could not be asked.
pub fn judge(
    guards: &[Guard],
    until: DateTime<Utc>,
    groups: Option<&Groups>,
    now: DateTime<Utc>,
) -> Judgement {
    let findings = groups.map(|groups| Findings::of(guards, groups));
    match findings {
        Some(findings) if findings.enough() => {
            if findings.guards.iter().any(|compared| compared.worse) {
                Judgement::TakeBack(Cause::Worse, Some(findings))
            } else {
                Judgement::Adopt(findings)
            }
        }
        _ if now < until => Judgement::Wait,
        Some(findings) => Judgement::TakeBack(Cause::TooFew, Some(findings)),
        None => Judgement::TakeBack(Cause::Unanswered, None),
    }
}

impl Findings {
    pub fn of(guards: &[Guard], groups: &Groups) -> Findings {
        let (tried, others) = (Counted::of(&groups.tried), Counted::of(&groups.others));
        let mut findings = Findings { tried, others, guards: Vec::new() };
        if findings.enough() {
            findings.guards = guards.iter().map(|guard| compare(*guard, groups)).collect();
        }
        findings
    }

    fn enough(&self) -> bool {
        self.tried.orders.min(self.others.orders) >= ENOUGH
    }
}

impl Counted {
    fn of(group: &Group) -> Counted {
        let mut times = group.confirmed_in.clone();
        times.sort_unstable();
        Counted {
            orders: group.orders,
            refused: group.refused,
            failed: group.failed,
            confirmed_in: times.get(times.len() / 2).copied(),
        }
    }
}

fn compare(guard: Guard, groups: &Groups) -> Compared {
    let Groups { tried, others } = groups;
    let share = |hit: fn(&Group) -> u32| {
        let of = |group: &Group| Share { hit: hit(group), of: group.orders };
        shares(of(tried), of(others))
    };
    let z = match guard {
        Guard::Refusals => share(|group| group.refused),
        Guard::Failures => share(|group| group.failed),
        Guard::TimeToConfirm => ranks(&tried.confirmed_in, &others.confirmed_in),
    };
    Compared { guard, z, worse: z > Score::LIMIT }
}

/// Why a trial was adopted by itself, with the numbers.
pub fn adopted(trial: &Trial, findings: &Findings) -> Reason {
    let numbers: Vec<_> = findings.guards.iter().map(|compared| numbers(compared, findings)).collect();
    Reason::cut(&format!(
        "trial {} adopted by itself: nothing is worse: {}",
        trial.version,
        numbers.join("; ")
    ))
}

/// Why a trial was taken back by itself, with the numbers.
pub fn taken_back(trial: &Trial, cause: Cause, findings: Option<&Findings>) -> Reason {
    let why = match (cause, findings) {
        (Cause::Worse, Some(findings)) => {
            let worse = findings.guards.iter().filter(|compared| compared.worse);
            let told =
                worse.map(|worse| format!("{} over {}", numbers(worse, findings), Score::LIMIT.short()));
            told.collect::<Vec<_>>().join("; ")
        }
        (Cause::TooFew, Some(Findings { tried, others, .. })) => format!(
            "too few orders by its time limit: {} tried and {} others of {ENOUGH} each",
            tried.orders, others.orders
        ),
        (Cause::Contradicts(says), _) => {
            format!("nothing is worse, but with its value for everyone this would no longer hold: {says}")
        }
        (Cause::Unanswered | Cause::Worse | Cause::TooFew, _) => {
            "order could not be asked by its time limit".to_owned()
        }
    };
    Reason::cut(&format!("trial {} taken back by itself: {why}", trial.version))
}

/// Why a trial ended as overtaken.
pub fn overtaken(trial: &Trial, why: &super::Overtaken) -> Reason {
    let outcome = Outcome::Overtaken.name();
    Reason::cut(&format!("trial {} {outcome}: {why}", trial.version))
}

/// Such as `refusals 71 of 203 tried (35.0 %), 34 of 210 others (16.2 %), z 4.38`.
fn numbers(compared: &Compared, findings: &Findings) -> String {
    let Findings { tried, others, .. } = findings;
    let z = compared.z.short();
    let shares = |name: &str, hit: fn(&Counted) -> u32| {
        let told = |group: &Counted, who: &str| {
            format!("{} of {} {who} ({} %)", hit(group), group.orders, percentage(hit(group), group.orders))
        };
        format!("{name} {}, {}, z {z}", told(tried, "tried"), told(others, "others"))
    };
    match compared.guard {
        Guard::Refusals => shares("refusals", |group| group.refused),
        Guard::Failures => shares("failures", |group| group.failed),
        Guard::TimeToConfirm => {
            let told = |group: &Counted| {
                group.confirmed_in.map_or_else(|| "never".to_owned(), |time| format!("{time} ms"))
            };
            format!("time to confirm {} tried, {} others in the middle, z {z}", told(tried), told(others))
        }
    }
}

/// With one decimal.
fn percentage(hit: u32, of: u32) -> String {
    let (hit, of) = (u64::from(hit), u64::from(of.max(1)));
    let tenths = (hit * 2_000 + of) / (of * 2);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests;

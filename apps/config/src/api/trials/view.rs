//! How trials are shown.

use chrono::{DateTime, Utc};
use contracts::{App as Service, UserId};
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::super::view::any;
use crate::domain::Texts;
use crate::domain::comparison::shown;
use crate::domain::trial::{Findings, Outcome, Trial, TrialEnd};

/// A value that is, or was, tried on a part of the orders.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TrialView {
    /// The version that began it, by which it is called.
    #[schema(example = 12)]
    pub version: i64,
    #[schema(example = "order.deadline")]
    pub key: String,
    /// Of so many of a hundred orders that are placed while it runs.
    #[schema(example = 10)]
    pub percent: u8,
    #[schema(schema_with = any)]
    pub value: Json,
    /// Of all others.
    #[schema(schema_with = any)]
    pub others: Json,
    pub started_at: DateTime<Utc>,
    pub started_by: UserId,
    pub reason: String,
    /// It goes back by itself if it could not be judged until then.
    pub until: DateTime<Utc>,
    /// Null while it runs.
    pub end: Option<TrialEndView>,
    /// The numbers by which it was judged; of one that runs, those of now, where it is read by itself.
    pub findings: Option<Findings>,
    /// The services that could not be asked; what they have to tell is missing.
    #[schema(value_type = Vec<String>)]
    pub unreachable: Vec<Service>,
}

/// How a trial ended.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TrialEndView {
    pub outcome: Outcome,
    pub ended_at: DateTime<Utc>,
    /// Null where it ended by itself.
    pub ended_by: Option<UserId>,
    /// The version that ended it; null where the key was changed past it.
    pub version: Option<i64>,
    /// With the numbers, where it ended by itself.
    #[schema(
        example = "trial 12 taken back by itself: refusals 71 of 203 tried (35.0 %), 34 of 210 others (16.2 %), z 4.38 over 2.33"
    )]
    pub reason: String,
}

impl TrialView {
    pub fn of(trial: &Trial) -> TrialView {
        let value = |text: &str| shown(&trial.key, Some(&Texts { value: text.to_owned(), scopes: None })).0;
        TrialView {
            version: trial.version,
            key: trial.key.clone(),
            percent: trial.percent,
            value: value(&trial.value),
            others: value(&trial.others),
            started_at: trial.started.at,
            started_by: trial.started.by,
            reason: trial.started.reason.as_str().to_owned(),
            until: trial.until,
            end: trial.end.as_ref().map(TrialEndView::from),
            findings: trial.end.as_ref().and_then(|end| end.findings.clone()),
            unreachable: Vec::new(),
        }
    }

    /// With what `order` tells now, if it does.
    pub fn at_present(mut self, findings: Option<Findings>) -> TrialView {
        if findings.is_none() {
            self.unreachable.push(Service::Order);
        }
        self.findings = findings;
        self
    }
}

impl From<&TrialEnd> for TrialEndView {
    fn from(end: &TrialEnd) -> TrialEndView {
        TrialEndView {
            outcome: end.outcome,
            ended_at: end.at,
            ended_by: end.by,
            version: end.version,
            reason: end.reason.as_str().to_owned(),
        }
    }
}

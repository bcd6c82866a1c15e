//! The payments that need a person, the oldest first.

use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::{Money, OrderId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{Json, List, Page, Problem, Query};

use crate::app::App;
use crate::store::issues::{self, Issue, Place};
use crate::store::{comparison, webhooks};

const LARGEST_PAGE: u64 = 200;
/// What is unknown for less is still being asked for.
const PATIENCE: TimeDelta = TimeDelta::minutes(1);

/// Something that waits for a person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PaymentIssueView {
    /// Absent where it is not known which order it is about.
    pub order_id: Option<OrderId>,
    /// `unknown`, `due`, `refund_failed`, `refunded_twice`, `disputed`, `overdue`, …
    #[schema(example = "refund_failed")]
    pub kind: String,
    pub since: DateTime<Utc>,
    /// What it is about, beside the order: a refund's cause, or the card processor's name for a dispute.
    pub subject: Option<String>,
    pub amount: Option<Money>,
    pub reason: Option<String>,
}

pub async fn list_payment_issues(
    State(app): State<App>,
    Query(page): Query<Page>,
) -> Result<Json<List<PaymentIssueView>>, Problem> {
    let limit = page.limit(LARGEST_PAGE)?;
    let after = page.after::<Place>()?;
    let mut db = app.db.acquire().await?;
    let unknown_before = app.clock.now() - PATIENCE;
    let mut found = issues::list_issues(&mut db, unknown_before, after.as_ref(), limit + 1).await?;
    found.extend(webhooks::list_event_issues(&mut db, unknown_before, after.as_ref(), limit + 1).await?);
    found.extend(comparison::list_discrepancy_issues(&mut db, after.as_ref(), limit + 1).await?);
    found.sort_by_key(Issue::place);
    let List { items, next_cursor } = List::from_rows(found, limit, Issue::place);
    Ok(Json(List { items: items.into_iter().map(PaymentIssueView::from).collect(), next_cursor }))
}

impl From<Issue> for PaymentIssueView {
    fn from(issue: Issue) -> PaymentIssueView {
        PaymentIssueView {
            order_id: issue.order_id,
            kind: issue.kind,
            since: issue.since,
            subject: Some(issue.subject).filter(|subject| !subject.is_empty()),
            amount: issue.amount,
            reason: issue.reason,
        }
    }
}

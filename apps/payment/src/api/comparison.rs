//! Comparing the card processor's own list with ours, when somebody asks for it.

use axum::extract::State;
use chrono::{DateTime, Utc};
use contracts::{OrderId, ProblemType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{Json, Problem};

use crate::app::App;
use crate::jobs::comparison::{self, Compared};
use crate::store::comparison::{self as store, Discrepancy};

/// As many are listed; all of them are in the list of issues.
const LISTED: i64 = 100;

/// What a comparison came to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ComparisonView {
    pub began_at: DateTime<Utc>,
    /// What the card processor listed.
    pub intents: u64,
    pub refunds: u64,
    pub disputes: u64,
    /// Payments that had missed something.
    pub healed: u64,
    /// Unused intents that were cancelled.
    pub cancelled: u64,
    /// All that does not agree now.
    pub open: u64,
    /// The oldest of them.
    pub discrepancies: Vec<DiscrepancyView>,
}

/// Something that does not agree.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DiscrepancyView {
    /// `unknown_charge`, `status_differs`, `amount_differs`, `second_charge`, `stray_intent`, `missing` or
    /// `refunds_differ`.
    #[schema(example = "second_charge")]
    pub kind: String,
    /// Absent where no order of ours is named.
    pub order_id: Option<OrderId>,
    /// The card processor's name for the charge.
    pub intent_id: String,
    pub detail: String,
    pub first_seen: DateTime<Utc>,
}

pub async fn compare_payments(State(app): State<App>) -> Result<Json<ComparisonView>, Problem> {
    // It comes to its end also when nobody waits for the answer any more.
    let compared = tokio::spawn({
        let app = app.clone();
        async move { comparison::run_once(&app).await }
    });
    let compared = compared.await.map_err(anyhow::Error::from)?.map_err(Problem::unavailable)?;
    let compared = compared.ok_or_else(|| {
        Problem::new(ProblemType::Conflict).detail("a comparison is being made already").retry_after(5)
    })?;
    let mut db = app.db.acquire().await?;
    let discrepancies = store::list_discrepancies(&mut db, LISTED).await?;
    Ok(Json(ComparisonView::of(&compared, discrepancies)))
}

impl ComparisonView {
    fn of(compared: &Compared, discrepancies: Vec<Discrepancy>) -> ComparisonView {
        ComparisonView {
            began_at: compared.began_at,
            intents: compared.intents,
            refunds: compared.refunds,
            disputes: compared.disputes,
            healed: compared.healed,
            cancelled: compared.cancelled,
            open: compared.open,
            discrepancies: discrepancies.into_iter().map(DiscrepancyView::from).collect(),
        }
    }
}

impl From<Discrepancy> for DiscrepancyView {
    fn from(discrepancy: Discrepancy) -> DiscrepancyView {
        DiscrepancyView {
            kind: discrepancy.kind,
            order_id: discrepancy.order_id,
            intent_id: discrepancy.intent.0,
            detail: discrepancy.detail,
            first_seen: discrepancy.first_seen,
        }
    }
}

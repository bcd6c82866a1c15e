//! The audit log: written by the gateway, through which everybody comes, and searched by staff.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use contracts::identity::{AuditResult, RecordAudit};
use contracts::{ProblemType, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::{Json, List, Page, Problem, Query};

use crate::app::App;
use crate::store::audit::{self, AuditFilter, AuditRow};

const LARGEST_PAGE: u64 = 100;
/// Of an operation, in characters.
const LONGEST_NAME: usize = 64;
/// Lines that are taken at once.
const MOST_LINES: usize = 1_000;

/// Who did or was refused what.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    /// The last one, where refusals of the same kind are counted together.
    pub last_at: DateTime<Utc>,
    pub count: i64,
    #[schema(value_type = String, example = "attempted")]
    pub result: String,
    /// How an attempt was answered; absent when it was cut off and may have been done.
    pub status: Option<i16>,
    /// Absent for somebody unknown.
    pub actor: Option<UserId>,
    pub api_key_id: Option<Uuid>,
    #[schema(example = "grant_role")]
    pub operation: String,
    pub permission: Option<String>,
    /// The ids in the path.
    pub subject: String,
    pub address: Option<String>,
    pub request_id: Option<String>,
}

/// What is looked for, the newest first.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Who did it.
    pub actor: Option<Uuid>,
    /// An operation's name.
    #[param(max_length = 64)]
    pub operation: Option<String>,
    /// Only what was gone ahead with, or only what was refused.
    #[param(inline)]
    pub result: Option<AuditResult>,
    /// From this time on.
    pub since: Option<DateTime<Utc>>,
    /// Before this time.
    pub until: Option<DateTime<Utc>>,
    #[param(minimum = 1, example = 20)]
    pub limit: Option<i64>,
    /// Where the page before ended: its `next_cursor`.
    pub cursor: Option<String>,
}

impl From<AuditRow> for AuditView {
    fn from(row: AuditRow) -> AuditView {
        AuditView {
            id: row.id,
            at: row.at,
            last_at: row.last_at,
            count: row.count,
            result: row.result,
            status: row.status,
            actor: row.actor.map(UserId),
            api_key_id: row.api_key,
            operation: row.operation,
            permission: row.permission,
            subject: row.subject,
            address: row.address,
            request_id: row.request_id,
        }
    }
}

pub(super) async fn list_audit(
    State(app): State<App>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<List<AuditView>>, Problem> {
    let page = Page { limit: query.limit, cursor: query.cursor };
    let (limit, before) = (page.limit(LARGEST_PAGE)?, page.after::<Uuid>()?);
    if query.operation.as_ref().is_some_and(|operation| operation.chars().count() > LONGEST_NAME) {
        let detail = format!("operation has more than {LONGEST_NAME} characters");
        return Err(Problem::new(ProblemType::InvalidParameter).detail(detail));
    }
    let filter = AuditFilter {
        actor: query.actor,
        operation: query.operation,
        result: query.result.map(|result| result.name().to_owned()),
        since: query.since,
        until: query.until,
    };
    let rows = audit::list_audit(&mut *app.db.acquire().await?, &filter, before, limit + 1).await?;
    let views = rows.into_iter().map(AuditView::from).collect();
    Ok(Json(List::from_rows(views, limit, |view: &AuditView| view.id)))
}

/// All lines or none; one that is there already stays as it is.
pub(super) async fn record_audit(
    State(app): State<App>,
    Json(request): Json<RecordAudit>,
) -> Result<StatusCode, Problem> {
    if request.entries.len() + request.outcomes.len() > MOST_LINES {
        return Err(Problem::new(ProblemType::InvalidField).detail("at most 1,000 lines at once"));
    }
    let mut tx = app.db.begin().await?;
    for entry in &request.entries {
        audit::insert_audit_entry(&mut tx, entry).await?;
    }
    for outcome in &request.outcomes {
        audit::insert_audit_outcome(&mut tx, outcome).await?;
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

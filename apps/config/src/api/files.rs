//! The configuration as a file.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::{Operation, ProblemType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{Caller, IdempotencyKey, Json, Problem};

use super::carry_out::{Asked, Run, lock};
use super::{longest, refusal};
use crate::app::App;
use crate::domain::file::{self, MOST_LINES};
use crate::domain::{Reason, Settings};
use crate::store::setting::{find_version, list_stored};

/// What a file says of keys; keys that have no line in it stay as they are.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportConfiguration {
    /// `key = value` on each line, `key @ audience = value` for some, comments behind `#`; at most 1,000 lines.
    #[schema(example = "order.deadline = \"15m\"\n")]
    pub file: String,
    pub reason: Reason,
    /// Changes nothing, and says which service would see what.
    #[serde(default)]
    pub dry_run: bool,
}

pub(super) async fn export_configuration(State(app): State<App>) -> Result<String, Problem> {
    let mut db = app.db.acquire().await?;
    // A change between the two makes the file newer than it says, which an import does not mind.
    let version = find_version(&mut db).await?;
    Ok(file::write(version, &Settings::of(list_stored(&mut db).await?)))
}

pub(super) async fn import_configuration(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(request): Json<ImportConfiguration>,
) -> Result<Response, Problem> {
    let lines = request.file.lines().count();
    if lines > MOST_LINES {
        let detail = format!("the file has {lines} lines, and can have {MOST_LINES}");
        return Err(Problem::new(ProblemType::InvalidField).detail(detail));
    }
    let run = Run::of(request.dry_run);
    let asked = Asked::new(caller, Operation::ImportConfiguration, key, &request, run)?;
    let mut tx = app.db.begin().await?;
    if let Some(answer) = asked.once(&mut tx).await? {
        return Ok(answer.into_response());
    }
    let (last, present) = lock(&mut tx).await?;
    let planned = file::plan(&present, &request.file, longest(&app)).map_err(refusal::of_lines)?;
    let answer = asked.save(&mut tx, &app, last, &planned, (request.reason, None)).await?;
    tx.commit().await?;
    Ok(answer)
}

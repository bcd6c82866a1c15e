//! Importing products by sku, all rows or none.

use std::collections::HashMap;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use contracts::{Operation, ProblemType, ProductId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;
use web::extract::parse;
use web::idempotency::{self, Claim};
use web::request::RequestId;
use web::{Caller, IdempotencyKey, Json, Problem};

use super::catalogue::{sku_taken, tell};
use crate::app::App;
use crate::domain::import::{ImportRow, MOST_ROWS, Plan, RowError, plan, skus};
use crate::domain::product::Sku;
use crate::domain::stock::Stocked;
use crate::store::{product, stock};

/// Products to create or to change, by sku, with the pieces that came in. Each row is read by itself, so that every
/// wrong one can be named.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportProducts {
    #[schema(value_type = Vec<ImportRow>, min_items = 1, max_items = 1000)]
    rows: Vec<Box<RawValue>>,
}

/// The product of each row, in the rows' order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportedProducts {
    pub rows: Vec<ImportedProduct>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportedProduct {
    pub sku: Sku,
    pub product_id: ProductId,
}

/// A row that cannot be imported.
#[derive(Debug, Serialize)]
struct WrongRow {
    /// From 0.
    row: usize,
    sku: Option<String>,
    problem: &'static str,
    detail: Option<String>,
}

pub async fn import_products(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Extension(request_id): Extension<RequestId>,
    Json(request): Json<ImportProducts>,
) -> Result<Response, Problem> {
    let rows = read_rows(&request.rows)?;
    let (operation, hash) = (Operation::ImportProducts, idempotency::hash(&rows)?);
    let mut tx = app.db.begin().await?;
    match idempotency::claim(&mut tx, caller.user_id, operation, &key, &hash).await? {
        Claim::Replay(answer) => return Ok(answer.into_response()),
        Claim::New => {}
    }
    let present = lock_present(&mut tx, &rows).await?;
    let new_ids: Vec<_> = rows.iter().map(|_| ProductId(Uuid::now_v7())).collect();
    let now = app.clock.now();
    let plan = plan(&rows, present, &new_ids, now).map_err(|wrong| refused(&rows, wrong))?;
    product::insert_products(&mut tx, &plan.created).await.map_err(sku_taken)?;
    product::update_products(&mut tx, &plan.changed).await?;
    stock::receive(&mut tx, &plan.received, "import", now).await?;
    for event in plan.events.iter().cloned() {
        tell(&mut tx, event, &request_id, now).await?;
    }

    let answer = imported(rows, &plan);
    idempotency::store(&mut tx, caller.user_id, operation, &key, StatusCode::OK, &answer).await?;
    tx.commit().await?;
    app.outbox.wake();
    Ok(Json(answer).into_response())
}

fn read_rows(rows: &[Box<RawValue>]) -> Result<Vec<ImportRow>, Problem> {
    if !(1..=MOST_ROWS).contains(&rows.len()) {
        let detail = format!("{} rows given, 1 to {MOST_ROWS} can be imported at once", rows.len());
        return Err(Problem::new(ProblemType::InvalidField).detail(detail));
    }
    let mut read = Vec::with_capacity(rows.len());
    let mut wrong = Vec::new();
    for (row, raw) in rows.iter().enumerate() {
        match parse::<ImportRow>(raw.get().as_bytes()) {
            Ok(import) => read.push(import),
            Err(problem) => wrong.push(unreadable(row, raw, &problem)),
        }
    }
    if wrong.is_empty() { Ok(read) } else { Err(invalid_rows(&wrong)) }
}

fn unreadable(row: usize, raw: &RawValue, problem: &Problem) -> WrongRow {
    let sku =
        serde_json::from_str::<Value>(raw.get()).ok().and_then(|json| Some(json["sku"].as_str()?.to_owned()));
    let detail = problem.body()["detail"].as_str().map(str::to_owned);
    WrongRow { row, sku, problem: problem.kind.name(), detail }
}

fn refused(rows: &[ImportRow], wrong: Vec<(usize, RowError)>) -> Problem {
    let wrong: Vec<_> = wrong
        .into_iter()
        .map(|(row, error)| WrongRow {
            row,
            sku: rows.get(row).map(|row| row.sku.as_str().to_owned()),
            problem: error.problem_type().name(),
            detail: Some(error.to_string()),
        })
        .collect();
    invalid_rows(&wrong)
}

fn invalid_rows(wrong: &[WrongRow]) -> Problem {
    Problem::new(ProblemType::InvalidRows)
        .detail("correct the rows named and send all rows again")
        .with("rows", wrong)
}

/// What the catalogue has of these rows: products locked first, then their levels, as everywhere.
async fn lock_present(
    tx: &mut PgConnection,
    rows: &[ImportRow],
) -> Result<HashMap<Sku, Stocked>, sqlx::Error> {
    let products = product::lock_products_by_sku(tx, &skus(rows)).await?;
    let mut levels = stock::lock_levels(tx, products.iter().map(|product| product.id)).await?;
    Ok(products
        .into_iter()
        .map(|product| {
            let level = levels.remove(&product.id);
            (product.sku.clone(), Stocked { product, level })
        })
        .collect())
}

fn imported(rows: Vec<ImportRow>, plan: &Plan) -> ImportedProducts {
    let rows = rows.into_iter().zip(&plan.product_ids);
    ImportedProducts {
        rows: rows
            .map(|(row, product_id)| ImportedProduct { sku: row.sku, product_id: *product_id })
            .collect(),
    }
}

//! Stock levels and the ledger, for staff.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use contracts::configuration::PRODUCT_LARGEST_PAGE;
use contracts::{Operation, ProblemType, ProductId};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use web::idempotency::{self, Claim};
use web::{Caller, IdempotencyKey, Json, List, Page, Problem, Query};

use super::{MovementView, StockView};
use crate::app::App;
use crate::domain::stock::{Level, Reason, ShelfChange, ShelfChangeError, shown};
use crate::store::{product, stock};

/// Pieces that came in, or that a count found more or fewer than thought.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordMovement {
    pub kind: RecordedKind,
    /// How many more there are; negative only when adjusted.
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000, example = 24)]
    pub quantity: i64,
    pub reason: Reason,
}

/// What staff may say; the other kinds follow from orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordedKind {
    Received,
    Adjusted,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MovementPath {
    product_id: ProductId,
}

/// The query of a product's ledger.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MovementsQuery {
    product_id: ProductId,
    limit: Option<i64>,
    cursor: Option<String>,
}

pub async fn record_movement(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Query(path): Query<MovementPath>,
    Json(request): Json<RecordMovement>,
) -> Result<Response, Problem> {
    let operation = Operation::RecordMovement;
    let hash = idempotency::hash(&(path.product_id, &request))?;
    let mut tx = app.db.begin().await?;
    match idempotency::claim(&mut tx, caller.user_id, operation, &key, &hash).await? {
        Claim::Replay(answer) => return Ok(answer.into_response()),
        Claim::New => {}
    }
    let level = lock_level(&mut tx, path.product_id).await?;
    let change = request.change();
    level.after(change).map_err(|error| refused(&error, path.product_id))?;
    let movement =
        stock::change_shelf(&mut tx, path.product_id, change, &request.reason, app.clock.now()).await?;

    let view = MovementView::from(movement);
    idempotency::store(&mut tx, caller.user_id, operation, &key, StatusCode::CREATED, &view).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

pub async fn list_movements(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<MovementsQuery>,
) -> Result<Json<List<MovementView>>, Problem> {
    let page = Page { limit: query.limit, cursor: query.cursor };
    let limit = page.limit(app.live.for_caller(&PRODUCT_LARGEST_PAGE, &caller.ids()))?;
    let before = page.after::<i64>()?;
    let mut db = app.db.acquire().await?;
    product::find_product(&mut db, query.product_id).await?.ok_or_else(Problem::not_found)?;
    let movements = stock::list_movements(&mut db, query.product_id, before, limit + 1).await?;
    let items = movements.into_iter().map(MovementView::from).collect();
    Ok(Json(List::from_rows(items, limit, |view: &MovementView| view.id)))
}

pub async fn list_stock(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<List<StockView>>, Problem> {
    let limit = page.limit(app.live.for_caller(&PRODUCT_LARGEST_PAGE, &caller.ids()))?;
    let after = page.after::<ProductId>()?;
    let mut db = app.db.acquire().await?;
    let levels = stock::list_levels(&mut db, after, limit + 1).await?;
    let items = levels.into_iter().map(StockView::from).collect();
    Ok(Json(List::from_rows(items, limit, |view: &StockView| view.product_id)))
}

async fn lock_level(tx: &mut PgConnection, product_id: ProductId) -> Result<Level, Problem> {
    if let Some(level) = stock::lock_levels(tx, [product_id]).await?.remove(&product_id) {
        return Ok(level);
    }
    product::find_product(tx, product_id).await?.ok_or_else(Problem::not_found)?;
    Err(Problem::new(ProblemType::Conflict).detail("the product is not under stock control"))
}

fn refused(error: &ShelfChangeError, product_id: ProductId) -> Problem {
    match *error {
        ShelfChangeError::OutOfRange(_) => {
            Problem::new(ProblemType::QuantityOutOfRange).detail(error.to_string())
        }
        ShelfChangeError::Promised { requested, available } => Problem::new(ProblemType::InsufficientStock)
            .detail(error.to_string())
            .with("product_id", product_id)
            .with("requested", shown(requested))
            .with("available", shown(available)),
    }
}

impl RecordMovement {
    fn change(&self) -> ShelfChange {
        let pieces = self.quantity;
        match self.kind {
            RecordedKind::Received => ShelfChange::Received { pieces },
            RecordedKind::Adjusted => ShelfChange::Adjusted { pieces },
        }
    }
}

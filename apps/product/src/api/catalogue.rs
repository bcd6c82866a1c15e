//! The catalogue: creating, changing, archiving and reading products.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use contracts::configuration::PRODUCT_LARGEST_PAGE;
use contracts::event::ProductChanged;
use contracts::{EventId, Money, Operation, ProblemType, ProductId};
use serde::{Deserialize, Serialize};
use sidecar::outbox::{self, NewEvent};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::idempotency::{self, Claim};
use web::request::{RequestId, traceparent};
use web::{Caller, ETag, IdempotencyKey, IfMatch, Json, List, Page, Problem, Query};

use super::ProductView;
use crate::app::App;
use crate::domain::product::{ChangeProductError, NewProduct, Product, ProductChange, ProductName, Sku};
use crate::domain::stock::{Level, Stocked};
use crate::store::product::{self, ArchivedToo};

/// A product as staff describe it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateProduct {
    pub sku: Sku,
    pub name: ProductName,
    pub price: Money,
    /// False for postage and fees, which are sold without stock; it cannot be changed later.
    pub stock_controlled: bool,
}

/// What is to be different; what is left out stays.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeProduct {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<ProductName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductPath {
    product_id: ProductId,
}

/// The query of the catalogue.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CatalogueQuery {
    /// Whether to list products that are no longer sold, too.
    #[serde(default)]
    archived: bool,
    /// Rows on a page; the service's largest page bounds it.
    #[param(minimum = 1, example = 20)]
    limit: Option<i64>,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<String>,
}

impl From<ChangeProductError> for Problem {
    fn from(error: ChangeProductError) -> Problem {
        match error {
            ChangeProductError::Archived { .. } => {
                Problem::new(ProblemType::ProductArchived).detail(error.to_string())
            }
        }
    }
}

pub async fn create_product(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Extension(request_id): Extension<RequestId>,
    Json(request): Json<CreateProduct>,
) -> Result<Response, Problem> {
    let (operation, hash) = (Operation::CreateProduct, idempotency::hash(&request)?);
    let mut tx = app.db.begin().await?;
    match idempotency::claim(&mut tx, caller.user_id, operation, &key, &hash).await? {
        Claim::Replay(answer) => return Ok(answer.into_response()),
        Claim::New => {}
    }
    let CreateProduct { sku, name, price, stock_controlled } = request;
    let new = NewProduct { sku, name, price, stock_controlled };
    let (product, event) = Product::create(ProductId(Uuid::now_v7()), new, app.clock.now());
    product::insert_product(&mut tx, &product).await.map_err(sku_taken)?;
    tell(&mut tx, event, &request_id, product.created_at).await?;

    let version = product.version;
    let level = product.stock_controlled.then(Level::default);
    let view = ProductView::from(Stocked { product, level });
    let claimed = (caller.user_id, operation, &key);
    idempotency::store_tagged(&mut tx, claimed, StatusCode::CREATED, ETag(version), &view).await?;
    tx.commit().await?;
    app.outbox.wake();
    Ok((StatusCode::CREATED, ETag(version), Json(view)).into_response())
}

pub async fn change_product(
    State(app): State<App>,
    if_match: IfMatch,
    Extension(request_id): Extension<RequestId>,
    Query(path): Query<ProductPath>,
    Json(request): Json<ChangeProduct>,
) -> Result<Response, Problem> {
    let mut tx = app.db.begin().await?;
    let mut found = lock(&mut tx, path.product_id).await?;
    if_match.check(found.product.version)?;
    let change = ProductChange { name: request.name, price: request.price };
    let event = found.product.change(change, app.clock.now())?;
    save(&mut tx, event, &request_id, &found.product).await?;
    tx.commit().await?;
    app.outbox.wake();
    Ok(answer(found))
}

/// A product that is archived already is answered as it is, whatever version the caller had read: asking twice is
/// no conflict.
pub async fn archive_product(
    State(app): State<App>,
    if_match: IfMatch,
    Extension(request_id): Extension<RequestId>,
    Query(path): Query<ProductPath>,
) -> Result<Response, Problem> {
    let mut tx = app.db.begin().await?;
    let mut found = lock(&mut tx, path.product_id).await?;
    if !found.product.archived() {
        if_match.check(found.product.version)?;
    }
    let event = found.product.archive(app.clock.now());
    save(&mut tx, event, &request_id, &found.product).await?;
    tx.commit().await?;
    app.outbox.wake();
    Ok(answer(found))
}

pub async fn read_product(
    State(app): State<App>,
    Query(path): Query<ProductPath>,
) -> Result<Response, Problem> {
    let mut db = app.db.acquire().await?;
    let found = product::find_product(&mut db, path.product_id).await?.ok_or_else(Problem::not_found)?;
    Ok(answer(found))
}

pub async fn list_products(
    State(app): State<App>,
    Query(query): Query<CatalogueQuery>,
) -> Result<Json<List<ProductView>>, Problem> {
    let archived_too = if query.archived { ArchivedToo::Yes } else { ArchivedToo::No };
    let page = Page { limit: query.limit, cursor: query.cursor };
    let limit = page.limit(app.live.get(&PRODUCT_LARGEST_PAGE))?;
    let after = page.after::<ProductId>()?;
    let mut db = app.db.acquire().await?;
    let products = product::list_products(&mut db, after, archived_too, limit + 1).await?;
    let items = products.into_iter().map(ProductView::from).collect();
    Ok(Json(List::from_rows(items, limit, |view: &ProductView| view.id)))
}

async fn lock(tx: &mut PgConnection, id: ProductId) -> Result<Stocked, Problem> {
    product::lock_product(tx, id).await?.ok_or_else(Problem::not_found)
}

async fn save(
    tx: &mut PgConnection,
    event: Option<ProductChanged>,
    request_id: &RequestId,
    product: &Product,
) -> Result<(), Problem> {
    if let Some(event) = event {
        product::update_products(tx, std::slice::from_ref(product)).await?;
        tell(tx, event, request_id, product.updated_at).await?;
    }
    Ok(())
}

/// Tells the others what the product is now.
pub(super) async fn tell(
    tx: &mut PgConnection,
    event: ProductChanged,
    request_id: &RequestId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let event = NewEvent {
        id: EventId(Uuid::now_v7()),
        subject: event.product_id.0,
        time: now,
        correlation_id: None,
        causation_id: Some(request_id.0.clone()),
        traceparent: traceparent(),
        event: event.into(),
    };
    outbox::enqueue(tx, &event).await?;
    Ok(())
}

fn answer(stocked: Stocked) -> Response {
    (ETag(stocked.product.version), Json(ProductView::from(stocked))).into_response()
}

pub(super) fn sku_taken(error: sqlx::Error) -> Problem {
    let taken = error.as_database_error().and_then(|error| error.constraint()) == Some("product_sku_key");
    if taken {
        Problem::new(ProblemType::SkuTaken).detail("change the product that has it, or choose another")
    } else {
        error.into()
    }
}

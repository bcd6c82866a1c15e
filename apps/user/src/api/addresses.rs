//! The addresses that a customer keeps. Somebody else's is not found.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use contracts::{AddressId, Operation, ProblemType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::idempotency::{self, Claim};
use web::{Caller, ETag, IdempotencyKey, IfMatch, Json, List, Page, Problem, Query};

use super::gone;
use crate::app::App;
use crate::domain::address::{Address, MOST};
use crate::store::addresses::{self, KeptAddress};

/// An address that is kept.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AddressView {
    pub id: AddressId,
    pub name: String,
    pub line1: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    pub city: String,
    pub postcode: String,
    pub country: String,
    pub created_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressPath {
    address_id: AddressId,
}

impl From<&KeptAddress> for AddressView {
    fn from(kept: &KeptAddress) -> AddressView {
        let Address { name, line1, line2, city, postcode, country } = kept.address.clone();
        AddressView { id: kept.id, name, line1, line2, city, postcode, country, created_at: kept.created_at }
    }
}

pub(super) async fn list_addresses(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<List<AddressView>>, Problem> {
    let limit = page.limit(u64::try_from(MOST).unwrap_or_default())?;
    let before = page.after::<Uuid>()?.unwrap_or(Uuid::max());
    let mut db = app.db.acquire().await?;
    let kept = addresses::list_addresses(&mut db, caller.user_id, before, limit + 1).await?;
    let items = kept.iter().map(AddressView::from).collect();
    Ok(Json(List::from_rows(items, limit, |address: &AddressView| address.id)))
}

pub(super) async fn add_address(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(address): Json<Address>,
) -> Result<Response, Problem> {
    let hash = idempotency::hash(&address)?;
    let mut tx = app.db.begin().await?;
    let operation = Operation::AddAddress;
    if let Claim::Replay(answer) = idempotency::claim(&mut tx, caller.user_id, operation, &key, &hash).await?
    {
        return Ok(answer.into_response());
    }
    let count = addresses::lock_count(&mut tx, caller.user_id).await?.ok_or_else(gone)?;
    if count >= MOST {
        return Err(Problem::new(ProblemType::TooManyAddresses));
    }
    let id = AddressId(Uuid::now_v7());
    let kept = KeptAddress { id, address, version: 1, created_at: app.clock.now() };
    addresses::insert_address(&mut tx, caller.user_id, &kept).await?;
    let (status, etag, view) = (StatusCode::CREATED, ETag(kept.version), AddressView::from(&kept));
    idempotency::store_tagged(&mut tx, (caller.user_id, operation, &key), status, etag, &view).await?;
    tx.commit().await?;
    Ok((status, etag, Json(view)).into_response())
}

pub(super) async fn read_address(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<AddressPath>,
) -> Result<Response, Problem> {
    let mut db = app.db.acquire().await?;
    let kept = addresses::find_address(&mut db, caller.user_id, path.address_id)
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok((ETag(kept.version), Json(AddressView::from(&kept))).into_response())
}

pub(super) async fn change_address(
    State(app): State<App>,
    caller: Caller,
    seen: IfMatch,
    Query(path): Query<AddressPath>,
    Json(address): Json<Address>,
) -> Result<Response, Problem> {
    let mut tx = app.db.begin().await?;
    let version = addresses::lock_version(&mut tx, caller.user_id, path.address_id)
        .await?
        .ok_or_else(Problem::not_found)?;
    seen.check(version)?;
    addresses::update_address(&mut tx, path.address_id, &address).await?;
    let kept = addresses::find_address(&mut tx, caller.user_id, path.address_id)
        .await?
        .ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok((ETag(kept.version), Json(AddressView::from(&kept))).into_response())
}

/// `If-Match` is heeded where it is sent.
pub(super) async fn remove_address(
    State(app): State<App>,
    caller: Caller,
    seen: Option<IfMatch>,
    Query(path): Query<AddressPath>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db.begin().await?;
    let version = addresses::lock_version(&mut tx, caller.user_id, path.address_id)
        .await?
        .ok_or_else(Problem::not_found)?;
    if let Some(seen) = seen {
        seen.check(version)?;
    }
    addresses::delete_address(&mut tx, path.address_id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

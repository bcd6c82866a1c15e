//! SQL: the addresses that customers keep. None of them is found without its owner.

use chrono::{DateTime, Utc};
use contracts::{AddressId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::address::Address;

/// An address as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAddress {
    pub id: AddressId,
    pub address: Address,
    pub version: i64,
    pub created_at: DateTime<Utc>,
}

struct AddressRow {
    id: Uuid,
    name: String,
    line1: String,
    line2: Option<String>,
    city: String,
    postcode: String,
    country: String,
    version: i64,
    created_at: DateTime<Utc>,
}

impl From<AddressRow> for KeptAddress {
    fn from(row: AddressRow) -> KeptAddress {
        let AddressRow { name, line1, line2, city, postcode, country, .. } = row;
        KeptAddress {
            id: AddressId(row.id),
            address: Address { name, line1, line2, city, postcode, country },
            version: row.version,
            created_at: row.created_at,
        }
    }
}

/// How many the user has, under the account's lock, so that two at once are not one too many; none where there is no
/// account, or no longer.
pub async fn lock_count(tx: &mut PgConnection, user_id: UserId) -> Result<Option<i64>, sqlx::Error> {
    let locked = sqlx::query!(
        "select id from account where id = $1 and deleted_at is null for no key update",
        user_id.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    if locked.is_none() {
        return Ok(None);
    }
    sqlx::query_scalar!(r#"select count(*) as "count!" from address where user_id = $1"#, user_id.0)
        .fetch_one(tx)
        .await
        .map(Some)
}

pub async fn insert_address(
    tx: &mut PgConnection,
    user_id: UserId,
    kept: &KeptAddress,
) -> Result<(), sqlx::Error> {
    let address = &kept.address;
    sqlx::query!(
        "insert into address (id, user_id, name, line1, line2, city, postcode, country, version, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        kept.id.0,
        user_id.0,
        address.name,
        address.line1,
        address.line2,
        address.city,
        address.postcode,
        address.country,
        kept.version,
        kept.created_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The user's addresses before `before`, the newest first.
pub async fn list_addresses(
    db: &mut PgConnection,
    user_id: UserId,
    before: Uuid,
    limit: i64,
) -> Result<Vec<KeptAddress>, sqlx::Error> {
    let rows = sqlx::query_as!(
        AddressRow,
        "select id, name, line1, line2, city, postcode, country, version, created_at from address
         where user_id = $1 and id < $2 order by id desc limit $3",
        user_id.0,
        before,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(KeptAddress::from).collect())
}

pub async fn find_address(
    db: &mut PgConnection,
    user_id: UserId,
    id: AddressId,
) -> Result<Option<KeptAddress>, sqlx::Error> {
    let row = sqlx::query_as!(
        AddressRow,
        "select id, name, line1, line2, city, postcode, country, version, created_at from address
         where id = $1 and user_id = $2",
        id.0,
        user_id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(KeptAddress::from))
}

/// Its version under its lock.
pub async fn lock_version(
    tx: &mut PgConnection,
    user_id: UserId,
    id: AddressId,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "select version from address where id = $1 and user_id = $2 for update",
        id.0,
        user_id.0
    )
    .fetch_optional(tx)
    .await
}

/// Puts another address in its place; the version grows.
pub async fn update_address(
    tx: &mut PgConnection,
    id: AddressId,
    address: &Address,
) -> Result<(), sqlx::Error> {
    let updated = sqlx::query!(
        "update address set name = $2, line1 = $3, line2 = $4, city = $5, postcode = $6, country = $7,
             version = version + 1
         where id = $1",
        id.0,
        address.name,
        address.line1,
        address.line2,
        address.city,
        address.postcode,
        address.country
    )
    .execute(tx)
    .await?;
    match updated.rows_affected() {
        1 => Ok(()),
        _ => Err(sqlx::Error::RowNotFound),
    }
}

pub async fn delete_address(tx: &mut PgConnection, id: AddressId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from address where id = $1", id.0).execute(tx).await?;
    Ok(())
}

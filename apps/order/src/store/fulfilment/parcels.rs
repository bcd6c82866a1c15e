//! Parcels and what is in them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contracts::{OrderId, ParcelId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{columns, parts, unreadable};
use crate::domain::order::{Parcel, ParcelState};

struct ParcelRow {
    id: Uuid,
    order_id: Uuid,
    state: String,
    packed_at: DateTime<Utc>,
    shipped_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    withdrawn_at: Option<DateTime<Utc>>,
    products: Vec<Uuid>,
    quantities: Vec<i32>,
}

pub async fn list_parcels(
    db: &mut PgConnection,
    order_ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Parcel>>, sqlx::Error> {
    let rows = sqlx::query_as!(
        ParcelRow,
        r#"select parcel.id, parcel.order_id, state, packed_at, shipped_at, delivered_at, withdrawn_at,
             array_agg(line.product_id order by line.product_id) as "products!",
             array_agg(line.quantity order by line.product_id) as "quantities!"
         from parcel join parcel_line line on line.parcel_id = parcel.id
         where parcel.order_id = any($1) group by parcel.id order by packed_at, parcel.id"#,
        order_ids
    )
    .fetch_all(db)
    .await?;
    let mut parcels: HashMap<Uuid, Vec<Parcel>> = HashMap::new();
    for row in rows {
        parcels.entry(row.order_id).or_default().push(Parcel::try_from(row)?);
    }
    Ok(parcels)
}

pub async fn insert_parcel(
    tx: &mut PgConnection,
    order_id: OrderId,
    parcel: &Parcel,
) -> Result<(), sqlx::Error> {
    let (shipped_at, delivered_at, withdrawn_at) = times(&parcel.state);
    sqlx::query!(
        "insert into parcel (id, order_id, state, packed_at, shipped_at, delivered_at, withdrawn_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        parcel.id.0,
        order_id.0,
        parcel.state.name(),
        parcel.packed_at,
        shipped_at,
        delivered_at,
        withdrawn_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn insert_lines(
    tx: &mut PgConnection,
    order_id: OrderId,
    parcel: &Parcel,
) -> Result<(), sqlx::Error> {
    let (products, quantities) = columns(&parcel.parts)?;
    sqlx::query!(
        "insert into parcel_line (parcel_id, order_id, product_id, quantity)
         select $1, $2, part.product_id, part.quantity
         from unnest($3::uuid[], $4::int[]) as part (product_id, quantity)",
        parcel.id.0,
        order_id.0,
        &products,
        &quantities
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn update_parcel(tx: &mut PgConnection, parcel: &Parcel) -> Result<(), sqlx::Error> {
    let (shipped_at, delivered_at, withdrawn_at) = times(&parcel.state);
    let updated = sqlx::query!(
        "update parcel set state = $2, shipped_at = $3, delivered_at = $4, withdrawn_at = $5 where id = $1",
        parcel.id.0,
        parcel.state.name(),
        shipped_at,
        delivered_at,
        withdrawn_at
    )
    .execute(tx)
    .await?;
    match updated.rows_affected() {
        1 => Ok(()),
        _ => Err(sqlx::Error::RowNotFound),
    }
}

type Time = Option<DateTime<Utc>>;

/// When it was shipped, delivered, withdrawn.
fn times(state: &ParcelState) -> (Time, Time, Time) {
    match state {
        ParcelState::AwaitingCapture => (None, None, None),
        ParcelState::Shipped { at } => (Some(*at), None, None),
        ParcelState::Delivered { shipped_at, at } => (Some(*shipped_at), Some(*at), None),
        ParcelState::Withdrawn { at } => (None, None, Some(*at)),
    }
}

impl TryFrom<ParcelRow> for Parcel {
    type Error = sqlx::Error;

    fn try_from(row: ParcelRow) -> Result<Parcel, sqlx::Error> {
        let state = match (row.state.as_str(), row.shipped_at, row.delivered_at, row.withdrawn_at) {
            ("awaiting_capture", None, None, None) => ParcelState::AwaitingCapture,
            ("shipped", Some(at), None, None) => ParcelState::Shipped { at },
            ("delivered", Some(shipped_at), Some(at), None) => ParcelState::Delivered { shipped_at, at },
            ("withdrawn", None, None, Some(at)) => ParcelState::Withdrawn { at },
            (_, _, _, _) => return Err(unreadable("parcel")),
        };
        let parts = parts(&row.products, &row.quantities)?;
        Ok(Parcel { id: ParcelId(row.id), parts, packed_at: row.packed_at, state })
    }
}

//! Orders and their sagas.

use chrono::{DateTime, Utc};
use contracts::{CaptureMode, OrderId, PaymentMethodId, ProductId, Quantity, Refusal, Terms, UserId};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{money, unreadable};
use crate::domain::{Address, End, Facts, Order, PlacedLine, Saga};

/// An order as it is read: what was placed, and how its saga stands.
#[derive(Debug, Clone)]
pub struct StoredOrder {
    pub saga: Saga,
    pub payment_method_id: PaymentMethodId,
    pub delivery_address: Address,
    pub reference: Option<String>,
    pub placed_at: DateTime<Utc>,
    pub terms: Terms,
    pub version: i64,
}

/// What an order is kept with beside what was decided.
#[derive(Debug)]
pub struct Request<'a> {
    pub idempotency_key: &'a str,
    pub hash: &'a [u8],
    pub delivery_address: &'a Address,
    pub reference: Option<&'a str>,
}

/// Where a list goes on: the last row's time and id.
pub type After = (DateTime<Utc>, OrderId);

struct OrderRow {
    id: Uuid,
    number: String,
    customer_id: Uuid,
    payment_method_id: Uuid,
    currency: String,
    total: i64,
    delivery_address: Value,
    reference: Option<String>,
    placed_at: DateTime<Utc>,
    charge_by: DateTime<Utc>,
    deadline: DateTime<Utc>,
    capture: String,
    return_window_days: i32,
    configuration_version: i64,
    stock_reserved_at: Option<DateTime<Utc>>,
    stock_refusal: Option<Value>,
    payment_authorised_at: Option<DateTime<Utc>>,
    payment_captured_at: Option<DateTime<Utc>>,
    payment_refunded_at: Option<DateTime<Utc>>,
    payment_refusal: Option<Value>,
    end_kind: Option<String>,
    end_refusal: Option<Value>,
    ended_at: Option<DateTime<Utc>>,
    version: i64,
}

/// Inserts the order unless its number is taken; says whether it did.
pub async fn insert_order(
    tx: &mut PgConnection,
    order: &Order,
    request: &Request<'_>,
) -> Result<bool, sqlx::Error> {
    let placed = &order.placed;
    let terms = &placed.terms;
    let inserted = sqlx::query!(
        "insert into orders (id, number, customer_id, payment_method_id, idempotency_key, request_hash, currency,
             total, delivery_address, reference, placed_at, charge_by, deadline, capture, return_window_days,
             configuration_version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         on conflict on constraint orders_number_key do nothing",
        placed.order_id.0,
        placed.number,
        placed.customer_id.0,
        placed.payment_method_id.0,
        request.idempotency_key,
        request.hash,
        placed.total.currency().code(),
        placed.total.amount(),
        json(request.delivery_address)?,
        request.reference,
        order.placed_at,
        terms.charge_by,
        terms.deadline,
        capture_name(terms.capture),
        i32::try_from(terms.return_window_days).map_err(|_| unreadable("return window"))?,
        i64::try_from(terms.configuration_version).map_err(|_| unreadable("configuration version"))?
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub async fn insert_lines(tx: &mut PgConnection, order: &Order) -> Result<(), sqlx::Error> {
    let (mut products, mut skus, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let (mut quantities, mut prices) = (Vec::new(), Vec::new());
    for line in &order.lines {
        products.push(line.product_id.0);
        skus.push(line.sku.clone());
        names.push(line.name.clone());
        quantities.push(i32::try_from(line.quantity.get()).map_err(|_| unreadable("quantity"))?);
        prices.push(line.unit_price.amount());
    }
    sqlx::query!(
        "insert into order_line (order_id, position, product_id, sku, name, quantity, unit_price)
         select $1, line.position::int, line.product_id, line.sku, line.name, line.quantity, line.unit_price
         from unnest($2::uuid[], $3::text[], $4::text[], $5::int[], $6::bigint[]) with ordinality
             as line (product_id, sku, name, quantity, unit_price, position)",
        order.placed.order_id.0,
        &products,
        &skus,
        &names,
        &quantities,
        &prices
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The order that this caller placed with this key, and the hash of the request it came with.
pub async fn find_by_idempotency_key(
    db: &mut PgConnection,
    customer_id: UserId,
    key: &str,
) -> Result<Option<(OrderId, Vec<u8>)>, sqlx::Error> {
    let row = sqlx::query!(
        "select id, request_hash from orders where customer_id = $1 and idempotency_key = $2",
        customer_id.0,
        key
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (OrderId(row.id), row.request_hash)))
}

pub async fn find_order(db: &mut PgConnection, id: OrderId) -> Result<Option<StoredOrder>, sqlx::Error> {
    sqlx::query_as!(
        OrderRow,
        "select id, number, customer_id, payment_method_id, currency, total, delivery_address, reference, placed_at,
             charge_by, deadline, capture, return_window_days, configuration_version, stock_reserved_at,
             stock_refusal, payment_authorised_at, payment_captured_at, payment_refunded_at, payment_refusal,
             end_kind, end_refusal, ended_at, version
         from orders where id = $1",
        id.0
    )
    .fetch_optional(db)
    .await?
    .map(StoredOrder::try_from)
    .transpose()
}

/// The order under its lock: whoever decides its end holds it until commit.
pub async fn lock_order(tx: &mut PgConnection, id: OrderId) -> Result<Option<StoredOrder>, sqlx::Error> {
    sqlx::query_as!(
        OrderRow,
        "select id, number, customer_id, payment_method_id, currency, total, delivery_address, reference, placed_at,
             charge_by, deadline, capture, return_window_days, configuration_version, stock_reserved_at,
             stock_refusal, payment_authorised_at, payment_captured_at, payment_refunded_at, payment_refusal,
             end_kind, end_refusal, ended_at, version
         from orders where id = $1 for update",
        id.0
    )
    .fetch_optional(tx)
    .await?
    .map(StoredOrder::try_from)
    .transpose()
}

/// The newest orders first: one customer's, or everybody's.
pub async fn list_orders(
    db: &mut PgConnection,
    customer_id: Option<UserId>,
    after: Option<After>,
    limit: i64,
) -> Result<Vec<StoredOrder>, sqlx::Error> {
    let (after_at, after_id) = after.map_or((None, None), |(at, id)| (Some(at), Some(id.0)));
    sqlx::query_as!(
        OrderRow,
        "select id, number, customer_id, payment_method_id, currency, total, delivery_address, reference, placed_at,
             charge_by, deadline, capture, return_window_days, configuration_version, stock_reserved_at,
             stock_refusal, payment_authorised_at, payment_captured_at, payment_refunded_at, payment_refusal,
             end_kind, end_refusal, ended_at, version
         from orders
         where ($1::uuid is null or customer_id = $1)
           and ($2::timestamptz is null or (placed_at, id) < ($2, $3::uuid))
         order by placed_at desc, id desc limit $4",
        customer_id.map(|id| id.0),
        after_at,
        after_id,
        limit
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(StoredOrder::try_from)
    .collect()
}

pub async fn list_lines(db: &mut PgConnection, order: &Saga) -> Result<Vec<PlacedLine>, sqlx::Error> {
    let currency = order.total.currency().code();
    sqlx::query!(
        "select product_id, sku, name, quantity, unit_price from order_line where order_id = $1 order by position",
        order.order_id.0
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(|row| {
        let quantity = Quantity::new(row.quantity.into()).map_err(|_| unreadable("quantity"))?;
        let unit_price = money(row.unit_price, currency)?;
        Ok(PlacedLine {
            product_id: ProductId(row.product_id),
            sku: row.sku,
            name: row.name,
            quantity,
            unit_price,
            line_total: unit_price.times(quantity.get()).map_err(|_| unreadable("line total"))?,
        })
    })
    .collect()
}

/// Orders without an end whose deadline has passed, the oldest first.
pub async fn list_overdue(
    db: &mut PgConnection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<OrderId>, sqlx::Error> {
    let rows = sqlx::query_scalar!(
        "select id from orders where end_kind is null and deadline <= $1 order by deadline limit $2",
        now,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(OrderId).collect())
}

/// Keeps the saga as it now stands.
pub async fn update_saga(tx: &mut PgConnection, saga: &Saga) -> Result<(), sqlx::Error> {
    let facts = &saga.facts;
    let refusal = match &saga.end {
        Some(End::Rejected { refusal, .. }) => Some(json(refusal)?),
        Some(End::Confirmed { .. } | End::Expired { .. }) | None => None,
    };
    let updated = sqlx::query!(
        "update orders set stock_reserved_at = $2, stock_refusal = $3, payment_authorised_at = $4,
             payment_captured_at = $5, payment_refunded_at = $6, payment_refusal = $7, end_kind = $8,
             end_refusal = $9, ended_at = $10, version = version + 1
         where id = $1",
        saga.order_id.0,
        facts.stock_reserved,
        facts.stock_refusal.as_ref().map(json).transpose()?,
        facts.payment_authorised,
        facts.payment_captured,
        facts.payment_refunded,
        facts.payment_refusal.as_ref().map(json).transpose()?,
        saga.end.as_ref().map(End::name),
        refusal,
        saga.end.as_ref().map(End::at)
    )
    .execute(tx)
    .await?;
    match updated.rows_affected() {
        1 => Ok(()),
        _ => Err(sqlx::Error::RowNotFound),
    }
}

impl TryFrom<OrderRow> for StoredOrder {
    type Error = sqlx::Error;

    fn try_from(row: OrderRow) -> Result<StoredOrder, sqlx::Error> {
        let end = end(&row)?;
        Ok(StoredOrder {
            saga: Saga {
                order_id: OrderId(row.id),
                number: row.number,
                customer_id: UserId(row.customer_id),
                total: money(row.total, &row.currency)?,
                deadline: row.deadline,
                facts: Facts {
                    stock_reserved: row.stock_reserved_at,
                    stock_refusal: row.stock_refusal.map(read).transpose()?,
                    payment_authorised: row.payment_authorised_at,
                    payment_captured: row.payment_captured_at,
                    payment_refunded: row.payment_refunded_at,
                    payment_refusal: row.payment_refusal.map(read).transpose()?,
                },
                end,
            },
            payment_method_id: PaymentMethodId(row.payment_method_id),
            delivery_address: read(row.delivery_address)?,
            reference: row.reference,
            placed_at: row.placed_at,
            terms: Terms {
                charge_by: row.charge_by,
                deadline: row.deadline,
                capture: capture(&row.capture)?,
                return_window_days: row
                    .return_window_days
                    .try_into()
                    .map_err(|_| unreadable("return window"))?,
                configuration_version: row
                    .configuration_version
                    .try_into()
                    .map_err(|_| unreadable("configuration version"))?,
            },
            version: row.version,
        })
    }
}

fn end(row: &OrderRow) -> Result<Option<End>, sqlx::Error> {
    match (row.end_kind.as_deref(), row.ended_at) {
        (None, None) => Ok(None),
        (Some("confirmed"), Some(at)) => Ok(Some(End::Confirmed { at })),
        (Some("expired"), Some(at)) => Ok(Some(End::Expired { at })),
        (Some("rejected"), Some(at)) => {
            let refusal: Refusal = read(row.end_refusal.clone().ok_or_else(|| unreadable("refusal"))?)?;
            Ok(Some(End::Rejected { at, refusal }))
        }
        (Some(_) | None, _) => Err(unreadable("end")),
    }
}

const fn capture_name(capture: CaptureMode) -> &'static str {
    match capture {
        CaptureMode::AtOnce => "at_once",
        CaptureMode::BeforeShipping => "before_shipping",
    }
}

fn capture(name: &str) -> Result<CaptureMode, sqlx::Error> {
    [CaptureMode::AtOnce, CaptureMode::BeforeShipping]
        .into_iter()
        .find(|mode| capture_name(*mode) == name)
        .ok_or_else(|| unreadable("capture mode"))
}

fn json(value: &impl serde::Serialize) -> Result<Value, sqlx::Error> {
    serde_json::to_value(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, sqlx::Error> {
    serde_json::from_value(value).map_err(|error| sqlx::Error::Decode(error.into()))
}

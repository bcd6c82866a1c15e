//! Orders as they are kept: read whole, under their lock where they may change.

mod row;

use chrono::{DateTime, Utc};
use contracts::{OrderId, PaymentMethodId, UserId};
use sqlx::PgConnection;

use super::fulfilment::{self, Kept};
use super::{lines, refunds, unreadable};
use crate::domain::{Address, End, Order, PlacedLine, TakenOrder};
use row::{OrderRow, capture_name, json};

/// An order as it is read: what was placed, and how it stands.
#[derive(Debug, Clone)]
pub struct StoredOrder {
    pub order: Order,
    /// As they were taken, with what the products were called then.
    pub lines: Vec<PlacedLine>,
    pub payment_method_id: PaymentMethodId,
    pub delivery_address: Address,
    pub reference: Option<String>,
    pub placed_at: DateTime<Utc>,
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

/// Inserts the order unless its number is taken; says whether it did.
pub async fn insert_order(
    tx: &mut PgConnection,
    order: &TakenOrder,
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
    let row = sqlx::query_as!(
        OrderRow,
        "select id, number, customer_id, payment_method_id, currency, total, delivery_address, reference, placed_at,
             charge_by, deadline, capture, return_window_days, configuration_version, stock_reserved_at,
             stock_refusal, payment_action_required_at, payment_authorised_at, payment_captured_at,
             payment_captured_amount, payment_refunded_at, payment_refusal, payment_voided_at, capture_amount,
             capture_round, capture_requested_at, due_round, due_reason, due_at, payment_disputes, end_kind,
             end_refusal, end_refunds_requested, ended_at, version
         from orders where id = $1",
        id.0
    )
    .fetch_optional(&mut *db)
    .await?;
    Ok(complete(db, Vec::from_iter(row)).await?.pop())
}

/// The order under its lock: whoever decides its end holds it until commit.
pub async fn lock_order(tx: &mut PgConnection, id: OrderId) -> Result<Option<StoredOrder>, sqlx::Error> {
    let row = sqlx::query_as!(
        OrderRow,
        "select id, number, customer_id, payment_method_id, currency, total, delivery_address, reference, placed_at,
             charge_by, deadline, capture, return_window_days, configuration_version, stock_reserved_at,
             stock_refusal, payment_action_required_at, payment_authorised_at, payment_captured_at,
             payment_captured_amount, payment_refunded_at, payment_refusal, payment_voided_at, capture_amount,
             capture_round, capture_requested_at, due_round, due_reason, due_at, payment_disputes, end_kind,
             end_refusal, end_refunds_requested, ended_at, version
         from orders where id = $1 for update",
        id.0
    )
    .fetch_optional(&mut *tx)
    .await?;
    Ok(complete(tx, Vec::from_iter(row)).await?.pop())
}

/// The newest orders first: one customer's, or everybody's; or only the one of this number.
pub async fn list_orders(
    db: &mut PgConnection,
    customer_id: Option<UserId>,
    number: Option<&str>,
    after: Option<After>,
    limit: i64,
) -> Result<Vec<StoredOrder>, sqlx::Error> {
    let (after_at, after_id) = after.map_or((None, None), |(at, id)| (Some(at), Some(id.0)));
    let rows = sqlx::query_as!(
        OrderRow,
        "select id, number, customer_id, payment_method_id, currency, total, delivery_address, reference, placed_at,
             charge_by, deadline, capture, return_window_days, configuration_version, stock_reserved_at,
             stock_refusal, payment_action_required_at, payment_authorised_at, payment_captured_at,
             payment_captured_amount, payment_refunded_at, payment_refusal, payment_voided_at, capture_amount,
             capture_round, capture_requested_at, due_round, due_reason, due_at, payment_disputes, end_kind,
             end_refusal, end_refunds_requested, ended_at, version
         from orders
         where ($1::uuid is null or customer_id = $1)
           and ($2::timestamptz is null or (placed_at, id) < ($2, $3::uuid))
           and ($5::text is null or number = $5)
         order by placed_at desc, id desc limit $4",
        customer_id.map(|id| id.0),
        after_at,
        after_id,
        limit,
        number
    )
    .fetch_all(&mut *db)
    .await?;
    complete(db, rows).await
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

/// Keeps what has changed of the order; `before` is how it was read under its lock.
pub async fn update_order(tx: &mut PgConnection, before: &Order, after: &Order) -> Result<(), sqlx::Error> {
    update_row(tx, after).await?;
    fulfilment::save(tx, before, after).await?;
    for refund in after.refunds.iter().filter(|refund| !before.refunds.contains(refund)) {
        refunds::upsert_refund(tx, after.saga.order_id, refund).await?;
    }
    Ok(())
}

async fn update_row(tx: &mut PgConnection, order: &Order) -> Result<(), sqlx::Error> {
    let (facts, end, capture) = (&order.saga.facts, order.saga.end.as_ref(), &order.capture);
    let (refusal, refunds_requested) = match end {
        Some(End::Rejected { refusal, .. }) => (Some(json(refusal)?), None),
        Some(End::Cancelled { refunds_requested, .. }) => (None, Some(refunds_requested.amount())),
        Some(End::Confirmed { .. } | End::Expired { .. }) | None => (None, None),
    };
    let disputes = (!order.disputes.is_empty()).then(|| json(&order.disputes)).transpose()?;
    let round = |round: u32| i32::try_from(round).map_err(|_| unreadable("round"));
    let updated = sqlx::query!(
        "update orders set stock_reserved_at = $2, stock_refusal = $3, payment_action_required_at = $4,
             payment_authorised_at = $5, payment_captured_at = $6, payment_captured_amount = $7,
             payment_refunded_at = $8, payment_refusal = $9, payment_voided_at = $10, capture_amount = $11,
             capture_round = $12, capture_requested_at = $13, due_round = $14, due_reason = $15, due_at = $16,
             payment_disputes = $17, end_kind = $18, end_refusal = $19, end_refunds_requested = $20,
             ended_at = $21, version = version + 1
         where id = $1",
        order.saga.order_id.0,
        facts.stock_reserved,
        facts.stock_refusal.as_ref().map(json).transpose()?,
        facts.payment_action_required,
        facts.payment_authorised,
        facts.payment_captured,
        capture.captured.map(contracts::Money::amount),
        facts.payment_refunded,
        facts.payment_refusal.as_ref().map(json).transpose()?,
        facts.payment_voided,
        capture.requested.as_ref().map(|requested| requested.amount.amount()),
        capture.requested.as_ref().map(|requested| round(requested.round)).transpose()?,
        capture.requested.as_ref().map(|requested| requested.at),
        capture.due.as_ref().map(|due| round(due.round)).transpose()?,
        capture.due.as_ref().map(|due| due.reason.as_str()),
        capture.due.as_ref().map(|due| due.at),
        disputes,
        end.map(End::name),
        refusal,
        refunds_requested,
        end.map(End::at)
    )
    .execute(tx)
    .await?;
    match updated.rows_affected() {
        1 => Ok(()),
        _ => Err(sqlx::Error::RowNotFound),
    }
}

/// Reads what belongs to these orders. Nothing is asked for that an order as it stands cannot have: before its end
/// it is only lines.
async fn complete(db: &mut PgConnection, rows: Vec<OrderRow>) -> Result<Vec<StoredOrder>, sqlx::Error> {
    let ids_of = |wanted: fn(&OrderRow) -> bool| -> Vec<uuid::Uuid> {
        rows.iter().filter(|row| wanted(row)).map(|row| row.id).collect()
    };
    let all = ids_of(|_| true);
    let ended = ids_of(|row| row.end_kind.is_some() || row.payment_refunded_at.is_some());
    let moved = ids_of(|row| matches!(row.end_kind.as_deref(), Some("confirmed" | "cancelled")));
    let mut lines = if all.is_empty() { Default::default() } else { lines::list_lines(db, &all).await? };
    let mut kept = if moved.is_empty() { Kept::default() } else { fulfilment::list(db, &moved).await? };
    let mut refunds =
        if ended.is_empty() { Default::default() } else { refunds::list_refunds(db, &ended).await? };
    rows.into_iter()
        .map(|row| {
            let id = row.id;
            let lines = lines.remove(&id).unwrap_or_default();
            row.order(lines, &mut kept, refunds.remove(&id).unwrap_or_default())
        })
        .collect()
}

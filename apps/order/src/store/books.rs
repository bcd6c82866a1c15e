//! What `order` itself knows of its orders, for the books. Everything of one reading is of one snapshot.

pub mod kept;
mod rows;

use chrono::{DateTime, Utc};
use contracts::facts::PublishedEvent;
use contracts::{Currency, EventId, OrderId, ProductId};
use sqlx::{Connection, PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::unreadable;
use crate::domain::books::OrderFacts;
use crate::domain::books::facts::{Decided, Ended, Heard, LineFacts, OwnEvent, RefundAsked, StoredAnswer};

/// A transaction in which all is read as of one moment.
pub async fn snapshot(db: &mut PgConnection) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    db.begin_with("begin isolation level repeatable read read only").await
}

/// The facts of these orders; those that do not exist are missing.
pub async fn list_facts(tx: &mut PgConnection, ids: &[OrderId]) -> Result<Vec<OrderFacts>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let mut orders = list_orders(tx, &ids).await?;
    for (order_id, line) in list_lines(tx, &ids).await? {
        rows::of(&mut orders, order_id)?.lines.push(line);
    }
    rows::add_cancellations(&mut orders, rows::list_cancellation_lines(tx, &ids).await?)?;
    rows::add_parcels(&mut orders, rows::list_parcel_lines(tx, &ids).await?)?;
    rows::add_returns(&mut orders, rows::list_return_lines(tx, &ids).await?)?;
    for (order_id, refund, at) in list_refunds(tx, &ids).await? {
        let order = rows::of(&mut orders, order_id)?;
        order.changed_at = order.changed_at.max(at);
        order.refunds.push(refund);
    }
    for (order_id, decided) in list_decided(tx, &ids).await? {
        rows::of(&mut orders, order_id)?.decided.push(decided);
    }
    for (order_id, heard) in list_heard(tx, &ids).await? {
        rows::of(&mut orders, order_id)?.heard.push(heard);
    }
    for event in list_events(tx, &ids).await? {
        rows::of(&mut orders, event.published.subject)?.events.push(event);
    }
    for (order_id, head) in list_heads(tx, &ids).await? {
        rows::of(&mut orders, order_id)?.head = head;
    }
    Ok(orders)
}

async fn list_orders(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<OrderFacts>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select o.id, o.placed_at, o.deadline, o.currency, o.total, o.end_kind, o.ended_at, o.capture_amount,
            greatest(o.placed_at, o.ended_at, o.stock_reserved_at, o.payment_authorised_at, o.payment_captured_at,
                o.payment_refunded_at, o.payment_voided_at, o.payment_action_required_at, o.capture_requested_at,
                o.due_at) as "changed_at!",
            (select count(*) from orders twin where twin.customer_id = o.customer_id
                and twin.idempotency_key = o.idempotency_key and twin.id <> o.id) as "twins!",
            answer.key is not null as "answered!", answer.body::json ->> 'id' as answer_id,
            coalesce(answer.request_hash = o.request_hash, true) as "same_request!"
        from orders o
        left join idempotency answer on answer.caller = o.customer_id and answer.operation = 'place_order'
            and answer.key = o.idempotency_key and answer.status = 201
        where o.id = any($1) order by o.id
        "#,
        ids
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let end =
                row.end_kind.as_deref().map(|name| Ended::from_name(name).ok_or_else(|| unreadable("end")));
            let answer = StoredAnswer {
                order_id: row.answer_id.and_then(|id| id.parse().ok()),
                same_request: row.same_request,
            };
            Ok(OrderFacts {
                order_id: OrderId(row.id),
                placed_at: row.placed_at,
                deadline: row.deadline,
                currency: Currency::from_code(&row.currency),
                total: row.total,
                end: end.transpose()?,
                ended_at: row.ended_at,
                changed_at: row.changed_at,
                twins: row.twins,
                answer: row.answered.then_some(answer),
                lines: Vec::new(),
                cancellations: Vec::new(),
                parcels: Vec::new(),
                returns: Vec::new(),
                refunds: Vec::new(),
                to_capture: row.capture_amount,
                decided: Vec::new(),
                heard: Vec::new(),
                events: Vec::new(),
                head: 0,
            })
        })
        .collect()
}

async fn list_lines(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<(Uuid, LineFacts)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select line.order_id, line.product_id, line.quantity, line.unit_price,
            product.stock_controlled as "stock_controlled?"
        from order_line line left join known_product product on product.product_id = line.product_id
        where line.order_id = any($1) order by line.order_id, line.position
        "#,
        ids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let line = LineFacts {
                product_id: ProductId(row.product_id),
                quantity: row.quantity.into(),
                unit_price: row.unit_price,
                stock_controlled: row.stock_controlled,
            };
            (row.order_id, line)
        })
        .collect())
}

async fn list_refunds(
    tx: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, RefundAsked, DateTime<Utc>)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select order_id, cause, amount, greatest(requested_at, made_at, failed_at) as "changed_at!"
        from refund_request where order_id = any($1) order by order_id, cause
        "#,
        ids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.order_id, RefundAsked { cause: row.cause, amount: row.amount }, row.changed_at))
        .collect())
}

async fn list_decided(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<(Uuid, Decided)>, sqlx::Error> {
    let rows = sqlx::query!(
        "select order_id, at, name, detail ->> 'event_id' as event_id from timeline_entry
         where order_id = any($1) and kind = 'decided' order by order_id, id",
        ids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let event_id = row.event_id.and_then(|id| id.parse().ok()).map(EventId);
            (row.order_id, Decided { at: row.at, event_type: row.name, event_id })
        })
        .collect())
}

async fn list_heard(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<(Uuid, Heard)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select order_id, at, name, cause as "cause!" from timeline_entry
        where order_id = any($1) and kind = 'heard' and cause is not null order by order_id, id
        "#,
        ids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let event_id = EventId(row.cause.parse().ok()?);
            Some((row.order_id, Heard { at: row.at, event_type: row.name, event_id }))
        })
        .collect())
}

async fn list_events(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<OwnEvent>, sqlx::Error> {
    let rows = sqlx::query!(
        "select id, type, subject, sequence, time, published_at,
             coalesce(data ->> 'cancellation_id', data ->> 'parcel_id', data ->> 'return_id', data ->> 'cause') as cause
         from outbox where subject = any($1) order by subject, sequence",
        ids
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| OwnEvent {
            published: PublishedEvent {
                id: EventId(row.id),
                event_type: row.r#type,
                subject: row.subject,
                sequence: row.sequence,
                time: row.time,
                published_at: row.published_at,
            },
            cause: row.cause,
        })
        .collect())
}

async fn list_heads(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<(Uuid, i64)>, sqlx::Error> {
    let rows = sqlx::query!("select subject, sequence from outbox_head where subject = any($1)", ids)
        .fetch_all(tx)
        .await?;
    Ok(rows.into_iter().map(|row| (row.subject, row.sequence)).collect())
}

/// Orders that something happened to since then, the oldest first.
pub async fn list_changed_since(
    db: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<Vec<OrderId>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        r#"select distinct order_id as "order_id!" from timeline_entry where at >= $1 order by 1"#,
        since
    )
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(OrderId).collect())
}

/// A page of all orders, in the order of their ids.
pub async fn list_page(
    db: &mut PgConnection,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<OrderId>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        "select id from orders where id > $1 order by id limit $2",
        after.unwrap_or_default(),
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(OrderId).collect())
}

/// Which of these orders exist.
pub async fn list_existing(db: &mut PgConnection, ids: &[OrderId]) -> Result<Vec<OrderId>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let ids = sqlx::query_scalar!("select id from orders where id = any($1)", &ids).fetch_all(db).await?;
    Ok(ids.into_iter().map(OrderId).collect())
}

/// The orders that answers were given for since then, and that do not exist.
pub async fn list_lost(db: &mut PgConnection, since: DateTime<Utc>) -> Result<Vec<OrderId>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        "select answer.body::json ->> 'id' from idempotency answer
         where answer.operation = 'place_order' and answer.status = 201 and answer.created_at >= $1
             and not exists (select from orders where customer_id = answer.caller and idempotency_key = answer.key)",
        since
    )
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().flatten().filter_map(|id| id.parse().ok()).collect())
}

//! What the books ask for: what is written, whether or not it could be.

use chrono::{DateTime, Utc};
use contracts::facts::{MOST, RefundFacts};
use contracts::{Currency, OrderId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::illegal;

/// A payment's row as the books see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub order_id: OrderId,
    pub stage: String,
    pub currency: Option<Currency>,
    /// Whether it is not known what became of a charge, a capture or a void.
    pub unknown: bool,
    pub dispute_open: bool,
    pub changed_at: DateTime<Utc>,
}

/// Sums over an order's records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    pub authorised: bool,
    pub captures: i64,
    pub captured: i64,
    pub refunded: i64,
}

/// Sums over an order's postings, on the side that was sold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Posted {
    pub captured: i64,
    pub refunded: i64,
}

/// The payments of these orders, as far as there are any, in the orders' order.
pub async fn list_heads(tx: &mut PgConnection, orders: &[OrderId]) -> Result<Vec<Head>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select p.order_id, p.stage, p.currency, p.doubt is not null as "unknown!",
             exists (select from payment_dispute d
                 where d.order_id = p.order_id and d.stage in ('open', 'accepting')) as "dispute_open!",
             greatest(p.created_at, p.unknown_since,
                 (select max(e.at) from payment_event e where e.order_id = p.order_id),
                 (select max(r.since) from payment_refund r where r.order_id = p.order_id),
                 (select max(d.since) from payment_dispute d where d.order_id = p.order_id),
                 (select max(c.at) from receipt c where c.order_id = p.order_id
                     and (c.state = 'confirmed' or c.attempt = 1 and c.state <> 'unknown'))) as "changed_at!"
         from payment p where p.order_id = any($1) order by p.order_id"#,
        &ids(orders)
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Head {
                order_id: OrderId(row.order_id),
                stage: row.stage,
                currency: row.currency.as_deref().map(currency).transpose()?,
                unknown: row.unknown,
                dispute_open: row.dispute_open,
                changed_at: row.changed_at,
            })
        })
        .collect()
}

/// The orders after this one in which money moved or may move: a page of them, in their order.
pub async fn list_orders_after(
    tx: &mut PgConnection,
    after: Option<OrderId>,
) -> Result<Vec<OrderId>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        "select order_id from payment where ($1::uuid is null or order_id > $1) and stage <> 'closed'
         order by order_id limit $2",
        after.map(|order| order.0),
        MOST as i64
    )
    .fetch_all(tx)
    .await?;
    Ok(ids.into_iter().map(OrderId).collect())
}

pub async fn list_recorded(
    tx: &mut PgConnection,
    orders: &[OrderId],
) -> Result<Vec<(OrderId, Recorded)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select order_id, bool_or(kind = 'authorised') as "authorised!",
             count(*) filter (where kind = 'captured') as "captures!",
             coalesce(sum(amount) filter (where kind = 'captured'), 0)::bigint as "captured!",
             coalesce(sum(case kind when 'refunded' then amount when 'refund_returned' then -amount end), 0)::bigint
                 as "refunded!"
         from payment_event where order_id = any($1) group by order_id"#,
        &ids(orders)
    )
    .fetch_all(tx)
    .await?;
    let recorded = rows.into_iter().map(|row| {
        let (authorised, captures) = (row.authorised, row.captures);
        let recorded = Recorded { authorised, captures, captured: row.captured, refunded: row.refunded };
        (OrderId(row.order_id), recorded)
    });
    Ok(recorded.collect())
}

pub async fn list_posted(
    tx: &mut PgConnection,
    orders: &[OrderId],
) -> Result<Vec<(OrderId, Posted)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select order_id,
             coalesce(-sum(amount) filter (where kind = 'capture'), 0)::bigint as "captured!",
             coalesce(sum(amount) filter (where kind in ('refund', 'refund_returned')), 0)::bigint as "refunded!"
         from ledger_entry join ledger_posting on entry_id = id and account = 'sales'
         where order_id = any($1) group by order_id"#,
        &ids(orders)
    )
    .fetch_all(tx)
    .await?;
    let posted = rows.into_iter();
    let posted =
        posted.map(|row| (OrderId(row.order_id), Posted { captured: row.captured, refunded: row.refunded }));
    Ok(posted.collect())
}

/// Currencies in which an entry of an order does not sum to zero.
pub async fn list_unbalanced(
    tx: &mut PgConnection,
    orders: &[OrderId],
) -> Result<Vec<(OrderId, Currency)>, sqlx::Error> {
    let rows = sqlx::query!(
        "select distinct order_id, currency from (
             select order_id, currency from ledger_entry join ledger_posting on entry_id = id
             where order_id = any($1) group by order_id, id, currency having sum(amount) <> 0
         ) unbalanced order by order_id, currency",
        &ids(orders)
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(|row| Ok((OrderId(row.order_id), currency(&row.currency)?))).collect()
}

/// One that staff settled and the provider made after all is told as settled: it went back twice, and the sums say so.
pub async fn list_refunds(
    tx: &mut PgConnection,
    orders: &[OrderId],
) -> Result<Vec<(OrderId, RefundFacts)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select order_id, cause, amount,
             case when stage = 'made' and exists (select from payment_event e where e.order_id = r.order_id
                 and e.cause = r.cause and e.kind = 'refund_settled') then 'settled' else stage end as "stage!"
         from payment_refund r where order_id = any($1) order by order_id, cause"#,
        &ids(orders)
    )
    .fetch_all(tx)
    .await?;
    let refunds = rows.into_iter().map(|row| {
        (OrderId(row.order_id), RefundFacts { cause: row.cause, amount: row.amount, state: row.stage })
    });
    Ok(refunds.collect())
}

fn ids(orders: &[OrderId]) -> Vec<Uuid> {
    orders.iter().map(|id| id.0).collect()
}

fn currency(code: &str) -> Result<Currency, sqlx::Error> {
    Currency::from_code(code).ok_or_else(|| illegal("payment", &format!("unknown currency {code}")))
}

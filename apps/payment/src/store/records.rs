//! What happened to an order's money, append-only.

use chrono::{DateTime, Utc};
use contracts::{Currency, Money, OrderId};
use sqlx::PgConnection;

use super::illegal;
use super::row::{refusal_from, refusal_json};
use crate::domain::Record;

/// Adds a record. The lock on the order's payment keeps the numbers in order.
pub async fn insert_record(
    tx: &mut PgConnection,
    order_id: OrderId,
    record: &Record,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into payment_event (order_id, number, kind, amount, currency, refusal, at)
         select $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6 from payment_event where order_id = $1",
        order_id.0,
        record.kind(),
        record.amount().map(Money::amount),
        record.amount().map(|amount| amount.currency().code()),
        record.refusal().map(refusal_json),
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn list_records(db: &mut PgConnection, order_id: OrderId) -> Result<Vec<Record>, sqlx::Error> {
    let rows = sqlx::query!(
        "select kind, amount, currency, refusal from payment_event where order_id = $1 order by number",
        order_id.0
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let money = || {
                let currency = row.currency.as_deref().and_then(Currency::from_code);
                row.amount
                    .zip(currency)
                    .and_then(|(amount, currency)| Money::new(amount, currency).ok())
                    .ok_or_else(|| illegal("payment_event", "it has no amount"))
            };
            let refusal = || row.refusal.clone().ok_or_else(|| illegal("payment_event", "it has no refusal"));
            Ok(match row.kind.as_str() {
                "authorised" => Record::Authorised { amount: money()? },
                "captured" => Record::Captured { amount: money()? },
                "voided" => Record::Voided,
                "declined" => Record::Declined { refusal: refusal_from(refusal()?)? },
                "refunded" => Record::Refunded { amount: money()? },
                "refund_failed" => Record::RefundFailed { amount: money()? },
                other => return Err(illegal("payment_event", &format!("unknown kind {other}"))),
            })
        })
        .collect()
}

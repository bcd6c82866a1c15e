//! The double-entry ledger. The database refuses an entry that does not balance.

use chrono::{DateTime, Utc};
use contracts::{Money, OrderId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::effect::Posting;

/// Books a movement of money. What the provider owes us stands against what was sold.
pub async fn insert_entry(
    tx: &mut PgConnection,
    id: Uuid,
    order_id: OrderId,
    posting: Posting,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let (kind, cause) = match posting {
        Posting::Capture { .. } => ("capture", "charge"),
        Posting::Refund { cause, .. } => ("refund", cause.name()),
    };
    sqlx::query!(
        "insert into ledger_entry (id, order_id, kind, cause, at) values ($1, $2, $3, $4, $5)",
        id,
        order_id.0,
        kind,
        cause,
        now
    )
    .execute(&mut *tx)
    .await?;
    let (debit, credit, amount) = match posting {
        Posting::Capture { amount } => ("provider", "sales", amount),
        Posting::Refund { amount, .. } => ("sales", "provider", amount),
    };
    insert_postings(tx, id, debit, credit, amount).await
}

async fn insert_postings(
    tx: &mut PgConnection,
    entry: Uuid,
    debit: &str,
    credit: &str,
    amount: Money,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into ledger_posting (entry_id, number, account, amount, currency)
         values ($1, 1, $2, $4::bigint, $5), ($1, 2, $3, -$4::bigint, $5)",
        entry,
        debit,
        credit,
        amount.amount(),
        amount.currency().code()
    )
    .execute(tx)
    .await?;
    Ok(())
}

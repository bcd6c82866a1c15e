//! What is forgotten of customers whose accounts were deleted.

use chrono::{DateTime, Utc};
use contracts::UserId;
use sqlx::PgConnection;

pub async fn insert_forgotten(
    tx: &mut PgConnection,
    customer: UserId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into forgotten_customer (customer_id, at) values ($1, $2)
         on conflict on constraint forgotten_customer_pkey do nothing",
        customer.0,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Stored answers name the customer's methods.
pub async fn delete_answers(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from idempotency
         where caller in (select customer_id from forgotten_customer where done_at is null)"
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes the provider's token out of every method of a forgotten customer with which no charge can be under way any
/// more; says how many these were. Captures and refunds go by the intent and need none.
pub async fn update_forgotten(tx: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let updated = sqlx::query!(
        "update payment_method m set provider_token = 'forgotten', brand = null, forgotten_at = $1
         from forgotten_customer f
         where m.customer_id = f.customer_id and f.done_at is null and m.forgotten_at is null
           and not exists (
               select from payment p
               where p.payment_method_id = m.id and p.stage in ('waiting', 'creating', 'confirming')
           )",
        now
    )
    .execute(tx)
    .await?;
    Ok(updated.rows_affected())
}

/// Customers forgotten before then of whom nothing is left need not be looked at again.
pub async fn update_done(
    tx: &mut PgConnection,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update forgotten_customer f set done_at = $2
         where done_at is null and at < $1
           and not exists (
               select from payment_method m where m.customer_id = f.customer_id and m.forgotten_at is null
           )",
        before,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

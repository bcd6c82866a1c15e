//! SQL: what is forgotten of customers whose accounts were deleted.

use chrono::{DateTime, Utc};
use contracts::UserId;
use sqlx::PgConnection;

pub async fn insert_forgotten(
    tx: &mut PgConnection,
    customer_id: UserId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into forgotten_customer (customer_id, at) values ($1, $2)
         on conflict on constraint forgotten_customer_pkey do nothing",
        customer_id.0,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The answers kept under the customer's idempotency keys hold the address too.
pub async fn delete_answers(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from idempotency 
         where caller in (select customer_id from forgotten_customer where done_at is null)"
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The answers that staff got about the orders of these customers hold it as well.
pub async fn delete_answers_of_staff(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"delete from idempotency i using forgotten_customer f
           where f.done_at is null and i.body like '%"customer_id":"' || f.customer_id || '"%'"#
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What customers wrote when they cancelled or sent something back, also where it was refused.
pub async fn update_words(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"update timeline_entry e set detail = (e.detail - 'reason') #- '{request,reason}'
           from orders o join forgotten_customer f on f.customer_id = o.customer_id
           where f.done_at is null and e.order_id = o.id and e.who = f.customer_id::text
             and (e.detail ? 'reason' or e.detail #> '{request,reason}' is not null)"#
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes the address, but for its country, and the customer's own words out of every order of a forgotten customer of
/// which nothing is left to send; says how many these were. The sums stay.
pub async fn update_forgotten(tx: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let updated = sqlx::query!(
        r#"update orders o set
               delivery_address = jsonb_build_object(
                   'name', 'deleted', 'line1', 'deleted', 'city', 'deleted', 'postcode', 'deleted',
                   'country', o.delivery_address ->> 'country'
               ),
               reference = null, forgotten_at = $1, version = version + 1
           from forgotten_customer f
           where o.customer_id = f.customer_id and f.done_at is null and o.forgotten_at is null and o.end_kind is not null and (
               o.end_kind <> 'confirmed'
               or not exists (
                   select from order_line l
                   where l.order_id = o.id and l.quantity > (
                       select coalesce(sum(p.quantity), 0) from parcel_line p join parcel on parcel.id = p.parcel_id
                       where p.order_id = o.id and p.product_id = l.product_id
                         and parcel.state in ('shipped', 'delivered')
                   ) + (
                       select coalesce(sum(c.quantity), 0) from cancellation_line c
                       where c.order_id = o.id and c.product_id = l.product_id
                   )
               )
           )"#,
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
           and not exists (select from orders o where o.customer_id = f.customer_id and o.forgotten_at is null)",
        before,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

//! The processor's list as it was last seen, where it does not agree with ours, and who is comparing.

use chrono::{DateTime, Utc};
use contracts::OrderId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::issues::{Issue, Place};
use crate::domain::IntentId;
use crate::domain::comparison::{Finding, Kind, Listed, ListedRefund};

/// Where the lists did not agree, and do not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy {
    pub id: Uuid,
    pub kind: String,
    pub order_id: Option<OrderId>,
    pub intent: IntentId,
    pub detail: String,
    pub first_seen: DateTime<Utc>,
}

/// The turn to compare, which somebody has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub id: Uuid,
    /// When the last comparison began that came to its end.
    pub compared_at: Option<DateTime<Utc>>,
}

/// What the processor says was taken and given back for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderSums {
    pub order_id: OrderId,
    /// Intents whose money was taken.
    pub charges: i64,
    pub captured: i64,
    pub refunded: i64,
    /// When the one that was seen first of them was last seen.
    pub seen_at: DateTime<Utc>,
}

/// Takes the turn to compare, unless somebody has it.
pub async fn take_lease(
    db: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<Lease>, sqlx::Error> {
    let taken = sqlx::query!(
        "update comparison set lease = $1, leased_until = $3
         where only_one and (leased_until is null or leased_until <= $2) returning compared_at",
        id,
        now,
        until
    )
    .fetch_optional(db)
    .await?;
    Ok(taken.map(|row| Lease { id, compared_at: row.compared_at }))
}

/// Whether the turn is still one's own; then it is so for longer.
pub async fn extend_lease(
    db: &mut PgConnection,
    lease: Lease,
    until: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let extended = sqlx::query!("update comparison set leased_until = $2 where lease = $1", lease.id, until)
        .execute(db)
        .await?;
    Ok(extended.rows_affected() == 1)
}

/// Gives the turn back; with a time, the comparison that began then has come to its end.
pub async fn end_lease(
    db: &mut PgConnection,
    lease: Lease,
    compared_at: Option<DateTime<Utc>>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update comparison set lease = null, leased_until = null, compared_at = coalesce($2, compared_at)
         where lease = $1",
        lease.id,
        compared_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// When the last comparison began that came to its end.
pub async fn find_compared_at(db: &mut PgConnection) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!("select compared_at from comparison where only_one").fetch_one(db).await
}

/// Notes intents as the processor shows them.
pub async fn upsert_charges(
    db: &mut PgConnection,
    charges: &[Listed],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let ids: Vec<String> = charges.iter().map(|charge| charge.id.0.clone()).collect();
    let orders: Vec<Option<Uuid>> = charges.iter().map(|charge| charge.order_id.map(|id| id.0)).collect();
    let statuses: Vec<String> = charges.iter().map(|charge| charge.status_name.clone()).collect();
    let captured: Vec<i64> = charges.iter().map(|charge| charge.captured).collect();
    let currencies: Vec<String> = charges.iter().map(|charge| charge.currency.clone()).collect();
    let made_at: Vec<DateTime<Utc>> = charges.iter().map(|charge| charge.made_at).collect();
    sqlx::query!(
        "insert into provider_charge (intent_id, order_id, status, captured, refunded, currency, made_at, seen_at)
         select intent_id, order_id, status, captured,
             (select coalesce(sum(refund.amount) filter (where refund.status not in ('failed', 'canceled')), 0)
              from provider_refund refund where refund.intent_id = listed.intent_id), currency, made_at, $7
         from unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[])
             listed (intent_id, order_id, status, captured, currency, made_at)
         on conflict on constraint provider_charge_pkey do update set order_id = excluded.order_id,
             status = excluded.status, captured = excluded.captured, refunded = excluded.refunded, seen_at = excluded.seen_at",
        &ids,
        &orders as &[Option<Uuid>],
        &statuses,
        &captured,
        &currencies,
        &made_at,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes refunds as the processor shows them; gives back the intents of those that are new or not as they were.
pub async fn upsert_refunds(
    db: &mut PgConnection,
    refunds: &[ListedRefund],
    now: DateTime<Utc>,
) -> Result<Vec<IntentId>, sqlx::Error> {
    let of_intents = || refunds.iter().filter_map(|refund| Some((refund, refund.intent.as_ref()?)));
    let ids: Vec<String> = of_intents().map(|(refund, _)| refund.id.clone()).collect();
    let intents: Vec<String> = of_intents().map(|(_, intent)| intent.0.clone()).collect();
    let amounts: Vec<i64> = of_intents().map(|(refund, _)| refund.amount).collect();
    let statuses: Vec<String> = of_intents().map(|(refund, _)| refund.status_name.clone()).collect();
    let changed = sqlx::query_scalar!(
        "insert into provider_refund (refund_id, intent_id, amount, status, seen_at)
         select refund_id, intent_id, amount, status, $5
         from unnest($1::text[], $2::text[], $3::bigint[], $4::text[])
             listed (refund_id, intent_id, amount, status)
         on conflict on constraint provider_refund_pkey do update set status = excluded.status,
             amount = excluded.amount, seen_at = excluded.seen_at
         where (provider_refund.status, provider_refund.amount) is distinct from (excluded.status, excluded.amount)
         returning intent_id",
        &ids,
        &intents,
        &amounts,
        &statuses,
        now
    )
    .fetch_all(db)
    .await?;
    Ok(changed.into_iter().map(IntentId).collect())
}

/// What the processor is known to have given back of each of these intents.
pub async fn list_refunded(
    db: &mut PgConnection,
    intents: &[IntentId],
) -> Result<Vec<(IntentId, i64)>, sqlx::Error> {
    let ids: Vec<String> = intents.iter().map(|intent| intent.0.clone()).collect();
    let rows = sqlx::query!(
        "select intent_id, refunded from provider_charge where intent_id = any($1) and refunded <> 0",
        &ids
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (IntentId(row.intent_id), row.refunded)).collect())
}

/// Intents of ours that the processor's list should have shown since then and has not, those that can still change
/// there by themselves, and those with an open discrepancy.
pub async fn list_unseen(
    db: &mut PgConnection,
    since: Option<DateTime<Utc>>,
    began: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<IntentId>, sqlx::Error> {
    let intents = sqlx::query_scalar!(
        r#"select intent_id as "intent_id!" from (
             select payment.intent_id from payment
             where payment.intent_id is not null and payment.created_at <= $2
                 and ($1::timestamptz is null or payment.created_at >= $1 or payment.stage in ('authorised', 'due'))
                 and not exists (select from provider_charge seen
                     where seen.intent_id = payment.intent_id and seen.seen_at >= $2)
             union
             select discrepancy.intent_id from discrepancy where resolved_at is null
         ) ours
         order by intent_id limit $3"#,
        since,
        began,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(intents.into_iter().map(IntentId).collect())
}

/// Notes what does not agree about an intent; what was noted before stays as it was first seen.
pub async fn upsert_discrepancy(
    tx: &mut PgConnection,
    id: Uuid,
    order_id: Option<OrderId>,
    intent: &IntentId,
    finding: &Finding,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into discrepancy (id, kind, order_id, intent_id, detail, first_seen) values ($1, $2, $3, $4, $5, $6)
         on conflict (intent_id, kind) where resolved_at is null do update set detail = excluded.detail",
        id,
        finding.kind.name(),
        order_id.map(|id| id.0),
        intent.0,
        finding.detail,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What does agree now: everything about the intent but for these kinds.
pub async fn resolve_discrepancies(
    tx: &mut PgConnection,
    intent: &IntentId,
    still: &[Kind],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let still: Vec<String> = still.iter().map(|kind| kind.name().to_owned()).collect();
    sqlx::query!(
        "update discrepancy set resolved_at = $3
         where intent_id = $1 and resolved_at is null and kind <> all($2)",
        intent.0,
        &still,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Those that are open, the oldest first.
pub async fn list_discrepancies(db: &mut PgConnection, limit: i64) -> Result<Vec<Discrepancy>, sqlx::Error> {
    let rows = sqlx::query!(
        "select id, kind, order_id, intent_id, detail, first_seen from discrepancy
         where resolved_at is null order by id limit $1",
        limit
    )
    .fetch_all(db)
    .await?;
    let discrepancies = rows.into_iter().map(|row| Discrepancy {
        id: row.id,
        kind: row.kind,
        order_id: row.order_id.map(OrderId),
        intent: IntentId(row.intent_id),
        detail: row.detail,
        first_seen: row.first_seen,
    });
    Ok(discrepancies.collect())
}

/// How many are open.
pub async fn count_discrepancies(db: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from discrepancy where resolved_at is null"#)
        .fetch_one(db)
        .await
}

/// The open ones as issues for a person.
pub async fn list_discrepancy_issues(
    db: &mut PgConnection,
    after: Option<&Place>,
    limit: i64,
) -> Result<Vec<Issue>, sqlx::Error> {
    let rows = sqlx::query!(
        "select kind, order_id, intent_id, detail, first_seen from discrepancy
         where resolved_at is null and ($1::timestamptz is null
             or (first_seen, coalesce(order_id, $6), kind, intent_id) > ($1, $2::uuid, $3::text, $4::text))
         order by first_seen, coalesce(order_id, $6), kind, intent_id limit $5",
        after.map(|place| place.0),
        after.map(|place| place.1.map_or(Uuid::nil(), |order| order.0)),
        after.map(|place| place.2.as_str()),
        after.map(|place| place.3.as_str()),
        limit,
        Uuid::nil()
    )
    .fetch_all(db)
    .await?;
    let issues = rows.into_iter().map(|row| Issue {
        since: row.first_seen,
        order_id: row.order_id.map(OrderId),
        kind: row.kind,
        subject: row.intent_id,
        amount: None,
        reason: Some(row.detail),
    });
    Ok(issues.collect())
}

/// What the processor's list says of these orders; nothing of those that it was not compared for.
pub async fn list_provider_sums(
    db: &mut PgConnection,
    orders: &[OrderId],
) -> Result<Vec<ProviderSums>, sqlx::Error> {
    let ids: Vec<Uuid> = orders.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select order_id as "order_id!", count(*) filter (where captured > 0) as "charges!",
             coalesce(sum(captured), 0)::bigint as "captured!", coalesce(sum(refunded), 0)::bigint as "refunded!",
             min(seen_at) as "seen_at!"
         from provider_charge where order_id = any($1) group by order_id"#,
        &ids
    )
    .fetch_all(db)
    .await?;
    let sums = rows.into_iter().map(|row| ProviderSums {
        order_id: OrderId(row.order_id),
        charges: row.charges,
        captured: row.captured,
        refunded: row.refunded,
        seen_at: row.seen_at,
    });
    Ok(sums.collect())
}

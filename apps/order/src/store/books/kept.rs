//! What the checks remember from one to the next.

use chrono::{DateTime, Utc};
use contracts::OrderId;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::books::{Awake, Report, Violation};
use crate::store::unreadable;

/// Spells "books": only one replica checks at a time.
const LOCK: i64 = 0x62_6f_6f_6b_73;

/// What a violation is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Order,
    Product,
}

/// The last check.
#[derive(Debug, Clone)]
pub struct LastCheck {
    pub report: Report,
    pub changed_until: DateTime<Utc>,
    pub cursor: Option<String>,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Kind::Order => "order",
            Kind::Product => "product",
        }
    }
}

/// Holds the checks for as long as this connection lives; says whether it could.
pub async fn lock_checks(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "locked!""#, LOCK).fetch_one(db).await
}

pub async fn find_last_check(db: &mut PgConnection) -> Result<Option<LastCheck>, sqlx::Error> {
    let row =
        sqlx::query!("select report, changed_until, cursor from books_check").fetch_optional(db).await?;
    row.map(|row| {
        let report = serde_json::from_value(row.report).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(LastCheck { report, changed_until: row.changed_until, cursor: row.cursor })
    })
    .transpose()
}

pub async fn upsert_last_check(db: &mut PgConnection, check: &LastCheck) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into books_check (one, report, changed_until, cursor) values (true, $1, $2, $3)
         on conflict on constraint books_check_pkey
         do update set report = $1, changed_until = $2, cursor = $3",
        json(&check.report)?,
        check.changed_until,
        check.cursor
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Everything that is known to be wrong, the oldest first.
pub async fn list_violations(db: &mut PgConnection) -> Result<Vec<(Kind, Uuid, Violation)>, sqlx::Error> {
    let rows = sqlx::query!("select kind, subject, violation from books_violation order by id")
        .fetch_all(db)
        .await?;
    rows.into_iter()
        .map(|row| {
            let kind = [Kind::Order, Kind::Product].into_iter().find(|kind| kind.name() == row.kind);
            let violation =
                serde_json::from_value(row.violation).map_err(|error| sqlx::Error::Decode(error.into()))?;
            Ok((kind.ok_or_else(|| unreadable("kind of violation"))?, row.subject, violation))
        })
        .collect()
}

pub async fn delete_violations(
    db: &mut PgConnection,
    kind: Kind,
    subjects: &[Uuid],
) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from books_violation where kind = $1 and subject = any($2)", kind.name(), subjects)
        .execute(db)
        .await?;
    Ok(())
}

pub async fn insert_violation(
    db: &mut PgConnection,
    kind: Kind,
    subject: Uuid,
    violation: &Violation,
    found_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into books_violation (subject, kind, violation, found_at) values ($1, $2, $3, $4)",
        subject,
        kind.name(),
        json(violation)?,
        found_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Orders that had not come to rest when they were last looked at.
pub async fn list_left_out(db: &mut PgConnection) -> Result<Vec<OrderId>, sqlx::Error> {
    let ids = sqlx::query_scalar!("select order_id from books_left_out order by since").fetch_all(db).await?;
    Ok(ids.into_iter().map(OrderId).collect())
}

pub async fn delete_left_out(db: &mut PgConnection, ids: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from books_left_out where order_id = any($1)", ids).execute(db).await?;
    Ok(())
}

pub async fn insert_left_out(
    db: &mut PgConnection,
    ids: &[Uuid],
    since: &[DateTime<Utc>],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into books_left_out (order_id, since) select * from unnest($1::uuid[], $2::timestamptz[])",
        ids,
        since
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that `order` and its database are there: the present time goes on, unless its last word is older than
/// `since`, then another begins.
pub async fn note_awake(
    db: &mut PgConnection,
    now: DateTime<Utc>,
    since: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with present as (
             update books_awake set until_at = greatest(until_at, $1)
             where from_at = (select max(from_at) from books_awake) and until_at >= $2 returning 1
         )
         insert into books_awake (from_at, until_at) select $1, $1 where not exists (select from present)
         on conflict on constraint books_awake_pkey do nothing",
        now,
        since
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The times since then in which `order` and its database were there.
pub async fn list_awake(db: &mut PgConnection, since: DateTime<Utc>) -> Result<Vec<Awake>, sqlx::Error> {
    sqlx::query_as!(
        Awake,
        r#"select from_at as "from", until_at as "until" from books_awake where until_at >= $1 order by from_at"#,
        since
    )
    .fetch_all(db)
    .await
}

fn json(value: &impl serde::Serialize) -> Result<Value, sqlx::Error> {
    serde_json::to_value(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

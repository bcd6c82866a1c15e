//! SQL: the feed of what ends access tokens before their time.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::UserId;
use sqlx::PgConnection;
use uuid::Uuid;

/// Where a reader of the feed stands: the transaction and the row it has seen last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub transaction: u64,
    pub id: Uuid,
}

/// A line of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    pub position: Position,
    pub kind: String,
    pub subject: Uuid,
    pub generation: Option<i64>,
    pub at: DateTime<Utc>,
}

struct RevocationRow {
    id: Uuid,
    transaction: String,
    kind: String,
    subject: Uuid,
    generation: Option<i64>,
    at: DateTime<Utc>,
}

/// What ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Session(Uuid),
    ApiKey(Uuid),
}

impl TryFrom<RevocationRow> for Revocation {
    type Error = sqlx::Error;

    fn try_from(row: RevocationRow) -> Result<Revocation, sqlx::Error> {
        Ok(Revocation {
            position: Position { transaction: transaction(&row.transaction)?, id: row.id },
            kind: row.kind,
            subject: row.subject,
            generation: row.generation,
            at: row.at,
        })
    }
}

fn transaction(text: &str) -> Result<u64, sqlx::Error> {
    text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// The access tokens of one session, or of one API key, are no longer taken.
pub async fn insert_revocation(
    tx: &mut PgConnection,
    ended: Ended,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let (kind, subject) = match ended {
        Ended::Session(id) => ("session", id),
        Ended::ApiKey(id) => ("key", id),
    };
    sqlx::query!(
        "insert into revocation (id, kind, subject, at) values ($1, $2, $3, $4)",
        Uuid::now_v7(),
        kind,
        subject,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// None of the access tokens that these users have is taken any more; what they get from now on is.
pub async fn insert_user_revocations(
    tx: &mut PgConnection,
    users: &[UserId],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let users: Vec<Uuid> = users.iter().map(|user| user.0).collect();
    sqlx::query!(
        "with locked as (
             select id from account where id = any($1) order by id for no key update
         ), raised as (
             update account set token_generation = token_generation + 1 where id in (select id from locked)
             returning id, token_generation
         )
         insert into revocation (id, kind, subject, generation, at)
         select gen_random_uuid(), 'user', id, token_generation, $2 from raised",
        &users,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The lines after a position that are younger than `since`, at most `limit`.
pub async fn list_revocations(
    db: &mut PgConnection,
    after: Position,
    since: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Revocation>, sqlx::Error> {
    sqlx::query_as!(
        RevocationRow,
        r#"select id, transaction::text as "transaction!", kind, subject, generation, at from revocation
           where (transaction, id) > ($1::text::xid8, $2) and at > $3
           order by transaction, id limit $4"#,
        after.transaction.to_string(),
        after.id,
        since,
        limit
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(Revocation::try_from)
    .collect()
}

/// The oldest transaction that is still open, and the one that will begin next: whatever was written before the
/// first can be seen by now, and nothing was written by the second.
pub async fn find_horizon(db: &mut PgConnection) -> Result<(u64, u64), sqlx::Error> {
    let row = sqlx::query!(
        r#"select pg_snapshot_xmin(snapshot)::text as "oldest!", pg_snapshot_xmax(snapshot)::text as "next!"
           from pg_current_snapshot() as snapshot"#
    )
    .fetch_one(db)
    .await?;
    Ok((transaction(&row.oldest)?, transaction(&row.next)?))
}

/// Forgets what ended so long ago that no token of then is left.
pub async fn delete_old_revocations(db: &mut PgConnection, before: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from revocation where at <= $1", before).execute(db).await?;
    Ok(())
}

/// How long a line matters: for as long as a token lives, and a little for clocks that differ.
pub fn kept_for(lifetime: TimeDelta) -> TimeDelta {
    lifetime + TimeDelta::minutes(1)
}

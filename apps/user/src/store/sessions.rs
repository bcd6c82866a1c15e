//! SQL: sessions, their refresh tokens, and the addresses that accounts were logged in to from.

use chrono::{DateTime, Utc};
use contracts::{SessionId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::Email;
use crate::domain::opaque::Hash;
use crate::domain::session::{EndReason, Shown};
use crate::domain::throttle::Acquaintance;

/// A session as it begins.
pub struct NewSession<'a> {
    pub id: SessionId,
    pub user_id: UserId,
    pub second_factor: bool,
    pub device: &'a str,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// A session as its owner may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    pub id: Uuid,
    pub device: String,
    pub second_factor: bool,
    pub created_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// A refresh token that was shown, with the session that it belongs to; both are locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownToken {
    pub session_id: SessionId,
    pub user_id: UserId,
    pub second_factor: bool,
    pub shown: Shown,
}

/// Which of a user's sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    One(SessionId),
    Except(Option<SessionId>),
}

/// Locks the account while a session begins, one at a time; none when its password was changed, or it was deleted, meanwhile.
pub async fn lock_unchanged(
    tx: &mut PgConnection,
    user_id: UserId,
    password_hash: &str,
) -> Result<Option<()>, sqlx::Error> {
    let row = sqlx::query_scalar!(
        "select id from account where id = $1 and password_hash = $2 and deleted_at is null
         for no key update",
        user_id.0,
        password_hash
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(drop))
}

pub async fn insert_session(tx: &mut PgConnection, session: &NewSession<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into session (id, user_id, second_factor, device, created_at, last_used_at, expires_at)
         values ($1, $2, $3, $4, $5, $5, $6)",
        session.id.0,
        session.user_id.0,
        session.second_factor,
        session.device,
        session.created_at,
        session.expires_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn insert_refresh_token(
    tx: &mut PgConnection,
    hash: &Hash,
    session_id: SessionId,
    issued_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into refresh_token (hash, session_id, issued_at, expires_at) values ($1, $2, $3, $4)",
        hash,
        session_id.0,
        issued_at,
        expires_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The token and its session under their locks: of two that show it at the same time, the second one sees it used.
pub async fn lock_refresh_token(
    tx: &mut PgConnection,
    hash: &Hash,
) -> Result<Option<ShownToken>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select t.used_at, t.expires_at, s.id, s.user_id, s.second_factor, s.ended_at as "session_ended_at?",
                  s.expires_at as session_expires_at
           from refresh_token t join session s on s.id = t.session_id
           where t.hash = $1 for update of t, s"#,
        hash
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| ShownToken {
        session_id: SessionId(row.id),
        user_id: UserId(row.user_id),
        second_factor: row.second_factor,
        shown: Shown {
            used_at: row.used_at,
            expires_at: row.expires_at,
            session_ended_at: row.session_ended_at,
            session_expires_at: row.session_expires_at,
        },
    }))
}

/// Notes that a token was taken, and on which device.
pub async fn update_used(
    tx: &mut PgConnection,
    hash: &Hash,
    device: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with used as (update refresh_token set used_at = $2 where hash = $1 returning session_id)
         update session set last_used_at = $2, device = $3 where id in (select session_id from used)",
        hash,
        now,
        device
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Where the user is logged in, the newest first.
pub async fn list_sessions(
    db: &mut PgConnection,
    user_id: UserId,
    before: Uuid,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<OpenSession>, sqlx::Error> {
    sqlx::query_as!(
        OpenSession,
        "select id, device, second_factor, created_at, last_used_at, expires_at from session
         where user_id = $1 and id < $2 and ended_at is null and expires_at > $3
         order by id desc limit $4",
        user_id.0,
        before,
        now,
        limit
    )
    .fetch_all(db)
    .await
}

/// Ends sessions of the user that are still open, and with them their access tokens; says how many these were.
pub async fn update_ended(
    tx: &mut PgConnection,
    user_id: UserId,
    which: Which,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let (only, except) = match which {
        Which::All => (None, None),
        Which::One(id) => (Some(id.0), None),
        Which::Except(id) => (None, id.map(|id| id.0)),
    };
    let ended = sqlx::query!(
        "with open as (
             select id from session
             where user_id = $1 and ended_at is null and expires_at > $2
               and ($4::uuid is null or id = $4) and ($5::uuid is null or id <> $5)
             order by id for no key update
         ), ended as (
             update session set ended_at = $2, end_reason = $3 where id in (select id from open) returning id
         )
         insert into revocation (id, kind, subject, at) select gen_random_uuid(), 'session', id, $2 from ended",
        user_id.0,
        now,
        reason.name(),
        only,
        except
    )
    .execute(tx)
    .await?;
    Ok(ended.rows_affected())
}

/// Ends what is open beyond the newest `most` sessions of the user, whose account is locked.
pub async fn update_crowded_out(
    tx: &mut PgConnection,
    user_id: UserId,
    most: i64,
    now: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let ended = sqlx::query!(
        "with ended as (
             update session set ended_at = $2, end_reason = $4
             where ended_at is null and id in (
                 select id from session where user_id = $1 and ended_at is null and expires_at > $2
                 order by id desc offset $3
             )
             returning id
         )
         insert into revocation (id, kind, subject, at) select gen_random_uuid(), 'session', id, $2 from ended",
        user_id.0,
        now,
        most,
        EndReason::LoggedOut.name()
    )
    .execute(tx)
    .await?;
    Ok(ended.rows_affected())
}

/// No session of the user counts as begun with a second factor any more.
pub async fn update_second_factor_gone(tx: &mut PgConnection, user_id: UserId) -> Result<(), sqlx::Error> {
    sqlx::query!("update session set second_factor = false where user_id = $1 and second_factor", user_id.0)
        .execute(tx)
        .await?;
    Ok(())
}

/// Remembers that the account's owner was here.
pub async fn upsert_known_address(
    tx: &mut PgConnection,
    user_id: UserId,
    address: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into known_address (user_id, address, seen_at)
         values ($1::uuid, sha256(convert_to($1::uuid::text || ' ' || $2, 'UTF8')), $3)
         on conflict on constraint known_address_pkey do update set seen_at = excluded.seen_at",
        user_id.0,
        address,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether the account's owner was here before; never so for an account that does not exist.
pub async fn find_known_address(
    db: &mut PgConnection,
    email: &Email,
    address: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (
               select from account a join known_address k on k.user_id = a.id
               where a.email = $1 and k.address = sha256(convert_to(a.id::text || ' ' || $2, 'UTF8'))
           ) as "known!""#,
        email.as_str(),
        address
    )
    .fetch_one(db)
    .await
}

/// Whether this account's owner was here before.
pub async fn find_known_place(
    db: &mut PgConnection,
    user_id: UserId,
    address: &str,
) -> Result<Acquaintance, sqlx::Error> {
    let known = sqlx::query_scalar!(
        r#"select exists (
               select from known_address
               where user_id = $1::uuid and address = sha256(convert_to($1::uuid::text || ' ' || $2, 'UTF8'))
           ) as "known!""#,
        user_id.0,
        address
    )
    .fetch_one(db)
    .await?;
    Ok(if known { Acquaintance::Known } else { Acquaintance::Stranger })
}

/// Forgets sessions that ended or expired before then, with their tokens, tokens that expired before then in sessions
/// that go on, and addresses not seen since.
pub async fn delete_old_sessions(db: &mut PgConnection, before: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from session where expires_at <= $1 or ended_at <= $1", before)
        .execute(&mut *db)
        .await?;
    sqlx::query!("delete from refresh_token where expires_at <= $1", before).execute(&mut *db).await?;
    sqlx::query!("delete from known_address where seen_at <= $1", before).execute(db).await?;
    Ok(())
}

//! The processor's events: each once, until it is applied, and those that a person should see.

use chrono::{DateTime, Utc};
use contracts::event::DisputeStatus;
use contracts::{Currency, Money, OrderId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::illegal;
use super::issues::{Issue, Place};
use crate::domain::webhook::{Object, Told};
use crate::domain::{IntentId, IntentStatus, RefundSeen};

/// What stands for a state that could not be read.
const UNREADABLE: &str = "unreadable";

/// An event that waits to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingEvent {
    pub id: String,
    pub kind: String,
    pub received_at: DateTime<Utc>,
    pub tries: u32,
    /// What it says, or why its row cannot be read: a newer release may have written it.
    pub told: Result<Told, String>,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Applied,
    Ignored,
    Differs {
        detail: String,
    },
    /// It is tried again.
    Waiting {
        detail: String,
        next_at: DateTime<Utc>,
    },
    Unmatched {
        detail: String,
    },
}

struct EventRow {
    id: String,
    kind: String,
    subject: String,
    object_id: String,
    intent_id: Option<String>,
    order_id: Option<Uuid>,
    cause: Option<String>,
    status: String,
    amount: Option<i64>,
    currency: Option<String>,
    code: Option<String>,
    told_at: DateTime<Utc>,
    received_at: DateTime<Utc>,
    tries: i32,
}

/// The columns of what an event is about.
struct Columns {
    subject: &'static str,
    cause: Option<String>,
    status: &'static str,
    money: Option<Money>,
    code: Option<String>,
}

/// Whether it is heard for the first time.
pub async fn insert_event(
    tx: &mut PgConnection,
    told: &Told,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let columns = Columns::of(&told.object);
    let inserted = sqlx::query!(
        "insert into provider_event (id, kind, subject, object_id, intent_id, order_id, cause, status, amount, currency,
             code, told_at, received_at, state, tries, next_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'waiting', 0, $13)
         on conflict on constraint provider_event_pkey do nothing",
        told.event_id,
        told.kind,
        columns.subject,
        told.object_id,
        told.intent.as_ref().map(|intent| intent.0.as_str()),
        told.order_id.map(|id| id.0),
        columns.cause,
        columns.status,
        columns.money.map(Money::amount),
        columns.money.map(|money| money.currency().code()),
        columns.code,
        told.told_at,
        now
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Locks the event that came first of those that may be applied now.
pub async fn lock_waiting_event(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Option<WaitingEvent>, sqlx::Error> {
    let row = sqlx::query_as!(
        EventRow,
        "select id, kind, subject, object_id, intent_id, order_id, cause, status, amount, currency, code, told_at,
             received_at, tries
         from provider_event where state = 'waiting' and next_at <= $1 order by number limit 1
         for update skip locked",
        now
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(WaitingEvent::from))
}

/// Writes what became of an event that is locked.
pub async fn update_event(tx: &mut PgConnection, id: &str, fate: &Fate) -> Result<(), sqlx::Error> {
    let (state, detail, next_at) = match fate {
        Fate::Applied => ("applied", None, None),
        Fate::Ignored => ("ignored", None, None),
        Fate::Differs { detail } => ("differs", Some(detail), None),
        Fate::Waiting { detail, next_at } => ("waiting", Some(detail), Some(*next_at)),
        Fate::Unmatched { detail } => ("unmatched", Some(detail), None),
    };
    sqlx::query!(
        "update provider_event set state = $2, detail = $3, next_at = $4, tries = tries + 1 where id = $1",
        id,
        state,
        detail,
        next_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The order whose intent this is.
pub async fn find_order_of_intent(
    tx: &mut PgConnection,
    intent: &IntentId,
) -> Result<Option<OrderId>, sqlx::Error> {
    let order = sqlx::query_scalar!("select order_id from payment where intent_id = $1", intent.0)
        .fetch_optional(tx)
        .await?;
    Ok(order.map(OrderId))
}

/// What differs or matches nothing, and what has matched nothing since before then, as issues for a person.
pub async fn list_event_issues(
    db: &mut PgConnection,
    waiting_before: DateTime<Utc>,
    after: Option<&Place>,
    limit: i64,
) -> Result<Vec<Issue>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select id, order_id, kind as "kind!", amount, currency, detail, received_at from (
             select id, order_id, amount, currency, detail, received_at,
                 case state when 'differs' then 'amount_differs' else 'unmatched_event' end as kind
             from provider_event
             where state in ('differs', 'unmatched') or (state = 'waiting' and received_at <= $1)
         ) event
         where $2::timestamptz is null
             or (received_at, coalesce(order_id, $7), kind, id) > ($2, $3::uuid, $4::text, $5::text)
         order by received_at, coalesce(order_id, $7), kind, id limit $6"#,
        waiting_before,
        after.map(|place| place.0),
        after.map(|place| place.1.map_or(Uuid::nil(), |order| order.0)),
        after.map(|place| place.2.as_str()),
        after.map(|place| place.3.as_str()),
        limit,
        Uuid::nil()
    )
    .fetch_all(db)
    .await?;
    let issues = rows.into_iter().map(|row| {
        Ok(Issue {
            since: row.received_at,
            order_id: row.order_id.map(OrderId),
            kind: row.kind,
            subject: row.id,
            amount: money(row.amount, row.currency.as_deref())?,
            reason: row.detail,
        })
    });
    issues.collect()
}

/// Forgets events that came before then and need nobody.
pub async fn delete_events(db: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!(
        "delete from provider_event where received_at < $1 and state in ('applied', 'ignored')",
        before
    )
    .execute(db)
    .await?;
    Ok(deleted.rows_affected())
}

impl Columns {
    fn of(object: &Object) -> Columns {
        match object {
            Object::Intent(status) => {
                let (money, code) = match status {
                    Some(
                        IntentStatus::RequiresCapture { held: money }
                        | IntentStatus::Succeeded { received: money },
                    ) => (Some(*money), None),
                    Some(IntentStatus::RequiresPaymentMethod { declined }) => (None, declined.clone()),
                    Some(
                        IntentStatus::RequiresConfirmation
                        | IntentStatus::RequiresAction { .. }
                        | IntentStatus::Processing
                        | IntentStatus::Canceled,
                    )
                    | None => (None, None),
                };
                let status = status.as_ref().map_or(UNREADABLE, IntentStatus::name);
                Columns { subject: "intent", cause: None, status, money, code }
            }
            Object::Refund { cause, amount, seen } => {
                let status = match seen {
                    RefundSeen::Accepted { .. } => "accepted",
                    RefundSeen::Failed { .. } => "failed",
                };
                let cause = cause.map(|cause| cause.to_string());
                Columns { subject: "refund", cause, status, money: *amount, code: None }
            }
            Object::Dispute { amount, status } => {
                let status = status.map_or(UNREADABLE, dispute_status);
                Columns { subject: "dispute", cause: None, status, money: *amount, code: None }
            }
        }
    }
}

impl From<EventRow> for WaitingEvent {
    fn from(row: EventRow) -> WaitingEvent {
        WaitingEvent {
            id: row.id.clone(),
            kind: row.kind.clone(),
            received_at: row.received_at,
            tries: row.tries.unsigned_abs(),
            told: row.told().map_err(|error| error.to_string()),
        }
    }
}

impl EventRow {
    fn told(self) -> Result<Told, sqlx::Error> {
        let object = self.object()?;
        Ok(Told {
            event_id: self.id,
            kind: self.kind,
            told_at: self.told_at,
            object_id: self.object_id,
            intent: self.intent_id.map(IntentId),
            order_id: self.order_id.map(OrderId),
            object,
        })
    }

    fn object(&self) -> Result<Object, sqlx::Error> {
        let unknown = || illegal("provider_event", "unknown state");
        let money = money(self.amount, self.currency.as_deref())?;
        Ok(match (self.subject.as_str(), self.status.as_str()) {
            ("intent", UNREADABLE) => Object::Intent(None),
            ("intent", name) => {
                Object::Intent(Some(intent_status(name, money, self.code.clone()).ok_or_else(unknown)?))
            }
            ("refund", status) => {
                let reference = self.object_id.clone();
                let seen = match status {
                    "accepted" => RefundSeen::Accepted { reference },
                    "failed" => RefundSeen::Failed { reference },
                    _ => return Err(unknown()),
                };
                let cause = self.cause.as_deref().and_then(|cause| cause.parse().ok());
                Object::Refund { cause, amount: money, seen }
            }
            ("dispute", UNREADABLE) => Object::Dispute { amount: money, status: None },
            ("dispute", name) => {
                let all = [DisputeStatus::Open, DisputeStatus::Won, DisputeStatus::Lost];
                let status = all.into_iter().find(|status| dispute_status(*status) == name);
                Object::Dispute { amount: money, status: Some(status.ok_or_else(unknown)?) }
            }
            _ => return Err(unknown()),
        })
    }
}

fn money(amount: Option<i64>, currency: Option<&str>) -> Result<Option<Money>, sqlx::Error> {
    let whole = || illegal("provider_event", "its amount is none");
    let Some((amount, currency)) = amount.zip(currency) else {
        return Ok(None);
    };
    let currency = Currency::from_code(currency).ok_or_else(whole)?;
    Money::new(amount, currency).map(Some).map_err(|_| whole())
}

fn intent_status(name: &str, money: Option<Money>, code: Option<String>) -> Option<IntentStatus> {
    Some(match name {
        "requires_confirmation" => IntentStatus::RequiresConfirmation,
        "requires_payment_method" => IntentStatus::RequiresPaymentMethod { declined: code },
        "requires_action" => IntentStatus::RequiresAction { url: None },
        "processing" => IntentStatus::Processing,
        "requires_capture" => IntentStatus::RequiresCapture { held: money? },
        "succeeded" => IntentStatus::Succeeded { received: money? },
        "canceled" => IntentStatus::Canceled,
        _ => return None,
    })
}

const fn dispute_status(status: DisputeStatus) -> &'static str {
    match status {
        DisputeStatus::Open => "open",
        DisputeStatus::Won => "won",
        DisputeStatus::Lost => "lost",
    }
}

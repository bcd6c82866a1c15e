//! Payments that need a person. Whoever adds a table with more of them adds a list of [`Issue`]s of its own.

use chrono::{DateTime, Utc};
use contracts::{Money, OrderId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::illegal;
use super::row::money;

/// One thing that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    pub since: DateTime<Utc>,
    /// None where it is not known which order it is about.
    pub order_id: Option<OrderId>,
    /// `unknown`, `due`, `refund_failed`, `refunded_twice`, `disputed`, `overdue`, …
    pub kind: String,
    /// What it is about, beside the order: a refund's cause, a dispute, an event.
    pub subject: String,
    pub amount: Option<Money>,
    pub reason: Option<String>,
}

/// Where a page of issues ends; they are listed by when they came up.
pub type Place = (DateTime<Utc>, Option<OrderId>, String, String);

impl Issue {
    pub fn place(&self) -> Place {
        (self.since, self.order_id, self.kind.clone(), self.subject.clone())
    }
}

#[derive(Debug)]
struct IssueRow {
    since: DateTime<Utc>,
    order_id: Uuid,
    kind: String,
    subject: String,
    amount: Option<i64>,
    currency: Option<String>,
    reason: Option<String>,
}

/// What is unknown since before `unknown_before`, due, failed, made though it was settled, disputed or overdue.
pub async fn list_issues(
    db: &mut PgConnection,
    unknown_before: DateTime<Utc>,
    after: Option<&Place>,
    limit: i64,
) -> Result<Vec<Issue>, sqlx::Error> {
    let rows = sqlx::query_as!(
        IssueRow,
        r#"select since as "since!", order_id as "order_id!", kind as "kind!", subject as "subject!", amount, currency,
             reason
         from (
             select unknown_since as since, order_id, 'unknown' as kind, '' as subject, amount, currency,
                 null as reason
             from payment where unknown_since <= $1
             union all
             select coalesce((select max(at) from payment_event e where e.order_id = p.order_id
                                  and e.kind in ('due', 'lapsed')), p.updated_at),
                 p.order_id, 'due', '', p.charged, p.currency, p.stage_reason
             from payment p where p.stage = 'due'
             union all
             select r.since, r.order_id, 'refund_failed', r.cause, r.amount, r.currency, r.failure
             from payment_refund r where r.stage = 'failed'
             union all
             select d.since, d.order_id, 'disputed', d.dispute_id, d.amount, d.currency, null
             from payment_dispute d where d.stage in ('open', 'accepting')
             union all
             select r.since, r.order_id, 'refunded_twice', r.cause, r.amount, r.currency, 'settled'
             from payment_event e join payment_refund r on r.order_id = e.order_id and r.cause = e.cause
             where e.kind = 'refund_settled' and r.stage = 'made'
             union all
             select p.deadline, p.order_id, 'overdue', '', p.amount, p.currency, null
             from payment p where p.overdue_reports > 0 and p.overdue_at is not null
         ) issue
         where $2::timestamptz is null or (since, order_id, kind, subject) > ($2, $3::uuid, $4::text, $5::text)
         order by since, order_id, kind, subject limit $6"#,
        unknown_before,
        after.map(|place| place.0),
        after.map(|place| place.1.map_or(Uuid::nil(), |order| order.0)),
        after.map(|place| place.2.as_str()),
        after.map(|place| place.3.as_str()),
        limit
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Issue::try_from).collect()
}

impl TryFrom<IssueRow> for Issue {
    type Error = sqlx::Error;

    fn try_from(row: IssueRow) -> Result<Issue, sqlx::Error> {
        let amount = match row.amount {
            Some(_) => Some(
                money(row.amount, row.currency.as_deref())
                    .ok_or_else(|| illegal("payment", "its amount has no currency"))?,
            ),
            None => None,
        };
        Ok(Issue {
            since: row.since,
            order_id: Some(OrderId(row.order_id)),
            kind: row.kind,
            subject: row.subject,
            amount,
            reason: row.reason,
        })
    }
}

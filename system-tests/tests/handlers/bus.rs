//! The bus of a schedule: reads the outboxes in their order, delivers at least once, and cuts handlers off.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use chrono::{DateTime, Utc};
use contracts::{App as Service, Envelope, Event, EventId, EventType};
use serde_json::Value;
use sidecar::events::EventError;
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::House;

/// An event on its way to one subscriber.
#[derive(Debug, Clone)]
pub struct Message {
    pub to: Service,
    pub envelope: Envelope,
    /// Not before so many turns.
    pub not_before: u64,
}

/// What came of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub enum Delivered {
    Done,
    /// Cut off or away: sent again.
    Again,
    /// The handler will never take it.
    Refused(String),
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    subject: Uuid,
    sequence: i64,
    r#type: String,
    data: Value,
    time: DateTime<Utc>,
    correlation_id: Option<Uuid>,
    causation_id: Option<String>,
    traceparent: Option<String>,
}

/// The first unpublished event of each of these keys.
pub async fn heads(outbox: &PgPool, source: Service, subjects: &[Uuid]) -> Vec<Envelope> {
    let rows: Vec<Row> = sqlx::query_as(
        "select distinct on (subject) id, subject, sequence, type, data, time, correlation_id, causation_id,
             traceparent
         from outbox where published_at is null and subject = any($1) order by subject, sequence",
    )
    .bind(subjects)
    .fetch_all(outbox)
    .await
    .unwrap();
    rows.into_iter()
        .map(|row| Envelope {
            id: EventId(row.id),
            source,
            subject: row.subject,
            sequence: row.sequence,
            time: row.time,
            traceparent: row.traceparent,
            correlation_id: row.correlation_id,
            causation_id: row.causation_id,
            event: Event::decode(EventType::from_name(&row.r#type).unwrap(), row.data).unwrap(),
        })
        .collect()
}

pub async fn mark_published(outbox: &PgPool, ids: &[Uuid]) {
    sqlx::query("update outbox set published_at = now() where id = any($1)")
        .bind(ids)
        .execute(outbox)
        .await
        .unwrap();
}

/// Runs a step, and drops it where it waits for the time after `waits`: its process was killed there.
pub async fn cut_off<F: Future>(step: F, waits: Option<u32>) -> Option<F::Output> {
    let mut step = pin!(step);
    let mut left = waits;
    poll_fn(|context| match (step.as_mut().poll(context), &mut left) {
        (Poll::Ready(output), _) => Poll::Ready(Some(output)),
        (Poll::Pending, None) => Poll::Pending,
        (Poll::Pending, Some(0)) => Poll::Ready(None),
        (Poll::Pending, Some(left)) => {
            *left -= 1;
            Poll::Pending
        }
    })
    .await
}

impl House {
    /// Gives the event to the subscriber's own handler, on one of its replicas.
    pub async fn deliver(&self, message: &Message, replica: usize, waits: Option<u32>) -> Delivered {
        let envelope = message.envelope.clone();
        let handled = match message.to {
            Service::Order => {
                cut_off(order::events::handle(self.order[replica].clone(), envelope), waits).await
            }
            Service::Product => {
                cut_off(product::events::handle(self.product[replica].clone(), envelope), waits).await
            }
            Service::Payment => {
                cut_off(payment::events::handle(self.payment[replica].clone(), envelope), waits).await
            }
            Service::Notification => {
                cut_off(notification::events::handle(self.notification.clone(), envelope), waits).await
            }
            Service::Gateway | Service::Config | Service::User => Some(Ok(())),
        };
        match handled {
            None | Some(Err(EventError::Retry(_))) => Delivered::Again,
            Some(Ok(())) => Delivered::Done,
            Some(Err(EventError::Drop(why))) => Delivered::Refused(why),
        }
    }
}

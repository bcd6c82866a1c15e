//! What `payment` hears of orders, stock and deleted accounts. Handlers note facts; the worker makes the calls that follow.

use chrono::{DateTime, Utc};
use contracts::event::UserDeleted;
use contracts::receipt::START;
use contracts::{App as Service, Envelope, Event, EventId, OrderId, PaymentId};
use sidecar::events::EventError;
use sidecar::inbox;
use sidecar::outbox::{self, NewEvent};
use sqlx::PgConnection;
use uuid::Uuid;
use web::request::traceparent;

use crate::app::App;
use crate::domain::effect::{Call, Effect};
use crate::domain::{Input, Payment, receipt};
use crate::provider::request_hash;
use crate::store::payments::{self, StoredPayment, Trail};
use crate::store::{forgotten, ledger, methods, receipts, records};

/// Handles one event; each at least once, its effect exactly once.
pub async fn handle(app: App, envelope: Envelope) -> Result<(), EventError> {
    if let Event::UserDeleted(user) = &envelope.event {
        return on_user_deleted(&app, &envelope, user).await;
    }
    let mut tx = app.db.begin().await?;
    let owner = if let Event::OrderPlaced(said) = &envelope.event {
        methods::find_owner(&mut tx, said.payment_method_id).await?
    } else {
        None
    };
    let Some((order_id, input)) = Input::of(&envelope.event, owner) else {
        let name = envelope.event.event_type().name();
        return Err(EventError::Drop(format!("payment does not subscribe to {name}")));
    };
    hear(&app, tx, &envelope, order_id, input).await
}

/// Forgets the customer's ways to pay; a job goes on with those by which a charge is still under way.
async fn on_user_deleted(app: &App, envelope: &Envelope, user: &UserDeleted) -> Result<(), EventError> {
    let mut tx = app.db.begin().await?;
    if inbox::first_time(&mut tx, envelope).await? {
        let now = app.clock.now();
        forgotten::insert_forgotten(&mut tx, user.user_id, now).await?;
        forgotten::update_forgotten(&mut tx, now).await?;
        forgotten::delete_answers(&mut tx).await?;
    }
    inbox::commit(tx, Service::Payment, envelope).await?;
    Ok(())
}

async fn hear(
    app: &App,
    mut tx: sqlx::Transaction<'static, sqlx::Postgres>,
    envelope: &Envelope,
    order_id: OrderId,
    input: Input,
) -> Result<(), EventError> {
    if inbox::first_time(&mut tx, envelope).await? {
        let now = app.clock.now();
        let stored = lock_or_insert(&mut tx, order_id, now).await?;
        let cause = Trail { causation_id: Some(envelope.id.to_string()), traceparent: traceparent() };
        let (payment, events, effects) = stored.payment.react(input, now);
        keep(&mut tx, &payment, &cause, events, effects, now).await?;
    }
    inbox::commit(tx, Service::Payment, envelope).await?;
    app.wake();
    Ok(())
}

/// The order's payment, made by whichever event comes first.
async fn lock_or_insert(
    tx: &mut PgConnection,
    order_id: OrderId,
    now: DateTime<Utc>,
) -> Result<StoredPayment, EventError> {
    if let Some(stored) = payments::lock_payment(tx, order_id).await? {
        return Ok(stored);
    }
    payments::insert_payment(tx, PaymentId(Uuid::now_v7()), order_id, now).await?;
    let stored = payments::lock_payment(tx, order_id).await?;
    stored
        .ok_or_else(|| EventError::Retry(anyhow::anyhow!("the payment of {order_id} was there and is gone")))
}

/// Writes what was decided, in the transaction that decided it; gives back the call to make after the commit.
pub async fn keep(
    tx: &mut PgConnection,
    payment: &Payment,
    cause: &Trail,
    events: Vec<Event>,
    effects: Vec<Effect>,
    now: DateTime<Utc>,
) -> Result<Option<Call>, sqlx::Error> {
    let order_id = payment.order_id;
    payments::update_payment(tx, payment, cause, now).await?;
    let mut call = None;
    for effect in effects {
        match effect {
            Effect::Call(to_make) => call = Some(to_make),
            Effect::Record(record) => records::insert_record(tx, order_id, &record, cause, now).await?,
            Effect::Posting(posting) => {
                ledger::insert_entry(tx, Uuid::now_v7(), order_id, &posting, now).await?;
            }
            Effect::Receipt(receipt) => {
                let hash = request_hash(order_id, &receipt.act).unwrap_or(START);
                let last = receipts::find_last_receipt(tx, order_id).await?;
                let line = receipt::link(order_id, last, &receipt, hash, now);
                receipts::insert_receipt(tx, Uuid::now_v7(), order_id, &line, cause).await?;
            }
        }
    }
    for event in events {
        let event = NewEvent {
            id: EventId(Uuid::now_v7()),
            subject: order_id.0,
            time: now,
            correlation_id: Some(order_id.0),
            causation_id: cause.causation_id.clone(),
            traceparent: cause.traceparent.clone(),
            event,
        };
        outbox::enqueue(tx, &event).await?;
        tracing::info!(order.id = %order_id, event.r#type = event.event.event_type().name(), "payment decided");
    }
    Ok(call)
}

//! What `product` hears of orders, and what follows for the stock.

use chrono::{DateTime, Utc};
use contracts::event::OrderLine;
use contracts::{App as Service, Envelope, Event, EventId, OrderId};
use sidecar::events::EventError;
use sidecar::inbox;
use sidecar::outbox::{self, NewEvent};
use sqlx::PgConnection;
use uuid::Uuid;
use web::request::traceparent;

use crate::app::App;
use crate::domain::reservation::{Effect, Input, Reservation, Told};
use crate::domain::stock::{Held, assess};
use crate::store::hold::{self, Claimed};
use crate::store::reservation::{Answer, insert_parts, lock_reservation, update_reservation};
use crate::store::{Occasion, stock};

/// Handles one event; each at least once, its effect exactly once.
pub async fn handle(app: App, envelope: Envelope) -> Result<(), EventError> {
    let event_type = envelope.event.event_type();
    let (order_id, input) = Input::of(&envelope.event)
        .ok_or_else(|| EventError::Drop(format!("product does not subscribe to {}", event_type.name())))?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if inbox::first_time(&mut tx, &envelope).await? {
        advance(&mut tx, order_id, input, &envelope.id.to_string(), now).await?;
    }
    inbox::commit(tx, Service::Product, &envelope).await?;
    app.outbox.wake();
    Ok(())
}

/// Adds a fact to an order's reservation and does what follows, in the transaction of its caller.
///
/// # Errors
/// When the database fails, or what was told cannot be so; then nothing of it may be committed.
pub async fn advance(
    tx: &mut PgConnection,
    order_id: OrderId,
    input: Input,
    cause: &str,
    now: DateTime<Utc>,
) -> Result<(), EventError> {
    let occasion = Occasion { at: now, caused_by: cause.to_owned(), trace_id: trace_id() };
    let reminder = input == Input::TimePassed;
    let before = lock_reservation(tx, order_id, now).await?;
    let mut reservation = before.clone();
    let mut said = Vec::new();
    let mut inputs = vec![input];
    while let Some(input) = inputs.pop() {
        let (next, events, effects) = reservation.react(input, now);
        reservation = next;
        said.extend(events);
        for effect in effects {
            inputs.extend(perform(tx, order_id, effect, &occasion).await?);
        }
    }
    let answer = said.iter().find_map(answer);
    let changed_at = (!reminder && reservation != before).then_some(now);
    update_reservation(tx, &reservation, answer, changed_at, &occasion).await?;
    note_parts(tx, &before, &reservation, now).await?;
    for event in said {
        say(tx, order_id, event, cause, now).await?;
    }
    Ok(())
}

/// Does one effect; what comes of it is the next input. Levels are locked in product order before they change, so
/// that orders with the same products in another order wait for each other instead of dying.
async fn perform(
    tx: &mut PgConnection,
    order_id: OrderId,
    effect: Effect,
    occasion: &Occasion,
) -> Result<Option<Input>, EventError> {
    match effect {
        Effect::Claim { lines, deadline } => {
            return claim(tx, order_id, lines, deadline, occasion).await.map(Some);
        }
        Effect::Allocate(held) => {
            lock(tx, &held).await?;
            hold::allocate(tx, order_id, &held, occasion).await?;
        }
        Effect::Release { held, from, cause } => {
            lock(tx, &held).await?;
            hold::release(tx, order_id, &held, (from, cause), occasion).await?;
        }
        Effect::Ship { held, cause } => {
            lock(tx, &held).await?;
            hold::ship(tx, order_id, &held, cause, occasion).await?;
        }
        Effect::Restock { parts, cause } => {
            lock(tx, &parts).await?;
            hold::restock(tx, order_id, &parts, cause, occasion).await?;
        }
        Effect::Refuse(contradiction) => return Err(EventError::Drop(contradiction.to_string())),
    }
    Ok(None)
}

async fn claim(
    tx: &mut PgConnection,
    order_id: OrderId,
    lines: Vec<OrderLine>,
    deadline: DateTime<Utc>,
    occasion: &Occasion,
) -> Result<Input, EventError> {
    let products = || lines.iter().map(|line| line.product_id);
    let mut offers = stock::lock_offers(tx, products()).await?;
    for (product_id, level) in stock::lock_levels(tx, products()).await? {
        if let Some(offer) = offers.get_mut(&product_id) {
            offer.available = Some(level.available());
        }
    }
    match assess(&lines, &offers) {
        Err(refusal) => Ok(Input::Refused { refusal, deadline }),
        Ok(held) => match hold::claim(tx, order_id, &held, occasion).await? {
            Claimed::All => Ok(Input::Claimed { held, deadline }),
            Claimed::Nothing => {
                Err(EventError::Retry(anyhow::anyhow!("the stock changed while it was assessed")))
            }
        },
    }
}

async fn lock(tx: &mut PgConnection, held: &[Held]) -> Result<(), sqlx::Error> {
    stock::lock_levels(tx, held.iter().map(|held| held.product_id)).await.map(drop)
}

/// Keeps what was told of parts of the order and was not known before.
async fn note_parts(
    tx: &mut PgConnection,
    before: &Reservation,
    after: &Reservation,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let known = before.parts();
    let told: Vec<Told> = after.parts().iter().filter(|told| !known.know(told.kind, told.id)).collect();
    if told.is_empty() {
        return Ok(());
    }
    insert_parts(tx, after.order_id, &told, now).await
}

/// What is said to an order once, as against a reminder.
fn answer(event: &Event) -> Option<Answer> {
    if let Event::StockRejected(said) = event {
        return Some(Answer::Refused(said.refusal.clone()));
    }
    matches!(event, Event::StockReserved(_)).then_some(Answer::Reserved)
}

async fn say(
    tx: &mut PgConnection,
    order_id: OrderId,
    event: Event,
    cause: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let name = event.event_type().name();
    let event = NewEvent {
        id: EventId(Uuid::now_v7()),
        subject: order_id.0,
        time: now,
        correlation_id: Some(order_id.0),
        causation_id: Some(cause.to_owned()),
        traceparent: traceparent(),
        event,
    };
    outbox::enqueue(tx, &event).await?;
    tracing::info!(order.id = %order_id, event.id = %event.id, event.r#type = name, "product answered");
    Ok(())
}

/// The trace that the present work belongs to, where traces are on.
fn trace_id() -> Option<String> {
    traceparent()?.split('-').nth(1).map(str::to_owned)
}

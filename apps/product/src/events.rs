//! What `product` hears of orders, and what follows for the stock.

use chrono::{DateTime, Utc};
use contracts::event::OrderPlaced;
use contracts::{Envelope, Event, EventId, OrderId};
use sidecar::events::EventError;
use sidecar::inbox;
use sidecar::outbox::{self, NewEvent};
use sqlx::PgConnection;
use uuid::Uuid;
use web::request::traceparent;

use crate::app::App;
use crate::domain::reservation::{Effect, FinalEnd, Input};
use crate::domain::stock::assess;
use crate::store::reservation::{lock_reservation, update_reservation};
use crate::store::stock::{self, Claimed};

/// Handles one event; each at least once, its effect exactly once.
pub async fn handle(app: App, envelope: Envelope) -> Result<(), EventError> {
    let (order_id, input) = read(&envelope.event)?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if inbox::first_time(&mut tx, &envelope).await? {
        advance(&mut tx, order_id, input, &envelope.id.to_string(), now).await?;
    }
    tx.commit().await?;
    app.outbox.wake();
    Ok(())
}

fn read(event: &Event) -> Result<(OrderId, Input), EventError> {
    match event {
        Event::OrderPlaced(said) => Ok((said.order_id, placed(said))),
        Event::OrderConfirmed(said) => Ok((said.order_id, Input::Confirmed)),
        Event::OrderRejected(said) => Ok((said.order_id, Input::Ended(FinalEnd::Rejected))),
        Event::OrderExpired(said) => Ok((said.order_id, Input::Ended(FinalEnd::Expired))),
        Event::ProductChanged(_)
        | Event::StockReserved(_)
        | Event::StockRejected(_)
        | Event::ReservationOverdue(_)
        | Event::PaymentAuthorised(_)
        | Event::PaymentCaptured(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentRefunded(_)
        | Event::PaymentOverdue(_) => {
            Err(EventError::Drop(format!("product does not subscribe to {}", event.event_type().name())))
        }
    }
}

fn placed(said: &OrderPlaced) -> Input {
    Input::Placed {
        lines: said.lines.clone(),
        charge_by: said.terms.charge_by,
        deadline: said.terms.deadline,
    }
}

/// Adds a fact to an order's reservation and does what follows, in the transaction of its caller.
///
/// # Errors
/// When the database fails; then nothing of it may be committed.
pub async fn advance(
    tx: &mut PgConnection,
    order_id: OrderId,
    input: Input,
    cause: &str,
    now: DateTime<Utc>,
) -> Result<(), EventError> {
    let mut reservation = lock_reservation(tx, order_id, now).await?;
    let mut said = Vec::new();
    let mut inputs = vec![input];
    while let Some(input) = inputs.pop() {
        let (next, events, effects) = reservation.react(input, now);
        reservation = next;
        said.extend(events);
        for effect in effects {
            inputs.extend(perform(tx, order_id, effect, now).await?);
        }
    }
    update_reservation(tx, &reservation, now).await?;
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
    now: DateTime<Utc>,
) -> Result<Option<Input>, EventError> {
    match effect {
        Effect::Claim { lines, deadline } => {
            let products = || lines.iter().map(|line| line.product_id);
            let mut offers = stock::lock_offers(tx, products()).await?;
            for (product_id, level) in stock::lock_levels(tx, products()).await? {
                if let Some(offer) = offers.get_mut(&product_id) {
                    offer.available = Some(level.available());
                }
            }
            match assess(&lines, &offers) {
                Err(refusal) => Ok(Some(Input::Refused { refusal, deadline })),
                Ok(held) => match stock::claim(tx, order_id, &held, now).await? {
                    Claimed::All => Ok(Some(Input::Claimed { held, deadline })),
                    Claimed::Nothing => {
                        Err(EventError::Retry(anyhow::anyhow!("the stock changed while it was assessed")))
                    }
                },
            }
        }
        Effect::Allocate(held) => {
            stock::lock_levels(tx, held.iter().map(|held| held.product_id)).await?;
            stock::allocate(tx, order_id, &held, now).await?;
            Ok(None)
        }
        Effect::Release { held, from } => {
            stock::lock_levels(tx, held.iter().map(|held| held.product_id)).await?;
            stock::release(tx, order_id, &held, from, now).await?;
            Ok(None)
        }
    }
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

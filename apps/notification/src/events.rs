//! What `notification` hears from the others.

use contracts::{Envelope, Event, MessageId, OrderId, UserId};
use sidecar::events::EventError;
use sidecar::inbox;
use uuid::Uuid;

use crate::app::App;
use crate::domain::{self, Cause, Channel, Language, Letter, Message};
use crate::store;

/// Handles one event; each at least once, its effect exactly once.
pub async fn handle(app: App, envelope: Envelope) -> Result<(), EventError> {
    match &envelope.event {
        Event::OrderConfirmed(order) => {
            let letter = domain::confirmed(order, Language::En);
            write(&app, &envelope, order.order_id, order.customer_id, letter).await
        }
        Event::OrderRejected(order) => {
            let letter = domain::rejected(order, Language::En);
            write(&app, &envelope, order.order_id, order.customer_id, letter).await
        }
        Event::ProductChanged(_)
        | Event::StockReserved(_)
        | Event::StockRejected(_)
        | Event::ReservationOverdue(_)
        | Event::OrderPlaced(_)
        | Event::OrderExpired(_)
        | Event::PaymentAuthorised(_)
        | Event::PaymentCaptured(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentRefunded(_)
        | Event::PaymentOverdue(_) => {
            Err(EventError::Drop("notification has nothing to tell about this event".into()))
        }
    }
}

/// A message is told once for order, kind, cause and channel: a second event that says the same writes nothing.
async fn write(
    app: &App,
    envelope: &Envelope,
    order_id: OrderId,
    customer_id: UserId,
    letter: Letter,
) -> Result<(), EventError> {
    let mut tx = app.db.begin().await?;
    if inbox::first_time(&mut tx, envelope).await? {
        let message = Message {
            id: MessageId(Uuid::now_v7()),
            customer_id,
            order_id,
            letter,
            created_at: app.clock.now(),
        };
        store::insert_message(&mut tx, &message, Cause::End, Channel::Mailbox, Language::En).await?;
    }
    tx.commit().await?;
    Ok(())
}

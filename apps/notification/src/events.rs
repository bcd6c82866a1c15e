//! What `notification` hears from the others.

use contracts::{App as Service, Envelope, MessageId};
use sidecar::events::EventError;
use sidecar::inbox;
use sqlx::PgConnection;
use uuid::Uuid;
use web::request::traceparent;

use crate::app::App;
use crate::domain::{Channel, Language, Message, Telling, telling};
use crate::store::{self, Occasion};

/// Handles one event; each at least once, its effect exactly once.
pub async fn handle(app: App, envelope: Envelope) -> Result<(), EventError> {
    let event_type = envelope.event.event_type();
    let told = telling(&envelope.event, Language::En)
        .ok_or_else(|| EventError::Drop(format!("there is nothing to tell of {}", event_type.name())))?;
    let mut tx = app.db.begin().await?;
    if inbox::first_time(&mut tx, &envelope).await? {
        write(&mut tx, &app, &envelope, told).await?;
    }
    inbox::commit(tx, Service::Notification, &envelope).await?;
    Ok(())
}

/// A message is told once for order, kind, cause and channel: a second event that says the same writes nothing.
async fn write(
    tx: &mut PgConnection,
    app: &App,
    envelope: &Envelope,
    told: Telling,
) -> Result<(), EventError> {
    let Telling { order_id, customer_id, cause, letter } = told;
    if letter.kind.moot_after_end() && store::told_of_end(tx, order_id).await? {
        return Ok(());
    }
    let id = MessageId(Uuid::now_v7());
    let message = Message { id, customer_id, order_id, letter, created_at: app.clock.now() };
    let occasion = Occasion {
        caused_by: envelope.id.to_string(),
        trace_id: traceparent().and_then(|text| text.split('-').nth(1).map(str::to_owned)),
    };
    store::insert_message(tx, &message, cause, (Channel::Mailbox, Language::En), &occasion).await?;
    Ok(())
}

//! What `order` hears from the others.

use chrono::{DateTime, Utc};
use contracts::event::{ProductChanged, UserDeleted};
use contracts::{App as Service, EntryKind, Envelope, Event, EventId, OrderId, TimelineEntry};
use serde_json::json;
use sidecar::events::EventError;
use sidecar::inbox;
use sidecar::outbox::{self, NewEvent};
use sqlx::PgConnection;
use uuid::Uuid;
use web::request::traceparent;

use crate::api::trace_id;
use crate::app::App;
use crate::domain::{Input, Order};
use crate::store::{forgotten, orders, products, timeline};

/// Handles one event; each at least once, its effect exactly once.
pub async fn handle(app: App, envelope: Envelope) -> Result<(), EventError> {
    if let Event::ProductChanged(product) = &envelope.event {
        return on_product_changed(&app, &envelope, product).await;
    }
    if let Event::UserDeleted(user) = &envelope.event {
        return on_user_deleted(&app, &envelope, user).await;
    }
    match Input::of(&envelope.event, envelope.sequence) {
        Some((order_id, input)) => on_fact(&app, &envelope, order_id, input).await,
        None => Err(EventError::Drop("order does not subscribe to itself".into())),
    }
}

async fn on_product_changed(
    app: &App,
    envelope: &Envelope,
    product: &ProductChanged,
) -> Result<(), EventError> {
    let mut tx = app.db.begin().await?;
    if inbox::first_time(&mut tx, envelope).await? {
        products::upsert_product(&mut tx, product, envelope.sequence).await?;
    }
    inbox::commit(tx, Service::Order, envelope).await?;
    Ok(())
}

/// Forgets what may be forgotten at once; a job goes on with what is still to be sent.
async fn on_user_deleted(app: &App, envelope: &Envelope, user: &UserDeleted) -> Result<(), EventError> {
    let mut tx = app.db.begin().await?;
    if inbox::first_time(&mut tx, envelope).await? {
        let now = app.clock.now();
        forgotten::insert_forgotten(&mut tx, user.user_id, now).await?;
        crate::jobs::forgetting::forget_in(&mut tx, now).await?;
    }
    inbox::commit(tx, Service::Order, envelope).await?;
    Ok(())
}

/// An amount that cannot be this order's is refused; a person has to look.
async fn on_fact(app: &App, envelope: &Envelope, order_id: OrderId, input: Input) -> Result<(), EventError> {
    let mut tx = app.db.begin().await?;
    let before = orders::lock_order(&mut tx, order_id).await?;
    let before = before.ok_or_else(|| EventError::Drop(format!("there is no order {order_id}")))?.order;
    if inbox::first_time(&mut tx, envelope).await? {
        before.fits(&input).map_err(|misfit| EventError::Drop(misfit.to_string()))?;
        let now = app.clock.now();
        let (after, said) = before.clone().react(&input, now);
        let heard = TimelineEntry {
            at: now,
            kind: EntryKind::Heard,
            name: envelope.event.event_type().name().into(),
            who: envelope.source.name().into(),
            cause: Some(envelope.id.to_string()),
            trace_id: envelope.traceparent.as_deref().and_then(trace_id),
            detail: envelope.event.data(),
        };
        timeline::insert_entry(&mut tx, order_id, &heard).await?;
        save(&mut tx, &before, &after, said, now, &envelope.id.to_string()).await?;
    }
    inbox::commit(tx, Service::Order, envelope).await?;
    app.outbox.wake();
    app.watches.changed(order_id);
    Ok(())
}

/// Keeps the order and says what was decided, in the transaction that decided it.
///
/// # Errors
/// When the database fails.
pub async fn save(
    tx: &mut PgConnection,
    before: &Order,
    after: &Order,
    said: Vec<Event>,
    now: DateTime<Utc>,
    cause: &str,
) -> Result<(), sqlx::Error> {
    let order_id = after.saga.order_id;
    orders::update_order(tx, before, after).await?;
    for event in said {
        let event = NewEvent {
            id: EventId(Uuid::now_v7()),
            subject: order_id.0,
            time: now,
            correlation_id: Some(order_id.0),
            causation_id: Some(cause.to_owned()),
            traceparent: traceparent(),
            event,
        };
        let name = event.event.event_type().name();
        let decided = TimelineEntry {
            at: now,
            kind: EntryKind::Decided,
            name: name.into(),
            who: Service::Order.name().into(),
            cause: event.causation_id.clone(),
            trace_id: event.traceparent.as_deref().and_then(trace_id),
            detail: json!({"event_id": event.id}),
        };
        timeline::insert_entry(tx, order_id, &decided).await?;
        outbox::enqueue(tx, &event).await?;
        tracing::info!(order.id = %order_id, event.r#type = name, "order decided");
    }
    Ok(())
}

//! What `order` hears from the others.

use contracts::event::ProductChanged;
use contracts::{Envelope, Event, EventId, OrderId};
use serde_json::json;
use sidecar::events::EventError;
use sidecar::inbox;
use sidecar::outbox::{self, NewEvent};
use sqlx::PgConnection;
use uuid::Uuid;
use web::request::traceparent;

use crate::api::trace_id;
use crate::app::App;
use crate::domain::{Input, Saga};
use crate::store::orders::{self, StoredOrder};
use crate::store::timeline::TimelineEntry;
use crate::store::{products, timeline};

/// Handles one event; each at least once, its effect exactly once.
pub async fn handle(app: App, envelope: Envelope) -> Result<(), EventError> {
    match &envelope.event {
        Event::ProductChanged(product) => on_product_changed(&app, &envelope, product).await,
        Event::StockReserved(said) => on_fact(&app, &envelope, said.order_id, Input::StockReserved).await,
        Event::StockRejected(said) => {
            on_fact(&app, &envelope, said.order_id, Input::StockRejected(said.refusal.clone())).await
        }
        Event::PaymentAuthorised(said) => {
            on_amount(&app, &envelope, said.order_id, said.amount, Input::PaymentAuthorised).await
        }
        Event::PaymentCaptured(said) => {
            on_amount(&app, &envelope, said.order_id, said.amount, Input::PaymentCaptured).await
        }
        Event::PaymentDeclined(said) => {
            on_fact(&app, &envelope, said.order_id, Input::PaymentDeclined(said.refusal.clone())).await
        }
        Event::PaymentRefunded(said) => on_fact(&app, &envelope, said.order_id, Input::PaymentRefunded).await,
        Event::ReservationOverdue(said) => on_fact(&app, &envelope, said.order_id, Input::Overdue).await,
        Event::PaymentOverdue(said) => on_fact(&app, &envelope, said.order_id, Input::Overdue).await,
        Event::OrderPlaced(_)
        | Event::OrderConfirmed(_)
        | Event::OrderRejected(_)
        | Event::OrderExpired(_) => Err(EventError::Drop("order does not subscribe to itself".into())),
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
    tx.commit().await?;
    Ok(())
}

/// A payment of another amount than the total is no payment of this order; a person has to look.
async fn on_amount(
    app: &App,
    envelope: &Envelope,
    order_id: OrderId,
    amount: contracts::Money,
    input: Input,
) -> Result<(), EventError> {
    let mut tx = app.db.begin().await?;
    let order = lock(&mut tx, order_id).await?;
    if order.saga.total != amount {
        return Err(EventError::Drop(format!("{amount} was paid, the total is {}", order.saga.total)));
    }
    hear(app, tx, envelope, order, input).await
}

async fn on_fact(app: &App, envelope: &Envelope, order_id: OrderId, input: Input) -> Result<(), EventError> {
    let mut tx = app.db.begin().await?;
    let order = lock(&mut tx, order_id).await?;
    hear(app, tx, envelope, order, input).await
}

async fn lock(tx: &mut PgConnection, order_id: OrderId) -> Result<StoredOrder, EventError> {
    orders::lock_order(tx, order_id)
        .await?
        .ok_or_else(|| EventError::Drop(format!("there is no order {order_id}")))
}

async fn hear(
    app: &App,
    mut tx: sqlx::Transaction<'static, sqlx::Postgres>,
    envelope: &Envelope,
    order: StoredOrder,
    input: Input,
) -> Result<(), EventError> {
    if inbox::first_time(&mut tx, envelope).await? {
        let now = app.clock.now();
        let (saga, said) = order.saga.react(&input, now);
        let heard = TimelineEntry {
            at: now,
            kind: "heard".into(),
            name: envelope.event.event_type().name().into(),
            who: envelope.source.name().into(),
            cause: Some(envelope.id.to_string()),
            trace_id: envelope.traceparent.as_deref().and_then(trace_id),
            detail: envelope.event.data(),
        };
        timeline::insert_entry(&mut tx, saga.order_id, &heard).await?;
        save(&mut tx, &saga, said, now, &envelope.id.to_string()).await?;
    }
    tx.commit().await?;
    app.outbox.wake();
    Ok(())
}

/// Keeps the saga and says what was decided, in the transaction that decided it.
pub async fn save(
    tx: &mut PgConnection,
    saga: &Saga,
    said: Vec<Event>,
    now: chrono::DateTime<chrono::Utc>,
    cause: &str,
) -> Result<(), sqlx::Error> {
    orders::update_saga(tx, saga).await?;
    for event in said {
        let event = NewEvent {
            id: EventId(Uuid::now_v7()),
            subject: saga.order_id.0,
            time: now,
            correlation_id: Some(saga.order_id.0),
            causation_id: Some(cause.to_owned()),
            traceparent: traceparent(),
            event,
        };
        let name = event.event.event_type().name();
        let decided = TimelineEntry {
            at: now,
            kind: "decided".into(),
            name: name.into(),
            who: contracts::App::Order.name().into(),
            cause: event.causation_id.clone(),
            trace_id: event.traceparent.as_deref().and_then(trace_id),
            detail: json!({"event_id": event.id}),
        };
        timeline::insert_entry(tx, saga.order_id, &decided).await?;
        outbox::enqueue(tx, &event).await?;
        tracing::info!(order.id = %saga.order_id, event.r#type = name, "order decided");
    }
    Ok(())
}

//! Placing an order: once per key, at prices that are true, in one transaction with its event.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use contracts::configuration::{ORDER_CAPTURE, ORDER_DEADLINE, ORDER_MOST_LINES, ORDER_RETURN_WINDOW};
use contracts::event::ProductChanged;
use contracts::{
    App as Service, EntryKind, EventId, Money, Operation, OrderId, PaymentMethodId, ProblemType, ProductId,
    Terms, TimelineEntry,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sidecar::fail_points;
use sidecar::outbox::{self, NewEvent};
use tokio::time::Instant;
use utoipa::ToSchema;
use uuid::Uuid;
use web::idempotency::{self, Answer, Claim};
use web::prefer::Preferred;
use web::request::{RequestId, traceparent};
use web::{Caller, ETag, IdempotencyKey, Json, Problem};

use super::OrderView;
use super::hold::{Placed, hold};
use crate::app::App;
use crate::domain::number::order_number;
use crate::domain::{Address, Line, PlaceOrderError, Placing, Product, TakenOrder, placing};
use crate::store::orders::Request;
use crate::store::{lines, orders, products, timeline};

/// An order as a customer asks for it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    #[schema(min_items = 1, max_items = 500)]
    pub lines: Vec<Line>,
    pub payment_method_id: PaymentMethodId,
    pub delivery_address: Address,
    /// The total that the client saw; the order is refused if it is no longer true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_total: Option<Money>,
    /// The client's own words for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100, example = "basket 4711")]
    pub reference: Option<String>,
}

pub async fn place_order(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Preferred(wait): Preferred,
    Extension(request_id): Extension<RequestId>,
    Json(request): Json<PlaceOrder>,
) -> Result<Response, Problem> {
    let asked_at = Instant::now();
    check_texts(&request)?;
    let hash = idempotency::hash(&request)?;
    // Prices may have changed since the first request with this key, so it is looked for before they are checked.
    let placed = match answered(&app, &caller, &key, &hash).await? {
        Some(placed) => placed,
        None => place(&app, &caller, &key, &hash, &request_id, &request).await?,
    };
    hold(&app, &caller, placed, wait, asked_at).await
}

async fn place(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    hash: &[u8],
    request_id: &RequestId,
    request: &PlaceOrder,
) -> Result<Placed, Problem> {
    let order = decide(app, caller, request).await?;

    let mut tx = app.db.begin().await?;
    if let Claim::Replay(answer) =
        idempotency::claim(&mut tx, caller.user_id, Operation::PlaceOrder, key, hash).await?
    {
        return replayed(answer);
    }
    let order = insert(&mut tx, order, request, key, hash).await?;
    lines::insert_lines(&mut tx, &order).await?;
    let placed = &order.placed;
    let event = NewEvent {
        id: EventId(Uuid::now_v7()),
        subject: placed.order_id.0,
        time: order.placed_at,
        correlation_id: Some(placed.order_id.0),
        causation_id: Some(request_id.0.clone()),
        traceparent: traceparent(),
        event: placed.clone().into(),
    };
    timeline::insert_entry(&mut tx, placed.order_id, &placed_entry(&order, &event, key)).await?;
    outbox::enqueue(&mut tx, &event).await?;
    let stored = orders::find_order(&mut tx, placed.order_id).await?.ok_or_else(Problem::not_found)?;
    let view = OrderView::new(&stored, caller, order.placed_at);
    let claimed = (caller.user_id, Operation::PlaceOrder, key);
    idempotency::store_tagged(&mut tx, claimed, StatusCode::CREATED, ETag(stored.version), &view).await?;
    fail_points::commit(tx, Service::Order, Operation::PlaceOrder.name()).await?;
    app.outbox.wake();
    tracing::info!(order.id = %placed.order_id, order.number = placed.number, "order placed");
    let answer = (StatusCode::CREATED, ETag(stored.version), Json(view)).into_response();
    Ok(Placed { order_id: placed.order_id, answer })
}

/// What was answered when the order was placed.
fn replayed(answer: Answer) -> Result<Placed, Problem> {
    #[derive(Deserialize)]
    struct Told {
        id: OrderId,
    }
    let Told { id } = serde_json::from_str(answer.body().get()).map_err(anyhow::Error::from)?;
    Ok(Placed { order_id: id, answer: answer.into_response() })
}

/// The answer to a key that was used before: the stored one, or the order as it now is when that has expired.
async fn answered(
    app: &App,
    caller: &Caller,
    key: &IdempotencyKey,
    hash: &[u8],
) -> Result<Option<Placed>, Problem> {
    let mut db = app.db.acquire().await?;
    if let Some(answer) = idempotency::find(&mut db, caller.user_id, Operation::PlaceOrder, key, hash).await?
    {
        return replayed(answer).map(Some);
    }
    let Some((id, placed_with)) = orders::find_by_idempotency_key(&mut db, caller.user_id, &key.0).await?
    else {
        return Ok(None);
    };
    if placed_with != hash {
        return Err(idempotency::reused());
    }
    let order = orders::find_order(&mut db, id).await?.ok_or_else(Problem::not_found)?;
    let view = OrderView::new(&order, caller, app.clock.now());
    let answer = (StatusCode::CREATED, ETag(order.version), Json(view)).into_response();
    Ok(Some(Placed { order_id: id, answer }))
}

/// Takes the order from what is known; asks product before refusing, and for what was never heard of.
async fn decide(app: &App, caller: &Caller, request: &PlaceOrder) -> Result<TakenOrder, Problem> {
    let most_lines = app.live.for_caller(&ORDER_MOST_LINES, &caller.ids());
    let most_lines = usize::try_from(most_lines).expect("invariant: the key's bounds are small");
    let wanted: Vec<ProductId> = placing::merge(&request.lines, most_lines)?.into_keys().collect();
    let known = products::list_products(&mut *app.db.acquire().await?, &wanted).await?;
    let (order_id, now) = (OrderId(Uuid::now_v7()), app.clock.now());
    let placing = Placing {
        order_id,
        number: order_number(Uuid::new_v4().as_u128()),
        customer_id: caller.user_id,
        payment_method_id: request.payment_method_id,
        expected_total: request.expected_total,
        most_lines,
        terms: terms(app, order_id, caller, now),
        now,
    };
    match placing::place(placing.clone(), &request.lines, &known) {
        Ok(order) => Ok(order),
        Err(_refused_from_memory) => {
            let known = ask_product(app, &wanted).await?;
            Ok(placing::place(placing, &request.lines, &known)?)
        }
    }
}

#[derive(Serialize)]
struct FindProducts<'a> {
    product_ids: &'a [ProductId],
}

#[derive(Deserialize)]
struct FoundProducts {
    products: Vec<FoundProduct>,
}

#[derive(Deserialize)]
struct FoundProduct {
    #[serde(flatten)]
    product: ProductChanged,
    sequence: i64,
}

async fn ask_product(app: &App, product_ids: &[ProductId]) -> Result<Vec<Product>, Problem> {
    let found: FoundProducts = app
        .sidecar
        .invoke(Operation::FindProducts, Some(&FindProducts { product_ids }))
        .await
        .map_err(Problem::unavailable)?;
    let mut tx = app.db.begin().await?;
    for found in &found.products {
        products::upsert_product(&mut tx, &found.product, found.sequence).await?;
    }
    tx.commit().await?;
    Ok(found
        .products
        .into_iter()
        .map(|found| Product {
            product_id: found.product.product_id,
            sku: found.product.sku,
            name: found.product.name,
            price: found.product.price,
            archived: found.product.archived,
        })
        .collect())
}

/// What applies to this order for its life, all of one version. A charge may start in the first two thirds of its
/// time.
fn terms(app: &App, order_id: OrderId, caller: &Caller, now: DateTime<Utc>) -> Terms {
    let (configuration, caller) = (app.live.now(), caller.ids());
    let time = configuration.for_order(&ORDER_DEADLINE, order_id, &caller);
    let time = TimeDelta::from_std(time).expect("invariant: the key's bounds are far below an age");
    Terms {
        charge_by: now + TimeDelta::milliseconds(time.num_milliseconds() * 2 / 3),
        deadline: now + time,
        capture: configuration.for_order(&ORDER_CAPTURE, order_id, &caller),
        return_window_days: configuration.for_order(&ORDER_RETURN_WINDOW, order_id, &caller),
        configuration_version: configuration.version(),
    }
}

/// Inserts the order; a number that another order has is drawn again.
async fn insert(
    tx: &mut sqlx::PgConnection,
    mut order: TakenOrder,
    request: &PlaceOrder,
    key: &IdempotencyKey,
    hash: &[u8],
) -> Result<TakenOrder, Problem> {
    let request = Request {
        idempotency_key: &key.0,
        hash,
        delivery_address: &request.delivery_address,
        reference: request.reference.as_deref(),
    };
    for _ in 0..5 {
        if orders::insert_order(tx, &order, &request).await? {
            return Ok(order);
        }
        order.placed.number = order_number(Uuid::new_v4().as_u128());
    }
    Err(anyhow::anyhow!("five order numbers in a row were taken").into())
}

fn placed_entry(order: &TakenOrder, event: &NewEvent, key: &IdempotencyKey) -> TimelineEntry {
    TimelineEntry {
        at: order.placed_at,
        kind: EntryKind::Command,
        name: Operation::PlaceOrder.name().into(),
        who: order.placed.customer_id.to_string(),
        cause: event.causation_id.clone(),
        trace_id: event.traceparent.as_deref().and_then(trace_id),
        detail: json!({
            "event": event.event.event_type().name(),
            "lines": order.lines.len(),
            "total": order.placed.total,
            "idempotency_key": key.0,
        }),
    }
}

/// The trace id within a `traceparent`.
pub(crate) fn trace_id(traceparent: &str) -> Option<String> {
    traceparent.split('-').nth(1).map(str::to_owned)
}

fn check_texts(request: &PlaceOrder) -> Result<(), Problem> {
    let address = &request.delivery_address;
    let required = [
        ("name", &address.name),
        ("line1", &address.line1),
        ("city", &address.city),
        ("postcode", &address.postcode),
    ];
    for (field, text) in required {
        if text.trim().is_empty() || text.chars().count() > 200 {
            return Err(invalid(&format!("delivery_address.{field} takes 1 to 200 characters")));
        }
    }
    if address.line2.as_ref().is_some_and(|text| text.chars().count() > 200) {
        return Err(invalid("delivery_address.line2 takes at most 200 characters"));
    }
    if address.country.len() != 2 || !address.country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(invalid("delivery_address.country is a code of two letters, as in ISO 3166-1"));
    }
    if request.reference.as_ref().is_some_and(|text| text.chars().count() > 100) {
        return Err(invalid("reference takes at most 100 characters"));
    }
    Ok(())
}

fn invalid(detail: &str) -> Problem {
    Problem::new(ProblemType::InvalidField).detail(detail)
}

impl From<PlaceOrderError> for Problem {
    fn from(error: PlaceOrderError) -> Problem {
        let kind = match &error {
            PlaceOrderError::Refused(refusal) => return Problem::from(refusal),
            PlaceOrderError::TotalChanged { expected, actual } => {
                return Problem::new(ProblemType::TotalChanged)
                    .detail(error.to_string())
                    .with("expected", expected)
                    .with("actual", actual);
            }
            PlaceOrderError::NoLines => ProblemType::InvalidField,
            PlaceOrderError::TooManyLines { .. } => ProblemType::TooManyLines,
            PlaceOrderError::Quantity(_) => ProblemType::QuantityOutOfRange,
            PlaceOrderError::Money(contracts::money::MoneyError::OutOfRange(_)) => {
                ProblemType::AmountOutOfRange
            }
            PlaceOrderError::Money(contracts::money::MoneyError::CurrencyMismatch(..)) => {
                ProblemType::CurrencyMismatch
            }
        };
        Problem::new(kind).detail(error.to_string())
    }
}

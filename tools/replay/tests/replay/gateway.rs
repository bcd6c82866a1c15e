//! A gateway for these tests: one process, everything in memory, the same requests and answers.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use replay::{Credentials, Options};
use serde_json::{Value, json};
use uuid::Uuid;

type Answer = Result<Response, Response>;

/// What one request is turned away with before it reaches anything.
#[derive(Clone, Copy)]
pub(crate) struct Turned {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<&'static str>,
}

#[derive(Default)]
pub(crate) struct Kept {
    passwords: HashMap<String, String>,
    tokens: HashMap<String, String>,
    answers: HashMap<(String, String), (Value, Value)>,
    pub(crate) products: Vec<Value>,
    pub(crate) orders: Vec<Value>,
    owners: HashMap<String, String>,
    /// Orders that were read once and so have ended.
    read: HashSet<String>,
    /// Consumed from the end by the next requests.
    pub(crate) turn_away: Vec<Turned>,
    pub(crate) arrivals: Vec<Instant>,
    pub(crate) log_ins: usize,
    /// SKUs of which one piece more is received than the import says.
    pub(crate) surplus: Option<String>,
}

#[derive(Clone, Default)]
pub(crate) struct Gateway {
    pub(crate) kept: Arc<Mutex<Kept>>,
}

impl Gateway {
    /// Starts it on a free port; it ends with the test.
    pub(crate) async fn start() -> (Gateway, Options) {
        let gateway = Gateway::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let administrator = credentials("admin@example.com");
        gateway.kept().passwords.insert(administrator.email.clone(), administrator.password.clone());
        let router = Router::new()
            .route("/v1/users", post(register))
            .route("/v1/sessions", post(log_in))
            .route("/v1/products/import", post(import))
            .route("/v1/payment-methods", post(add_payment_method))
            .route("/v1/orders", post(place).get(list_orders))
            .route("/v1/orders/{order_id}", get(read_order))
            .route("/v1/stock", get(list_stock))
            .layer(from_fn_with_state(gateway.clone(), turn_away))
            .with_state(gateway.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (gateway, Options::new(url, administrator))
    }

    pub(crate) fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    /// Ends every token.
    pub(crate) fn expire_tokens(&self) {
        self.kept().tokens.clear();
    }
}

pub(crate) fn credentials(email: &str) -> Credentials {
    Credentials { email: email.to_owned(), password: "a long password".to_owned() }
}

fn problem(status: u16, name: &str) -> Response {
    let body = json!({"type": format!("/problems/{name}"), "title": name, "status": status});
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

async fn turn_away(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let turned = {
        let mut kept = gateway.kept();
        kept.arrivals.push(Instant::now());
        kept.turn_away.pop()
    };
    match turned {
        Some(Turned { status, retry_after }) => {
            let mut response = problem(status, "rate-limited");
            response
                .headers_mut()
                .extend(retry_after.map(|text| (axum::http::header::RETRY_AFTER, text.parse().unwrap())));
            response
        }
        None => next.run(request).await,
    }
}

#[expect(
    clippy::result_large_err,
    reason = "an answer is what a refusal is here, and this gateway is a test's"
)]
impl Kept {
    fn caller(&self, headers: &HeaderMap) -> Result<String, Response> {
        let token =
            headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let caller = token.and_then(|token| self.tokens.get(token));
        caller.cloned().ok_or_else(|| problem(401, "invalid-token"))
    }

    /// The stored answer of this caller's key, or a new one.
    fn once(
        &mut self,
        headers: &HeaderMap,
        body: &Value,
        act: impl FnOnce(&mut Kept, &str) -> Value,
    ) -> Result<Value, Response> {
        let caller = self.caller(headers)?;
        let key = headers.get("idempotency-key").ok_or_else(|| problem(400, "idempotency-key-missing"))?;
        let key = (caller.clone(), key.to_str().unwrap().to_owned());
        if let Some((request, answer)) = self.answers.get(&key) {
            let same = request == body;
            return same.then(|| answer.clone()).ok_or_else(|| problem(422, "idempotency-key-reused"));
        }
        let answer = act(self, &caller);
        self.answers.insert(key, (body.clone(), answer.clone()));
        Ok(answer)
    }
}

async fn register(State(gateway): State<Gateway>, Json(body): Json<Value>) -> Answer {
    let mut kept = gateway.kept();
    let (email, password) = (text(&body, "email"), text(&body, "password"));
    if kept.passwords.contains_key(&email) {
        return Err(problem(409, "email-taken"));
    }
    kept.passwords.insert(email.clone(), password);
    let view = json!({"id": Uuid::now_v7(), "email": email, "name": body["name"]});
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

async fn log_in(State(gateway): State<Gateway>, Json(body): Json<Value>) -> Answer {
    let mut kept = gateway.kept();
    let email = text(&body, "email");
    if kept.passwords.get(&email) != Some(&text(&body, "password")) {
        return Err(problem(401, "wrong-credentials"));
    }
    let token = Uuid::now_v7().to_string();
    kept.log_ins += 1;
    kept.tokens.insert(token.clone(), email);
    let view = json!({"access_token": token, "token_type": "Bearer", "expires_in": 900});
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

async fn import(State(gateway): State<Gateway>, headers: HeaderMap, Json(body): Json<Value>) -> Answer {
    let answer = gateway.kept().once(&headers, &body, |kept, _| {
        let mut imported = Vec::new();
        for row in body["rows"].as_array().unwrap() {
            let surplus = i64::from(kept.surplus.as_deref() == row["sku"].as_str());
            let mut product = row.clone();
            product["product_id"] = json!(Uuid::now_v7());
            product["on_hand"] = json!(row["received"].as_i64().unwrap() + surplus);
            product["allocated"] = json!(0);
            imported.push(json!({"sku": row["sku"], "product_id": product["product_id"]}));
            kept.products.push(product);
        }
        json!({"rows": imported})
    })?;
    Ok(Json(answer).into_response())
}

async fn add_payment_method(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Answer {
    let answer = gateway.kept().once(&headers, &body, |_, _| json!({"id": Uuid::now_v7()}))?;
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

async fn place(State(gateway): State<Gateway>, headers: HeaderMap, Json(body): Json<Value>) -> Answer {
    let answer = gateway.kept().once(&headers, &body, |kept, caller| {
        let mut total = 0;
        for line in body["lines"].as_array().unwrap() {
            let product =
                kept.products.iter_mut().find(|product| product["product_id"] == line["product_id"]).unwrap();
            let quantity = line["quantity"].as_i64().unwrap();
            total += quantity * product["price"]["amount"].as_i64().unwrap();
            product["allocated"] = json!(product["allocated"].as_i64().unwrap() + quantity);
        }
        let order = json!({
            "id": Uuid::now_v7(), "number": "A-1", "status": "placed", "reference": body["reference"],
            "total": {"amount": total, "currency": "GBP"}, "placed_at": now(),
        });
        kept.owners.insert(text(&order, "id"), caller.to_owned());
        kept.orders.push(order.clone());
        order
    })?;
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// An order has ended when it is read for the second time.
async fn read_order(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Path(order_id): Path<String>,
) -> Answer {
    let mut kept = gateway.kept();
    let caller = kept.caller(&headers)?;
    if kept.owners.get(&order_id) != Some(&caller) {
        return Err(problem(404, "not-found"));
    }
    let ended = !kept.read.insert(order_id.clone());
    let order = kept.orders.iter_mut().find(|order| order["id"] == order_id.as_str()).unwrap();
    if ended && order["status"] == "placed" {
        order["status"] = json!("confirmed");
        order["ended_at"] = json!(now());
    }
    Ok(Json(order.clone()).into_response())
}

async fn list_orders(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let kept = gateway.kept();
    let caller = kept.caller(&headers)?;
    let mine = kept.orders.iter().filter(|order| kept.owners[order["id"].as_str().unwrap()] == caller);
    Ok(page(&query, mine.cloned().collect()))
}

async fn list_stock(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let kept = gateway.kept();
    kept.caller(&headers)?;
    let controlled = kept.products.iter().filter(|product| product["stock_controlled"] == true);
    let levels = controlled.map(|product| {
        let (on_hand, allocated) = (&product["on_hand"], &product["allocated"]);
        let available = on_hand.as_i64().unwrap() - allocated.as_i64().unwrap();
        json!({
            "product_id": product["product_id"], "sku": product["sku"], "on_hand": on_hand,
            "allocated": allocated, "reserved": 0, "available": available,
        })
    });
    Ok(page(&query, levels.collect()))
}

fn page(query: &HashMap<String, String>, items: Vec<Value>) -> Response {
    let limit: usize = query["limit"].parse().unwrap();
    let start: usize = query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
    let end = items.len().min(start + limit);
    let next = (end < items.len()).then(|| end.to_string());
    Json(json!({"items": items[start..end], "next_cursor": next})).into_response()
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap().to_owned()
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339()
}

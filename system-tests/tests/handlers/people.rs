//! What customers and staff do, through the services' own routers.

use contracts::permission::Role;
use contracts::{App as Service, Operation, OrderId};
use serde_json::{Value, json};
use testkit::Answer;
use uuid::Uuid;

use crate::house::House;
use crate::schedule::Schedule;

/// Cards that answer at once, whatever the answer.
const CARDS: [&str; 12] = [
    "pm_card_visa",
    "pm_card_chargeDeclined",
    "pm_card_authenticationRequired",
    "pm_error_500",
    "pm_charge_500",
    "pm_charge_hang_up",
    "pm_create_500",
    "pm_capture_500",
    "pm_capture_declined",
    "pm_cancel_500",
    "pm_refund_500",
    "pm_refund_refused_once",
];

impl House {
    pub async fn add_methods(&mut self) {
        for token in CARDS {
            let client = self.payments(self.customer, Role::Customer).with("idempotency-key", token);
            let body = json!({"provider_token": token});
            let added = client.ask(Operation::AddPaymentMethod, "", Some(body)).await;
            assert_eq!(added.status, 201, "{}", added.body);
            self.methods.insert(token, added.body["id"].as_str().unwrap().to_owned());
        }
    }
}

impl Schedule<'_> {
    /// Three products of which there are few, and one without stock.
    pub async fn stock_shelves(&mut self) {
        let seed = self.seed;
        let rows: Vec<Value> = (0..4)
            .map(|number| {
                let (controlled, received) = (number != 3, self.chance.between(3, 14));
                json!({
                    "sku": format!("H{seed}-{number}"), "name": format!("CLOCK {number}"),
                    "price": {"amount": 150 + 100 * number, "currency": "GBP"}, "stock_controlled": controlled,
                    "received": if controlled { received } else { 0 },
                })
            })
            .collect();
        let client = self.house.products().with("idempotency-key", &format!("shelves-{seed}"));
        let made = client.ask(Operation::ImportProducts, "", Some(json!({"rows": rows}))).await;
        assert_eq!(made.status, 200, "{}", made.body);
        let made = made.body["rows"].as_array().unwrap().iter();
        self.products = made.map(|row| row["product_id"].as_str().unwrap().parse().unwrap()).collect();
    }

    /// Three orders or more on the same two products; some are asked for twice.
    pub async fn place_orders(&mut self) {
        for number in 0..self.chance.pick(&[3, 3, 4]) {
            let mut lines = vec![
                json!({"product_id": self.products[0], "quantity": 1 + self.chance.below(3)}),
                json!({"product_id": self.products[1], "quantity": 1 + self.chance.below(2)}),
            ];
            if self.chance.one_in(3) {
                lines.push(json!({"product_id": self.products[2], "quantity": 1}));
            }
            if self.chance.one_in(4) {
                lines.push(json!({"product_id": self.products[3], "quantity": 1}));
            }
            let card = if self.chance.one_in(2) { CARDS[0] } else { self.chance.pick(&CARDS) };
            let method = match self.chance.one_in(40) {
                true => Uuid::now_v7().to_string(),
                false => self.house.methods[card].clone(),
            };
            let body = json!({
                "lines": lines,
                "payment_method_id": method,
                "delivery_address": {
                    "name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London",
                    "postcode": "SW1Y 4JH", "country": "GB",
                },
            });
            let key = format!("order-{}-{number}", self.seed);
            let replica = self.chance.place(2);
            let client = self.house.as_customer(replica).with("idempotency-key", &key);
            let placed = client.ask(Operation::PlaceOrder, "", Some(body.clone())).await;
            assert_eq!(placed.status, 201, "schedule {}: {}", self.seed, placed.body);
            if self.chance.one_in(4) {
                let other = self.house.as_customer(1 - replica).with("idempotency-key", &key);
                let again = other.ask(Operation::PlaceOrder, "", Some(body)).await;
                assert_eq!((again.status, &again.body), (placed.status, &placed.body));
                self.tally.repeated += 1;
            }
            let order: OrderId = placed.body["id"].as_str().unwrap().parse().unwrap();
            self.house.schedules.insert(order, self.seed);
            self.orders.push(order);
            self.tally.orders += 1;
        }
    }

    /// Somebody asks for something, mostly for what can be done.
    pub async fn act(&mut self) {
        if self.acts == 0 {
            return;
        }
        self.acts -= 1;
        let order = self.chance.pick(&self.orders);
        let seen = self.read(order).await;
        let actions = seen.body["available_actions"].as_array().cloned().unwrap_or_default();
        let wild = ["cancel_order", "ship_order", "request_return", "request_capture"];
        let action = if actions.is_empty() || self.chance.one_in(6) {
            self.chance.pick(&wild).to_owned()
        } else {
            let place = self.chance.place(actions.len());
            actions[place].as_str().unwrap().to_owned()
        };
        if let Some((operation, query, body)) = self.request(&action, order, &seen.body) {
            self.ask(operation, &query, body, &seen).await;
        }
    }

    async fn read(&mut self, order: OrderId) -> Answer {
        let client = self.house.as_staff(self.chance.place(2));
        let seen = client.ask(Operation::ReadOrder, &format!("order_id={order}"), None).await;
        assert_eq!(seen.status, 200, "{}", seen.body);
        seen
    }

    /// The request for an action, with what is in it chosen as the order was seen.
    fn request(
        &mut self,
        action: &str,
        order: OrderId,
        seen: &Value,
    ) -> Option<(Operation, String, Option<Value>)> {
        let query = format!("order_id={order}");
        let of = |list: &str, status: &str| -> Option<String> {
            let found = seen[list].as_array()?.iter().find(|found| found["status"] == status)?;
            Some(found["id"].as_str()?.to_owned())
        };
        Some(match action {
            "cancel_order" => {
                let parts = self.chance.one_in(2).then(|| self.parts(seen));
                let body = match parts {
                    Some(parts) if !parts.is_empty() => json!({"parts": parts, "reason": "asked"}),
                    Some(_) | None => json!({"reason": "asked"}),
                };
                (Operation::CancelOrder, query, Some(body))
            }
            "ship_order" => {
                let parts = self.chance.one_in(2).then(|| self.parts(seen)).filter(|parts| !parts.is_empty());
                let body = parts.map_or_else(|| json!({}), |parts| json!({"parts": parts}));
                (Operation::ShipOrder, query, Some(body))
            }
            "deliver_parcel" => {
                let parcel = of("parcels", "shipped")?;
                (Operation::DeliverParcel, format!("{query}&parcel_id={parcel}"), None)
            }
            "request_return" => {
                let parts = self.parts(seen);
                if parts.is_empty() {
                    return None;
                }
                (Operation::RequestReturn, query, Some(json!({"parts": parts, "reason": "asked"})))
            }
            "receive_return" => {
                let found =
                    seen["returns"].as_array()?.iter().find(|found| found["received_at"].is_null())?;
                let (id, parts) = (found["id"].as_str()?, found["parts"].clone());
                let body = match self.chance.one_in(3) {
                    true => json!({"restocked": [], "unusable": parts}),
                    false => json!({"restocked": parts, "unusable": []}),
                };
                (Operation::ReceiveReturn, format!("{query}&return_id={id}"), Some(body))
            }
            "refund_return" => {
                let found =
                    seen["returns"].as_array()?.iter().find(|found| !found["received_at"].is_null())?;
                let id = found["id"].as_str()?;
                (Operation::RefundReturn, format!("{query}&return_id={id}"), Some(json!({})))
            }
            _ => (Operation::RequestCapture, query, None),
        })
    }

    /// Some pieces of the order's lines; they may be more than can be had.
    fn parts(&mut self, seen: &Value) -> Vec<Value> {
        let lines = seen["lines"].as_array().cloned().unwrap_or_default();
        let mut parts = Vec::new();
        for line in lines {
            let most = u32::try_from(line["quantity"].as_u64().unwrap_or(1)).unwrap_or(1);
            let pieces = self.chance.below(most + 1);
            if pieces > 0 {
                parts.push(json!({"product_id": line["product_id"], "quantity": pieces}));
            }
        }
        parts
    }

    /// Asks, sometimes twice at once with the same key on both replicas: then both answers are one.
    async fn ask(&mut self, operation: Operation, query: &str, body: Option<Value>, seen: &Answer) {
        let tag = seen.headers["etag"].to_str().unwrap();
        let key = Uuid::now_v7().to_string();
        let with =
            |replica: usize| self.house.as_staff(replica).with("idempotency-key", &key).with("if-match", tag);
        let (first, second) = (with(0), with(1));
        self.tally.commands += 1;
        let answer = if self.chance.one_in(4) {
            self.tally.repeated += 1;
            let (one, other) = tokio::join!(
                first.ask(operation, query, body.clone()),
                second.ask(operation, query, body.clone())
            );
            assert_eq!(one.status, other.status, "{} {}", one.body, other.body);
            if one.status.is_success() {
                assert_eq!(one.body, other.body, "schedule {}", self.seed);
            }
            one
        } else {
            first.ask(operation, query, body).await
        };
        assert!(!answer.status.is_server_error(), "schedule {}: {}", self.seed, answer.body);
        self.tally.refused += u64::from(!answer.status.is_success());
        self.listen(Service::Order);
    }

    /// Staff decide what waits for them when all else is at rest; whether anything did.
    pub async fn attend(&mut self) -> bool {
        self.attended += 1;
        assert!(self.attended < 20, "schedule {}: staff cannot help", self.seed);
        let mut helped = false;
        for order in self.orders.clone() {
            let failed: Vec<String> = sqlx::query_scalar(
                "select cause from payment_refund where order_id = $1 and stage = 'failed'",
            )
            .bind(order.0)
            .fetch_all(&self.house.payment[0].db)
            .await
            .unwrap();
            for cause in failed {
                let action = if self.attended < 4 { "retry_refund" } else { "settle_refund" };
                let body = json!({"action": action, "cause": cause, "reason": "asked"});
                let client = self.house.payments(self.house.staff, Role::Admin);
                let client = client.with("idempotency-key", &Uuid::now_v7().to_string());
                let query = format!("order_id={order}");
                let answer = client.ask(Operation::ResolvePayment, &query, Some(body)).await;
                assert!(answer.status.is_success(), "schedule {}: {}", self.seed, answer.body);
                helped = true;
            }
            let seen = self.read(order).await;
            if !seen.body["payment_due"].is_null() && seen.body["fulfilment_status"] == "awaiting_capture" {
                let (operation, body) = match self.attended < 4 {
                    true => (Operation::RequestCapture, None),
                    false => (Operation::CancelOrder, Some(json!({"reason": "not paid"}))),
                };
                self.ask(operation, &format!("order_id={order}"), body, &seen).await;
                helped = true;
            }
        }
        if helped {
            self.listen(Service::Order);
            self.listen(Service::Payment);
        }
        helped
    }
}

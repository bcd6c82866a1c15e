//! What becomes of an order after it was paid, and what staff ask for.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use contracts::event::{OrderCancelled, OrderCaptureRequested, OrderPlaced, OrderRefundRequested};
use contracts::permission::Role;
use contracts::{CancellationId, CaptureMode, Operation, RefundCause, UserId};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Client};
use uuid::Uuid;

use crate::house::{House, confirmed, pounds, reserved};

/// The cause of a part that was cancelled.
pub fn cancellation() -> RefundCause {
    RefundCause::Cancellation(CancellationId(Uuid::now_v7()))
}

pub fn cancelled(order: &OrderPlaced, refunds_requested: i64) -> OrderCancelled {
    OrderCancelled {
        order_id: order.order_id,
        number: order.number.clone(),
        customer_id: order.customer_id,
        refunds_requested: pounds(refunds_requested),
    }
}

pub fn capture_requested(order: &OrderPlaced, amount: i64, round: u32) -> OrderCaptureRequested {
    OrderCaptureRequested { order_id: order.order_id, amount: pounds(amount), round }
}

pub fn refund_requested(order: &OrderPlaced, cause: RefundCause, amount: i64) -> OrderRefundRequested {
    OrderRefundRequested { order_id: order.order_id, cause, amount: pounds(amount) }
}

impl House {
    /// Charged at once, and confirmed.
    pub async fn confirmed(&self, token: &str) -> OrderPlaced {
        let order = self.charge(token).await;
        self.hear(confirmed(&order)).await;
        order
    }

    /// Authorised, and confirmed; its capture waits.
    pub async fn held(&self, token: &str) -> OrderPlaced {
        let mut order = self.order(token).await;
        order.terms.capture = CaptureMode::BeforeShipping;
        self.hear(order.clone()).await;
        self.hear(reserved(&order)).await;
        self.work_through().await;
        self.hear(confirmed(&order)).await;
        order
    }

    /// Asks for a refund and works until nothing is in hand.
    pub async fn refund(&self, order: &OrderPlaced, cause: RefundCause, amount: i64) {
        self.hear(refund_requested(order, cause, amount)).await;
        self.work_through().await;
    }

    pub fn staff(&self) -> Client {
        self.client.bearer(&self.signer.token(UserId(Uuid::from_u128(77)), Role::Admin))
    }

    /// Staff say or decide something.
    pub async fn resolve(&self, order: &OrderPlaced, body: Value) -> Answer {
        let key = Uuid::now_v7().to_string();
        let query = format!("order_id={}", order.order_id);
        self.staff().with("idempotency-key", &key).ask(Operation::ResolvePayment, &query, Some(body)).await
    }

    /// What needs a person, by kind, for the order.
    pub async fn issues(&self, order: &OrderPlaced) -> Vec<String> {
        let answer = self.staff().ask(Operation::ListPaymentIssues, "", None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let items = answer.body["items"].as_array().unwrap().iter();
        items
            .filter(|item| item["order_id"] == order.order_id.to_string())
            .map(|item| item["kind"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The refunds in few words, by cause.
    pub async fn refunds(&self, order: &OrderPlaced) -> BTreeMap<String, String> {
        let payment = self.payment(order).await;
        let refunds = payment["refunds"].as_array().unwrap().iter();
        refunds
            .map(|refund| {
                let word = |name: &str| refund[name].as_str().unwrap_or_default().to_owned();
                (
                    word("cause"),
                    format!("{} {}{}", refund["amount"]["amount"], word("status"), {
                        let failure = word("failure");
                        if failure.is_empty() { failure } else { format!(" {failure}") }
                    }),
                )
            })
            .collect()
    }

    /// Has the processor do something with the order's intent of its own accord.
    pub async fn at_intent(&self, order: &OrderPlaced, what: &str) -> Value {
        let intent = self.intents(order).await.remove(0);
        let path = format!("/_sandbox/payment_intents/{}/{what}", intent["id"].as_str().unwrap());
        self.at_processor(Method::POST, &path, &[]).await
    }

    /// What `order` is told for the books, and for its timeline.
    pub async fn told(&self, operation: Operation, query: Value) -> Value {
        let answer = self.client.with("dapr-caller-app-id", "order").ask(operation, "", Some(query)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    pub async fn facts(&self, order: &OrderPlaced) -> Value {
        let told = self.told(Operation::ReadPaymentFacts, json!({"orders": [order.order_id]})).await;
        told["payments"][0].clone()
    }

    /// So many seconds pass, and what waits is worked on.
    pub async fn pass(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
        self.work().await;
    }
}

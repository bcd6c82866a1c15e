//! Charges that the customer's bank disputes.

use contracts::event::{DisputeStatus, OrderPlaced};
use contracts::{Event, RefundCause};
use payment::domain::{Input, Intent, IntentId, IntentStatus, RefundSeen};
use payment::events;
use payment::store::payments;
use serde_json::json;
use sqlx::PgPool;

use crate::courses::{cancellation, refund_requested};
use crate::house::{House, pounds};

impl House {
    /// What a webhook or a comparison would tell.
    async fn see(&self, order: &OrderPlaced, input: Input) {
        let now = self.now();
        let mut tx = self.app.db.begin().await.unwrap();
        let stored = payments::lock_payment(&mut tx, order.order_id).await.unwrap().unwrap();
        let (payment, said, effects) = stored.payment.react(input, now);
        events::keep(&mut tx, &payment, &stored.cause, said, effects, now).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The processor's present word of the order's intent, which has succeeded.
    pub async fn see_intent(&self, order: &OrderPlaced) {
        let shown = self.intents(order).await.remove(0);
        let received = pounds(shown["amount_received"].as_i64().unwrap());
        let id = IntentId(shown["id"].as_str().unwrap().to_owned());
        let intent = Intent { id, status: IntentStatus::Succeeded { received } };
        self.see(order, Input::Seen(intent)).await;
    }

    pub async fn see_refund_failed(&self, order: &OrderPlaced, cause: RefundCause, reference: &str) {
        let seen = RefundSeen::Failed { reference: reference.to_owned() };
        self.see(order, Input::RefundSeen { cause, seen }).await;
    }

    async fn see_dispute(&self, order: &OrderPlaced, dispute_id: &str, status: DisputeStatus) {
        let dispute_id = dispute_id.to_owned();
        self.see(order, Input::DisputeSeen { dispute_id, amount: pounds(1999), status }).await;
    }
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn refunds_wait_while_a_dispute_is_open_and_go_on_once_it_is_won(db: PgPool) {
    let house = House::new(db).await;
    let order = house.confirmed("pm_card_visa").await;
    house.see_dispute(&order, "dp_1", DisputeStatus::Open).await;
    let cause = cancellation();
    house.hear(refund_requested(&order, cause, 500)).await;
    house.work_through().await;
    assert_eq!(house.refunds(&order).await[&cause.to_string()], "500 waiting");
    assert_eq!(house.issues(&order).await, ["disputed"]);
    assert_eq!(house.facts(&order).await["dispute_open"], json!(true));
    house.see_dispute(&order, "dp_1", DisputeStatus::Won).await;
    house.work_through().await;
    assert_eq!(house.refunds(&order).await[&cause.to_string()], "500 made");
    assert!(house.issues(&order).await.is_empty());
    let said = house.said(&order).await;
    let statuses: Vec<_> = said
        .iter()
        .filter_map(|event| match event {
            Event::PaymentDisputed(said) => Some(said.status),
            _ => None,
        })
        .collect();
    assert_eq!(statuses, [DisputeStatus::Open, DisputeStatus::Won]);
    let open: i64 =
        sqlx::query_scalar("select sum(amount)::bigint from ledger_posting where account = 'disputes'")
            .fetch_one(&house.app.db)
            .await
            .unwrap();
    assert_eq!(open, 0);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn staff_can_accept_a_dispute_which_loses_it(db: PgPool) {
    let house = House::new(db).await;
    let order = house.confirmed("pm_card_visa").await;
    let dispute = house.at_intent(&order, "dispute").await;
    let id = dispute["id"].as_str().unwrap_or_else(|| panic!("{dispute}")).to_owned();
    house.see_dispute(&order, &id, DisputeStatus::Open).await;
    let body = json!({"action": "accept_dispute", "dispute_id": id, "reason": "it was our fault"});
    assert_eq!(house.resolve(&order, body.clone()).await.status, 201);
    assert_eq!(house.resolve(&order, body).await.problem(), "invalid-transition", "it is being accepted");
    house.work_through().await;
    let payment = house.payment(&order).await;
    assert_eq!(payment["disputes"][0]["status"], "lost");
    let receipts = house.receipts(&order).await;
    assert_eq!(receipts[3..], ["dispute planned 1", "dispute sent 1", "dispute confirmed 1"]);
    let cause = cancellation();
    house.refund(&order, cause, 500).await;
    assert_eq!(
        house.refunds(&order).await[&cause.to_string()],
        "500 failed exceeds_captured",
        "the customer has the money by way of their bank"
    );
}

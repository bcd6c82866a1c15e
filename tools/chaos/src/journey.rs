//! One order from the first request to the last thing that is meant to happen to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use contracts::Operation;
use serde::Serialize;
use serde_json::{Value, json};

use crate::client::{Answer, Ask, Session};
use crate::clock::Clock;
use crate::plan::{Plan, Story};
use crate::shop::Shop;
use crate::shown::{Order, Parcel};

const BETWEEN_LOOKS: Duration = Duration::from_millis(700);
/// Somebody else may change the order between reading and changing it, but not for ever.
const MOST_CONFLICTS: usize = 20;

/// What became of one order.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    pub plan: Plan,
    pub id: Option<String>,
    /// When it was sent first, and when it was answered, in milliseconds of the run.
    pub sent: u64,
    pub answered: Option<u64>,
    /// What placing it was answered with.
    pub placing: String,
    /// What was done with it, and what that was answered with.
    pub steps: Vec<Step>,
    /// What should not have happened.
    pub trouble: Option<String>,
    /// The order as it was shown at the very end.
    pub shown: Option<Order>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Step {
    pub name: &'static str,
    pub answer: String,
}

/// One customer's way, and until when it waits for answers.
pub struct Journey {
    pub shop: Arc<Shop>,
    pub clock: Clock,
    pub patience: Instant,
}

impl Journey {
    pub async fn run(self, plan: Plan) -> Outcome {
        let mut outcome = Outcome {
            sent: self.clock.now(),
            plan,
            id: None,
            answered: None,
            placing: String::new(),
            steps: Vec::new(),
            trouble: None,
            shown: None,
        };
        if let Err(error) = self.go(&mut outcome).await {
            outcome.trouble = Some(format!("{error:#}"));
        }
        outcome
    }

    async fn go(&self, outcome: &mut Outcome) -> anyhow::Result<()> {
        let place = Ask::new(Operation::PlaceOrder).body(self.shop.order(&outcome.plan));
        let answer = self.customer(outcome).ask(&place, self.patience).await;
        outcome.answered = answer.is_ok().then(|| self.clock.now());
        outcome.placing = answer.as_ref().map_or_else(|error| format!("{error:#}"), said);
        let answer = answer?;
        if answer.status != 201 {
            bail!("placing an order was answered {}", said(&answer));
        }
        let id = answer.body["id"].as_str().context("an order has an id")?.to_owned();
        outcome.id = Some(id.clone());
        if outcome.plan.story == Story::CancelledAtOnce {
            self.cancel(outcome, &id, json!({}), Expected::EndedOtherwise).await?;
        }
        let order = self.ended(outcome, &id).await?;
        if order.status != "confirmed" {
            return Ok(());
        }
        match outcome.plan.story {
            Story::Bought | Story::CancelledAtOnce => Ok(()),
            Story::CancelledWhole => self.cancel(outcome, &id, json!({}), Expected::Success).await,
            Story::CancelledInPart => {
                let part = json!({"parts": [order.piece()?]});
                self.cancel(outcome, &id, part, Expected::Success).await
            }
            Story::Delivered => self.deliver(outcome, &id, json!({})).await.map(drop),
            Story::ShippedInParts => {
                self.deliver(outcome, &id, json!({"parts": [order.piece()?]})).await?;
                self.deliver(outcome, &id, json!({})).await.map(drop)
            }
            Story::Returned => self.send_back(outcome, &id, Piece::Restocked).await,
            Story::ReturnedUnusable => self.send_back(outcome, &id, Piece::Unusable).await,
        }
    }

    /// Reads the order until it has ended.
    async fn ended(&self, outcome: &Outcome, id: &str) -> anyhow::Result<Order> {
        let customer = self.customer(outcome);
        let enough = |order: &Order| order.status != "placed" || order.payment_status == "action_required";
        let (order, _) = self.read_until(customer, id, enough).await.context("it has not ended")?;
        if order.status != "placed" {
            return Ok(order);
        }
        if outcome.plan.proves_itself() {
            self.confirm_with_bank(customer, id).await?;
        }
        let ended = self.read_until(customer, id, |order| order.status != "placed").await;
        Ok(ended.context("it has not ended")?.0)
    }

    /// The customer opens the page that the bank shows, and approves. It may be too late by then.
    async fn confirm_with_bank(&self, customer: &Session, id: &str) -> anyhow::Result<()> {
        let ask = Ask::new(Operation::ListPayments).with("order_id", id);
        let payments = customer.ask(&ask, self.patience).await?.expect("listing payments")?;
        if let Some(url) = payments["items"][0]["action"]["url"].as_str() {
            self.shop.client.approve(url).await;
        }
        Ok(())
    }

    async fn read_until(
        &self,
        reader: &Session,
        id: &str,
        enough: impl Fn(&Order) -> bool,
    ) -> anyhow::Result<(Order, Option<String>)> {
        loop {
            let answer =
                reader.ask(&Ask::new(Operation::ReadOrder).with("order_id", id), self.patience).await?;
            let etag = answer.etag.clone();
            let order = Order::read(&answer.expect("reading an order")?)?;
            if enough(&order) {
                return Ok((order, etag));
            }
            if Instant::now() > self.patience {
                bail!("order {id} is still {} with {}", order.status, order.payment_status);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    async fn cancel(
        &self,
        outcome: &mut Outcome,
        id: &str,
        body: Value,
        expected: Expected,
    ) -> anyhow::Result<()> {
        let ask = Ask::new(Operation::CancelOrder).with("order_id", id).body(body);
        let answer = self.customer(outcome).ask(&ask, self.patience).await?;
        note(outcome, "cancel", &answer);
        let ended_otherwise = expected == Expected::EndedOtherwise && answer.problem() == "not-cancellable";
        if ended_otherwise || answer.succeeded() {
            return Ok(());
        }
        bail!("cancelling was answered {}", said(&answer))
    }

    /// Ships these parts, waits until they have left, and notes that they have arrived.
    async fn deliver(&self, outcome: &mut Outcome, id: &str, parts: Value) -> anyhow::Result<Parcel> {
        let ship = || Ask::new(Operation::ShipOrder).with("order_id", id).body(parts.clone());
        let shown = self.by_staff(outcome, "ship", id, ship).await?;
        let parcel = shown.parcels.last().context("an order that was shipped has a parcel")?.id.clone();
        let left =
            |order: &Order| order.parcels.iter().any(|one| one.id == parcel && one.status == "shipped");
        self.read_until(&self.shop.staff, id, left).await.context("the parcel has not left")?;
        let deliver = || Ask::new(Operation::DeliverParcel).with("order_id", id).with("parcel_id", &parcel);
        let shown = self.by_staff(outcome, "deliver", id, deliver).await?;
        shown.parcels.into_iter().find(|one| one.id == parcel).context("a parcel does not disappear")
    }

    /// One piece comes back and is refunded, in full or by half.
    async fn send_back(&self, outcome: &mut Outcome, id: &str, piece: Piece) -> anyhow::Result<()> {
        let parcel = self.deliver(outcome, id, json!({})).await?;
        let product = parcel.parts.first().context("a parcel has parts")?.product_id.clone();
        let part = json!({"product_id": product, "quantity": 1});
        let ask = Ask::new(Operation::RequestReturn).with("order_id", id).body(json!({"parts": [part]}));
        let answer = self.customer(outcome).ask(&ask, self.patience).await?;
        note(outcome, "ask to return", &answer);
        let shown = Order::read(&answer.expect("asking to return")?)?;
        let back = shown.returns.last().context("an order with a return shows it")?.id.clone();
        let price = shown.price_of(&product)?;

        let (body, amount) = match piece {
            Piece::Restocked => (json!({"restocked": [part]}), price),
            Piece::Unusable => (json!({"unusable": [part]}), (price / 2).max(1)),
        };
        let receive = || {
            Ask::new(Operation::ReceiveReturn)
                .with("order_id", id)
                .with("return_id", &back)
                .body(body.clone())
        };
        self.by_staff(outcome, "receive", id, receive).await?;
        let refund = || {
            Ask::new(Operation::RefundReturn)
                .with("order_id", id)
                .with("return_id", &back)
                .body(json!({"amount": {"amount": amount, "currency": "GBP"}}))
        };
        self.by_staff(outcome, "refund", id, refund).await?;
        Ok(())
    }

    /// Has staff change the order as they see it; whoever comes too late looks again.
    async fn by_staff(
        &self,
        outcome: &mut Outcome,
        name: &'static str,
        id: &str,
        ask: impl Fn() -> Ask,
    ) -> anyhow::Result<Order> {
        for _ in 0..MOST_CONFLICTS {
            let (_, etag) = self.read_until(&self.shop.staff, id, |_| true).await?;
            let answer = self.shop.staff.ask(&ask().if_match(etag), self.patience).await?;
            note(outcome, name, &answer);
            if answer.status != 412 {
                return Order::read(&answer.expect(name)?);
            }
        }
        bail!("{name}: the order was changed by somebody else {MOST_CONFLICTS} times")
    }

    fn customer(&self, outcome: &Outcome) -> &Session {
        &self.shop.customers[outcome.plan.customer].session
    }
}

/// What a cancellation may be answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Success,
    /// The order may have ended before.
    EndedOtherwise,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Restocked,
    Unusable,
}

fn note(outcome: &mut Outcome, name: &'static str, answer: &Answer) {
    outcome.steps.push(Step { name, answer: said(answer) });
}

fn said(answer: &Answer) -> String {
    if answer.succeeded() {
        return answer.status.to_string();
    }
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    format!("{} {} {detail}", answer.status, answer.problem()).trim_end().to_owned()
}

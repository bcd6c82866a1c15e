//! A payment as it is shown.

use chrono::{DateTime, Utc};
use contracts::event::DisputeStatus;
use contracts::receipt::ReceiptLine;
use contracts::{Currency, Money, OrderId, PaymentId, RefundCause, Refusal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::Problem;

use crate::domain::record::{self, Amounts};
use crate::domain::{Charge, Payment, Record, Refund, RefundStage};

/// How far an order's payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Waits for the order or its stock.
    Waiting,
    Processing,
    /// The card processor has not told what became of it.
    Unknown,
    /// The customer has to confirm with their bank.
    ActionRequired,
    Authorised,
    Capturing,
    /// It could not be captured; staff have to decide.
    Due,
    Captured,
    Cancelling,
    /// No charge can follow.
    Cancelled,
    Declined,
    Refunding,
    PartlyRefunded,
    Refunded,
    /// Staff have to refund it.
    RefundFailed,
}

/// How far a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// Nothing is captured yet, or a dispute is open.
    Waiting,
    InHand,
    Made,
    /// Staff have to decide.
    Failed,
    /// Staff gave the money back otherwise.
    Settled,
    /// Nothing was captured, so nothing goes back.
    Moot,
}

/// The one payment of an order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PaymentView {
    pub id: PaymentId,
    pub order_id: OrderId,
    pub status: PaymentStatus,
    /// Since when it is not known what became of an act.
    pub unknown_since: Option<DateTime<Utc>>,
    /// The order has ended otherwise than confirmed, and what was begun is being undone.
    pub end_requested: bool,
    /// Absent until the order is known.
    pub due: Option<Money>,
    /// Held, and not captured.
    pub authorised: Option<Money>,
    pub captured: Option<Money>,
    /// Given back through the card processor.
    pub refunded: Option<Money>,
    /// Why it was declined.
    pub refusal: Option<Refusal>,
    /// What the customer has to do.
    pub action: Option<ActionView>,
    /// The capture that has failed.
    pub capture_due: Option<DueView>,
    pub refunds: Vec<RefundView>,
    pub disputes: Vec<DisputeView>,
    pub receipts: Vec<ReceiptView>,
}

/// The payment has to be confirmed with the customer's bank.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ActionView {
    /// Where the customer does that; for nobody else to see.
    pub url: Option<String>,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// What could not be captured.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = PaymentDueView)]
pub struct DueView {
    pub amount: Money,
    /// How often it was asked for.
    pub round: u32,
    /// The card processor's code, e.g. `authorisation_lapsed`.
    pub reason: String,
}

/// Money that goes back for one cause.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = PaymentRefundView)]
pub struct RefundView {
    #[schema(value_type = String)]
    pub cause: RefundCause,
    pub amount: Money,
    pub status: RefundStatus,
    /// Why it has failed: `exceeds_captured`, `not_made` or `returned`.
    pub failure: Option<String>,
}

/// What the customer's bank disputes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DisputeView {
    pub dispute_id: String,
    pub amount: Money,
    pub status: DisputeStatus,
}

/// One line about what was done at the card processor.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReceiptView {
    pub sequence: i32,
    /// `charge`, `capture`, `void`, `refund` or `dispute`.
    pub kind: String,
    /// `planned`, `sent`, `confirmed`, `unknown` or `failed`.
    pub state: String,
    pub attempt: u32,
    pub at: DateTime<Utc>,
}

impl PaymentView {
    pub(super) fn new(
        payment: &Payment,
        records: &[Record],
        receipts: Vec<(OrderId, ReceiptLine)>,
        unknown_since: Option<DateTime<Utc>>,
    ) -> Result<PaymentView, Problem> {
        let due = payment.due.as_ref().map(|due| due.total);
        let sums = due.map(|due| sums(due.currency(), records)).transpose()?;
        let refunds = payment.refunds.iter().map(|(cause, refund)| RefundView::new(*cause, refund));
        let disputes = payment.disputes.iter().map(|(id, dispute)| DisputeView {
            dispute_id: id.clone(),
            amount: dispute.amount,
            status: dispute.status(),
        });
        Ok(PaymentView {
            id: payment.id,
            order_id: payment.order_id,
            status: status(payment, records),
            unknown_since,
            end_requested: payment.end_requested(),
            due,
            authorised: sums.map(|sums| sums.authorised),
            captured: sums.map(|sums| sums.captured),
            refunded: sums.map(|sums| sums.refunded),
            refusal: refusal(records),
            action: action(payment),
            capture_due: capture_due(&payment.charge),
            refunds: refunds.collect(),
            disputes: disputes.collect(),
            receipts: receipts.into_iter().map(|(_, line)| ReceiptView::from(line)).collect(),
        })
    }

    /// As others than the customer see it.
    pub(in crate::api) fn without_link(mut self) -> PaymentView {
        self.action = self.action.map(|action| ActionView { url: None, ..action });
        self
    }
}

impl RefundView {
    fn new(cause: RefundCause, refund: &Refund) -> RefundView {
        let (status, failure) = match &refund.stage {
            RefundStage::Waiting => (RefundStatus::Waiting, None),
            RefundStage::InHand { .. } => (RefundStatus::InHand, None),
            RefundStage::Made { .. } => (RefundStatus::Made, None),
            RefundStage::Failed { why } => (RefundStatus::Failed, Some(why.name().to_owned())),
            RefundStage::Settled => (RefundStatus::Settled, None),
            RefundStage::Moot => (RefundStatus::Moot, None),
        };
        RefundView { cause, amount: refund.amount, status, failure }
    }
}

impl From<ReceiptLine> for ReceiptView {
    fn from(line: ReceiptLine) -> ReceiptView {
        ReceiptView {
            sequence: line.sequence,
            kind: line.kind,
            state: line.state,
            attempt: line.attempt,
            at: line.at,
        }
    }
}

fn sums(currency: Currency, records: &[Record]) -> Result<Amounts, Problem> {
    record::amounts(currency, records).map_err(|error| Problem::from(anyhow::Error::from(error)))
}

fn refusal(records: &[Record]) -> Option<Refusal> {
    records.iter().rev().find_map(Record::refusal).cloned()
}

fn action(payment: &Payment) -> Option<ActionView> {
    let until = payment.due.as_ref()?.charge_by;
    match &payment.charge {
        Charge::ActionRequired { url, .. } => Some(ActionView { url: url.clone(), until }),
        Charge::Waiting
        | Charge::Creating { .. }
        | Charge::Confirming { .. }
        | Charge::Cancelling { .. }
        | Charge::Authorised { .. }
        | Charge::Capturing { .. }
        | Charge::Due { .. }
        | Charge::Free { .. }
        | Charge::Captured { .. }
        | Charge::Closed { .. } => None,
    }
}

fn capture_due(charge: &Charge) -> Option<DueView> {
    match charge {
        Charge::Due { amount, round, reason, .. } => {
            Some(DueView { amount: *amount, round: *round, reason: reason.code().to_owned() })
        }
        Charge::Waiting
        | Charge::Creating { .. }
        | Charge::Confirming { .. }
        | Charge::ActionRequired { .. }
        | Charge::Cancelling { .. }
        | Charge::Authorised { .. }
        | Charge::Capturing { .. }
        | Charge::Free { .. }
        | Charge::Captured { .. }
        | Charge::Closed { .. } => None,
    }
}

fn status(payment: &Payment, records: &[Record]) -> PaymentStatus {
    if payment.unknown() {
        return PaymentStatus::Unknown;
    }
    match &payment.charge {
        Charge::Waiting => PaymentStatus::Waiting,
        Charge::Creating { .. } | Charge::Confirming { .. } => PaymentStatus::Processing,
        Charge::ActionRequired { .. } => PaymentStatus::ActionRequired,
        Charge::Cancelling { .. } => PaymentStatus::Cancelling,
        Charge::Authorised { .. } => PaymentStatus::Authorised,
        Charge::Capturing { .. } => PaymentStatus::Capturing,
        Charge::Due { .. } => PaymentStatus::Due,
        Charge::Free { .. } => PaymentStatus::Captured,
        Charge::Captured { amount, .. } => status_of_refunds(payment, *amount),
        Charge::Closed { .. } if refusal(records).is_some() => PaymentStatus::Declined,
        Charge::Closed { .. } => PaymentStatus::Cancelled,
    }
}

fn status_of_refunds(payment: &Payment, captured: Money) -> PaymentStatus {
    let given = |refund: &&Refund| matches!(refund.stage, RefundStage::Made { .. } | RefundStage::Settled);
    let back: i64 = payment.refunds.values().filter(given).map(|refund| refund.amount.amount()).sum();
    if payment.refunds_failed().next().is_some() {
        PaymentStatus::RefundFailed
    } else if payment.refunds.values().any(Refund::open) {
        PaymentStatus::Refunding
    } else if back == 0 {
        PaymentStatus::Captured
    } else if back < captured.amount() {
        PaymentStatus::PartlyRefunded
    } else {
        PaymentStatus::Refunded
    }
}

//! Where the card processor's own list does not agree with ours.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::event::DisputeStatus;
use contracts::{Money, OrderId, RefundCause};

use super::webhook::{self, Verdict};
use super::{Charge, DueReason, Input, IntentId, IntentStatus, Payment, RefundSeen, RefundStage};

/// An open intent that is not the order's own may still be the answer to a call that is on its way; later it is not.
pub const STRAY_AFTER: TimeDelta = TimeDelta::hours(1);

/// An intent of the processor's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub id: IntentId,
    /// The order that its metadata names.
    pub order_id: Option<OrderId>,
    /// None where it cannot be read.
    pub status: Option<IntentStatus>,
    /// What the processor calls its status.
    pub status_name: String,
    pub captured: i64,
    pub currency: String,
    pub made_at: DateTime<Utc>,
}

/// A refund of the processor's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRefund {
    pub id: String,
    pub intent: Option<IntentId>,
    pub cause: Option<RefundCause>,
    pub amount: i64,
    /// None where it cannot be read.
    pub money: Option<Money>,
    pub seen: RefundSeen,
    /// What the processor calls its status.
    pub status_name: String,
}

/// A dispute of the processor's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDispute {
    pub id: String,
    pub intent: Option<IntentId>,
    pub amount: Option<Money>,
    pub status: Option<DisputeStatus>,
}

/// Everything that the processor says of one intent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub listed: Listed,
    pub refunds: Vec<ListedRefund>,
    pub disputes: Vec<ListedDispute>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Charged at the processor, and unknown to us.
    UnknownCharge,
    StatusDiffers,
    AmountDiffers,
    /// Charged, though the order has another intent.
    SecondCharge,
    /// Open, and not the order's own.
    StrayIntent,
    /// The processor does not know it.
    Missing,
    RefundsDiffer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub kind: Kind,
    pub detail: String,
}

impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::UnknownCharge,
        Kind::StatusDiffers,
        Kind::AmountDiffers,
        Kind::SecondCharge,
        Kind::StrayIntent,
        Kind::Missing,
        Kind::RefundsDiffer,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Kind::UnknownCharge => "unknown_charge",
            Kind::StatusDiffers => "status_differs",
            Kind::AmountDiffers => "amount_differs",
            Kind::SecondCharge => "second_charge",
            Kind::StrayIntent => "stray_intent",
            Kind::Missing => "missing",
            Kind::RefundsDiffer => "refunds_differ",
        }
    }
}

impl ListedRefund {
    /// What the customer got by it, in minor units.
    pub fn given_back(&self) -> i64 {
        match self.seen {
            RefundSeen::Accepted { .. } => self.amount,
            RefundSeen::Failed { .. } => 0,
        }
    }
}

impl Snapshot {
    pub fn refunded(&self) -> i64 {
        self.refunds.iter().map(ListedRefund::given_back).sum()
    }

    /// What the processor's word adds to the payment, where it is about the payment's own intent and its amounts are
    /// those that are known.
    pub fn inputs(&self, payment: &Payment) -> Vec<Input> {
        if payment.charge.intent() != Some(&self.listed.id) {
            return Vec::new();
        }
        let intent = self.listed.status.iter();
        let intent = intent.map(|status| webhook::of_intent(payment, &self.listed.id, status));
        let refunds = self
            .refunds
            .iter()
            .map(|refund| webhook::of_refund(payment, refund.cause, refund.money, &refund.seen));
        let disputes = self.disputes.iter().filter_map(|dispute| {
            let (amount, status) = dispute.amount.zip(dispute.status)?;
            Some(webhook::of_dispute(payment, &dispute.id, amount, status))
        });
        let verdicts = intent.chain(refunds).chain(disputes);
        verdicts
            .filter_map(|verdict| match verdict {
                Verdict::Apply(input) => Some(*input),
                Verdict::Ignore | Verdict::Unmatched(_) | Verdict::Differs(_) => None,
            })
            .collect()
    }
}

/// What does not agree. What is in hand may still come to agree by itself.
pub fn compare(
    payment: Option<&Payment>,
    listed: &Listed,
    refunded: i64,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let charged = match listed.status {
        Some(IntentStatus::Succeeded { .. } | IntentStatus::RequiresCapture { .. }) => true,
        Some(
            IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresPaymentMethod { .. }
            | IntentStatus::RequiresAction { .. }
            | IntentStatus::Processing
            | IntentStatus::Canceled,
        )
        | None => false,
    };
    let Some(payment) = payment else {
        return found(charged, Kind::UnknownCharge, || "no order of ours has this intent".to_owned());
    };
    match payment.charge.intent() {
        Some(known) if *known == listed.id => of_own(payment, listed, refunded),
        Some(known) if charged => {
            found(true, Kind::SecondCharge, || format!("the order's own intent is {}", known.0))
        }
        None if charged => found(true, Kind::UnknownCharge, || "the order has no intent".to_owned()),
        Some(_) | None => {
            let stray = is_stray(payment, listed, now);
            found(stray, Kind::StrayIntent, || format!("{} and not the order's own", listed.status_name))
        }
    }
}

/// An intent that was made and never used, because the answer to its making got lost.
fn is_stray(payment: &Payment, listed: &Listed, now: DateTime<Utc>) -> bool {
    let open = match &listed.status {
        Some(
            IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresPaymentMethod { .. }
            | IntentStatus::RequiresAction { .. },
        ) => true,
        Some(
            IntentStatus::Processing
            | IntentStatus::RequiresCapture { .. }
            | IntentStatus::Succeeded { .. }
            | IntentStatus::Canceled,
        )
        | None => false,
    };
    let may_be_the_answer = matches!(payment.charge, Charge::Creating { .. });
    open && !may_be_the_answer && now - listed.made_at > STRAY_AFTER
}

fn of_own(payment: &Payment, listed: &Listed, refunded: i64) -> Vec<Finding> {
    let Some(status) = &listed.status else {
        return found(true, Kind::StatusDiffers, || {
            format!("the status {} is not known", listed.status_name)
        });
    };
    if let Verdict::Differs(detail) = webhook::of_intent(payment, &listed.id, status) {
        return vec![Finding { kind: Kind::AmountDiffers, detail }];
    }
    let mut findings = found(!agrees(&payment.charge, status), Kind::StatusDiffers, || {
        format!("the provider says {}, we say {}", listed.status_name, ours(&payment.charge))
    });
    let in_hand = payment.refunds.values().any(|refund| refund.attempt().is_some());
    let made = payment.refunds.values().filter(|refund| matches!(refund.stage, RefundStage::Made { .. }));
    let made: i64 = made.map(|refund| refund.amount.amount()).sum();
    findings.extend(found(!in_hand && made != refunded, Kind::RefundsDiffer, || {
        format!("the provider gave back {refunded}, we say {made}")
    }));
    findings
}

/// Whether what is at rest here is at rest there in the same way.
fn agrees(charge: &Charge, status: &IntentStatus) -> bool {
    match charge {
        Charge::Waiting
        | Charge::Creating { .. }
        | Charge::Confirming { .. }
        | Charge::ActionRequired { .. }
        | Charge::Cancelling { .. }
        | Charge::Capturing { .. } => true,
        Charge::Authorised { .. } | Charge::Due { reason: DueReason::Refused { .. }, .. } => {
            matches!(status, IntentStatus::RequiresCapture { .. })
        }
        Charge::Captured { .. } => matches!(status, IntentStatus::Succeeded { .. }),
        Charge::Due { reason: DueReason::Lapsed, .. } | Charge::Free { .. } | Charge::Closed { .. } => {
            matches!(status, IntentStatus::Canceled)
        }
    }
}

fn ours(charge: &Charge) -> &'static str {
    match charge {
        Charge::Waiting => "waiting",
        Charge::Creating { .. }
        | Charge::Confirming { .. }
        | Charge::ActionRequired { .. }
        | Charge::Cancelling { .. }
        | Charge::Capturing { .. } => "in hand",
        Charge::Authorised { .. } => "authorised",
        Charge::Due { .. } => "due",
        Charge::Free { .. } => "nothing to capture",
        Charge::Captured { .. } => "captured",
        Charge::Closed { .. } => "closed",
    }
}

fn found(holds: bool, kind: Kind, detail: impl FnOnce() -> String) -> Vec<Finding> {
    if holds { vec![Finding { kind, detail: detail() }] } else { Vec::new() }
}

//! What the card processor tells of its own accord: whether it is genuine, and what it says of a payment.

use aws_lc_rs::hmac;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::event::DisputeStatus;
use contracts::{Money, OrderId, RefundCause};

use super::{Charge, Input, Intent, IntentId, IntentStatus, Payment, RefundSeen};

/// A signature holds for so long, and may be so far ahead of our clock.
pub const TOLERANCE: TimeDelta = TimeDelta::seconds(300);

/// Why what was sent is not taken for the processor's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the Stripe-Signature header is missing")]
    Missing,
    #[error("the Stripe-Signature header is not of the form t=<seconds>,v1=<hex>")]
    Malformed,
    #[error("no signature is that of this body under our secret")]
    Wrong,
    #[error("the timestamp is more than {} seconds away from our clock", TOLERANCE.num_seconds())]
    OutOfTime,
}

/// An event as far as it matters here; nothing of it is personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The processor's name for the event.
    pub event_id: String,
    /// Its type, e.g. `payment_intent.succeeded`.
    pub kind: String,
    pub told_at: DateTime<Utc>,
    pub object_id: String,
    pub intent: Option<IntentId>,
    /// The order that the object's metadata names.
    pub order_id: Option<OrderId>,
    pub object: Object,
}

/// What an event is about. What cannot be read says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    Intent(Option<IntentStatus>),
    Refund { cause: Option<RefundCause>, amount: Option<Money>, seen: RefundSeen },
    Dispute { amount: Option<Money>, status: Option<DisputeStatus> },
}

/// What an event comes to for a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Apply(Box<Input>),
    /// It says nothing that a payment could use.
    Ignore,
    /// It is about something that is not known here, or not yet.
    Unmatched(&'static str),
    /// Its money is not what we know; nothing may follow from it.
    Differs(String),
}

/// Whether the body was signed with the secret, and not too long ago.
///
/// # Errors
/// Says what is wrong with the signature.
pub fn check_signature(
    header: Option<&str>,
    body: &[u8],
    secret: &str,
    now: DateTime<Utc>,
) -> Result<(), SignatureError> {
    let header = header.ok_or(SignatureError::Missing)?;
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let time = parts().find(|(name, _)| *name == "t").map(|(_, value)| value);
    let time = time.ok_or(SignatureError::Malformed)?;
    let seconds: i64 = time.parse().map_err(|_| SignatureError::Malformed)?;
    let signed_at = DateTime::from_timestamp(seconds, 0).ok_or(SignatureError::Malformed)?;
    let codes: Vec<Vec<u8>> =
        parts().filter(|(name, _)| *name == "v1").filter_map(|(_, code)| hex::decode(code).ok()).collect();
    if codes.is_empty() {
        return Err(SignatureError::Malformed);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [time.as_bytes(), b".", body].concat();
    // Comparing takes the same time wherever a code differs.
    let genuine = codes.iter().any(|code| hmac::verify(&key, &signed, code).is_ok());
    if !genuine {
        return Err(SignatureError::Wrong);
    }
    if (now - signed_at).abs() > TOLERANCE { Err(SignatureError::OutOfTime) } else { Ok(()) }
}

impl Told {
    /// What follows for the payment of the order that the event is about.
    pub fn verdict(&self, payment: &Payment) -> Verdict {
        match &self.object {
            Object::Intent(None) => Verdict::Ignore,
            Object::Intent(Some(status)) => match &self.intent {
                Some(intent) => of_intent(payment, intent, status),
                None => Verdict::Ignore,
            },
            Object::Refund { cause, amount, seen } => of_refund(payment, *cause, *amount, seen),
            Object::Dispute { amount: Some(amount), status: Some(status) } => {
                of_dispute(payment, &self.object_id, *amount, *status)
            }
            Object::Dispute { .. } => Verdict::Ignore,
        }
    }
}

/// What an intent, however it was seen, says to a payment.
pub fn of_intent(payment: &Payment, intent: &IntentId, status: &IntentStatus) -> Verdict {
    match payment.charge.intent() {
        None => return Verdict::Unmatched("the order has no intent yet"),
        Some(known) if known != intent => return Verdict::Unmatched("the order has another intent"),
        Some(_) => {}
    }
    let Some(due) = &payment.due else {
        return Verdict::Unmatched("the order is not known yet");
    };
    let differs = match status {
        IntentStatus::Succeeded { received } => {
            let expected = expected_capture(payment, due.total);
            (*received != expected).then(|| differ("captured", *received, expected))
        }
        IntentStatus::RequiresCapture { held } => {
            (*held != due.total).then(|| differ("authorised", *held, due.total))
        }
        IntentStatus::RequiresConfirmation
        | IntentStatus::RequiresPaymentMethod { .. }
        | IntentStatus::RequiresAction { .. }
        | IntentStatus::Processing
        | IntentStatus::Canceled => None,
    };
    match differs {
        Some(difference) => Verdict::Differs(difference),
        None => Verdict::Apply(Box::new(Input::Seen(Intent { id: intent.clone(), status: status.clone() }))),
    }
}

/// What should be captured: what was, what was asked for, else all of it.
fn expected_capture(payment: &Payment, total: Money) -> Money {
    match &payment.charge {
        Charge::Captured { amount, .. } | Charge::Capturing { amount, .. } => *amount,
        Charge::Waiting
        | Charge::Creating { .. }
        | Charge::Confirming { .. }
        | Charge::ActionRequired { .. }
        | Charge::Cancelling { .. }
        | Charge::Authorised { .. }
        | Charge::Due { .. }
        | Charge::Free { .. }
        | Charge::Closed { .. } => payment.wish.map_or(total, |wish| wish.amount),
    }
}

/// What a refund, however it was seen, says to a payment.
pub fn of_refund(
    payment: &Payment,
    cause: Option<RefundCause>,
    amount: Option<Money>,
    seen: &RefundSeen,
) -> Verdict {
    let Some(cause) = cause else {
        return Verdict::Unmatched("the refund names no cause");
    };
    let Some(refund) = payment.refunds.get(&cause) else {
        return Verdict::Unmatched("no refund of this cause is known");
    };
    match amount {
        Some(amount) if amount != refund.amount => {
            Verdict::Differs(differ("refunded", amount, refund.amount))
        }
        Some(_) => Verdict::Apply(Box::new(Input::RefundSeen { cause, seen: seen.clone() })),
        None => Verdict::Differs("refunded an amount that cannot be read".to_owned()),
    }
}

/// What a dispute, however it was seen, says to a payment.
pub fn of_dispute(payment: &Payment, dispute_id: &str, amount: Money, status: DisputeStatus) -> Verdict {
    let Some(due) = &payment.due else {
        return Verdict::Unmatched("the order is not known yet");
    };
    if amount.currency() != due.total.currency() || amount.amount() > due.total.amount() {
        return Verdict::Differs(differ("disputed", amount, due.total));
    }
    let dispute_id = dispute_id.to_owned();
    Verdict::Apply(Box::new(Input::DisputeSeen { dispute_id, amount, status }))
}

fn differ(what: &str, told: Money, known: Money) -> String {
    format!("{what} {}, known {}", shown(told), shown(known))
}

fn shown(money: Money) -> String {
    format!("{} {}", money.amount(), money.currency().code())
}

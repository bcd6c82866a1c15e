//! Intents, refunds and disputes as Stripe's JSON, with every field that its documentation calls required.

use serde_json::{Map, Value, json};

use super::dispute::Dispute;
use super::fold::Object;
use super::intent::{Failure, Intent, State};
use super::refund::Refund;

/// What an entry has left behind; nothing where it touches nothing that can be shown.
pub fn object(object: &Object) -> Value {
    match object {
        Object::Intent(intent) => payment_intent(intent),
        Object::Refund(known) => refund(known),
        Object::Dispute(known) => dispute(known),
        Object::None => Value::Null,
    }
}

pub fn payment_intent(intent: &Intent) -> Value {
    let (capturable, received) = match &intent.state {
        State::RequiresPaymentMethod { .. }
        | State::RequiresConfirmation { .. }
        | State::RequiresAction { .. }
        | State::Processing { .. }
        | State::Canceled { .. } => (0, 0),
        State::RequiresCapture { .. } => (intent.amount.minor_units(), 0),
        State::Succeeded { captured, .. } => (0, captured.minor_units()),
    };
    let mut view = nothing_here();
    let known = json!({
        "id": intent.id,
        "object": "payment_intent",
        "amount": intent.amount,
        "amount_capturable": capturable,
        "amount_details": { "tip": {} },
        "amount_received": received,
        "canceled_at": canceled_at(intent),
        "cancellation_reason": cancellation_reason(intent),
        "capture_method": intent.capture_method,
        "confirmation_method": "automatic",
        "created": intent.created_at.timestamp(),
        "currency": intent.currency,
        "last_payment_error": failure(intent).map(last_payment_error),
        "latest_charge": intent.latest_charge(),
        "livemode": false,
        "metadata": intent.metadata,
        "next_action": next_action(intent),
        "payment_method": intent.card(),
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "status": intent.status(),
    });
    if let Value::Object(known) = known {
        view.extend(known);
    }
    Value::Object(view)
}

/// What a declined charge says, in the intent and in the error alike.
pub fn last_payment_error(failure: &Failure) -> Map<String, Value> {
    let mut view = Map::from_iter([
        ("type".to_owned(), Value::from("card_error")),
        ("code".to_owned(), Value::from(failure.reason.code())),
        ("message".to_owned(), Value::from(failure.reason.message())),
        ("charge".to_owned(), Value::from(failure.charge.as_str())),
        (
            "payment_method".to_owned(),
            json!({ "id": failure.method, "object": "payment_method", "type": "card" }),
        ),
    ]);
    if let Some(decline_code) = failure.reason.decline_code() {
        view.insert("decline_code".to_owned(), Value::from(decline_code));
    }
    view
}

pub fn refund(refund: &Refund) -> Value {
    let mut view = json!({
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "balance_transaction": null,
        "charge": refund.charge,
        "created": refund.created_at.timestamp(),
        "currency": refund.currency,
        "metadata": refund.metadata,
        "payment_intent": refund.payment_intent,
        "reason": refund.reason,
        "receipt_number": null,
        "source_transfer_reversal": null,
        "status": refund.status(),
        "transfer_reversal": null,
    });
    if let Some(failure) = refund.failure {
        view["failure_reason"] = json!(failure);
    }
    view
}

pub fn dispute(dispute: &Dispute) -> Value {
    json!({
        "id": dispute.id,
        "object": "dispute",
        "amount": dispute.amount,
        "balance_transactions": [],
        "charge": dispute.charge,
        "created": dispute.created_at.timestamp(),
        "currency": dispute.currency,
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": { "due_by": null, "enhanced_eligibility": {}, "has_evidence": false,
            "past_due": false, "submission_count": 0 },
        "is_charge_refundable": false,
        "livemode": false,
        "metadata": {},
        "payment_intent": dispute.payment_intent,
        "reason": "general",
        "status": dispute.status(),
    })
}

pub fn list(url: &str, data: Vec<Value>, more: bool) -> Value {
    json!({ "object": "list", "url": url, "has_more": more, "data": data })
}

/// The fields of an intent that this processor never fills.
fn nothing_here() -> Map<String, Value> {
    [
        "application",
        "application_fee_amount",
        "automatic_payment_methods",
        "client_secret",
        "customer",
        "description",
        "on_behalf_of",
        "payment_method_configuration_details",
        "processing",
        "receipt_email",
        "review",
        "setup_future_usage",
        "shipping",
        "source",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_data",
        "transfer_group",
    ]
    .into_iter()
    .map(|name| (name.to_owned(), Value::Null))
    .collect()
}

fn failure(intent: &Intent) -> Option<&Failure> {
    if let State::RequiresPaymentMethod { failure } = &intent.state { failure.as_ref() } else { None }
}

fn canceled_at(intent: &Intent) -> Option<i64> {
    if let State::Canceled { canceled_at, .. } = &intent.state { Some(canceled_at.timestamp()) } else { None }
}

fn cancellation_reason(intent: &Intent) -> Value {
    if let State::Canceled { reason, .. } = &intent.state { json!(reason) } else { Value::Null }
}

/// What the customer has to do, and where.
fn next_action(intent: &Intent) -> Value {
    let State::RequiresAction { page, return_url, .. } = &intent.state else {
        return Value::Null;
    };
    json!({ "type": "redirect_to_url", "redirect_to_url": { "url": page, "return_url": return_url } })
}

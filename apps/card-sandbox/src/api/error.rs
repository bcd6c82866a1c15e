//! Stripe's error object, and how refusals of the domain become one.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::app::till::ClaimError;
use crate::domain::Act;
use crate::domain::answer::Answer;
use crate::domain::book::DecideError;
use crate::domain::card::{Decline, Reply};
use crate::domain::intent::{Failure, Intent, Refusal};
use crate::domain::money::{Amount, Currency};
use crate::domain::view;
use crate::store::LogFailed;

#[derive(Debug, Clone)]
pub(crate) struct StripeError {
    status: StatusCode,
    /// The inside of `{"error": …}`.
    fields: Map<String, Value>,
}

impl StripeError {
    fn new(status: StatusCode, kind: &str, message: impl Into<String>) -> StripeError {
        let fields = Map::from_iter([
            ("type".to_owned(), Value::from(kind)),
            ("message".to_owned(), Value::from(message.into())),
        ]);
        StripeError { status, fields }
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> StripeError {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn invalid(message: impl Into<String>) -> StripeError {
        StripeError::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    pub(crate) fn invalid_parameter(name: &str, message: impl Into<String>) -> StripeError {
        StripeError::invalid(message).with("param", name)
    }

    pub(crate) fn missing_parameter(name: &str) -> StripeError {
        StripeError::invalid_parameter(name, format!("Missing required param: {name}."))
            .with("code", "parameter_missing")
    }

    pub(crate) fn unknown_parameter(name: &str) -> StripeError {
        StripeError::invalid_parameter(name, format!("Received unknown parameter: {name}"))
            .with("code", "parameter_unknown")
    }

    pub(crate) fn empty_parameter(name: &str) -> StripeError {
        StripeError::invalid_parameter(name, format!("You passed an empty string for '{name}'."))
            .with("code", "parameter_invalid_empty")
    }

    pub(crate) fn invalid_integer(name: &str, text: &str) -> StripeError {
        StripeError::invalid_parameter(name, format!("Invalid integer: {text}"))
            .with("code", "parameter_invalid_integer")
    }

    pub(crate) fn amount_too_small(name: &str) -> StripeError {
        StripeError::invalid_parameter(name, "This value must be greater than or equal to 1.")
            .with("code", "parameter_invalid_integer")
    }

    pub(crate) fn amount_too_large(name: &str) -> StripeError {
        StripeError::invalid_parameter(name, format!("Amount must be no more than {}", Amount::MAX))
            .with("code", "amount_too_large")
    }

    pub(crate) fn unknown_currency(given: &str) -> StripeError {
        let allowed = Currency::ALLOWED.join(", ");
        let message = format!("Invalid currency: {given}. These currencies are supported: {allowed}");
        StripeError::invalid_parameter("currency", message)
    }

    /// An object named in the parameters does not exist.
    pub(crate) fn no_such(what: &str, id: &str, parameter: &str) -> StripeError {
        StripeError::invalid_parameter(parameter, format!("No such {what}: '{id}'"))
            .with("code", "resource_missing")
    }

    /// The object named in the path does not exist.
    pub(crate) fn not_found(what: &str, id: &str, parameter: &str) -> StripeError {
        StripeError { status: StatusCode::NOT_FOUND, ..StripeError::no_such(what, id, parameter) }
    }

    pub(crate) fn unknown_url(method: &str, path: &str) -> StripeError {
        let message = format!("Unrecognized request URL ({method}: {path}).");
        StripeError::new(StatusCode::NOT_FOUND, "invalid_request_error", message)
    }

    pub(crate) fn unauthorized(message: &str) -> StripeError {
        StripeError::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message)
    }

    pub(crate) fn bad_key(message: &str) -> StripeError {
        StripeError::new(StatusCode::BAD_REQUEST, "idempotency_error", message)
    }

    pub(crate) fn server() -> StripeError {
        StripeError::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", "An unknown error occurred.")
    }

    /// The bank declined.
    pub(crate) fn declined(intent: &Intent, failure: &Failure) -> StripeError {
        let inside = view::last_payment_error(failure);
        let StripeError { status, mut fields } =
            StripeError::new(StatusCode::PAYMENT_REQUIRED, "card_error", failure.reason.message());
        fields.extend(inside);
        StripeError { status, fields }.with("payment_intent", view::payment_intent(intent))
    }

    /// What a test card's fault has the caller hear.
    pub(crate) fn struck(reply: Reply, intent: Option<&Intent>) -> StripeError {
        match reply {
            Reply::Declined => {
                let declined = intent.and_then(|intent| {
                    let (method, charge) = (intent.card()?, intent.latest_charge()?.to_owned());
                    let failure = Failure { method, charge, reason: Decline::GenericDecline };
                    Some(StripeError::declined(intent, &failure))
                });
                declined.unwrap_or_else(StripeError::server)
            }
            Reply::Refused => {
                StripeError::invalid("Insufficient funds in your Stripe balance to refund this amount.")
                    .with("code", "balance_insufficient")
            }
            Reply::ServerError | Reply::Silence | Reply::HangUp => StripeError::server(),
        }
    }

    /// What was named in the path does not exist, or does not allow the act.
    pub(crate) fn undecided(error: &DecideError) -> StripeError {
        match error {
            DecideError::NoSuchIntent(id) => StripeError::not_found("payment_intent", id, "intent"),
            DecideError::NoSuchRefund(id) => StripeError::not_found("refund", id, "id"),
            DecideError::NoSuchDispute(id) => StripeError::not_found("dispute", id, "dispute"),
            DecideError::Refused(refusal) => StripeError::refused(refusal, None),
        }
    }

    pub(crate) fn refused(refusal: &Refusal, intent: Option<&Intent>) -> StripeError {
        let error = refused(refusal);
        match intent {
            Some(intent) => error.with("payment_intent", view::payment_intent(intent)),
            None => error,
        }
    }

    pub(crate) fn into_answer(self) -> Answer {
        Answer { status: self.status.as_u16(), body: json!({ "error": self.fields }) }
    }
}

fn refused(refusal: &Refusal) -> StripeError {
    match refusal {
        Refusal::UnexpectedState { act, status } => unexpected_state(*act, status),
        Refusal::NothingToResolve { status } => {
            StripeError::invalid(format!("This PaymentIntent has a status of {status} and waits for nobody."))
        }
        Refusal::NoPaymentMethod => StripeError::invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
        )
        .with("code", "payment_intent_unexpected_state"),
        Refusal::BeyondAuthorized { requested, authorized } => {
            let message =
                format!("The amount to capture ({requested}) is more than is capturable ({authorized}).");
            StripeError::invalid_parameter("amount_to_capture", message).with("code", "amount_too_large")
        }
        Refusal::NoCharge => StripeError::invalid_parameter(
            "payment_intent",
            "This PaymentIntent does not have a successful charge to refund.",
        ),
        Refusal::AlreadyRefunded { charge } => {
            StripeError::invalid(format!("Charge {charge} has already been refunded."))
                .with("code", "charge_already_refunded")
        }
        Refusal::BeyondCaptured { requested, left, currency } => {
            let message = format!(
                "Refund amount ({requested} {currency}) is greater than unrefunded amount on charge ({left} {currency})"
            );
            StripeError::invalid_parameter("amount", message)
        }
        Refusal::ChargeDisputed { charge } => {
            let message = format!("Charge {charge} has been charged back; cannot issue a refund.");
            StripeError::invalid(message).with("code", "charge_disputed")
        }
        Refusal::DisputeClosed { .. } => StripeError::invalid("This dispute is already closed."),
        Refusal::RefundFailed | Refusal::NothingToLapse { .. } => StripeError::invalid(refusal.to_string()),
    }
}

fn unexpected_state(act: Act, status: &str) -> StripeError {
    let (verb, done) = (act.verb(), act.done());
    let allowed = match act {
        Act::Create => "none",
        Act::Confirm => "requires_payment_method, requires_confirmation, requires_action",
        Act::Capture => "requires_capture",
        Act::Cancel => "requires_payment_method, requires_capture, requires_confirmation, requires_action",
        Act::Refund => "succeeded",
        Act::CloseDispute => "needs_response",
    };
    let already_succeeded = act == Act::Confirm && status == "succeeded";
    let message = if already_succeeded {
        "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed."
            .to_owned()
    } else {
        format!(
            "You cannot {verb} this PaymentIntent because it has a status of {status}. \
             Only a PaymentIntent with one of the following statuses may be {done}: {allowed}."
        )
    };
    StripeError::invalid(message).with("code", "payment_intent_unexpected_state")
}

impl From<LogFailed> for StripeError {
    fn from(_: LogFailed) -> StripeError {
        StripeError::server()
    }
}

impl From<(ClaimError, &str)> for StripeError {
    fn from((error, key): (ClaimError, &str)) -> StripeError {
        match error {
            ClaimError::InUse => StripeError::new(
                StatusCode::CONFLICT,
                "idempotency_error",
                format!("There is currently another in-progress request using this idempotency key: {key}."),
            )
            .with("code", "idempotency_key_in_use"),
            ClaimError::OtherParameters => StripeError::bad_key(&format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. \
                 Try using a key other than '{key}' if you meant to execute a different request."
            )),
            ClaimError::OtherEndpoint(first) => StripeError::bad_key(&format!(
                "Keys for idempotent requests can only be used for the same endpoint they were first used for ('{first}'). \
                 Try using a key other than '{key}' if you meant to execute a different request."
            )),
        }
    }
}

impl IntoResponse for StripeError {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, Json(self.into_answer().body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"card-sandbox\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

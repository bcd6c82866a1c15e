//! The payment intent: which act is possible in which state, and what it makes of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::card::{Decline, Token, Verdict};
use super::entry::{Approved, Attempt, Declined, Entry};
use super::money::{Amount, Currency};
use super::{Act, Metadata};

#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    pub id: String,
    pub amount: Amount,
    pub currency: Currency,
    pub capture_method: CaptureMethod,
    pub metadata: Metadata,
    pub created_at: DateTime<Utc>,
    pub state: State,
}

#[derive(Debug, Clone, PartialEq)]
pub enum State {
    RequiresPaymentMethod { failure: Option<Failure> },
    RequiresConfirmation { method: Token },
    RequiresAction { method: Token, page: Option<String>, return_url: Option<String> },
    Processing { method: Token },
    RequiresCapture { method: Token, charge: String },
    Succeeded { method: Token, charge: String, captured: Amount, refunded: u64 },
    Canceled { canceled_at: DateTime<Utc>, reason: Option<CancelReason>, charge: Option<String> },
}

/// The last charge that was declined.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub method: Token,
    pub charge: String,
    pub reason: Decline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureMethod {
    Automatic,
    Manual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    Abandoned,
    Duplicate,
    Fraudulent,
    RequestedByCustomer,
    /// The authorisation lapsed. Never a caller's reason.
    Automatic,
}

/// What the customer proves who they are with, and where they go from there.
#[derive(Debug, Clone, Default)]
pub struct Step {
    pub page: Option<String>,
    pub return_url: Option<String>,
}

/// How what an intent waits for came out: the customer's step, or a slow bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    Approved,
    Declined,
}

/// Why an act cannot be done. It is an answer as good as any, and is stored under the caller's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("an intent that is {status} cannot be {}", .act.done())]
    UnexpectedState { act: Act, status: &'static str },
    #[error("an intent that is {status} waits for nobody")]
    NothingToResolve { status: &'static str },
    #[error("the intent has no payment method to confirm with")]
    NoPaymentMethod,
    #[error("{requested} is more than the {authorized} that is held")]
    BeyondAuthorized { requested: u64, authorized: u64 },
    #[error("the intent has no successful charge to refund")]
    NoCharge,
    #[error("charge {charge} has already been refunded")]
    AlreadyRefunded { charge: String },
    #[error("{requested} is more than the {left} that is not refunded yet")]
    BeyondCaptured { requested: u64, left: u64, currency: &'static str },
    #[error("charge {charge} is disputed")]
    ChargeDisputed { charge: String },
    #[error("the refund has failed before")]
    RefundFailed,
    #[error("a dispute that is {status} cannot be closed")]
    DisputeClosed { status: &'static str },
    #[error("an intent that is {status} holds nothing that could lapse")]
    NothingToLapse { status: &'static str },
}

impl Intent {
    pub fn status(&self) -> &'static str {
        match &self.state {
            State::RequiresPaymentMethod { .. } => "requires_payment_method",
            State::RequiresConfirmation { .. } => "requires_confirmation",
            State::RequiresAction { .. } => "requires_action",
            State::Processing { .. } => "processing",
            State::RequiresCapture { .. } => "requires_capture",
            State::Succeeded { .. } => "succeeded",
            State::Canceled { .. } => "canceled",
        }
    }

    pub fn order_id(&self) -> Option<&str> {
        self.metadata.get("order_id").map(String::as_str)
    }

    /// The card that the intent would be, or was, charged with.
    pub fn card(&self) -> Option<Token> {
        match &self.state {
            State::RequiresPaymentMethod { .. } | State::Canceled { .. } => None,
            State::RequiresConfirmation { method }
            | State::RequiresAction { method, .. }
            | State::Processing { method }
            | State::RequiresCapture { method, .. }
            | State::Succeeded { method, .. } => Some(*method),
        }
    }

    pub fn latest_charge(&self) -> Option<&str> {
        match &self.state {
            State::RequiresPaymentMethod { failure } => failure.as_ref().map(|it| it.charge.as_str()),
            State::RequiresConfirmation { .. } | State::RequiresAction { .. } | State::Processing { .. } => {
                None
            }
            State::RequiresCapture { charge, .. } | State::Succeeded { charge, .. } => Some(charge),
            State::Canceled { charge, .. } => charge.as_deref(),
        }
    }

    pub fn confirm(&self, method: Option<Token>, charge: String, step: Step) -> Result<Entry, Refusal> {
        let payment_method = self.card_to_confirm(method)?;
        let attempt = |Step { page, return_url }| Attempt {
            payment_intent: self.id.clone(),
            payment_method,
            page,
            return_url,
        };
        Ok(match payment_method.verdict() {
            Verdict::Approve => self.approved(payment_method, charge),
            Verdict::Decline(reason) => self.declined(payment_method, charge, reason),
            Verdict::AskCustomer => Entry::ActionRequired(attempt(step)),
            Verdict::Process => Entry::Processing(attempt(Step::default())),
        })
    }

    /// The card that a confirmation now would charge: the one it names, else the one attached before.
    pub fn card_to_confirm(&self, named: Option<Token>) -> Result<Token, Refusal> {
        match &self.state {
            State::RequiresPaymentMethod { .. } => named.ok_or(Refusal::NoPaymentMethod),
            State::RequiresConfirmation { method } | State::RequiresAction { method, .. } => {
                Ok(named.unwrap_or(*method))
            }
            State::Processing { .. }
            | State::RequiresCapture { .. }
            | State::Succeeded { .. }
            | State::Canceled { .. } => Err(self.unexpected(Act::Confirm)),
        }
    }

    /// The customer has done their step, or the slow bank has answered.
    pub fn resolve(&self, resolution: Resolution, charge: String) -> Result<Entry, Refusal> {
        let (method, reason) = match &self.state {
            State::RequiresAction { method, .. } => (*method, Decline::AuthenticationFailed),
            State::Processing { method } => (*method, Decline::GenericDecline),
            State::RequiresPaymentMethod { .. }
            | State::RequiresConfirmation { .. }
            | State::RequiresCapture { .. }
            | State::Succeeded { .. }
            | State::Canceled { .. } => {
                return Err(Refusal::NothingToResolve { status: self.status() });
            }
        };
        Ok(match resolution {
            Resolution::Approved => self.approved(method, charge),
            Resolution::Declined => self.declined(method, charge, reason),
        })
    }

    /// Takes what is held, or a part; what is left of the authorisation lapses.
    pub fn capture(&self, requested: Option<Amount>) -> Result<Entry, Refusal> {
        let State::RequiresCapture { method, charge } = &self.state else {
            return Err(self.unexpected(Act::Capture));
        };
        let amount = requested.unwrap_or(self.amount);
        if amount > self.amount {
            return Err(Refusal::BeyondAuthorized {
                requested: amount.minor_units(),
                authorized: self.amount.minor_units(),
            });
        }
        Ok(Entry::Captured(Approved {
            payment_intent: self.id.clone(),
            payment_method: *method,
            charge: charge.clone(),
            amount,
        }))
    }

    pub fn cancel(&self, reason: Option<CancelReason>) -> Result<Entry, Refusal> {
        match &self.state {
            State::RequiresPaymentMethod { .. }
            | State::RequiresConfirmation { .. }
            | State::RequiresAction { .. }
            | State::RequiresCapture { .. } => {
                Ok(Entry::Canceled { payment_intent: self.id.clone(), reason })
            }
            State::Processing { .. } | State::Succeeded { .. } | State::Canceled { .. } => {
                Err(self.unexpected(Act::Cancel))
            }
        }
    }

    /// The bank holds the money no longer.
    pub fn lapse(&self) -> Result<Entry, Refusal> {
        if let State::RequiresCapture { .. } = self.state {
            let (payment_intent, reason) = (self.id.clone(), Some(CancelReason::Automatic));
            return Ok(Entry::Canceled { payment_intent, reason });
        }
        Err(Refusal::NothingToLapse { status: self.status() })
    }

    /// The charge that a customer may dispute, and what was captured with it.
    pub fn disputable(&self) -> Result<(String, Amount), Refusal> {
        let State::Succeeded { charge, captured, .. } = &self.state else {
            return Err(Refusal::NoCharge);
        };
        Ok((charge.clone(), *captured))
    }

    /// The charge to refund and how much of it, never beyond what was captured and not yet given back.
    pub fn refundable(&self, requested: Option<Amount>) -> Result<(String, Amount), Refusal> {
        let State::Succeeded { charge, captured, refunded, .. } = &self.state else {
            return Err(Refusal::NoCharge);
        };
        let left = captured.minor_units().saturating_sub(*refunded);
        let rest =
            Amount::new(left).map_err(|_nothing| Refusal::AlreadyRefunded { charge: charge.clone() })?;
        let amount = requested.unwrap_or(rest);
        if amount > rest {
            return Err(Refusal::BeyondCaptured {
                requested: amount.minor_units(),
                left,
                currency: self.currency.code(),
            });
        }
        Ok((charge.clone(), amount))
    }

    /// The state after a cancellation.
    pub fn canceled(&self, canceled_at: DateTime<Utc>, reason: Option<CancelReason>) -> State {
        State::Canceled { canceled_at, reason, charge: self.latest_charge().map(str::to_owned) }
    }

    fn approved(&self, payment_method: Token, charge: String) -> Entry {
        let (payment_intent, amount) = (self.id.clone(), self.amount);
        let approved = Approved { payment_intent, payment_method, charge, amount };
        match self.capture_method {
            CaptureMethod::Automatic => Entry::Charged(approved),
            CaptureMethod::Manual => Entry::Authorized(approved),
        }
    }

    fn declined(&self, payment_method: Token, charge: String, reason: Decline) -> Entry {
        let payment_intent = self.id.clone();
        Entry::Declined(Declined { payment_intent, payment_method, charge, reason })
    }

    fn unexpected(&self, act: Act) -> Refusal {
        Refusal::UnexpectedState { act, status: self.status() }
    }
}

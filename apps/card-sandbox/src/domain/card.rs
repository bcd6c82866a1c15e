//! The test cards: what each token's bank says, and which fault it brings upon its user. The README has the same table.

use serde::{Deserialize, Serialize};

use super::Act;
use super::webhook::Delivery;

/// A payment method's token. Only those of the table exist.
#[derive(Clone, Copy)]
pub struct Token(&'static TestCard);

struct TestCard {
    name: &'static str,
    verdict: Verdict,
    quirk: Quirk,
}

/// What is special about a card besides its bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quirk {
    None,
    Fault(Fault),
    /// It goes wrong, and no webhook tells what became of it.
    Unheard(Fault),
    /// How the webhooks about it travel.
    Webhooks(Delivery),
    /// The first refund of an intent is made, and comes to nothing later.
    FirstRefundFails,
}

/// What the card's bank says to a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Approve,
    Decline(Decline),
    /// The customer must prove who they are first.
    AskCustomer,
    /// The bank takes its time.
    Process,
}

/// Why a bank refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decline {
    GenericDecline,
    InsufficientFunds,
    LostCard,
    StolenCard,
    ExpiredCard,
    IncorrectCvc,
    ProcessingError,
    AuthenticationFailed,
}

/// What goes wrong around an act that could otherwise be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub act: Act,
    pub effect: Effect,
    pub reply: Reply,
    pub times: Times,
}

/// What becomes of the act itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    Nothing,
    Done,
    /// Done some time later, whether or not the caller is still there, as a request that was long on its way.
    Late,
}

/// What the caller gets to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Silence,
    HangUp,
    ServerError,
    /// The bank declines.
    Declined,
    /// The processor will not do it.
    Refused,
}

/// How often the fault strikes one intent (or, when creating, one order).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    Once,
    Always,
}

static CARDS: [TestCard; 45] = [
    card("pm_card_visa", Verdict::Approve),
    card("pm_card_mastercard", Verdict::Approve),
    card("pm_card_amex", Verdict::Approve),
    card("pm_card_chargeDeclined", Verdict::Decline(Decline::GenericDecline)),
    card("pm_card_visa_chargeDeclined", Verdict::Decline(Decline::GenericDecline)),
    card("pm_card_insufficientFunds", Verdict::Decline(Decline::InsufficientFunds)),
    card("pm_card_visa_chargeDeclinedInsufficientFunds", Verdict::Decline(Decline::InsufficientFunds)),
    card("pm_card_visa_chargeDeclinedLostCard", Verdict::Decline(Decline::LostCard)),
    card("pm_card_visa_chargeDeclinedStolenCard", Verdict::Decline(Decline::StolenCard)),
    card("pm_card_chargeDeclinedExpiredCard", Verdict::Decline(Decline::ExpiredCard)),
    card("pm_card_chargeDeclinedIncorrectCvc", Verdict::Decline(Decline::IncorrectCvc)),
    card("pm_card_chargeDeclinedProcessingError", Verdict::Decline(Decline::ProcessingError)),
    card("pm_card_authenticationRequired", Verdict::AskCustomer),
    card("pm_processing", Verdict::Process),
    faulty("tok_hang", Act::Confirm, Effect::Nothing, Reply::Silence, Times::Always),
    faulty("pm_hang_once", Act::Confirm, Effect::Nothing, Reply::Silence, Times::Once),
    faulty("pm_hang_up_once", Act::Confirm, Effect::Nothing, Reply::HangUp, Times::Once),
    faulty("pm_error_500", Act::Confirm, Effect::Nothing, Reply::ServerError, Times::Once),
    faulty("pm_error_500_always", Act::Confirm, Effect::Nothing, Reply::ServerError, Times::Always),
    faulty("pm_charge_no_answer", Act::Confirm, Effect::Done, Reply::Silence, Times::Once),
    faulty("pm_charge_hang_up", Act::Confirm, Effect::Done, Reply::HangUp, Times::Once),
    faulty("pm_charge_500", Act::Confirm, Effect::Done, Reply::ServerError, Times::Once),
    faulty("pm_charge_late", Act::Confirm, Effect::Late, Reply::Silence, Times::Once),
    faulty("pm_create_500", Act::Create, Effect::Nothing, Reply::ServerError, Times::Once),
    faulty("pm_create_no_answer", Act::Create, Effect::Done, Reply::Silence, Times::Once),
    faulty("pm_capture_500", Act::Capture, Effect::Nothing, Reply::ServerError, Times::Once),
    faulty("pm_capture_hang_once", Act::Capture, Effect::Nothing, Reply::Silence, Times::Once),
    faulty("pm_capture_no_answer", Act::Capture, Effect::Done, Reply::Silence, Times::Once),
    faulty("pm_cancel_500", Act::Cancel, Effect::Nothing, Reply::ServerError, Times::Once),
    faulty("pm_cancel_no_answer", Act::Cancel, Effect::Done, Reply::Silence, Times::Once),
    faulty("pm_refund_500", Act::Refund, Effect::Nothing, Reply::ServerError, Times::Once),
    faulty("pm_refund_500_always", Act::Refund, Effect::Nothing, Reply::ServerError, Times::Always),
    faulty("pm_refund_hang_once", Act::Refund, Effect::Nothing, Reply::Silence, Times::Once),
    faulty("pm_refund_no_answer", Act::Refund, Effect::Done, Reply::Silence, Times::Once),
    faulty("pm_capture_declined", Act::Capture, Effect::Nothing, Reply::Declined, Times::Once),
    faulty("pm_capture_declined_always", Act::Capture, Effect::Nothing, Reply::Declined, Times::Always),
    faulty("pm_refund_refused", Act::Refund, Effect::Nothing, Reply::Refused, Times::Always),
    faulty("pm_refund_refused_once", Act::Refund, Effect::Nothing, Reply::Refused, Times::Once),
    odd("pm_refund_fails_later", Quirk::FirstRefundFails),
    odd("pm_webhook_early", Quirk::Webhooks(Delivery::Early)),
    odd("pm_webhook_twice", Quirk::Webhooks(Delivery::Twice)),
    odd("pm_webhook_late", Quirk::Webhooks(Delivery::Late)),
    odd("pm_webhook_never", Quirk::Webhooks(Delivery::Never)),
    unheard("pm_charge_no_word", Act::Confirm),
    unheard("pm_refund_no_word", Act::Refund),
];

impl Token {
    pub fn all() -> impl Iterator<Item = Token> {
        CARDS.iter().map(Token)
    }

    pub fn find(name: &str) -> Option<Token> {
        Token::all().find(|token| token.name() == name)
    }

    pub fn name(self) -> &'static str {
        self.0.name
    }

    pub fn verdict(self) -> Verdict {
        self.0.verdict
    }

    pub fn fault_at(self, act: Act) -> Option<Fault> {
        match self.0.quirk {
            Quirk::Fault(fault) | Quirk::Unheard(fault) if fault.act == act => Some(fault),
            Quirk::Fault(_)
            | Quirk::Unheard(_)
            | Quirk::Webhooks(_)
            | Quirk::FirstRefundFails
            | Quirk::None => None,
        }
    }

    /// How webhooks about what is paid with the card travel.
    pub fn delivery(self) -> Delivery {
        match self.0.quirk {
            Quirk::Webhooks(delivery) => delivery,
            Quirk::Unheard(_) => Delivery::Never,
            Quirk::Fault(_) | Quirk::FirstRefundFails | Quirk::None => Delivery::Prompt,
        }
    }

    pub fn first_refund_fails(self) -> bool {
        self.0.quirk == Quirk::FirstRefundFails
    }
}

impl Decline {
    /// The processor's `code`.
    pub const fn code(self) -> &'static str {
        match self {
            Decline::GenericDecline
            | Decline::InsufficientFunds
            | Decline::LostCard
            | Decline::StolenCard => "card_declined",
            Decline::ExpiredCard => "expired_card",
            Decline::IncorrectCvc => "incorrect_cvc",
            Decline::ProcessingError => "processing_error",
            Decline::AuthenticationFailed => "payment_intent_authentication_failure",
        }
    }

    /// The bank's `decline_code`; none when it was not the bank that refused.
    pub const fn decline_code(self) -> Option<&'static str> {
        match self {
            Decline::GenericDecline => Some("generic_decline"),
            Decline::InsufficientFunds => Some("insufficient_funds"),
            Decline::LostCard => Some("lost_card"),
            Decline::StolenCard => Some("stolen_card"),
            Decline::ExpiredCard => Some("expired_card"),
            Decline::IncorrectCvc => Some("incorrect_cvc"),
            Decline::ProcessingError => Some("processing_error"),
            Decline::AuthenticationFailed => None,
        }
    }

    pub const fn message(self) -> &'static str {
        match self {
            Decline::GenericDecline | Decline::LostCard | Decline::StolenCard => "Your card was declined.",
            Decline::InsufficientFunds => "Your card has insufficient funds.",
            Decline::ExpiredCard => "Your card has expired.",
            Decline::IncorrectCvc => "Your card's security code is incorrect.",
            Decline::ProcessingError => {
                "An error occurred while processing your card. Try again in a little bit."
            }
            Decline::AuthenticationFailed => "The customer did not prove who they are.",
        }
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Token) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Token {}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for Token {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Token, D::Error> {
        let name = String::deserialize(deserializer)?;
        Token::find(&name).ok_or_else(|| serde::de::Error::custom(format!("no test card is named {name}")))
    }
}

const fn card(name: &'static str, verdict: Verdict) -> TestCard {
    TestCard { name, verdict, quirk: Quirk::None }
}

const fn faulty(name: &'static str, act: Act, effect: Effect, reply: Reply, times: Times) -> TestCard {
    odd(name, Quirk::Fault(Fault { act, effect, reply, times }))
}

/// Done once, and never told.
const fn unheard(name: &'static str, act: Act) -> TestCard {
    let fault = Fault { act, effect: Effect::Done, reply: Reply::Silence, times: Times::Once };
    odd(name, Quirk::Unheard(fault))
}

const fn odd(name: &'static str, quirk: Quirk) -> TestCard {
    TestCard { name, verdict: Verdict::Approve, quirk }
}

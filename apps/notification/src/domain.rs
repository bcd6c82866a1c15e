//! What a customer is told, in which words.

use chrono::{DateTime, Utc};
use contracts::event::{OrderConfirmed, OrderRejected};
use contracts::{MessageId, OrderId, Refusal, UserId};
use serde::{Deserialize, Serialize};

/// A message as it lies in a mailbox. It is never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: MessageId,
    pub customer_id: UserId,
    pub order_id: OrderId,
    pub letter: Letter,
    pub created_at: DateTime<Utc>,
}

/// Rendered once and kept as it was, whatever the templates become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub kind: Kind,
    pub subject: String,
    pub body: String,
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    OrderConfirmed,
    OrderRejected,
}

/// What the telling is about. Order, kind, cause and channel together are told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The outcome of the order's saga.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Mailbox,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    En,
}

impl Kind {
    const ALL: [Kind; 2] = [Kind::OrderConfirmed, Kind::OrderRejected];

    pub const fn name(self) -> &'static str {
        match self {
            Kind::OrderConfirmed => "order_confirmed",
            Kind::OrderRejected => "order_rejected",
        }
    }

    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Cause {
    pub const fn name(self) -> &'static str {
        match self {
            Cause::End => "end",
        }
    }
}

impl Channel {
    pub const fn name(self) -> &'static str {
        match self {
            Channel::Mailbox => "mailbox",
        }
    }
}

impl Language {
    pub const fn name(self) -> &'static str {
        match self {
            Language::En => "en",
        }
    }
}

/// Tells that the order will be delivered.
pub fn confirmed(order: &OrderConfirmed, language: Language) -> Letter {
    let OrderConfirmed { number, total, .. } = order;
    match language {
        Language::En => Letter {
            kind: Kind::OrderConfirmed,
            subject: format!("Your order {number} is confirmed"),
            body: format!(
                "Thank you for your order {number}.\n\
                 Everything you ordered is set aside for you, and {}.\n",
                if total.zero_amount() {
                    "there is nothing to pay".to_owned()
                } else {
                    format!("the payment of {total} went through")
                }
            ),
        },
    }
}

/// Tells that the order will not be delivered, why, and what can be done.
pub fn rejected(order: &OrderRejected, language: Language) -> Letter {
    let OrderRejected { number, refusal, .. } = order;
    match language {
        Language::En => Letter {
            kind: Kind::OrderRejected,
            subject: format!("Your order {number} could not be taken"),
            body: format!(
                "We are sorry: we could not take your order {number}, and you pay nothing for it.\n{}\n",
                reason_en(refusal)
            ),
        },
    }
}

fn reason_en(refusal: &Refusal) -> String {
    match refusal {
        Refusal::InsufficientStock { requested, available, .. } => format!(
            "One of the products is short: you asked for {requested}, and {available} can be delivered.\n\
             You can order again with fewer of it, or without it."
        ),
        Refusal::ProductArchived { .. } => {
            "One of the products is no longer sold.\nYou can order again without it.".into()
        }
        Refusal::UnknownProduct { .. } => {
            "One of the products is not in our catalogue.\nYou can order again without it.".into()
        }
        Refusal::PriceChanged { expected, actual, .. } => format!(
            "The price of one of the products has changed from {expected} to {actual}.\n\
             You can order again at the new price."
        ),
        Refusal::TooLate => {
            "We were not able to handle it in time.\nPlease order again; that is our fault and not yours.".into()
        }
        Refusal::PaymentDeclined { .. } => {
            "Your card was declined.\nYou can order again with another card, or ask your bank why.".into()
        }
        Refusal::PaymentMethodUnknown => {
            "The payment method does not belong to your account.\nYou can add one to your account and order again.".into()
        }
        Refusal::AuthenticationRequired => "Your bank asked you to confirm the payment, and that was not done in time.\n\
             You can order again and confirm the payment when your bank asks."
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::{Currency, Money, ProductId};
    use uuid::Uuid;

    fn rejection(refusal: Refusal) -> OrderRejected {
        OrderRejected {
            order_id: OrderId(Uuid::nil()),
            number: "CW-7F3K".into(),
            customer_id: UserId(Uuid::nil()),
            refusal,
        }
    }

    #[test]
    fn a_confirmation_names_the_order_and_its_total() {
        let letter = |amount| {
            let order = OrderConfirmed {
                order_id: OrderId(Uuid::nil()),
                number: "CW-7F3K".into(),
                customer_id: UserId(Uuid::nil()),
                total: Money::new(amount, Currency::Gbp).unwrap(),
            };
            let letter = confirmed(&order, Language::En);
            format!("{}\n\n{}", letter.subject, letter.body)
        };
        insta::assert_snapshot!(format!("{}\n{}", letter(1999), letter(0)), @r#"
        Your order CW-7F3K is confirmed

        Thank you for your order CW-7F3K.
        Everything you ordered is set aside for you, and the payment of GBP 19.99 went through.

        Your order CW-7F3K is confirmed

        Thank you for your order CW-7F3K.
        Everything you ordered is set aside for you, and there is nothing to pay.
        "#);
    }

    #[test]
    fn every_refusal_says_why_and_what_can_be_done() {
        let product_id = ProductId(Uuid::nil());
        let price = |amount| Money::new(amount, Currency::Gbp).unwrap();
        let refusals = [
            Refusal::InsufficientStock { product_id, requested: 3, available: 1 },
            Refusal::ProductArchived { product_id },
            Refusal::UnknownProduct { product_id },
            Refusal::PriceChanged { product_id, expected: price(100), actual: price(120) },
            Refusal::TooLate,
            Refusal::PaymentDeclined { code: "card_declined".into() },
            Refusal::PaymentMethodUnknown,
            Refusal::AuthenticationRequired,
        ];
        let bodies: Vec<_> =
            refusals.map(|refusal| rejected(&rejection(refusal), Language::En).body).into_iter().collect();
        insta::assert_snapshot!(bodies.join("\n"), @r#"
        We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
        One of the products is short: you asked for 3, and 1 can be delivered.
        You can order again with fewer of it, or without it.

        We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
        One of the products is no longer sold.
        You can order again without it.

        We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
        One of the products is not in our catalogue.
        You can order again without it.

        We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
        The price of one of the products has changed from GBP 1.00 to GBP 1.20.
        You can order again at the new price.

        We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
        We were not able to handle it in time.
        Please order again; that is our fault and not yours.

        We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
        Your card was declined.
        You can order again with another card, or ask your bank why.

        We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
        The payment method does not belong to your account.
        You can add one to your account and order again.

        We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
        Your bank asked you to confirm the payment, and that was not done in time.
        You can order again and confirm the payment when your bank asks.
        "#);
    }
}

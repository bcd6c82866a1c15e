//! The letters, in the customer's words: what happened, what it costs, and what can be done.

use contracts::event::{
    OrderCancelled, OrderConfirmed, OrderDelivered, OrderExpired, OrderLinesCancelled, OrderRejected,
    OrderReturnReceived, OrderReturnRequested, OrderShipped, Part, PaymentActionRequired, PaymentRefunded,
};
use contracts::{RefundCause, Refusal};

use super::{Kind, Language, Letter};

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

/// Tells that nothing of the order will be delivered, since it was called off.
pub fn cancelled(order: &OrderCancelled, language: Language) -> Letter {
    let number = &order.number;
    match language {
        Language::En => Letter {
            kind: Kind::OrderCancelled,
            subject: format!("Your order {number} is cancelled"),
            body: format!(
                "Your order {number} is cancelled, and nothing of it will be sent.\n\
                 You pay nothing for it: whatever was charged goes back to you.\n"
            ),
        },
    }
}

/// Tells that the order was not brought to an end in time.
pub fn expired(order: &OrderExpired, language: Language) -> Letter {
    let number = &order.number;
    match language {
        Language::En => Letter {
            kind: Kind::OrderExpired,
            subject: format!("Your order {number} was not completed in time"),
            body: format!(
                "We are sorry: your order {number} was not completed in time, and nothing of it will be sent.\n\
                 You pay nothing for it: whatever was charged goes back to you. You can order again.\n"
            ),
        },
    }
}

/// Tells what will not come, and what it no longer costs.
pub fn lines_cancelled(order: &OrderLinesCancelled, language: Language) -> Letter {
    let OrderLinesCancelled { number, parts, amount, .. } = order;
    match language {
        Language::En => Letter {
            kind: Kind::LinesCancelled,
            subject: format!("A part of your order {number} is cancelled"),
            body: format!(
                "Of your order {number} we cancelled {}; the rest is not affected.\n{}\n",
                pieces_en(parts),
                if amount.zero_amount() {
                    "There was nothing to pay for it.".to_owned()
                } else {
                    format!("You do not pay the {amount} for it: if it was charged, it goes back to you.")
                }
            ),
        },
    }
}

/// Tells what is under way.
pub fn shipped(order: &OrderShipped, language: Language) -> Letter {
    let OrderShipped { number, parts, .. } = order;
    match language {
        Language::En => Letter {
            kind: Kind::ParcelShipped,
            subject: format!("A parcel of your order {number} is on its way"),
            body: format!(
                "A parcel with {} of your order {number} has left us.\n\
                 Open the order to see what is in it, and whether more is to come.\n",
                pieces_en(parts)
            ),
        },
    }
}

/// Tells what has arrived, and what to do when something is wrong with it.
pub fn delivered(order: &OrderDelivered, language: Language) -> Letter {
    let number = &order.number;
    match language {
        Language::En => Letter {
            kind: Kind::ParcelDelivered,
            subject: format!("A parcel of your order {number} has arrived"),
            body: format!(
                "A parcel of your order {number} was delivered.\n\
                 If you want to send something back, open the order and ask for a return.\n"
            ),
        },
    }
}

/// Tells what happens with what is sent back.
pub fn return_requested(order: &OrderReturnRequested, language: Language) -> Letter {
    let OrderReturnRequested { number, parts, .. } = order;
    match language {
        Language::En => Letter {
            kind: Kind::ReturnRequested,
            subject: format!("Your return of order {number}"),
            body: format!(
                "You want to send back {} of your order {number}.\n\
                 We tell you when it has arrived here.\n",
                pieces_en(parts)
            ),
        },
    }
}

/// Tells what has come back, and what follows.
pub fn return_received(order: &OrderReturnReceived, language: Language) -> Letter {
    let OrderReturnReceived { number, restocked, unusable, .. } = order;
    let received = [restocked.as_slice(), unusable.as_slice()].concat();
    match language {
        Language::En => Letter {
            kind: Kind::ReturnReceived,
            subject: format!("Your return of order {number} has arrived"),
            body: format!(
                "We received {} of your order {number}.\n\
                 We tell you when money goes back to you for it.\n",
                pieces_en(&received)
            ),
        },
    }
}

/// Tells how much goes back, and for what.
pub fn refunded(payment: &PaymentRefunded, language: Language) -> Letter {
    let PaymentRefunded { number, cause, amount, .. } = payment;
    match language {
        Language::En => Letter {
            kind: Kind::PaymentRefunded,
            subject: format!("Your money for order {number} is on its way"),
            body: format!(
                "{amount} went back to you, {}.\n\
                 It may take your bank some days to show it.\n",
                match cause {
                    RefundCause::FinalEnd => format!("since your order {number} is not delivered"),
                    RefundCause::Cancellation(_) => {
                        format!("for the part of your order {number} that was cancelled")
                    }
                    RefundCause::Return(_) => format!("for what you sent back of your order {number}"),
                }
            ),
        },
    }
}

/// Tells what the customer has to do, and that nothing is charged until it is decided.
pub fn action_required(payment: &PaymentActionRequired, language: Language) -> Letter {
    let number = &payment.number;
    match language {
        Language::En => Letter {
            kind: Kind::PaymentActionRequired,
            subject: format!("Please confirm the payment for your order {number}"),
            body: format!(
                "Your bank asks you to confirm the payment for your order {number}.\n\
                 Open the order, follow the link to your bank, and confirm the payment there.\n\
                 Until that is decided nothing is charged; if it is not confirmed in time, the order ends and you \
                 pay nothing.\n"
            ),
        },
    }
}

fn pieces_en(parts: &[Part]) -> String {
    match parts.iter().map(|part| u64::from(part.quantity.get())).sum::<u64>() {
        1 => "1 piece".to_owned(),
        pieces => format!("{pieces} pieces"),
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
mod tests;

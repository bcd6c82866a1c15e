//! What a reservation can be told, and which of `order`'s events tells it.

use chrono::{DateTime, Utc};
use contracts::event::{OrderLine, OrderPlaced, Part};
use contracts::{Event, OrderId, Refusal};
use uuid::Uuid;

use super::FinalEnd;
use crate::domain::stock::Held;

/// What can happen to a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// order.placed
    Placed { lines: Vec<OrderLine>, charge_by: DateTime<Utc>, deadline: DateTime<Utc> },
    /// The claim took what the order asks for.
    Claimed { held: Vec<Held>, deadline: DateTime<Utc> },
    /// The claim took nothing.
    Refused { refusal: Refusal, deadline: DateTime<Utc> },
    /// order.confirmed
    Confirmed,
    /// order.rejected, order.expired, order.cancelled
    Ended(FinalEnd),
    /// order.lines_cancelled, by its cancellation
    PartCancelled { id: Uuid, parts: Vec<Part> },
    /// order.shipped, by its parcel
    Shipped { id: Uuid, parts: Vec<Part> },
    /// order.return_received, by its return
    Returned { id: Uuid, restocked: Vec<Part> },
    /// The clock was looked at.
    TimePassed,
}

impl Input {
    /// What an event tells, and of which order; none when it is not for `product`.
    pub fn of(event: &Event) -> Option<(OrderId, Input)> {
        match event {
            Event::OrderPlaced(said) => Some((said.order_id, placed(said))),
            Event::OrderConfirmed(said) => Some((said.order_id, Input::Confirmed)),
            Event::OrderRejected(said) => Some((said.order_id, Input::Ended(FinalEnd::Rejected))),
            Event::OrderExpired(said) => Some((said.order_id, Input::Ended(FinalEnd::Expired))),
            Event::OrderCancelled(said) => Some((said.order_id, Input::Ended(FinalEnd::Cancelled))),
            Event::OrderLinesCancelled(said) => {
                let (id, parts) = (said.cancellation_id.0, said.parts.clone());
                Some((said.order_id, Input::PartCancelled { id, parts }))
            }
            Event::OrderShipped(said) => {
                let (id, parts) = (said.parcel_id.0, said.parts.clone());
                Some((said.order_id, Input::Shipped { id, parts }))
            }
            Event::OrderReturnReceived(said) => {
                let (id, restocked) = (said.return_id.0, said.restocked.clone());
                Some((said.order_id, Input::Returned { id, restocked }))
            }
            Event::ProductChanged(_)
            | Event::StockReserved(_)
            | Event::StockRejected(_)
            | Event::ReservationOverdue(_)
            | Event::OrderCaptureRequested(_)
            | Event::OrderRefundRequested(_)
            | Event::OrderDelivered(_)
            | Event::OrderReturnRequested(_)
            | Event::PaymentActionRequired(_)
            | Event::PaymentAuthorised(_)
            | Event::PaymentCaptured(_)
            | Event::PaymentDeclined(_)
            | Event::PaymentVoided(_)
            | Event::PaymentDue(_)
            | Event::PaymentRefunded(_)
            | Event::PaymentRefundFailed(_)
            | Event::PaymentDisputed(_)
            | Event::PaymentOverdue(_)
            | Event::UserVerificationRequested(_)
            | Event::UserResetRequested(_)
            | Event::UserPasswordChanged(_)
            | Event::UserTokenReused(_)
            | Event::UserDeleted(_) => None,
        }
    }
}

fn placed(said: &OrderPlaced) -> Input {
    Input::Placed {
        lines: said.lines.clone(),
        charge_by: said.terms.charge_by,
        deadline: said.terms.deadline,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::App;
    use contracts::event::OrderConfirmed;
    use contracts::event::StockReserved;
    use contracts::{Currency, Money, UserId};

    #[test]
    fn what_is_not_for_product_tells_it_nothing() {
        let order_id = OrderId(Uuid::nil());
        assert_eq!(Input::of(&StockReserved { order_id }.into()), None);
        let confirmed = Event::from(OrderConfirmed {
            order_id,
            number: "CW-7F3K".into(),
            customer_id: UserId(Uuid::nil()),
            total: Money::zero(Currency::Gbp),
        });
        assert!(confirmed.event_type().row().subscribers.contains(&App::Product));
        assert_eq!(Input::of(&confirmed), Some((order_id, Input::Confirmed)));
    }
}

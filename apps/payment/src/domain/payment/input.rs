//! What an event of another service says to payments.

use contracts::{Event, OrderId, UserId};

use super::{Due, End, Input, Method};

impl Input {
    /// None where payments do not subscribe. `owner` is whose the order's payment method is, where it is known.
    pub fn of(event: &Event, owner: Option<UserId>) -> Option<(OrderId, Input)> {
        match event {
            Event::OrderPlaced(said) => {
                let own = owner == Some(said.customer_id);
                let method = if own { Method::Own } else { Method::Foreign };
                let due = Due {
                    number: said.number.clone(),
                    customer_id: said.customer_id,
                    method: method(said.payment_method_id),
                    total: said.total,
                    charge_by: said.terms.charge_by,
                    deadline: said.terms.deadline,
                    capture: said.terms.capture,
                };
                Some((said.order_id, Input::Placed(due)))
            }
            Event::StockReserved(said) => Some((said.order_id, Input::StockReserved)),
            Event::OrderConfirmed(said) => Some((said.order_id, Input::Ended(End::Confirmed))),
            Event::OrderRejected(said) => Some((said.order_id, Input::Ended(End::Rejected))),
            Event::OrderExpired(said) => Some((said.order_id, Input::Ended(End::Expired))),
            Event::OrderCancelled(said) => {
                let end = End::Cancelled { refunds_requested: said.refunds_requested };
                Some((said.order_id, Input::Ended(end)))
            }
            Event::OrderCaptureRequested(said) => {
                let input = Input::CaptureRequested { amount: said.amount, round: said.round };
                Some((said.order_id, input))
            }
            Event::OrderRefundRequested(said) => {
                let input = Input::RefundRequested { cause: said.cause, amount: said.amount };
                Some((said.order_id, input))
            }
            Event::ProductChanged(_)
            | Event::StockRejected(_)
            | Event::ReservationOverdue(_)
            | Event::OrderLinesCancelled(_)
            | Event::OrderShipped(_)
            | Event::OrderDelivered(_)
            | Event::OrderReturnRequested(_)
            | Event::OrderReturnReceived(_)
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

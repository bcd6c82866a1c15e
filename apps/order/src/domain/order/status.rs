//! What an order shows of itself: how it stands, its money, its parcels, and what can be done now.

use chrono::{DateTime, Utc};
use contracts::Operation;
use contracts::event::DisputeStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Order, ParcelState, Pieces, RefundState, ReturnState};
use crate::domain::End;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Waits for stock and payment.
    Placed,
    Confirmed,
    Rejected,
    Cancelled,
    Expired,
    /// Everything that was delivered came back, and its money went back.
    Returned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OrderPaymentStatus)]
pub enum PaymentStatus {
    Awaited,
    /// The customer has to confirm it with their bank.
    ActionRequired,
    Authorised,
    /// The capture has failed; staff have to decide.
    Due,
    Captured,
    PartlyRefunded,
    Refunded,
    Voided,
    Declined,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fulfilment {
    None,
    /// Packed; leaves when the money is captured.
    AwaitingCapture,
    PartlyShipped,
    Shipped,
    PartlyDelivered,
    Delivered,
    ReturnRequested,
    PartlyReturned,
    Returned,
}

/// What can be asked for as the order stands, by the name of its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    CancelOrder,
    ShipOrder,
    DeliverParcel,
    RequestReturn,
    ReceiveReturn,
    RefundReturn,
    RequestCapture,
}

impl Action {
    pub const fn operation(self) -> Operation {
        match self {
            Action::CancelOrder => Operation::CancelOrder,
            Action::ShipOrder => Operation::ShipOrder,
            Action::DeliverParcel => Operation::DeliverParcel,
            Action::RequestReturn => Operation::RequestReturn,
            Action::ReceiveReturn => Operation::ReceiveReturn,
            Action::RefundReturn => Operation::RefundReturn,
            Action::RequestCapture => Operation::RequestCapture,
        }
    }
}

impl Order {
    pub fn status(&self) -> OrderStatus {
        match &self.saga.end {
            None => OrderStatus::Placed,
            Some(End::Confirmed { .. }) if self.wholly_returned() => OrderStatus::Returned,
            Some(End::Confirmed { .. }) => OrderStatus::Confirmed,
            Some(End::Rejected { .. }) => OrderStatus::Rejected,
            Some(End::Expired { .. }) => OrderStatus::Expired,
            Some(End::Cancelled { .. }) => OrderStatus::Cancelled,
        }
    }

    pub fn payment_status(&self) -> PaymentStatus {
        let facts = &self.saga.facts;
        if facts.payment_captured.is_some() || facts.payment_refunded.is_some() {
            self.captured_status()
        } else if facts.payment_refusal.is_some() {
            PaymentStatus::Declined
        } else if facts.payment_voided.is_some() {
            PaymentStatus::Voided
        } else if self.payment_due().is_some() {
            PaymentStatus::Due
        } else if facts.payment_authorised.is_some() {
            PaymentStatus::Authorised
        } else if facts.payment_action_required.is_some() {
            PaymentStatus::ActionRequired
        } else {
            PaymentStatus::Awaited
        }
    }

    /// Whether the card processor refuses a refund, so that staff have to decide.
    pub fn refund_failed(&self) -> bool {
        self.refunds.iter().any(|refund| matches!(refund.state, RefundState::Failed { .. }))
    }

    /// Whether the customer's bank disputes the charge.
    pub fn disputed(&self) -> bool {
        self.disputes.iter().any(|dispute| dispute.status == DisputeStatus::Open)
    }

    pub fn fulfilment(&self) -> Fulfilment {
        let wanted = Pieces::ordered(&self.lines).minus(&self.cancelled());
        let (shipped, delivered, received) = (self.shipped(), self.delivered(), self.received());
        if self.returns.iter().any(|found| found.state == ReturnState::Requested) {
            Fulfilment::ReturnRequested
        } else if !received.none() {
            if received == wanted { Fulfilment::Returned } else { Fulfilment::PartlyReturned }
        } else if !delivered.none() {
            if delivered == wanted { Fulfilment::Delivered } else { Fulfilment::PartlyDelivered }
        } else if !shipped.none() {
            if shipped == wanted { Fulfilment::Shipped } else { Fulfilment::PartlyShipped }
        } else if self.parcels.iter().any(|parcel| parcel.state == ParcelState::AwaitingCapture) {
            Fulfilment::AwaitingCapture
        } else {
            Fulfilment::None
        }
    }

    /// What the order's state allows now; who may do it is another question.
    pub fn available_actions(&self, now: DateTime<Utc>) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut allow = |action, allowed| {
            if allowed {
                actions.push(action);
            }
        };
        let confirmed = match &self.saga.end {
            None => {
                allow(Action::CancelOrder, true);
                return actions;
            }
            Some(End::Confirmed { .. }) => true,
            Some(End::Rejected { .. } | End::Expired { .. } | End::Cancelled { .. }) => false,
        };
        let left = !self.left().none();
        let parcel_in =
            |state: fn(&ParcelState) -> bool| self.parcels.iter().any(|parcel| state(&parcel.state));
        let underway = |state: &ParcelState| matches!(state, ParcelState::Shipped { .. });
        let to_receive = self.returns.iter().any(|found| found.state == ReturnState::Requested);
        let due = self.capture.requested.is_some() && self.payment_due().is_some();
        allow(Action::CancelOrder, confirmed && (left || self.shipped().none()));
        allow(Action::ShipOrder, confirmed && left);
        allow(Action::DeliverParcel, parcel_in(underway));
        allow(Action::RequestReturn, confirmed && !self.returnable(now).none());
        allow(Action::ReceiveReturn, to_receive);
        allow(Action::RefundReturn, self.returns.iter().any(|found| self.owes_for(found)));
        allow(Action::RequestCapture, confirmed && due);
        actions
    }

    fn captured_status(&self) -> PaymentStatus {
        // A refund may be heard of before its capture; then all that was to be captured was.
        let captured = self.capture.captured.or(self.to_capture()).unwrap_or(self.saga.total);
        let refunded = self.refunded();
        if self.refunds.is_empty() && self.saga.facts.payment_refunded.is_some() {
            // The first release kept no refunds, only that all had gone back.
            PaymentStatus::Refunded
        } else if refunded.zero_amount() {
            PaymentStatus::Captured
        } else if refunded.amount() < captured.amount() {
            PaymentStatus::PartlyRefunded
        } else {
            PaymentStatus::Refunded
        }
    }

    /// Never left: a refund that failed after it was made stays one that was made.
    fn wholly_returned(&self) -> bool {
        let received = self.received();
        let all = !received.none() && received == Pieces::ordered(&self.lines).minus(&self.cancelled());
        all && self.returns.iter().all(|found| {
            let refund = self.refund_of(contracts::RefundCause::Return(found.id));
            let made = refund.is_some_and(|refund| refund.state.made_at().is_some());
            made || self.price(&found.received()).zero_amount()
        })
    }

    /// Whether a return was received and what it is worth not asked back yet.
    fn owes_for(&self, found: &super::Return) -> bool {
        let refund = self.refund_of(contracts::RefundCause::Return(found.id));
        refund.is_none() && !self.price(&found.received()).zero_amount()
    }
}

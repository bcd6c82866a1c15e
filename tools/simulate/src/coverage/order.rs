//! `order`: how an order stands, and what it is told or asked.

use order::domain::Input;

use super::{Never, named};

named! {
    /// How an order stands.
    Known {
        Placed "placed",
        PlacedReserved "placed, stock reserved",
        PlacedAwaitingCustomer "placed, customer's step required",
        PlacedPaid "placed, money safe",
        Confirmed "confirmed",
        PartlyCancelled "confirmed, part cancelled",
        AwaitingCapture "confirmed, parcel awaits capture",
        CaptureDue "confirmed, capture due",
        PartlyShipped "confirmed, partly shipped",
        Shipped "confirmed, shipped",
        Delivered "confirmed, delivered",
        ReturnRequested "confirmed, return requested",
        Returned "confirmed, return received",
        Rejected "rejected",
        Expired "expired",
        Cancelled "cancelled",
        CancelledWithStock "cancelled, stock was reserved",
    }
}

named! {
    Heard {
        StockReserved "stock reserved",
        StockRejected "stock rejected",
        ActionRequired "action required",
        Authorised "authorised",
        Captured "captured",
        Declined "declined",
        Voided "voided",
        Due "due",
        Refunded "refunded",
        RefundFailed "refund failed",
        Disputed "disputed",
        Overdue "overdue",
        Sweep "sweep",
        Cancel "cancel",
        CancelPart "cancel a part",
        Ship "ship",
        Deliver "deliver",
        RequestReturn "request a return",
        ReceiveReturn "receive a return",
        RefundReturn "refund a return",
        RequestCapture "request the capture again",
    }
}

impl Heard {
    pub const fn of(input: &Input) -> Heard {
        match input {
            Input::StockReserved => Heard::StockReserved,
            Input::StockRejected(_) => Heard::StockRejected,
            Input::PaymentActionRequired => Heard::ActionRequired,
            Input::PaymentAuthorised { .. } => Heard::Authorised,
            Input::PaymentCaptured { .. } => Heard::Captured,
            Input::PaymentDeclined(_) => Heard::Declined,
            Input::PaymentVoided => Heard::Voided,
            Input::PaymentDue { .. } => Heard::Due,
            Input::PaymentRefunded { .. } => Heard::Refunded,
            Input::PaymentRefundFailed { .. } => Heard::RefundFailed,
            Input::PaymentDisputed { .. } => Heard::Disputed,
            Input::Overdue => Heard::Overdue,
            Input::Sweep => Heard::Sweep,
        }
    }
}

use Heard as H;
use Known as K;

/// Everything after the order was confirmed.
const CONFIRMED: &[Known] = &[
    K::Confirmed,
    K::PartlyCancelled,
    K::AwaitingCapture,
    K::CaptureDue,
    K::PartlyShipped,
    K::Shipped,
    K::Delivered,
    K::ReturnRequested,
    K::Returned,
];
const PLACED: &[Known] = &[K::Placed, K::PlacedReserved, K::PlacedAwaitingCustomer, K::PlacedPaid];

pub const NEVER: &[Never<Known, Heard>] = &[
    Never {
        states: PLACED,
        inputs: &[H::Voided, H::Due, H::Refunded, H::RefundFailed],
        reason: "payment lets go, gives back and captures later only on order's word, which is not said yet",
    },
    Never {
        states: &[K::PlacedReserved, K::PlacedAwaitingCustomer, K::PlacedPaid, K::CancelledWithStock],
        inputs: &[H::StockRejected],
        reason: "product answers once, and a charge begins only when it has reserved",
    },
    Never {
        states: CONFIRMED,
        inputs: &[H::StockRejected, H::Declined],
        reason: "it was confirmed because product and payment had answered, and each answers once",
    },
    Never {
        states: &[K::PlacedPaid],
        inputs: &[H::Declined],
        reason: "payment declines only when no charge can follow, and says nothing else before",
    },
    Never { states: CONFIRMED, inputs: &[H::Voided], reason: "payment lets go only after a final end" },
    Never {
        states: &[K::Confirmed, K::PartlyCancelled, K::Expired, K::Cancelled],
        inputs: &[H::Due],
        reason: "no capture was asked for: that is done with the first parcel",
    },
    Never {
        states: &[K::CaptureDue],
        inputs: &[H::Captured, H::Refunded, H::RefundFailed, H::Disputed],
        reason: "a refused capture stays refused under its key; only a later round is another, and ends this state",
    },
    Never {
        states: &[K::Confirmed],
        inputs: &[H::Refunded, H::RefundFailed],
        reason: "nothing was asked back yet",
    },
    Never {
        states: &[K::Rejected],
        inputs: &[H::Authorised, H::Captured, H::Voided, H::Due, H::Refunded, H::RefundFailed, H::Disputed],
        reason: "it was rejected because no charge had begun, or none can follow",
    },
];

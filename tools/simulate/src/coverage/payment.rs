//! `payment`: how far an order's charge is, and what it is told.

use contracts::event::DisputeStatus;
use payment::domain::{
    Answer, Charge, End, Input, Intent, IntentStatus, Method, Payment, RefundSeen, RefundStage, Resolution,
};

use super::{Never, named};

named! {
    /// How a payment stands.
    Known {
        Waiting "waiting",
        Creating "creating",
        Confirming "confirming",
        ConfirmingUnknown "confirming, unknown",
        ActionRequired "action required",
        Cancelling "cancelling",
        CancellingUnknown "cancelling, unknown",
        Authorised "authorised",
        Capturing "capturing",
        CapturingUnknown "capturing, unknown",
        Due "due",
        Free "nothing to pay",
        Captured "captured",
        Refunding "captured, refund in hand",
        RefundingUnknown "captured, refund unknown",
        RefundFailed "captured, refund failed",
        Refunded "captured, refund made",
        Disputed "captured, disputed",
        /// Also where nothing was left to capture.
        Closed "closed",
    }
}

named! {
    Heard {
        Placed "placed",
        PlacedForeign "placed, another's method",
        StockReserved "stock reserved",
        Confirmed "confirmed",
        Rejected "rejected",
        Cancelled "cancelled",
        Expired "expired",
        CaptureRequested "capture requested",
        RefundRequested "refund requested",
        Timer "timer",
        ToldOpen "answer: still open",
        ToldHeld "answer: requires capture",
        ToldSucceeded "answer: succeeded",
        ToldCanceled "answer: canceled",
        ToldNoRefund "answer: no refund",
        ToldRefund "answer: refund",
        ToldRefused "answer: declined or refused",
        ToldNothing "answer: unknown",
        /// Nobody waits for it any more, and it says nothing of the intent or the refund.
        ToldTooLate "answer too late",
        SeenOpen "seen: still open",
        SeenHeld "seen: requires capture",
        SeenSucceeded "seen: succeeded",
        SeenCanceled "seen: canceled",
        SeenRefund "seen: refund accepted",
        SeenRefundFailed "seen: refund failed",
        Dispute "dispute",
        ResolvedCharge "resolved: charge",
        ResolvedRefund "resolved: refund",
        ResolvedDispute "resolved: dispute",
    }
}

impl Known {
    pub fn of(payment: &Payment) -> Known {
        let unknown = payment.charge.unknown();
        match &payment.charge {
            Charge::Waiting => Known::Waiting,
            Charge::Creating { .. } => Known::Creating,
            Charge::Confirming { .. } if unknown => Known::ConfirmingUnknown,
            Charge::Confirming { .. } => Known::Confirming,
            Charge::ActionRequired { .. } => Known::ActionRequired,
            Charge::Cancelling { .. } if unknown => Known::CancellingUnknown,
            Charge::Cancelling { .. } => Known::Cancelling,
            Charge::Authorised { .. } => Known::Authorised,
            Charge::Capturing { .. } if unknown => Known::CapturingUnknown,
            Charge::Capturing { .. } => Known::Capturing,
            Charge::Due { .. } => Known::Due,
            Charge::Free { intent: None } => Known::Free,
            Charge::Captured { .. } => Known::captured(payment),
            Charge::Closed { .. } | Charge::Free { intent: Some(_) } => Known::Closed,
        }
    }

    fn captured(payment: &Payment) -> Known {
        let attempts = || payment.refunds.values().filter_map(|refund| refund.attempt());
        let any =
            |stage: fn(&RefundStage) -> bool| payment.refunds.values().any(|refund| stage(&refund.stage));
        if attempts().any(|attempt| attempt.unknown()) {
            Known::RefundingUnknown
        } else if attempts().next().is_some() {
            Known::Refunding
        } else if payment.disputes.values().any(|dispute| dispute.status() == DisputeStatus::Open) {
            Known::Disputed
        } else if any(|stage| matches!(stage, RefundStage::Failed { .. })) {
            Known::RefundFailed
        } else if any(|stage| matches!(stage, RefundStage::Made { .. } | RefundStage::Settled)) {
            Known::Refunded
        } else {
            Known::Captured
        }
    }
}

impl Heard {
    pub fn of(input: &Input, payment: &Payment) -> Heard {
        match input {
            Input::Placed(due) => match due.method {
                Method::Own(_) => Heard::Placed,
                Method::Foreign(_) => Heard::PlacedForeign,
            },
            Input::StockReserved => Heard::StockReserved,
            Input::Ended(End::Confirmed) => Heard::Confirmed,
            Input::Ended(End::Rejected) => Heard::Rejected,
            Input::Ended(End::Cancelled { .. }) => Heard::Cancelled,
            Input::Ended(End::Expired) => Heard::Expired,
            Input::CaptureRequested { .. } => Heard::CaptureRequested,
            Input::RefundRequested { .. } => Heard::RefundRequested,
            Input::Timer { .. } => Heard::Timer,
            Input::Answered { answer, ticket } => Heard::answer(answer, awaits(payment, *ticket)),
            Input::Seen(intent) => Heard::seen(intent),
            Input::RefundSeen { seen, .. } => Heard::seen_refund(seen),
            Input::DisputeSeen { .. } => Heard::Dispute,
            Input::Resolved(resolution) => Heard::resolution(resolution),
        }
    }

    /// An answer that nobody waits for any more is a word like any other.
    const fn answer(answer: &Answer, awaited: bool) -> Heard {
        match answer {
            Answer::Intent(intent) if awaited => match intent.status {
                IntentStatus::RequiresConfirmation
                | IntentStatus::RequiresPaymentMethod { .. }
                | IntentStatus::RequiresAction { .. }
                | IntentStatus::Processing => Heard::ToldOpen,
                IntentStatus::RequiresCapture { .. } => Heard::ToldHeld,
                IntentStatus::Succeeded { .. } => Heard::ToldSucceeded,
                IntentStatus::Canceled => Heard::ToldCanceled,
            },
            Answer::Refund { seen: Some(_), .. } if awaited => Heard::ToldRefund,
            Answer::Refund { seen: None, .. } if awaited => Heard::ToldNoRefund,
            Answer::Declined { .. } | Answer::Refused { .. } if awaited => Heard::ToldRefused,
            Answer::Unknown(_) if awaited => Heard::ToldNothing,
            Answer::Intent(intent) => Heard::seen(intent),
            Answer::Refund { seen: Some(seen), .. } => Heard::seen_refund(seen),
            Answer::Dispute { .. } => Heard::Dispute,
            Answer::Refund { seen: None, .. }
            | Answer::Declined { .. }
            | Answer::Refused { .. }
            | Answer::Unknown(_) => Heard::ToldTooLate,
        }
    }

    const fn seen(intent: &Intent) -> Heard {
        match intent.status {
            IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresPaymentMethod { .. }
            | IntentStatus::RequiresAction { .. }
            | IntentStatus::Processing => Heard::SeenOpen,
            IntentStatus::RequiresCapture { .. } => Heard::SeenHeld,
            IntentStatus::Succeeded { .. } => Heard::SeenSucceeded,
            IntentStatus::Canceled => Heard::SeenCanceled,
        }
    }

    const fn seen_refund(seen: &RefundSeen) -> Heard {
        match seen {
            RefundSeen::Accepted { .. } => Heard::SeenRefund,
            RefundSeen::Failed { .. } => Heard::SeenRefundFailed,
        }
    }

    pub const fn resolution(resolution: &Resolution) -> Heard {
        match resolution {
            Resolution::Charged | Resolution::NotCharged => Heard::ResolvedCharge,
            Resolution::Refunded { .. }
            | Resolution::NotRefunded { .. }
            | Resolution::RetryRefund { .. }
            | Resolution::SettleRefund { .. } => Heard::ResolvedRefund,
            Resolution::AcceptDispute { .. } => Heard::ResolvedDispute,
        }
    }
}

/// Whether somebody waits for the answer to this call.
fn awaits(payment: &Payment, ticket: u32) -> bool {
    let refunds = payment.refunds.values().filter_map(|refund| refund.attempt());
    let disputes = payment.disputes.values().filter_map(|dispute| dispute.attempt());
    payment.charge.attempt().into_iter().chain(refunds).chain(disputes).any(|attempt| attempt.awaits(ticket))
}

use Heard as H;
use Known as K;

/// Before any money is safe.
const BEFORE: &[Known] = &[K::Waiting, K::Creating, K::Confirming, K::ConfirmingUnknown, K::ActionRequired];
/// While the charge is not settled.
const BEGUN: &[Known] = &[
    K::Creating,
    K::Confirming,
    K::ConfirmingUnknown,
    K::ActionRequired,
    K::Cancelling,
    K::CancellingUnknown,
    K::Authorised,
    K::Capturing,
    K::CapturingUnknown,
    K::Due,
];
const CAPTURED: &[Known] =
    &[K::Captured, K::Refunding, K::RefundingUnknown, K::RefundFailed, K::Refunded, K::Disputed];
const FROM_PROVIDER: &[Heard] = &[
    H::ToldOpen,
    H::ToldHeld,
    H::ToldSucceeded,
    H::ToldCanceled,
    H::ToldNoRefund,
    H::ToldRefund,
    H::ToldRefused,
    H::ToldNothing,
    H::ToldTooLate,
    H::SeenOpen,
    H::SeenHeld,
    H::SeenSucceeded,
    H::SeenCanceled,
    H::SeenRefund,
    H::SeenRefundFailed,
    H::Dispute,
];
const TOLD: &[Heard] = &[
    H::ToldOpen,
    H::ToldHeld,
    H::ToldSucceeded,
    H::ToldCanceled,
    H::ToldNoRefund,
    H::ToldRefund,
    H::ToldRefused,
    H::ToldNothing,
];
const OF_REFUNDS: &[Heard] = &[H::ToldNoRefund, H::ToldRefund, H::SeenRefund, H::SeenRefundFailed];

pub const NEVER: &[Never<Known, Heard>] = &[
    Never {
        states: BEGUN,
        inputs: &[H::PlacedForeign],
        reason: "with another's payment method nothing is begun",
    },
    Never {
        states: CAPTURED,
        inputs: &[H::PlacedForeign],
        reason: "with another's payment method nothing is begun",
    },
    Never {
        states: &[K::Free],
        inputs: &[H::PlacedForeign],
        reason: "with another's payment method nothing is begun",
    },
    Never {
        states: BEGUN,
        inputs: &[H::Rejected],
        reason: "order rejects because stock was refused, and then nothing is begun, or because this was declined",
    },
    Never {
        states: CAPTURED,
        inputs: &[H::Rejected],
        reason: "order rejects because stock was refused, and then nothing is begun, or because this was declined",
    },
    Never {
        states: &[K::Free],
        inputs: &[H::Rejected],
        reason: "order rejects because stock was refused, and then nothing is begun, or because this was declined",
    },
    Never {
        states: BEFORE,
        inputs: &[H::Confirmed, H::CaptureRequested, H::RefundRequested],
        reason: "order confirms only when it was told that the money is safe",
    },
    Never {
        states: &[K::Waiting, K::Free],
        inputs: FROM_PROVIDER,
        reason: "nothing was asked of the processor",
    },
    Never {
        states: &[K::Creating],
        inputs: &[
            H::ToldHeld,
            H::ToldSucceeded,
            H::ToldCanceled,
            H::SeenHeld,
            H::SeenSucceeded,
            H::SeenCanceled,
            H::Dispute,
        ],
        reason: "an intent that is not confirmed moves nothing",
    },
    Never { states: BEGUN, inputs: OF_REFUNDS, reason: "nothing was captured, so no refund was asked for" },
    Never {
        states: &[K::Closed],
        inputs: OF_REFUNDS,
        reason: "nothing was captured, so no refund was asked for",
    },
    Never {
        states: &[K::Free],
        inputs: &[H::CaptureRequested, H::RefundRequested],
        reason: "where nothing is to be paid nothing is to be captured, and nothing goes back",
    },
    Never {
        states: &[K::Authorised, K::Due, K::Closed],
        inputs: &[H::ToldSucceeded, H::SeenSucceeded, H::Dispute],
        reason: "the processor has said that nothing was taken, and will not be without being asked",
    },
    Never {
        states: &[K::Capturing, K::CapturingUnknown],
        inputs: &[H::Expired],
        reason: "only a confirmed order's money is captured later",
    },
    Never { states: &[K::Captured], inputs: OF_REFUNDS, reason: "no refund was asked of the processor" },
    Never {
        states: &[K::Authorised, K::Due, K::Captured, K::RefundFailed, K::Refunded, K::Closed],
        inputs: TOLD,
        reason: "no call is on its way",
    },
    Never {
        states: &[K::Refunding, K::RefundingUnknown, K::Disputed],
        inputs: &[H::ToldOpen, H::ToldHeld, H::ToldSucceeded, H::ToldCanceled],
        reason: "only calls about refunds and disputes are on their way",
    },
    Never {
        states: &[K::Disputed],
        inputs: &[H::ToldNoRefund, H::ToldRefund],
        reason: "refunds wait for the dispute's end",
    },
    Never {
        states: &[K::Cancelling],
        inputs: &[H::ToldOpen, H::ToldHeld, H::ToldSucceeded],
        reason: "what is asked to be cancelled is, or the processor refuses",
    },
    Never {
        states: &[K::Capturing],
        inputs: &[H::ToldOpen, H::ToldHeld, H::ToldCanceled],
        reason: "what is asked to be captured is, or the processor refuses",
    },
    Never {
        states: &[K::CapturingUnknown],
        inputs: &[H::ToldOpen],
        reason: "what was held is held, taken or let go",
    },
    Never {
        states: &[K::Confirming],
        inputs: &[H::ToldCanceled],
        reason: "what is asked to be confirmed is, or the processor refuses",
    },
    Never {
        states: &[K::Refunding],
        inputs: &[H::ToldNoRefund],
        reason: "what is asked to go back does, or the processor refuses; only asking finds none",
    },
    Never {
        states: &[K::ConfirmingUnknown, K::ActionRequired, K::CancellingUnknown, K::CapturingUnknown],
        inputs: &[H::ToldRefused],
        reason: "the intent is only read, which is not refused",
    },
];

//! What a schedule is about: kinds of faults and of people's acts that tell more together than each alone.

use contracts::CaptureMode;

use crate::chance::Chance;
use crate::fault::Fault;
use crate::plan::{Act, Pace};
use crate::seed::Seed;

#[derive(Debug, Clone, Copy, Default)]
pub struct Theme {
    /// These are frequent.
    pub faults: &'static [Fault],
    /// Most orders go this way after they are confirmed.
    pub career: Option<&'static [Act]>,
    pub capture: Option<CaptureMode>,
    pub pace: Option<Pace>,
    /// Whether people are in a hurry.
    pub hurry: bool,
}

impl Theme {
    pub fn of(seed: &Seed) -> Theme {
        let mut chance = Chance::branch(seed.number, 5);
        if chance.one_in(6) { Theme::NONE } else { chance.pick(THEMES) }
    }

    const NONE: Theme = Theme { faults: &[], career: None, capture: None, pace: None, hurry: false };
    const LATER: Theme =
        Theme { capture: Some(CaptureMode::BeforeShipping), pace: Some(Pace::Fast), ..Theme::NONE };
}

const WHOLE_LIFE: &[Act] =
    &[Act::ShipPart, Act::Ship, Act::Deliver, Act::RequestReturn, Act::ReceiveReturn, Act::RefundReturn];
const CAPTURED_LATE: &[Act] = &[
    Act::ShipPart,
    Act::RequestCapture,
    Act::RequestCapture,
    Act::RequestCapture,
    Act::RequestCapture,
    Act::Ship,
    Act::Deliver,
    Act::RequestReturn,
    Act::ReceiveReturn,
];
const CAPTURED_LATE_AND_ASKED_BACK: &[Act] = &[
    Act::Ship,
    Act::RequestCapture,
    Act::RequestCapture,
    Act::RequestCapture,
    Act::Deliver,
    Act::RequestReturn,
];
const ONLY_ASKED: &[Act] =
    &[Act::Resolve, Act::Resolve, Act::Resolve, Act::Resolve, Act::Resolve, Act::Resolve];
const ASKED_BACK: &[Act] = &[Act::Ship, Act::Deliver, Act::RequestReturn];
const CANCELLED_IN_THE_END: &[Act] = &[Act::ShipPart, Act::CancelPart, Act::CancelPart, Act::Cancel];
const CANCELLED_IN_PARTS: &[Act] =
    &[Act::ShipPart, Act::CancelPart, Act::CancelPart, Act::Resolve, Act::Resolve];
const SENT_BACK: &[Act] =
    &[Act::CancelPart, Act::Ship, Act::Deliver, Act::RequestReturn, Act::ReceiveReturn, Act::RefundReturn];
const SHIPPED_AND_ASKED: &[Act] =
    &[Act::Ship, Act::Resolve, Act::Resolve, Act::Resolve, Act::Resolve, Act::Resolve];

const CANCELLED_AND_COMPARED: &[Act] = &[
    Act::CancelPart,
    Act::ComparePayments,
    Act::CancelPart,
    Act::ComparePayments,
    Act::Resolve,
    Act::ComparePayments,
];

const THEMES: &[Theme] = &[
    Theme {
        faults: &[Fault::Disputed, Fault::WebhookEarly],
        career: Some(ONLY_ASKED),
        capture: Some(CaptureMode::AtOnce),
        pace: Some(Pace::Slow),
        hurry: false,
    },
    Theme {
        faults: &[Fault::Disputed, Fault::FailureStored, Fault::RequestLate],
        career: Some(ONLY_ASKED),
        capture: Some(CaptureMode::AtOnce),
        pace: Some(Pace::Uneven),
        hurry: false,
    },
    Theme {
        faults: &[Fault::ActionRequired, Fault::Lost, Fault::Dropped, Fault::Delayed],
        pace: Some(Pace::Uneven),
        ..Theme::NONE
    },
    Theme { faults: &[Fault::Away, Fault::Lost, Fault::Forgotten], pace: Some(Pace::Fast), ..Theme::NONE },
    Theme { faults: &[Fault::Away, Fault::Lost], pace: Some(Pace::Fast), ..Theme::NONE },
    Theme { faults: &[Fault::Away, Fault::Lost, Fault::WebhookEarly], pace: Some(Pace::Fast), ..Theme::NONE },
    Theme { faults: &[Fault::ActionRequired, Fault::Lost], pace: Some(Pace::Fast), ..Theme::NONE },
    Theme { faults: &[Fault::ActionRequired, Fault::Delayed], pace: Some(Pace::Fast), ..Theme::NONE },
    Theme { faults: &[Fault::Away, Fault::Lost, Fault::Reordered], pace: Some(Pace::Fast), ..Theme::NONE },
    Theme {
        faults: &[Fault::ActionRequired, Fault::Lost, Fault::Forgotten, Fault::Dropped],
        pace: Some(Pace::Fast),
        ..Theme::NONE
    },
    Theme {
        faults: &[Fault::Delayed, Fault::AnswerLost, Fault::FailureStored, Fault::CaptureRefused],
        career: Some(CANCELLED_IN_THE_END),
        hurry: true,
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::Delayed, Fault::WorkerDiesAfterCall, Fault::ProviderFails, Fault::CaptureRefused],
        career: Some(CANCELLED_IN_THE_END),
        hurry: true,
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::DoneAndFailureStored, Fault::FailureStored, Fault::WebhookTwice, Fault::AnswerLost],
        career: Some(CANCELLED_AND_COMPARED),
        hurry: true,
        ..Theme::NONE
    },
    Theme {
        faults: &[Fault::Disputed, Fault::WebhookEarly, Fault::RequestLost],
        career: Some(CANCELLED_IN_PARTS),
        capture: Some(CaptureMode::AtOnce),
        pace: Some(Pace::Slow),
        hurry: true,
    },
    Theme {
        faults: &[Fault::ActionRequired, Fault::Forgotten, Fault::CaptureRefused],
        career: Some(CAPTURED_LATE_AND_ASKED_BACK),
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::CaptureRefused, Fault::Forgotten],
        career: Some(CAPTURED_LATE_AND_ASKED_BACK),
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::ActionRequired, Fault::Lost, Fault::Delayed],
        pace: Some(Pace::Fast),
        ..Theme::NONE
    },
    Theme {
        faults: &[Fault::Delayed, Fault::AnswerLost, Fault::ProviderFails, Fault::CaptureRefused],
        career: Some(CANCELLED_IN_THE_END),
        hurry: true,
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::Disputed, Fault::WebhookEarly, Fault::AnswerLost, Fault::RequestLost],
        career: Some(CANCELLED_IN_PARTS),
        capture: Some(CaptureMode::AtOnce),
        pace: Some(Pace::Slow),
        hurry: true,
    },
    Theme { faults: &[Fault::Away, Fault::Lost, Fault::Dropped], pace: Some(Pace::Fast), ..Theme::NONE },
    Theme { faults: &[Fault::Away, Fault::Lost, Fault::Delayed], pace: Some(Pace::Uneven), ..Theme::NONE },
    Theme {
        faults: &[Fault::ActionRequired, Fault::Forgotten],
        career: Some(ASKED_BACK),
        pace: Some(Pace::Fast),
        ..Theme::NONE
    },
    Theme {
        faults: &[Fault::Delayed, Fault::RequestLost, Fault::FailureStored, Fault::ProviderFails],
        career: Some(CANCELLED_IN_THE_END),
        hurry: true,
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::Delayed, Fault::RequestLate, Fault::ProviderFails],
        career: Some(CANCELLED_IN_THE_END),
        hurry: true,
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::Disputed, Fault::WebhookEarly],
        career: Some(ONLY_ASKED),
        capture: Some(CaptureMode::AtOnce),
        ..Theme::NONE
    },
    Theme { faults: &[Fault::Away, Fault::ActionRequired], pace: Some(Pace::Fast), ..Theme::NONE },
    Theme {
        faults: &[Fault::BankSlow, Fault::AuthorisationLapsed, Fault::WebhookTwice, Fault::WorkerFrozen],
        career: Some(CANCELLED_IN_PARTS),
        ..Theme::LATER
    },
    Theme { faults: &[Fault::CaptureRefused, Fault::Forgotten], career: Some(CAPTURED_LATE), ..Theme::LATER },
    Theme {
        faults: &[Fault::CaptureRefused, Fault::Forgotten, Fault::ActionRequired],
        career: Some(CAPTURED_LATE),
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::ActionRequired, Fault::Forgotten],
        career: Some(WHOLE_LIFE),
        hurry: true,
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::Away, Fault::ActionRequired, Fault::ActionNotDone],
        pace: Some(Pace::Uneven),
        ..Theme::NONE
    },
    Theme {
        faults: &[Fault::DoneAndFailureStored, Fault::FailureStored, Fault::RefundRefused, Fault::AnswerLost],
        career: Some(CANCELLED_AND_COMPARED),
        ..Theme::NONE
    },
    Theme {
        faults: &[Fault::BankSlow, Fault::WebhookLate, Fault::WorkerFrozen, Fault::AnswerLost],
        career: Some(SHIPPED_AND_ASKED),
        hurry: true,
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::BankSlow, Fault::AuthorisationLapsed, Fault::WebhookEarly, Fault::WorkerFrozen],
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::Delayed, Fault::Forgotten, Fault::RequestLost, Fault::AnswerLost],
        career: Some(CANCELLED_IN_THE_END),
        hurry: true,
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::WebhookLate, Fault::WorkerFrozen, Fault::RequestLost, Fault::AnswerLost],
        career: Some(CANCELLED_IN_PARTS),
        hurry: true,
        ..Theme::LATER
    },
    Theme { faults: &[Fault::Reordered, Fault::Delayed, Fault::Forgotten], ..Theme::NONE },
    Theme { faults: &[Fault::Lost, Fault::Dropped, Fault::Delayed], career: Some(SENT_BACK), ..Theme::NONE },
    Theme {
        faults: &[Fault::Lost, Fault::Forgotten],
        career: Some(SENT_BACK),
        pace: Some(Pace::Fast),
        ..Theme::NONE
    },
    Theme {
        faults: &[Fault::WorkerDiesBeforeCall, Fault::WorkerDiesAfterCall, Fault::CrashBeforeCommit],
        ..Theme::NONE
    },
    Theme { faults: &[Fault::FailureStored, Fault::DoneAndFailureStored, Fault::RequestLate], ..Theme::NONE },
    Theme { faults: &[Fault::RequestLate, Fault::AnswerLost, Fault::WorkerFrozen], ..Theme::NONE },
    Theme { faults: &[Fault::Away], pace: Some(Pace::Slow), ..Theme::NONE },
    Theme {
        faults: &[Fault::Away, Fault::ActionRequired, Fault::ActionNotDone, Fault::Lost],
        pace: Some(Pace::Slow),
        ..Theme::NONE
    },
    Theme {
        faults: &[Fault::Away, Fault::RequestLost, Fault::WorkerDiesAfterCall],
        pace: Some(Pace::Uneven),
        ..Theme::NONE
    },
    Theme {
        faults: &[Fault::ActionRequired, Fault::Forgotten],
        career: Some(WHOLE_LIFE),
        pace: Some(Pace::Fast),
        ..Theme::NONE
    },
    Theme {
        faults: &[Fault::ActionRequired, Fault::Forgotten, Fault::Lost],
        career: Some(CAPTURED_LATE),
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::ActionRequired, Fault::AuthorisationLapsed, Fault::WorkerFrozen, Fault::WebhookLate],
        ..Theme::LATER
    },
    Theme { faults: &[Fault::CaptureRefused, Fault::Forgotten], career: Some(CAPTURED_LATE), ..Theme::LATER },
    Theme {
        faults: &[Fault::CaptureRefused, Fault::AuthorisationLapsed, Fault::WebhookLate, Fault::WorkerFrozen],
        career: Some(CAPTURED_LATE),
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::CaptureRefused, Fault::RequestLate, Fault::AnswerLost],
        career: Some(SHIPPED_AND_ASKED),
        ..Theme::LATER
    },
    Theme {
        faults: &[
            Fault::BankSlow,
            Fault::ActionRequired,
            Fault::WebhookLate,
            Fault::AnswerLost,
            Fault::RequestLate,
        ],
        career: Some(SHIPPED_AND_ASKED),
        hurry: true,
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::Delayed, Fault::Forgotten, Fault::Reordered, Fault::RequestLate],
        career: Some(CANCELLED_IN_THE_END),
        hurry: true,
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::Delayed, Fault::Lost, Fault::CaptureRefused, Fault::FailureStored],
        career: Some(CANCELLED_IN_THE_END),
        hurry: true,
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::WebhookLate, Fault::WorkerFrozen, Fault::WebhookTwice, Fault::Forgotten],
        career: Some(CANCELLED_IN_PARTS),
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::RefundRefused, Fault::RefundFailsLater, Fault::Lost, Fault::Forgotten],
        career: Some(CANCELLED_IN_PARTS),
        ..Theme::LATER
    },
    Theme {
        faults: &[Fault::RefundRefused, Fault::RefundFailsLater, Fault::WorkerFrozen, Fault::WebhookLate],
        career: Some(SENT_BACK),
        ..Theme::NONE
    },
    Theme {
        faults: &[
            Fault::Disputed,
            Fault::WorkerFrozen,
            Fault::WebhookEarly,
            Fault::WebhookTwice,
            Fault::FailureStored,
        ],
        career: Some(CANCELLED_IN_PARTS),
        ..Theme::NONE
    },
    Theme {
        faults: &[Fault::Disputed, Fault::Delayed, Fault::AnswerLost, Fault::WorkerFrozen],
        career: Some(CANCELLED_IN_PARTS),
        ..Theme::LATER
    },
];

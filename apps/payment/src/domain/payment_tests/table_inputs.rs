//! Every input of the table, with its name and its time.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::RefundCause;
use contracts::event::DisputeStatus;

use super::table::{CALLS, intent};
use super::{after, due, now, pounds};
use crate::domain::{
    Answer, Doubt, Due, End, Input, Intent, IntentId, IntentStatus, Method, RefundSeen, Resolution,
};

type Named = (&'static str, Input, DateTime<Utc>);

const CAUSE: RefundCause = RefundCause::FinalEnd;

/// What other services say, and the time that passes.
pub(super) fn facts() -> Vec<Named> {
    let placed = |due: Due| Input::Placed(due);
    let foreign = |method: Method| match method {
        Method::Own(id) | Method::Foreign(id) => Method::Foreign(id),
    };
    let wish = |amount, round| Input::CaptureRequested { amount: pounds(amount), round };
    let cancelled = Input::Ended(End::Cancelled { refunds_requested: pounds(100) });
    let cause = RefundCause::Cancellation(contracts::CancellationId(uuid::Uuid::from_u128(11)));
    let timer = Input::Timer { patience: TimeDelta::seconds(10) };
    vec![
        ("placed", placed(due(500)), now()),
        ("placed, foreign method", placed(Due { method: foreign(due(500).method), ..due(500) }), now()),
        ("placed, free", placed(due(0)), now()),
        ("placed, after charge_by", placed(due(500)), after(60)),
        ("reserved", Input::StockReserved, now()),
        ("reserved, after charge_by", Input::StockReserved, after(60)),
        ("capture requested", wish(300, 1), now()),
        ("capture of nothing requested", wish(0, 1), now()),
        ("capture requested again", wish(300, 2), now()),
        ("refund requested", Input::RefundRequested { cause, amount: pounds(100) }, now()),
        ("too much refund requested", Input::RefundRequested { cause, amount: pounds(501) }, now()),
        ("confirmed", Input::Ended(End::Confirmed), now()),
        ("rejected", Input::Ended(End::Rejected), now()),
        ("cancelled", cancelled, now()),
        ("expired", Input::Ended(End::Expired), after(90)),
        ("timer", timer.clone(), now()),
        ("timer, after charge_by", timer.clone(), after(60)),
        ("timer, after grace", timer, after(120)),
    ]
}

fn shown(status: IntentStatus) -> Intent {
    Intent { id: intent(), status }
}

/// What comes of a call, in time and late.
pub(super) fn answers() -> Vec<Named> {
    let answered = |answer| Input::Answered { ticket: CALLS, answer };
    let late = |answer| Input::Answered { ticket: CALLS - 1, answer };
    let refund = |seen| Answer::Refund { cause: CAUSE, seen };
    let intent = |status| Answer::Intent(shown(status));
    let (held, received) = (pounds(500), pounds(500));
    let code = || "insufficient_funds".to_owned();
    let asks = || IntentStatus::RequiresAction { url: Some("https://bank.example".to_owned()) };
    let lost =
        Answer::Dispute { dispute_id: "dp_1".to_owned(), amount: pounds(400), status: DisputeStatus::Lost };
    vec![
        ("requires_confirmation", answered(intent(IntentStatus::RequiresConfirmation))),
        ("requires_confirmation, after charge_by", answered(intent(IntentStatus::RequiresConfirmation))),
        (
            "requires_payment_method",
            answered(intent(IntentStatus::RequiresPaymentMethod { declined: Some(code()) })),
        ),
        ("requires_action", answered(intent(asks()))),
        ("processing", answered(intent(IntentStatus::Processing))),
        ("requires_capture", answered(intent(IntentStatus::RequiresCapture { held }))),
        ("succeeded", answered(intent(IntentStatus::Succeeded { received }))),
        ("canceled", answered(intent(IntentStatus::Canceled))),
        ("declined", answered(Answer::Declined { code: code() })),
        ("refused", answered(Answer::Refused { code: "resource_missing".to_owned() })),
        ("silence", answered(Answer::Unknown(Doubt::Silence))),
        ("server error", answered(Answer::Unknown(Doubt::ServerError))),
        ("stored error", answered(Answer::Unknown(Doubt::StoredError))),
        ("refund accepted", answered(refund(Some(accepted())))),
        ("refund failed", answered(refund(Some(failed())))),
        ("no refund", answered(refund(None))),
        ("dispute lost", answered(lost)),
        ("late: requires_confirmation", late(intent(IntentStatus::RequiresConfirmation))),
        ("late: succeeded", late(intent(IntentStatus::Succeeded { received }))),
        ("late: canceled", late(intent(IntentStatus::Canceled))),
        ("late: silence", late(Answer::Unknown(Doubt::Silence))),
        ("late: declined", late(Answer::Declined { code: code() })),
        ("late: refund accepted", late(refund(Some(accepted())))),
        ("late: no refund", late(refund(None))),
    ]
    .into_iter()
    .map(|(name, input)| {
        let at = if name.ends_with("after charge_by") { after(60) } else { now() };
        (name, input, at)
    })
    .collect()
}

fn accepted() -> RefundSeen {
    RefundSeen::Accepted { reference: "re_1".to_owned() }
}

fn failed() -> RefundSeen {
    RefundSeen::Failed { reference: "re_1".to_owned() }
}

/// What the provider says unasked.
pub(super) fn words() -> Vec<Named> {
    let seen = |status| Input::Seen(shown(status));
    let dispute = |status| Input::DisputeSeen { dispute_id: "dp_1".to_owned(), amount: pounds(400), status };
    let another = Intent { id: IntentId("pi_2".to_owned()), status: IntentStatus::Canceled };
    vec![
        ("seen: requires_action", seen(IntentStatus::RequiresAction { url: None }), now()),
        ("seen: requires_capture", seen(IntentStatus::RequiresCapture { held: pounds(500) }), now()),
        ("seen: succeeded", seen(IntentStatus::Succeeded { received: pounds(500) }), now()),
        ("seen: canceled", seen(IntentStatus::Canceled), now()),
        ("seen: another canceled", Input::Seen(another), now()),
        ("seen: refund accepted", Input::RefundSeen { cause: CAUSE, seen: accepted() }, now()),
        ("seen: refund failed", Input::RefundSeen { cause: CAUSE, seen: failed() }, now()),
        ("seen: dispute opened", dispute(DisputeStatus::Open), now()),
        ("seen: dispute won", dispute(DisputeStatus::Won), now()),
        ("seen: dispute lost", dispute(DisputeStatus::Lost), now()),
    ]
}

/// What staff say or decide.
pub(super) fn decisions() -> Vec<Named> {
    let resolved = |resolution| Input::Resolved(resolution);
    let cause = CAUSE;
    vec![
        ("staff: charged", resolved(Resolution::Charged), now()),
        ("staff: not charged", resolved(Resolution::NotCharged), now()),
        ("staff: refunded", resolved(Resolution::Refunded { cause }), now()),
        ("staff: not refunded", resolved(Resolution::NotRefunded { cause }), now()),
        ("staff: retry refund", resolved(Resolution::RetryRefund { cause }), now()),
        ("staff: settle refund", resolved(Resolution::SettleRefund { cause }), now()),
        (
            "staff: accept dispute",
            resolved(Resolution::AcceptDispute { dispute_id: "dp_1".to_owned() }),
            now(),
        ),
    ]
}

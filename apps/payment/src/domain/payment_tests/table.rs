//! Every state met by every input, in one snapshot. What changes nothing is named in one line.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::Refusal;

use super::{after, due, now, pounds, show, unheard};
use crate::domain::{
    Answer, Attempt, Charge, Doubt, Due, End, Input, Intent, IntentId, IntentStatus, Method, Overdue,
    Payment, RefundSeen, Step, Tried,
};

const CALLS: u32 = 3;

fn intent() -> IntentId {
    IntentId("pi_1".to_owned())
}

fn attempt(step: Step) -> Attempt {
    Attempt { number: 1, generation: 1, step, at: now() }
}

/// Each state of the charge that can be met before an end, or while the order goes on.
fn open_charges() -> Vec<Charge> {
    let steps = || [Step::Planned, Step::Sent, Step::Doubtful(Doubt::Silence), Step::Asked(Doubt::Silence)];
    let creating = [Step::Planned, Step::Sent].map(|step| Charge::Creating { attempt: attempt(step) });
    let confirming = steps().map(|step| Charge::Confirming { intent: intent(), attempt: attempt(step) });
    creating.into_iter().chain(confirming).chain(cancelling(Some(Refusal::TooLate))).collect()
}

fn cancelling(refusal: Option<Refusal>) -> Vec<Charge> {
    [Step::Planned, Step::Sent, Step::Doubtful(Doubt::Refused), Step::Asked(Doubt::Refused)]
        .map(|step| Charge::Cancelling {
            intent: intent(),
            refusal: refusal.clone(),
            doubted: Some(Tried { number: 1, generation: 1 }),
            attempt: attempt(step),
        })
        .to_vec()
}

/// Each state of the charge that can be met after a final end.
fn ending_charges() -> Vec<Charge> {
    let sent = [
        Charge::Creating { attempt: attempt(Step::Sent) },
        Charge::Confirming { intent: intent(), attempt: attempt(Step::Sent) },
        Charge::Confirming { intent: intent(), attempt: attempt(Step::Asked(Doubt::Silence)) },
    ];
    let steps = [
        Step::Planned,
        Step::Sent,
        Step::Doubtful(Doubt::Silence),
        Step::Asked(Doubt::Silence),
        Step::Asked(Doubt::StoredError),
        Step::Asked(Doubt::Refused),
    ];
    let refunding =
        steps.map(|step| Charge::Refunding { intent: intent(), amount: pounds(500), attempt: attempt(step) });
    let over = [
        Charge::Refunded { intent: intent(), amount: pounds(500) },
        Charge::RefundFailed { intent: intent(), amount: pounds(500) },
    ];
    sent.into_iter().chain(cancelling(None)).chain(refunding).chain(over).chain(settled()).collect()
}

fn settled() -> [Charge; 3] {
    [Charge::Free, Charge::Closed { intent: None }, Charge::Closed { intent: Some(intent()) }]
}

fn states() -> Vec<Payment> {
    let known = |end: Option<End>, charge: Charge| Payment {
        due: Some(due(500)),
        stock_reserved: true,
        end,
        charge,
        overdue: end.is_none().then(|| Overdue { at: after(120), reports: 0 }),
        calls: CALLS,
        ..unheard()
    };
    let held = [
        Charge::Authorised { intent: intent(), amount: pounds(500) },
        Charge::Captured { intent: intent(), amount: pounds(500) },
    ];
    let mut states = vec![
        unheard(),
        Payment { stock_reserved: true, ..unheard() },
        Payment { end: Some(End::Confirmed), ..unheard() },
        Payment { stock_reserved: false, calls: 0, ..known(None, Charge::Waiting) },
    ];
    let before_an_end = open_charges().into_iter().chain(held.clone()).chain(settled());
    states.extend(before_an_end.map(|charge| known(None, charge)));
    states.extend(held.into_iter().map(|charge| known(Some(End::Confirmed), charge)));
    states.extend(ending_charges().into_iter().map(|charge| known(Some(End::Rejected), charge)));
    states
}

fn facts() -> Vec<(&'static str, Input, DateTime<Utc>)> {
    let placed = |due: Due| Input::Placed(due);
    let foreign = |method: Method| match method {
        Method::Own(id) | Method::Foreign(id) => Method::Foreign(id),
    };
    let timer = Input::Timer { patience: TimeDelta::seconds(10) };
    vec![
        ("placed", placed(due(500)), now()),
        ("placed, foreign method", placed(Due { method: foreign(due(500).method), ..due(500) }), now()),
        ("placed, free", placed(due(0)), now()),
        ("placed, after charge_by", placed(due(500)), after(60)),
        ("reserved", Input::StockReserved, now()),
        ("reserved, after charge_by", Input::StockReserved, after(60)),
        ("confirmed", Input::Ended(End::Confirmed), now()),
        ("rejected", Input::Ended(End::Rejected), now()),
        ("expired", Input::Ended(End::Expired), after(90)),
        ("timer", timer.clone(), now()),
        ("timer, after charge_by", timer.clone(), after(60)),
        ("timer, after grace", timer, after(120)),
    ]
}

fn answers() -> Vec<(&'static str, Input, DateTime<Utc>)> {
    let shown = |id: &str, status| Answer::Intent(Intent { id: IntentId(id.to_owned()), status });
    let refund = |seen| Answer::Refund(Some(seen));
    let answered = |answer| Input::Answered { ticket: CALLS, answer };
    let late = |answer| Input::Answered { ticket: CALLS - 1, answer };
    let (held, received) = (pounds(500), pounds(500));
    let reference = || "re_1".to_owned();
    let code = || "insufficient_funds".to_owned();
    vec![
        ("requires_confirmation", answered(shown("pi_1", IntentStatus::RequiresConfirmation))),
        (
            "requires_confirmation, after charge_by",
            answered(shown("pi_1", IntentStatus::RequiresConfirmation)),
        ),
        (
            "requires_payment_method",
            answered(shown("pi_1", IntentStatus::RequiresPaymentMethod { declined: Some(code()) })),
        ),
        ("requires_action", answered(shown("pi_1", IntentStatus::RequiresAction))),
        ("processing", answered(shown("pi_1", IntentStatus::Processing))),
        ("requires_capture", answered(shown("pi_1", IntentStatus::RequiresCapture { held }))),
        ("succeeded", answered(shown("pi_1", IntentStatus::Succeeded { received }))),
        ("canceled", answered(shown("pi_1", IntentStatus::Canceled))),
        ("declined", answered(Answer::Declined { code: code() })),
        ("refused", answered(Answer::Refused { code: "resource_missing".to_owned() })),
        ("silence", answered(Answer::Unknown(Doubt::Silence))),
        ("server error", answered(Answer::Unknown(Doubt::ServerError))),
        ("stored error", answered(Answer::Unknown(Doubt::StoredError))),
        ("refund accepted", answered(refund(RefundSeen::Accepted { reference: reference() }))),
        ("refund failed", answered(refund(RefundSeen::Failed { reference: reference() }))),
        ("no refund", answered(Answer::Refund(None))),
        ("late: requires_confirmation", late(shown("pi_1", IntentStatus::RequiresConfirmation))),
        ("late: succeeded", late(shown("pi_1", IntentStatus::Succeeded { received }))),
        ("late: canceled", late(shown("pi_1", IntentStatus::Canceled))),
        ("late: silence", late(Answer::Unknown(Doubt::Silence))),
        ("late: declined", late(Answer::Declined { code: code() })),
        ("late: no refund", late(Answer::Refund(None))),
    ]
    .into_iter()
    .map(|(name, input)| {
        let at = if name.ends_with("after charge_by") { after(60) } else { now() };
        (name, input, at)
    })
    .collect()
}

#[test]
fn every_state_meets_every_input() {
    let mut table = String::new();
    for state in states() {
        table += &format!("{}\n", show::payment(&state));
        let mut unchanged = Vec::new();
        for (name, input, at) in facts().into_iter().chain(answers()) {
            let (next, events, effects) = state.clone().react(input, at);
            let silent = events.is_empty() && effects.is_empty();
            if next == state && silent {
                unchanged.push(name);
                continue;
            }
            table += &format!("  {name} → {}\n", show::payment(&next));
            let says = events.iter().map(show::event).map(|event| format!("!{event}"));
            let does: Vec<_> = says.chain(effects.iter().map(show::effect)).collect();
            if !does.is_empty() {
                table += &format!("      {}\n", does.join(" · "));
            }
        }
        table += &format!("  nothing: {}\n\n", unchanged.join(" · "));
    }
    insta::assert_snapshot!(table);
}

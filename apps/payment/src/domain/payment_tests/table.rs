//! Every state met by every input, in one snapshot. What changes nothing is named in one line.

use std::collections::BTreeMap;

use super::table_inputs::{answers, decisions, facts, words};
use super::{after, due, pounds, show, unheard};
use crate::domain::payment_tests::now;
use crate::domain::{
    Attempt, Charge, Dispute, DisputeStage, Doubt, Doubted, DueReason, End, IntentId, Overdue, Payment,
    Refund, RefundFailure, RefundStage, Step, Tried, Wish,
};
use contracts::{RefundCause, Refusal};

pub(super) const CALLS: u32 = 3;
const TRIED: Tried = Tried { number: 1, generation: 1 };

pub(super) fn intent() -> IntentId {
    IntentId("pi_1".to_owned())
}

fn attempt(step: Step) -> Attempt {
    Attempt { number: 1, generation: 1, step, at: now() }
}

fn sent() -> Step {
    Step::Sent { ticket: CALLS }
}

fn asked(doubt: Doubt) -> Step {
    Step::Asked { ticket: CALLS, doubt }
}

fn known(end: Option<End>, charge: Charge) -> Payment {
    Payment {
        due: Some(due(500)),
        stock_reserved: true,
        end,
        charge,
        overdue: end.is_none().then(|| Overdue { at: after(120), reports: 0 }),
        calls: CALLS,
        ..unheard()
    }
}

/// Each state of the charge that can be met before an end, or while the order goes on.
fn open_charges() -> Vec<Charge> {
    let steps = [Step::Planned, sent(), Step::Doubtful(Doubt::Silence), asked(Doubt::Silence)];
    let creating = [Step::Planned, sent()].map(|step| Charge::Creating { attempt: attempt(step) });
    let confirming = steps.map(|step| Charge::Confirming { intent: intent(), attempt: attempt(step) });
    let looking = [Step::Planned, sent()].map(|step| Charge::ActionRequired {
        intent: intent(),
        url: None,
        tried: TRIED,
        attempt: attempt(step),
    });
    creating
        .into_iter()
        .chain(confirming)
        .chain(looking)
        .chain(cancelling(Some(Refusal::TooLate), Some(Doubted::Charge(TRIED))))
        .collect()
}

fn cancelling(refusal: Option<Refusal>, doubted: Option<Doubted>) -> Vec<Charge> {
    [Step::Planned, sent(), Step::Doubtful(Doubt::Refused), asked(Doubt::Refused)]
        .map(|step| Charge::Cancelling {
            intent: intent(),
            refusal: refusal.clone(),
            doubted,
            attempt: attempt(step),
        })
        .to_vec()
}

/// Each state of a capture that was asked for.
fn captures() -> Vec<Charge> {
    let capturing = |step, refused: Option<&str>| Charge::Capturing {
        intent: intent(),
        amount: pounds(300),
        round: 1,
        refused: refused.map(str::to_owned),
        attempt: attempt(step),
    };
    let due = |round, generation, reason| Charge::Due {
        intent: intent(),
        amount: pounds(300),
        round,
        generation,
        reason,
    };
    vec![
        capturing(Step::Planned, None),
        capturing(sent(), None),
        capturing(Step::Doubtful(Doubt::Silence), None),
        capturing(asked(Doubt::Silence), None),
        capturing(asked(Doubt::Refused), Some("card_declined")),
        due(1, 1, DueReason::Refused { code: "card_declined".to_owned() }),
        due(1, 1, DueReason::Lapsed),
    ]
}

fn held() -> [Charge; 2] {
    [
        Charge::Authorised { intent: intent(), amount: pounds(500) },
        Charge::Captured { intent: intent(), amount: pounds(500) },
    ]
}

fn settled() -> [Charge; 4] {
    [
        Charge::Free { intent: None },
        Charge::Free { intent: Some(intent()) },
        Charge::Closed { intent: None },
        Charge::Closed { intent: Some(intent()) },
    ]
}

/// Each state of the charge that can be met after a final end.
fn ending_charges() -> Vec<Charge> {
    let sent = [
        Charge::Creating { attempt: attempt(sent()) },
        Charge::Confirming { intent: intent(), attempt: attempt(sent()) },
        Charge::Confirming { intent: intent(), attempt: attempt(asked(Doubt::Silence)) },
        Charge::Capturing {
            intent: intent(),
            amount: pounds(300),
            round: 1,
            refused: None,
            attempt: attempt(asked(Doubt::Silence)),
        },
    ];
    let doubted = Doubted::Capture { amount: pounds(300), tried: TRIED };
    sent.into_iter().chain(cancelling(None, Some(doubted))).chain(settled()).collect()
}

fn refund_stages() -> Vec<RefundStage> {
    let steps = [
        Step::Planned,
        sent(),
        Step::Doubtful(Doubt::Silence),
        asked(Doubt::Silence),
        asked(Doubt::StoredError),
        asked(Doubt::Refused),
    ];
    let in_hand = steps.map(|step| RefundStage::InHand { attempt: attempt(step) });
    let over = [
        RefundStage::Made { reference: "re_1".to_owned() },
        RefundStage::Failed { why: RefundFailure::NotMade },
        RefundStage::Failed { why: RefundFailure::Exceeds },
        RefundStage::Settled,
    ];
    in_hand.into_iter().chain(over).collect()
}

/// What was captured, with a refund at each stage, and in each stage of a dispute.
fn after_capture() -> Vec<Payment> {
    let captured = || Charge::Captured { intent: intent(), amount: pounds(500) };
    let refunds = refund_stages().into_iter().map(|stage| {
        let tried = match stage {
            RefundStage::InHand { .. } | RefundStage::Waiting | RefundStage::Moot => 0,
            RefundStage::Failed { why: RefundFailure::Exceeds } => 0,
            RefundStage::Made { .. } | RefundStage::Failed { .. } | RefundStage::Settled => 1,
        };
        let refund = Refund { stage, tried, ..Refund::new(pounds(500)) };
        let refunds = BTreeMap::from([(RefundCause::FinalEnd, refund)]);
        Payment { refunds, ..known(Some(End::Rejected), captured()) }
    });
    let disputes = [
        DisputeStage::Open,
        DisputeStage::Accepting { attempt: attempt(Step::Planned) },
        DisputeStage::Accepting { attempt: attempt(sent()) },
        DisputeStage::Won,
        DisputeStage::Lost,
    ];
    let disputed = disputes.into_iter().map(|stage| {
        let disputes = BTreeMap::from([("dp_1".to_owned(), Dispute { amount: pounds(400), stage })]);
        Payment { disputes, ..known(Some(End::Confirmed), captured()) }
    });
    refunds.chain(disputed).collect()
}

fn states() -> Vec<Payment> {
    let wish = Some(Wish { amount: pounds(300), round: 1 });
    let waiting = Refund::new(pounds(100));
    let mut states = vec![
        unheard(),
        Payment { stock_reserved: true, ..unheard() },
        Payment { end: Some(End::Confirmed), ..unheard() },
        Payment { wish, ..unheard() },
        Payment { refunds: BTreeMap::from([(RefundCause::FinalEnd, waiting)]), ..unheard() },
        Payment { stock_reserved: false, calls: 0, ..known(None, Charge::Waiting) },
    ];
    let before_an_end = open_charges().into_iter().chain(held()).chain(settled());
    states.extend(before_an_end.map(|charge| known(None, charge)));
    states.extend(held().into_iter().map(|charge| known(Some(End::Confirmed), charge)));
    let lapsed = Charge::Due {
        intent: intent(),
        amount: pounds(500),
        round: 0,
        generation: 0,
        reason: DueReason::Lapsed,
    };
    states.push(known(Some(End::Confirmed), lapsed));
    states
        .extend(captures().into_iter().map(|charge| Payment { wish, ..known(Some(End::Confirmed), charge) }));
    states.extend(ending_charges().into_iter().map(|charge| known(Some(End::Rejected), charge)));
    states.extend(after_capture());
    states
}

#[test]
fn every_state_meets_every_input() {
    let mut table = String::new();
    for state in states() {
        table += &format!("{}\n", show::payment(&state));
        let mut unchanged = Vec::new();
        for (name, input, at) in facts().into_iter().chain(answers()).chain(words()).chain(decisions()) {
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

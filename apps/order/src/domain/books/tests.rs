//! Every seeded fault is found by the statement that is meant for it, and by no other.

mod healthy;

use std::collections::BTreeSet;

use chrono::TimeDelta;
use contracts::facts::{Deltas, LevelFacts, RepeatedMessage};
use uuid::Uuid;

use super::facts::{Decided, Ended, Heard, ParcelFacts, ParcelStage, Told};
use super::report::{Scope, Tally};
use super::*;
use healthy::{
    Seed, case, event_id, id, level, long_after, order_id, payment, placed_at, product, reservation, undone,
};

/// What is wrong with the case long after anything changed, by statement.
fn violated(case: &Case) -> BTreeSet<Statement> {
    let findings = check_order(case, &healthy::awake(), long_after());
    judge(&case.order, findings, long_after())
        .violations
        .iter()
        .map(|violation| violation.statement)
        .collect()
}

fn expect_only(statement: Statement, name: &str, case: &Case) {
    assert_eq!(violated(case), BTreeSet::from([statement]), "{name}");
}

#[test]
fn books_in_order_are_green() {
    for case in [case(), undone(Ended::Cancelled), undone(Ended::Expired), undone(Ended::Rejected)] {
        let findings = check_order(&case, &healthy::awake(), long_after());
        assert_eq!(findings, [], "{:?}", case.order.end);
    }
    assert_eq!(check_product(&level(), Some(3)), []);
}

#[test]
fn every_seeded_fault_is_found_by_its_statement_and_by_no_other() {
    let seeds: &[(Statement, &str, Seed)] = &[
        (Statement::Stock, "a lost movement", |case| reservation(case).lines[0].moved.allocated += 1),
        (Statement::Stock, "a line that is not held", |case| _ = reservation(case).lines.remove(0)),
        (Statement::Stock, "a parcel that never left the shelf", |case| {
            let line = &mut reservation(case).lines[0];
            line.shipped -= 1;
            line.moved.on_hand += 1;
            line.moved.allocated += 1;
        }),
        (Statement::Stock, "a reservation that ended under its order", |case| {
            reservation(case).state = "ended".into();
            reservation(case).lines[0].moved.allocated = 0;
        }),
        (Statement::Stock, "no reservation at all", |case| {
            case.stock = Told::Nothing;
            case.said[1].events.clear();
            case.said[1].head = 0;
            case.order.heard.remove(0);
        }),
        (Statement::Ends, "an end long after the deadline", |case| {
            let late = case.order.deadline + TimeDelta::seconds(12);
            case.order.ended_at = Some(late);
            case.order.decided[1].at = late;
        }),
        (Statement::Keys, "a second order under the key", |case| case.order.twins = 1),
        (Statement::Keys, "an answer with another order", |case| {
            case.order.answer.as_mut().unwrap().order_id = Some(id(99));
        }),
        (Statement::Keys, "an answer to another request", |case| {
            case.order.answer.as_mut().unwrap().same_request = false;
        }),
        (Statement::Money, "a second capture", |case| payment(case).captures = 2),
        (Statement::Money, "a refund too much", |case| {
            let payment = payment(case);
            payment.refunds[0].amount += 1;
            payment.refunded += 1;
            payment.ledger_refunded += 1;
            payment.provider.as_mut().unwrap().refunded += 1;
        }),
        (Statement::Money, "a refund that payment never heard of", |case| {
            let payment = payment(case);
            payment.refunds.clear();
            payment.refunded = 0;
            payment.ledger_refunded = 0;
            payment.provider.as_mut().unwrap().refunded = 0;
        }),
        (Statement::Money, "a refund of a good order", |case| {
            payment(case).refunds.push(healthy::refund("final_end", 0, "moot"));
        }),
        (Statement::Money, "an outcome that nobody knows", |case| payment(case).unknown = true),
        (Statement::Charges, "a doubled charge", |case| payment(case).provider.as_mut().unwrap().charges = 2),
        (Statement::Charges, "another amount", |case| payment(case).provider.as_mut().unwrap().captured += 1),
        (Statement::Charges, "a refund that the processor does not know", |case| {
            payment(case).provider.as_mut().unwrap().refunded = 0;
        }),
        (Statement::Course, "a turn that does not exist", |case| {
            let at = placed_at();
            case.order.decided.push(Decided { at, event_type: "order.placed.v1".into(), event_id: None });
        }),
        (Statement::Course, "more packed than ordered", |case| {
            let waiting = ParcelFacts {
                id: id(30),
                stage: ParcelStage::AwaitingCapture,
                ..case.order.parcels[0].clone()
            };
            case.order.parcels.push(waiting);
        }),
        (Statement::Events, "a missing event", |case| {
            case.said[0].events.remove(3);
            case.order.events.remove(3);
        }),
        (Statement::Events, "an event that was said twice", |case| {
            let mut again = case.order.events[3].clone();
            again.published.id = event_id(70);
            again.published.sequence = case.order.head + 1;
            case.order.head += 1;
            case.said[0].head += 1;
            case.said[0].events.push(again.published.clone());
            case.handling.iter_mut().for_each(|handling| _ = handling.known.insert(again.published.id));
            case.order.events.push(again);
        }),
        (Statement::Events, "an event of a parcel that does not exist", |case| {
            case.order.events[3].cause = Some(id(98).to_string());
            case.order.parcels[0].stage = ParcelStage::Delivered;
        }),
        (Statement::Events, "a lost end of the outbox", |case| case.said[2].head += 1),
        (Statement::Events, "an event that nobody committed", |case| {
            let at = placed_at();
            let heard = Heard { at, event_type: "payment.captured.v1".into(), event_id: event_id(71) };
            case.order.heard.push(heard);
        }),
        (Statement::Effects, "an event that never arrived", |case| {
            case.handling[0].known.remove(&event_id(1));
        }),
        (Statement::Effects, "an event that is never published", |case| {
            case.said[0].events[0].published_at = None;
        }),
        (Statement::Sums, "a total that is no sum", |case| case.order.lines[1].unit_price += 1),
        (Statement::Sums, "a part at another price", |case| {
            case.order.cancellations[0].amount += 1;
            payment(case).captured -= 1;
            payment(case).ledger_captured -= 1;
            payment(case).provider.as_mut().unwrap().captured -= 1;
        }),
        (Statement::Sums, "a posting that was altered", |case| payment(case).ledger_captured += 1),
        (Statement::Sums, "an entry out of balance", |case| {
            payment(case).unbalanced = vec![contracts::Currency::Gbp];
        }),
        (Statement::Sums, "a broken chain of receipts", |case| payment(case).broken_receipt = Some(2)),
        (Statement::Undone, "the same message twice", |case| {
            let Told::Facts(messages) = &mut case.messages else { unreachable!("they were told") };
            messages.repeated.push(RepeatedMessage {
                order_id: order_id(),
                kind: "order_shipped".into(),
                cause: "parcel".into(),
                channel: "mailbox".into(),
                count: 2,
            });
        }),
        (Statement::Undone, "a message of an end that never was", |case| {
            let Told::Facts(messages) = &mut case.messages else { unreachable!("they were told") };
            messages.ends.push("expired".into());
        }),
    ];
    let mut wrong = Vec::new();
    for (statement, name, seed) in seeds {
        let mut case = case();
        seed(&mut case);
        let found = violated(&case);
        if found != BTreeSet::from([*statement]) {
            wrong.push(format!("{name}: {found:?} instead of {statement:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seeds.iter().map(|(statement, ..)| *statement).collect::<BTreeSet<_>>().len(), 10);
}

#[test]
fn what_a_final_end_leaves_behind_is_found() {
    for end in [Ended::Cancelled, Ended::Expired, Ended::Rejected] {
        let mut case = undone(end);
        let held = reservation(&mut case);
        held.state = "allocated".into();
        held.lines[0].moved.allocated = held.lines[0].claimed - held.lines[0].released;
        expect_only(Statement::Undone, "a reservation that outlives its order", &case);

        let mut case = undone(end);
        payment(&mut case).refunds.clear();
        payment(&mut case).refunded = 0;
        payment(&mut case).ledger_refunded = 0;
        payment(&mut case).provider = None;
        expect_only(Statement::Money, "money that is kept", &case);

        let mut case = undone(end);
        payment(&mut case).authorised_open = true;
        expect_only(Statement::Money, "an authorisation that stays open", &case);

        let mut case = undone(end);
        let at = long_after() - TimeDelta::hours(1);
        case.order.decided.push(Decided { at, event_type: "order.confirmed.v1".into(), event_id: None });
        case.order.end = Some(Ended::Confirmed);
        assert!(violated(&case).contains(&Statement::Course), "a final end that was left");
    }
}

#[test]
fn an_order_past_its_deadline_is_late_but_absences_do_not_count() {
    let mut case = case();
    case.order.end = None;
    case.order.decided.truncate(1);
    let now = case.order.deadline + TimeDelta::seconds(12);
    let late = |awake: &[Awake]| {
        let findings = ends::check(&case, awake, now);
        judge(&case.order, findings, now).violations.len()
    };
    let present = Awake { from: placed_at(), until: now };
    assert_eq!(late(&[present]), 1);
    assert_eq!(late(&[]), 0);
    let absent_for_two_seconds = [
        Awake { until: now - TimeDelta::seconds(4), ..present },
        Awake { from: now - TimeDelta::seconds(2), ..present },
    ];
    assert_eq!(late(&absent_for_two_seconds), 0);
}

#[test]
fn what_changed_within_the_deadline_and_a_sweep_is_left_out_and_then_red() {
    let mut case = case();
    payment(&mut case).unknown = true;
    let changed_at = case.changed_at();
    let patience = case.order.deadline - case.order.placed_at + SWEEP;
    let judgement = |now| {
        let findings = check_order(&case, &healthy::awake(), now);
        let judgement = judge(&case.order, findings, now);
        (judgement.violations.len(), judgement.in_flight)
    };
    assert_eq!(judgement(changed_at + patience), (0, Some(changed_at)));
    assert_eq!(judgement(changed_at + patience + TimeDelta::seconds(1)), (1, None));

    case.order.twins = 1;
    let findings = check_order(&case, &healthy::awake(), changed_at);
    let judgement = judge(&case.order, findings, changed_at);
    assert_eq!(judgement.violations[0].statement, Statement::Keys, "what is wrong at once is not left out");
}

#[test]
fn what_waits_for_staff_is_counted_and_is_no_violation() {
    let mut case = case();
    let money = payment(&mut case);
    money.refunds[0].state = "failed".into();
    money.refunded = 0;
    money.ledger_refunded = 0;
    money.provider = None;
    case.said[2].events.retain(|event| event.event_type != "payment.refunded.v1");
    case.said[2].head = 1;
    case.order.heard.retain(|heard| heard.event_type != "payment.refunded.v1");
    assert_eq!(violated(&case), BTreeSet::new());
    let mut tally = Tally::default();
    tally.order(&case, None);
    assert_eq!((tally.sums[0].refund_failed, tally.sums[0].captured), (1_000, 3_500));
}

#[test]
fn a_service_that_was_not_reached_makes_nothing_wrong_and_nothing_green() {
    let mut case = case();
    case.stock = Told::Unreached;
    case.payment = Told::Unreached;
    case.messages = Told::Unreached;
    case.said.truncate(1);
    case.handling.clear();
    assert_eq!(violated(&case), BTreeSet::new());
    let mut tally = Tally::default();
    tally.unreached(contracts::App::Payment);
    let report = tally.report(Scope::Changed, (placed_at(), placed_at()), &[], None);
    assert_eq!((report.green, report.unreachable), (false, vec!["payment".to_owned()]));
}

/// What makes the facts of a level wrong.
type Spoil = fn(&mut LevelFacts);

#[test]
fn a_product_that_is_not_its_ledger_is_named() {
    let seeds: [(Statement, Spoil); 5] = [
        (Statement::Stock, |level| level.moved.on_hand += 1),
        (Statement::Stock, |level| level.moved.reserved -= 1),
        (Statement::Stock, |level| level.held.allocated -= 1),
        (Statement::Stock, |level| {
            level.level = Deltas { on_hand: 1, ..level.level };
            level.moved = level.level;
        }),
        (Statement::Events, |level| level.version += 1),
    ];
    for (statement, seed) in seeds {
        let mut level = level();
        seed(&mut level);
        let found = check_product(&level, Some(3));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].violation.statement, found[0].violation.product_id),
            (statement, Some(product(1)))
        );
    }
}

#[test]
fn only_what_both_readings_say_is_wrong() {
    let wrong = |last: u64, found: i64| {
        Violation::of(Statement::Stock, "on hand").product(product(1)).row(last).expected(1).found(found)
    };
    let agreed = agreed(&[wrong(1, 5), wrong(2, 5)], vec![wrong(2, 6), wrong(3, 6)]);
    assert_eq!(agreed, [wrong(2, 6)]);
}

#[test]
fn a_report_counts_all_and_shows_the_first() {
    let violations: Vec<Violation> = (0..60)
        .map(|last| Violation::of(Statement::Sums, "a sum").order(OrderId(Uuid::from_u128(last))))
        .collect();
    let report = Tally::default().report(Scope::All, (placed_at(), placed_at()), &violations, None);
    let sums = &report.statements[8];
    assert_eq!((sums.number, sums.violated, sums.violations.len(), report.green), (9, 60, 50, false));
    assert_eq!(report.statements[7].violated, 0);
}

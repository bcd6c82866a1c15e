//! When a trial is judged, as what, and in which words.

use chrono::TimeDelta;
use contracts::UserId;
use contracts::configuration::ORDER_DEADLINE;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::setting::Change;

const ALL: &[Guard] = ORDER_DEADLINE.spec.guards;

fn noon() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn trial() -> Trial {
    let reason = Reason::cut("shorter, to see");
    Trial {
        version: 12,
        key: "order.deadline".into(),
        percent: 50,
        value: "5s".into(),
        others: "15m".into(),
        started: Change { at: noon() - TimeDelta::hours(1), by: UserId(Uuid::nil()), reason },
        until: noon(),
        end: None,
    }
}

/// The rest is confirmed, each a millisecond after the one before.
fn group(orders: u32, refused: u32, failed: u32, fastest: u64) -> Group {
    let confirmed_in = (fastest..).take((orders - refused - failed) as usize).collect();
    Group { orders, refused, failed, confirmed_in }
}

fn groups(tried: Group, others: Group) -> Groups {
    Groups { tried, others }
}

fn before(groups: Option<&Groups>) -> Judgement {
    judge(ALL, noon(), groups, noon() - TimeDelta::milliseconds(1))
}

fn told(groups: &Groups) -> String {
    match before(Some(groups)) {
        Judgement::Wait => panic!("{groups:?} are enough"),
        Judgement::Adopt(findings) => adopted(&trial(), &findings).as_str().to_owned(),
        Judgement::TakeBack(cause, findings) => {
            taken_back(&trial(), cause, findings.as_ref()).as_str().to_owned()
        }
    }
}

#[test]
fn nothing_is_judged_before_both_groups_have_two_hundred_orders() {
    // All in the same time, so that only refusals differ.
    let even = |orders: u32, refused: u32| Group {
        orders,
        refused,
        failed: 0,
        confirmed_in: vec![100; (orders - refused) as usize],
    };
    let (bad, good) = (|orders| even(orders, orders / 2), |orders| even(orders, 0));
    assert_eq!(before(None), Judgement::Wait);
    assert_eq!(before(Some(&Groups::default())), Judgement::Wait);
    assert_eq!(before(Some(&groups(bad(199), good(50_000)))), Judgement::Wait);
    assert_eq!(before(Some(&groups(bad(50_000), good(199)))), Judgement::Wait);
    let Judgement::TakeBack(Cause::Worse, Some(findings)) = before(Some(&groups(bad(200), good(200)))) else {
        panic!("two hundred of each are enough");
    };
    assert_eq!(findings.guards.iter().map(|compared| compared.guard).collect::<Vec<_>>(), ALL);
    assert!(matches!(before(Some(&groups(good(200), bad(200)))), Judgement::Adopt(_)), "better is not worse");
}

#[test]
fn at_the_time_limit_it_goes_back_unless_it_can_still_be_judged() {
    let at = |groups: Option<&Groups>| judge(ALL, noon(), groups, noon());
    assert_eq!(at(None), Judgement::TakeBack(Cause::Unanswered, None));
    let few = groups(group(40, 0, 0, 100), group(380, 0, 0, 100));
    let Judgement::TakeBack(Cause::TooFew, Some(findings)) = at(Some(&few)) else { panic!("too few") };
    assert_eq!(findings.guards, [], "too few are not compared");
    assert_eq!(
        taken_back(&trial(), Cause::TooFew, Some(&findings)).as_str(),
        "trial 12 taken back by itself: too few orders by its time limit: 40 tried and 380 others of 200 each"
    );
    assert_eq!(
        taken_back(&trial(), Cause::Unanswered, None).as_str(),
        "trial 12 taken back by itself: order could not be asked by its time limit"
    );
    let enough = groups(group(200, 0, 0, 100), group(200, 0, 0, 100));
    assert!(matches!(at(Some(&enough)), Judgement::Adopt(_)));
}

#[test]
fn the_reason_has_the_numbers() {
    let worse = groups(group(203, 71, 0, 100), group(210, 34, 0, 100));
    assert_eq!(
        told(&worse),
        "trial 12 taken back by itself: refusals 71 of 203 tried (35.0 %), 34 of 210 others (16.2 %), \
         z 4.38 over 2.33"
    );
    let failing = groups(group(200, 0, 9, 100), group(300, 0, 0, 100));
    assert_eq!(
        told(&failing),
        "trial 12 taken back by itself: failures 9 of 200 tried (4.5 %), 0 of 300 others (0.0 %), z 3.71 over 2.33"
    );
    let slow = groups(group(200, 0, 0, 150), group(200, 0, 0, 100));
    assert_eq!(
        told(&slow),
        "trial 12 taken back by itself: time to confirm 250 ms tried, 200 ms others in the middle, z 7.57 over 2.33"
    );
    let fine = groups(group(200, 20, 1, 100), group(200, 20, 1, 100));
    assert_eq!(
        told(&fine),
        "trial 12 adopted by itself: nothing is worse: \
         refusals 20 of 200 tried (10.0 %), 20 of 200 others (10.0 %), z 0.00; \
         failures 1 of 200 tried (0.5 %), 1 of 200 others (0.5 %), z 0.00; \
         time to confirm 189 ms tried, 189 ms others in the middle, z 0.00"
    );
    let everything = groups(group(100_000, 99_000, 999, u64::MAX - 5), group(100_000, 98_000, 900, 1 << 50));
    assert!(told(&everything).len() < Reason::LONGEST, "{}", told(&everything));
}

#[test]
fn only_the_guards_of_the_key_are_looked_at() {
    let worse = groups(group(200, 100, 0, 100), group(200, 20, 0, 100));
    let judged = |guards: &[Guard]| judge(guards, noon(), Some(&worse), noon());
    assert!(matches!(judged(&[Guard::Refusals]), Judgement::TakeBack(Cause::Worse, _)));
    assert!(matches!(judged(&[Guard::Failures]), Judgement::Adopt(_)));
}

#[test]
fn findings_read_what_they_wrote() {
    let findings = Findings::of(ALL, &groups(group(203, 71, 0, 100), group(210, 34, 0, 100)));
    let written = serde_json::to_value(&findings).unwrap();
    assert_eq!(written["guards"][0], serde_json::json!({"guard": "refusals", "z": "4.3829", "worse": true}));
    assert_eq!(serde_json::from_value::<Findings>(written).unwrap(), findings);
}

proptest! {
    #[test]
    fn groups_that_went_the_same_way_are_never_a_breach(
        refused in 0..100_u32, failed in 0..100_u32, fastest in 0..10_000_u64
    ) {
        let same = || group(ENOUGH, refused, failed, fastest);
        prop_assert!(matches!(before(Some(&groups(same(), same()))), Judgement::Adopt(_)));
    }

    #[test]
    fn of_two_groups_at_most_one_is_worse(
        one in 0..=200_u32, other in 0..=200_u32, slow in 0..1_000_u64, quick in 0..1_000_u64
    ) {
        let (one, other) = (group(ENOUGH, one, 0, slow), group(ENOUGH, other, 0, quick));
        let there = Findings::of(ALL, &groups(one.clone(), other.clone()));
        let back = Findings::of(ALL, &groups(other, one));
        for (there, back) in there.guards.iter().zip(&back.guards) {
            prop_assert!(!(there.worse && back.worse), "{there:?} {back:?}");
        }
    }
}

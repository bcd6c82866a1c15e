//! The decisions of `order`, `product`, `payment` and `notification` together, in the simulation: every schedule ends
//! with every order in an end state and with everything that must always hold. The functions that run there are the
//! ones that the handlers call.

use std::fs;
use std::path::Path;

use simulate::{Seed, Walls, run, shrink};

/// More than enough schedules to meet every pair of state and input a hundred times.
const SCHEDULES: u64 = 700_000;
const LEAST_PAIRS: u64 = 100;
const LEAST_FAULTS: u64 = 1_000;
/// Schedules in which a missing wall must show.
const FEW: u64 = 60_000;

#[test]
fn every_schedule_ends_with_the_books_whole_and_everything_that_can_happen_has_happened() {
    let coverage = match run::many(0..SCHEDULES, Walls::ALL) {
        Ok(coverage) => coverage,
        Err(failure) => {
            let whole = Seed::whole(failure.number);
            let (seed, what) = shrink(&whole, Walls::ALL).unwrap_or((whole, failure.what));
            panic!("{what}\n  its story, as small as it gets: ./taskw simulate {seed}");
        }
    };
    let report = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/simulation.txt");
    fs::create_dir_all(report.parent().unwrap()).unwrap();
    fs::write(&report, coverage.report()).unwrap();
    println!("simulation: seeds 0..{SCHEDULES}, {}; target/simulation.txt has the table", coverage.summary());
    let wrong = coverage.wrong(LEAST_PAIRS, LEAST_FAULTS);
    assert!(wrong.is_empty(), "too seldom, or although it cannot be:\n  {}", wrong.join("\n  "));
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for number in [0, 1, 4711] {
        let seed = Seed::whole(number);
        let (story, outcome) = run::told(&seed, Walls::ALL);
        assert!(outcome.is_ok(), "{outcome:?}");
        assert!(story.len() > 20);
        assert_eq!(story, run::told(&seed, Walls::ALL).0);
    }
}

#[test]
fn without_a_wall_the_simulation_turns_red_and_its_story_is_short() {
    for wall in ["outbox", "order-lock", "reservation-lock", "payment-lock", "idempotency-key"] {
        let walls = Walls::without(wall).unwrap();
        let failure = run::many(0..FEW, walls).err();
        let failure = failure.unwrap_or_else(|| panic!("nobody misses the wall {wall}"));
        let (seed, what) = shrink(&Seed::whole(failure.number), walls).unwrap();
        println!("without {wall}: {what} (simulate --without {wall} {seed})");
        assert!(shrink(&seed, walls).is_some(), "a shrunk schedule fails still");
    }
}

/// The inbox is one wall of two: the natural keys hold every effect alone.
#[test]
fn without_the_inbox_natural_keys_hold() {
    let failure = run::many(0..FEW, Walls::without("inbox").unwrap()).err();
    assert!(failure.is_none(), "{failure:?}");
}

//! Runs schedules: one with its story, or many on all processors.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::coverage::Coverage;
use crate::seed::Seed;
use crate::story::Story;
use crate::world::{Outcome, Walls, World};

/// Schedules that one thread takes at a time.
const SHARE: u64 = 200;

/// A schedule that does not end as it must.
#[derive(Debug, Clone)]
pub struct Failure {
    pub number: u64,
    pub what: String,
}

/// Runs one schedule.
///
/// # Errors
/// With what does not hold.
pub fn one(seed: &Seed, walls: Walls, coverage: &mut Coverage) -> Result<Outcome, String> {
    let world = catch_unwind(AssertUnwindSafe(|| World::new(seed, walls, coverage, Story::silent()).run()));
    let outcome = world.unwrap_or_else(|panic| Err(words(&panic)))?;
    coverage.note(&outcome);
    Ok(outcome)
}

/// Runs one schedule and tells its story, line by line.
pub fn told(seed: &Seed, walls: Walls) -> (Vec<String>, Result<Outcome, String>) {
    let mut coverage = Coverage::default();
    let mut world = World::new(seed, walls, &mut coverage, Story::told());
    let outcome = catch_unwind(AssertUnwindSafe(|| world.run())).unwrap_or_else(|panic| Err(words(&panic)));
    (world.story.into_lines(), outcome)
}

/// Runs these schedules on all processors, until all are done or one fails.
///
/// # Errors
/// With the lowest seed that failed before the others heard of it.
pub fn many(seeds: std::ops::Range<u64>, walls: Walls) -> Result<Coverage, Failure> {
    let (next, stop) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut coverage = Coverage::default();
        while !stop.load(Ordering::Relaxed) {
            let from = next.fetch_add(SHARE, Ordering::Relaxed);
            if from >= seeds.end {
                break;
            }
            for number in from..seeds.end.min(from + SHARE) {
                let seed = Seed::whole(number);
                if let Err(what) = one(&seed, walls, &mut coverage) {
                    stop.store(true, Ordering::Relaxed);
                    return Err(Failure { number, what });
                }
            }
        }
        Ok(coverage)
    };
    let parts: Vec<Result<Coverage, Failure>> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running
            .into_iter()
            .map(|part| part.join().expect("invariant: a schedule's panic is caught"))
            .collect()
    });
    let mut all = Coverage::default();
    let mut failures = Vec::new();
    for part in parts {
        match part {
            Ok(part) => all.add(&part),
            Err(failure) => failures.push(failure),
        }
    }
    failures.sort_by_key(|failure| failure.number);
    failures.into_iter().next().map_or(Ok(all), Err)
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without a word"))
}

//! Drives seeded orders through the gateway of a running system while it breaks its parts, heals each, waits until
//! everything has settled, and checks that nothing was lost, charged twice or left open.
//!
//! Orders and faults follow from the seed; what becomes of them does not, since that is what is tried.

pub mod books;
pub mod breaking;
pub mod checks;
pub mod client;
pub mod clock;
pub mod dice;
pub mod fault;
pub mod journey;
pub mod load;
pub mod plan;
pub mod recovery;
pub mod report;
pub mod schedule;
pub mod settling;
pub mod shop;
pub mod shown;
pub mod watch;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use stack::trial::{Links, Replicas, Trial};
use stack::{Instance, say};

use breaking::Breaker;
use checks::Check;
use clock::{Clock, milliseconds};
use fault::Targets;
use journey::Outcome;
use load::Load;
use recovery::Measured;
pub use report::Report;
use report::Second;
use schedule::Schedule;
use shop::Shop;
use watch::Watch;

/// Orders a minute, unless told otherwise: two cores also run everything that they go through.
pub const USUAL_RATE: u64 = 300;
/// How long an order may take while faults are at work; short, so that what cannot be paid ends within the run.
const DEADLINE: Duration = Duration::from_secs(90);
/// How long customers wait for answers after the last fault.
const PATIENCE: Duration = Duration::from_secs(120);
const SETTLING: Duration = Duration::from_secs(120);
const CHECKING: Duration = Duration::from_secs(120);
/// How often the way of capturing changes, so that both are tried.
const SWITCHES: u32 = 4;

/// What is wanted of a run.
#[derive(Debug, Clone)]
pub struct Wish {
    pub seed: u64,
    pub length: Duration,
    /// Orders a minute.
    pub rate: u64,
    /// What somebody types to have the same again.
    pub command: String,
}

/// An instance whose links can be slowed and cut, with two replicas of whatever handles events.
pub fn instance(root: &Path, home: &Path, offset: u16) -> anyhow::Result<Instance> {
    let mut instance = Instance::new(root, home, offset)?;
    let fail_points = instance.home.join("fail-points");
    instance.trial = Trial {
        links: Links::Proxied,
        replicas: Replicas::Two,
        fail_points: Some(fail_points),
        gap_age: Some("15".to_owned()),
    };
    Ok(instance)
}

/// Runs against an instance that is up. That a check failed is said by the report; an error is what kept it from
/// being written.
pub async fn run(instance: &Instance, wish: &Wish) -> anyhow::Result<Report> {
    let shop = Arc::new(Shop::open(instance, DEADLINE).await.context("the shop cannot be opened")?);
    let schedule = Schedule::draw(wish.seed, wish.length, &Targets::of(instance));
    let breaker = Breaker::new(instance)?;
    let clock = Clock::start();
    let watch = Watch::start(instance, clock);
    let load = Load { seed: wish.seed, rate: wish.rate, length: wish.length, patience: PATIENCE };
    let (mut outcomes, faults, ()) = tokio::join!(
        load.drive(&shop, clock),
        breaker.follow(&schedule, clock),
        switch_capture(&shop, wish.length, clock)
    );

    say::line("  all is healed; waiting until everything has come to rest");
    let settled = settling::settled(instance, SETTLING).await;
    let settled_after = clock.now().saturating_sub(milliseconds(wish.length));
    say::line("  looking at orders, money, stock and the books");
    let until = Instant::now() + CHECKING;
    let mut checks = look(instance, &shop, &mut outcomes, until).await?;
    let books = books::check(&shop, Instant::now() + CHECKING).await;
    let backlog = watch.stop().await;

    let ends = confirmed(&outcomes, clock);
    let measured = Measured { ends: &ends, samples: &backlog, faults: &faults, rounds: &schedule.rounds };
    let (recovery, round_recovery) = (measured.of_faults(), measured.of_rounds());
    checks.splice(0..0, checks::orders(&outcomes, &faults, clock));
    checks.extend(checks::of_the_whole(&settled, &books, &round_recovery, &faults));
    Ok(Report {
        seed: wish.seed,
        command: wish.command.clone(),
        began_at: clock.began_at(),
        length: milliseconds(wish.length),
        settled_after,
        rate: wish.rate,
        passed: checks.iter().all(Check::passed),
        checks,
        rounds: schedule.rounds,
        recovery,
        round_recovery,
        seconds: seconds(&outcomes, milliseconds(wish.length), clock),
        backlog,
        answers: shop.client.tally(),
        books: books.ok(),
        faults,
        orders: outcomes,
    })
}

/// Has new orders captured at once and before shipping by turns.
async fn switch_capture(shop: &Shop, length: Duration, clock: Clock) {
    for turn in 0..SWITCHES {
        clock.until(length * turn / SWITCHES).await;
        let patience = clock.instant(length);
        // That a change cannot be made while something is broken is no fault of the system.
        let capture = if turn % 2 == 0 { "at_once" } else { "before_shipping" };
        let _ = shop.configure("order.capture", capture, patience).await;
    }
}

/// What is seen from outside. Refunds take a moment after the last event, and staff see to those that were refused:
/// what does not fit is looked at again.
async fn look(
    instance: &Instance,
    shop: &Shop,
    outcomes: &mut [Outcome],
    until: Instant,
) -> anyhow::Result<Vec<Check>> {
    loop {
        checks::look_again(shop, outcomes, until).await;
        let mut found = checks::charges(instance, outcomes).await?;
        found.push(checks::stock(shop, outcomes, until).await?);
        if found.iter().all(Check::passed) || Instant::now() + Duration::from_secs(10) > until {
            return Ok(found);
        }
        checks::retry_refunds(shop, outcomes, until).await?;
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

/// When each ordinary order was confirmed, by the service's own clock.
fn confirmed(outcomes: &[Outcome], clock: Clock) -> Vec<u64> {
    let ordinary = outcomes.iter().filter(|outcome| outcome.plan.ordinary());
    let mut ends: Vec<u64> = ordinary
        .filter_map(|outcome| outcome.shown.as_ref())
        .filter(|order| order.lives() || order.status == "cancelled")
        .filter_map(|order| Some(clock.place(order.ended_at?)))
        .collect();
    ends.sort_unstable();
    ends
}

fn seconds(outcomes: &[Outcome], length: u64, clock: Clock) -> Vec<Second> {
    let count = usize::try_from(length / 1_000).unwrap_or(0) + 30;
    let mut seconds = vec![Second::default(); count];
    let mut mark = |at: u64, add: fn(&mut Second)| {
        if let Some(second) = usize::try_from(at / 1_000).ok().and_then(|index| seconds.get_mut(index)) {
            add(second);
        }
    };
    for outcome in outcomes {
        mark(outcome.sent, |second| second.sent += 1);
        if let (Some(answered), Some(_)) = (outcome.answered, &outcome.id) {
            mark(answered, |second| second.taken += 1);
        }
        if let Some(ended_at) = outcome.shown.as_ref().and_then(|order| order.ended_at) {
            mark(clock.place(ended_at), |second| second.ended += 1);
        }
    }
    seconds
}

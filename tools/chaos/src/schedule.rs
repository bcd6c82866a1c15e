//! Which faults come when: all of it follows from the seed and the length.
//!
//! A run is a calm beginning and then rounds. In a round faults overlap; after it comes a calm in which the rate of
//! orders must be as before, so that recovery is measured and not guessed.

use std::time::Duration;

use serde::Serialize;

use crate::dice::Dice;
use crate::fault::{Fault, Harm, Targets, Whom};

/// Time in which the rate without any fault is measured.
pub const BEGINNING: Duration = Duration::from_secs(15);
/// Time after each round in which everything must come back.
pub const CALM: Duration = Duration::from_secs(30);
const ROUND: (u64, u64) = (15, 25);
/// Once in a run that is long enough something is away for so long.
const LONG_ROUND: u64 = 60;
const LONG_RUN: Duration = Duration::from_secs(300);
const FAULTS_A_ROUND: (u64, u64) = (6, 9);
const FAULTS_IN_THE_LONG_ROUND: u64 = 9;

/// A fault with its time, from the beginning of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    pub number: usize,
    pub round: usize,
    pub at: Duration,
    pub lasts: Duration,
    pub fault: Fault,
}

/// Faults that overlap, from the first one's beginning to the last one's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Round {
    pub from: Duration,
    pub until: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub faults: Vec<Planned>,
    pub rounds: Vec<Round>,
    pub length: Duration,
}

impl Schedule {
    /// Draws a run of this length.
    pub fn draw(seed: u64, length: Duration, targets: &Targets) -> Schedule {
        let mut dice = Dice::branch(seed, "faults");
        let mut deck = Deck::new(&mut dice, targets);
        let mut schedule = Schedule { faults: Vec::new(), rounds: Vec::new(), length };
        let mut from = BEGINNING;
        let mut long_round_due = length >= LONG_RUN;
        loop {
            let long = long_round_due && from >= length / 4;
            let seconds = if long { LONG_ROUND } else { dice.between(ROUND.0, ROUND.1) };
            let left = length.saturating_sub(from + CALM);
            let window = Duration::from_secs(seconds).min(left);
            if window < Duration::from_secs(ROUND.0) {
                return schedule;
            }
            let faults = if long {
                long_round_due = false;
                schedule.add(from, window, Fault::Away { whom: Whom::Broker });
                FAULTS_IN_THE_LONG_ROUND - 1
            } else {
                dice.between(FAULTS_A_ROUND.0, FAULTS_A_ROUND.1)
            };
            for _ in 0..faults {
                let fault = deck.draw(&mut dice);
                let (at, lasts) = span(&mut dice, &fault, window);
                schedule.add(from + at, lasts, fault);
            }
            schedule.end_round(from);
            from += window + CALM;
        }
    }

    fn add(&mut self, at: Duration, lasts: Duration, fault: Fault) {
        let (number, round) = (self.faults.len() + 1, self.rounds.len());
        self.faults.push(Planned { number, round, at, lasts, fault });
    }

    fn end_round(&mut self, from: Duration) {
        let round = self.rounds.len();
        let ends = self.faults.iter().filter(|planned| planned.round == round).map(Planned::until);
        self.rounds.push(Round { from, until: ends.max().unwrap_or(from) });
    }
}

impl Planned {
    pub fn until(&self) -> Duration {
        self.at + self.lasts
    }
}

/// When a fault comes within its round, and how long it lasts. What is frozen stays so for 5 to 60 seconds.
fn span(dice: &mut Dice, fault: &Fault, window: Duration) -> (Duration, Duration) {
    let window = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
    let (least, most) = match fault {
        // The blow itself takes no time; the supervisor has the part back within seconds.
        Fault::Kill { .. } | Fault::Disconnect { .. } => (0, 0),
        Fault::Freeze { .. } | Fault::Away { .. } => (5_000, 60_000),
        Fault::Link { .. } => (3_000, 20_000),
    };
    let lasts = dice.between(least, most.min(window));
    let at = dice.between(0, window - lasts);
    (Duration::from_millis(at), Duration::from_millis(lasts))
}

/// Faults are drawn without putting them back, so that a run breaks as many different things as it has time for.
struct Deck {
    kinds: Vec<Kind>,
    left: Vec<Kind>,
    services: Cards,
    sidecars: Cards,
    ground: Cards,
    databases: Cards,
    links: Cards,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    KillService,
    KillSidecar,
    KillGround,
    FreezeService,
    FreezeSidecar,
    FreezeGround,
    ProviderAway,
    DatabaseAway,
    Disconnect,
    Link,
}

/// How often each kind comes in one hand.
const HAND: [(Kind, usize); 10] = [
    (Kind::KillService, 4),
    (Kind::KillSidecar, 3),
    (Kind::KillGround, 2),
    (Kind::FreezeService, 3),
    (Kind::FreezeSidecar, 2),
    (Kind::FreezeGround, 2),
    (Kind::ProviderAway, 1),
    (Kind::DatabaseAway, 1),
    (Kind::Disconnect, 2),
    (Kind::Link, 8),
];

struct Cards {
    all: Vec<String>,
    left: Vec<String>,
}

impl Cards {
    fn new(all: &[String]) -> Cards {
        Cards { all: all.to_vec(), left: Vec::new() }
    }

    fn draw(&mut self, dice: &mut Dice) -> String {
        if self.left.is_empty() {
            self.left.clone_from(&self.all);
            dice.shuffle(&mut self.left);
        }
        self.left.pop().unwrap_or_default()
    }
}

impl Deck {
    fn new(dice: &mut Dice, targets: &Targets) -> Deck {
        let mut kinds: Vec<Kind> =
            HAND.iter().flat_map(|(kind, count)| std::iter::repeat_n(*kind, *count)).collect();
        if targets.links.is_empty() {
            kinds.retain(|kind| !matches!(kind, Kind::Link | Kind::ProviderAway | Kind::DatabaseAway));
        }
        dice.shuffle(&mut kinds);
        Deck {
            left: kinds.clone(),
            kinds,
            services: Cards::new(&targets.services),
            sidecars: Cards::new(&targets.sidecars),
            ground: Cards::new(&targets.ground),
            databases: Cards::new(&targets.databases),
            links: Cards::new(&targets.links),
        }
    }

    fn draw(&mut self, dice: &mut Dice) -> Fault {
        if self.left.is_empty() {
            self.left.clone_from(&self.kinds);
            dice.shuffle(&mut self.left);
        }
        let kind = self.left.pop().unwrap_or(Kind::KillService);
        match kind {
            Kind::KillService => Fault::Kill { part: self.services.draw(dice) },
            Kind::KillSidecar => Fault::Kill { part: self.sidecars.draw(dice) },
            Kind::KillGround => Fault::Kill { part: self.ground.draw(dice) },
            Kind::FreezeService => Fault::Freeze { part: self.services.draw(dice) },
            Kind::FreezeSidecar => Fault::Freeze { part: self.sidecars.draw(dice) },
            Kind::FreezeGround => Fault::Freeze { part: self.ground.draw(dice) },
            Kind::ProviderAway => Fault::Away { whom: Whom::Provider },
            Kind::DatabaseAway => Fault::Away { whom: Whom::Database },
            Kind::Disconnect => Fault::Disconnect { database: self.databases.draw(dice) },
            Kind::Link => Fault::Link { link: self.links.draw(dice), harm: harm(dice) },
        }
    }
}

fn harm(dice: &mut Dice) -> Harm {
    match dice.between(0, 6) {
        0 => Harm::Latency { delay: dice.between(50, 1_500), jitter: dice.between(0, 300) },
        1 => Harm::Bandwidth { rate: dice.between(1, 20) },
        2 => Harm::SlowClose { delay: dice.between(500, 5_000) },
        3 => Harm::Timeout { after: dice.between(0, 1) * dice.between(500, 5_000) },
        4 => Harm::ResetPeer { after: dice.between(0, 2_000) },
        5 => Harm::LimitData { bytes: dice.between(100, 20_000) },
        _ => Harm::Cut,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn targets() -> Targets {
        let names = |text: &str| text.split(' ').map(String::from).collect();
        Targets {
            services: names("order payment product"),
            sidecars: names("order-daprd payment-daprd"),
            ground: names("kafka postgres card-sandbox"),
            databases: names("order payment"),
            links: names("order-postgres order-kafka payment-provider"),
        }
    }

    #[test]
    fn a_seed_draws_the_same_faults_and_another_one_others() {
        let draw = |seed| Schedule::draw(seed, Duration::from_secs(120), &targets());
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn ten_minutes_hold_sixty_faults_of_every_kind_and_the_broker_is_away_for_one() {
        for seed in 0..50 {
            let schedule = Schedule::draw(seed, Duration::from_secs(600), &targets());
            assert!(schedule.faults.len() >= 60, "seed {seed}: {}", schedule.faults.len());
            let kinds: HashSet<&str> = schedule.faults.iter().map(|planned| planned.fault.kind()).collect();
            for kind in
                ["kill -9", "SIGSTOP", "broker away", "database away", "provider outage", "connections ended"]
            {
                assert!(kinds.contains(kind), "seed {seed}: no {kind}");
            }
            assert!(schedule.faults.iter().any(|planned| planned.lasts == Duration::from_secs(60)
                && planned.fault == Fault::Away { whom: Whom::Broker }));
        }
    }

    #[test]
    fn every_round_is_followed_by_a_calm_within_the_run() {
        let schedule = Schedule::draw(3, Duration::from_secs(600), &targets());
        for pair in schedule.rounds.windows(2) {
            assert!(pair[1].from >= pair[0].until + CALM);
        }
        for planned in &schedule.faults {
            let round = schedule.rounds[planned.round];
            assert!(planned.at >= round.from && planned.until() <= round.until);
        }
        assert!(schedule.rounds.last().unwrap().until + CALM <= schedule.length);
    }

    #[test]
    fn two_minutes_hold_two_rounds() {
        for seed in 0..50 {
            let schedule = Schedule::draw(seed, Duration::from_secs(120), &targets());
            assert!(schedule.rounds.len() == 2 && schedule.faults.len() >= 12);
        }
    }
}

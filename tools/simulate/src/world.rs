//! The world of one schedule: four services with a database each, the bus between them, a card processor, people,
//! and a clock that is right while each replica's own is a little wrong.
//!
//! A step is a transaction and happens whole; what may go wrong goes wrong between steps.

mod checks;
mod messages;
mod notification;
mod order;
mod payment;
mod people;
mod processor;
mod product;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::App;

use crate::calendar::{Calendar, Time};
use crate::chance::Chance;
use crate::coverage::Coverage;
use crate::fault::{Fault, Faults};
use crate::plan::{Pace, Plan, REPLICAS, SERVICES};
use crate::provider::Provider;
use crate::seed::Seed;
use crate::story::Story;
use crate::theme::Theme;

pub use checks::Outcome;
use messages::Messages;
use notification::Mailbox;
use order::Orders;
use payment::Payments;
use processor::{Deed, Word};
use product::Warehouse;
pub use product::order_place;

/// Steps after which a schedule counts as one that does not come to rest.
const MOST_STEPS: u32 = 20_000;

/// What keeps an effect from happening twice, or not at all. Each is taken out by a test, which must turn red.
#[derive(Debug, Clone, Copy)]
pub struct Walls {
    pub inbox: bool,
    pub outbox: bool,
    /// Whether a second transaction on an order waits for the first one's row.
    pub order_lock: bool,
    pub reservation_lock: bool,
    pub payment_lock: bool,
    /// Whether a repeated call goes to the card processor under the key of the first.
    pub idempotency_key: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Order,
    Product,
    Payment,
    Notification,
}

/// What is to happen.
#[derive(Debug, Clone, Copy)]
enum Step {
    Place(usize),
    Sweep(usize),
    /// The sweep has listed the order, and now takes its lock.
    Expire(usize),
    Remind(usize),
    /// The sweep has listed the reservation, and now takes its lock.
    Report(usize),
    Work(usize),
    Relay(Service, usize),
    Deliver {
        event: usize,
        to: Service,
    },
    DeliverForgotten {
        event: usize,
        to: Service,
    },
    CallArrives(usize),
    CallAnswered {
        call: usize,
        answer: usize,
    },
    ProviderTells(usize),
    ProviderActs(usize),
    Act(usize),
    Attend,
}

/// One process of a service.
#[derive(Debug, Clone, Copy, Default)]
struct Replica {
    skew: Time,
    /// Until then it is down.
    down_until: Time,
    /// Counts its lives: what it had in memory dies with each.
    life: u32,
}

/// Which process a step runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    service: Service,
    replica: usize,
    life: u32,
}

pub struct World<'a> {
    now: Time,
    plan: Plan,
    walls: Walls,
    /// What the present step is about: an order, or a product.
    subject: usize,
    /// For each subject its own.
    chances: Vec<Chance>,
    faults: Faults,
    calendar: Calendar<Step>,
    replicas: [[Replica; REPLICAS]; SERVICES],
    /// How long no replica of `order` was up, at most.
    order_away: Time,
    messages: Messages,
    orders: Orders,
    warehouse: Warehouse,
    payments: Payments,
    mailbox: Mailbox,
    provider: Provider,
    deeds: Vec<Deed>,
    words: Vec<Word>,
    /// Whether nothing happened at the processor since its list was compared with ours.
    compared: bool,
    /// How often staff looked after what waits for them.
    attended: u32,
    /// Parcels, cancellations and returns are numbered as they are made.
    last_id: u128,
    violation: Option<String>,
    coverage: &'a mut Coverage,
    pub story: Story,
}

impl Walls {
    pub const ALL: Walls = Walls {
        inbox: true,
        outbox: true,
        order_lock: true,
        reservation_lock: true,
        payment_lock: true,
        idempotency_key: true,
    };

    /// All but the one of this name; none when there is no such wall.
    pub fn without(name: &str) -> Option<Walls> {
        let mut walls = Walls::ALL;
        let wall = match name {
            "inbox" => &mut walls.inbox,
            "outbox" => &mut walls.outbox,
            "order-lock" => &mut walls.order_lock,
            "reservation-lock" => &mut walls.reservation_lock,
            "payment-lock" => &mut walls.payment_lock,
            "idempotency-key" => &mut walls.idempotency_key,
            _ => return None,
        };
        *wall = false;
        Some(walls)
    }
}

impl Service {
    pub const fn name(self) -> &'static str {
        match self {
            Service::Order => "order",
            Service::Product => "product",
            Service::Payment => "payment",
            Service::Notification => "notification",
        }
    }

    const fn of(app: App) -> Option<Service> {
        match app {
            App::Order => Some(Service::Order),
            App::Product => Some(Service::Product),
            App::Payment => Some(Service::Payment),
            App::Notification => Some(Service::Notification),
            App::Gateway | App::Config | App::User => None,
        }
    }
}

impl<'a> World<'a> {
    pub fn new(seed: &Seed, walls: Walls, coverage: &'a mut Coverage, story: Story) -> World<'a> {
        let theme = Theme::of(seed);
        let plan = Plan::new(seed, &theme);
        let subjects = plan.orders.len() + plan.products.len();
        let mut replicas = [[Replica::default(); REPLICAS]; SERVICES];
        for (replica, skew) in replicas.iter_mut().flatten().zip(plan.skews.iter().flatten()) {
            replica.skew = *skew;
        }
        let mut world = World {
            now: 0,
            walls,
            subject: 0,
            chances: (1_000..).take(subjects).map(|part| Chance::branch(seed.number, part)).collect(),
            faults: Faults::new(seed, &theme, subjects),
            calendar: Calendar::new(),
            replicas,
            order_away: 0,
            messages: Messages::new(subjects),
            orders: Orders::new(&plan),
            warehouse: Warehouse::new(&plan),
            payments: Payments::new(&plan),
            mailbox: Mailbox::default(),
            provider: Provider::default(),
            deeds: Vec::new(),
            words: Vec::new(),
            compared: true,
            attended: 0,
            last_id: 1_000,
            violation: None,
            coverage,
            story,
            plan,
        };
        for (place, order) in world.plan.orders.iter().enumerate().filter(|(_, order)| order.kept) {
            world.calendar.put(order.at, Step::Place(place));
        }
        for (place, act) in world.plan.acts.iter().enumerate() {
            world.calendar.put(act.at, Step::Act(place));
        }
        world
    }

    /// Goes on until nothing is left to happen, then checks what must hold.
    ///
    /// # Errors
    /// With the first thing that does not hold.
    pub fn run(&mut self) -> Result<Outcome, String> {
        for _ in 0..MOST_STEPS {
            match self.calendar.next() {
                Some((at, step)) => {
                    self.now = at.max(self.now);
                    self.take(step);
                }
                None if self.attend() => {}
                None => return self.check(),
            }
            if let Some(violation) = self.violation.take() {
                return Err(violation);
            }
        }
        Err(format!("{MOST_STEPS} steps, and still not at rest"))
    }

    fn take(&mut self, step: Step) {
        self.subject = self.subject_of(step);
        match step {
            Step::Place(order) => self.place(order),
            Step::Sweep(order) => self.sweep(order),
            Step::Expire(order) => self.expire(order),
            Step::Remind(order) => self.remind(order),
            Step::Report(order) => self.report(order),
            Step::Work(order) => self.work(order),
            Step::Relay(service, subject) => self.relay(service, subject),
            Step::Deliver { event, to } => self.deliver(event, to),
            Step::DeliverForgotten { event, to } => self.deliver_forgotten(event, to),
            Step::CallArrives(call) => self.call_arrives(call),
            Step::CallAnswered { call, answer } => self.call_answered(call, answer),
            Step::ProviderTells(word) => self.provider_tells(word),
            Step::ProviderActs(deed) => self.provider_acts(deed),
            Step::Act(act) => self.act(act),
            Step::Attend => _ = self.attend(),
        }
    }

    fn subject_of(&self, step: Step) -> usize {
        match step {
            Step::Place(order)
            | Step::Sweep(order)
            | Step::Expire(order)
            | Step::Remind(order)
            | Step::Report(order)
            | Step::Work(order) => order,
            Step::Relay(_, subject) => subject,
            Step::Deliver { event, .. } | Step::DeliverForgotten { event, .. } => {
                self.messages.events[event].subject
            }
            Step::CallArrives(call) | Step::CallAnswered { call, .. } => self.payments.order_of(call),
            Step::ProviderTells(word) => self.words[word].order,
            Step::ProviderActs(deed) => self.provider.intents[self.deeds[deed].intent].order,
            Step::Act(act) => self.plan.acts[act].order,
            Step::Attend => 0,
        }
    }

    /// The stream of chance of what the present step is about.
    fn chance(&mut self) -> &mut Chance {
        &mut self.chances[self.subject]
    }

    /// A process of the service that is up; otherwise the step waits until one is.
    fn process(&mut self, service: Service, step: Step) -> Option<(Process, DateTime<Utc>)> {
        let first = self.chance().place(REPLICAS);
        let replicas = &self.replicas[service as usize];
        let up = (0..REPLICAS)
            .map(|offset| (first + offset) % REPLICAS)
            .find(|replica| replicas[*replica].down_until <= self.now);
        let Some(replica) = up else {
            let back = replicas.iter().map(|replica| replica.down_until).min().unwrap_or(self.now);
            // What has piled up is not worked off in any order.
            let wait = self.chance().between(1, 800);
            self.calendar.put(back + wait, step);
            return None;
        };
        let life = replicas[replica].life;
        Some((Process { service, replica, life }, time(self.now + replicas[replica].skew)))
    }

    fn crash(&mut self, process: Process) {
        let away = self.chance().pick(&[200, 500, 1_000, 3_000, 8_000]);
        let replica = &mut self.replicas[process.service as usize][process.replica];
        replica.down_until = self.now + away;
        replica.life += 1;
        if process.service == Service::Order {
            self.order_away += away;
        }
        self.story.tell(self.now, Who(process), || format!("!! crashes, back in {away} ms"));
    }

    /// The service, or its database, is away for a while.
    fn go_away(&mut self, service: Service) {
        let away = self.chance().pick(&[10_000, 40_000, 70_000]);
        for replica in &mut self.replicas[service as usize] {
            replica.down_until = self.now + away;
            replica.life += 1;
        }
        if service == Service::Order {
            self.order_away += away;
        }
        self.story.tell(self.now, service.name(), || format!("!! is away for {away} ms"));
    }

    fn alive(&self, process: Process) -> bool {
        self.replicas[process.service as usize][process.replica].life == process.life
    }

    fn strikes(&mut self, fault: Fault) -> bool {
        let strikes = self.faults.strikes(self.subject, fault);
        if let Some(number) = strikes {
            self.story.tell(self.now, "", || format!("!! fault {number}: {}", fault.name()));
        }
        strikes.is_some()
    }

    /// How long something takes from one process to another.
    fn latency(&mut self) -> Time {
        let pace = self.plan.pace;
        let chance = self.chance();
        match pace {
            Pace::Fast => chance.between(2, 150),
            Pace::Uneven if chance.one_in(6) => chance.between(500, 15_000),
            Pace::Uneven => chance.between(2, 300),
            Pace::Slow => chance.between(300, 6_000),
        }
    }

    fn violate(&mut self, what: impl FnOnce() -> String) {
        if self.violation.is_none() {
            self.violation = Some(what());
        }
    }

    fn next_id(&mut self) -> uuid::Uuid {
        self.last_id += 1;
        uuid::Uuid::from_u128(self.last_id)
    }
}

/// Shows a process as `order/1`.
struct Who(Process);

impl std::fmt::Display for Who {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(&format!("{}/{}", self.0.service.name(), self.0.replica))
    }
}

/// A moment of the schedule as services know it.
fn time(at: Time) -> DateTime<Utc> {
    const BEGIN: DateTime<Utc> = DateTime::from_timestamp(1_793_522_700, 0).expect("a time");
    BEGIN + TimeDelta::milliseconds(at)
}

/// And back.
fn moment(at: DateTime<Utc>) -> Time {
    (at - time(0)).num_milliseconds()
}

//! One schedule: products and orders of its own, taken turn by turn until nothing is left to happen.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::{App as Service, OrderId};
use futures::future::join_all;
use payment::domain::{Answer, Doubt};
use payment::jobs::{self as worker, Claimed};
use simulate::Chance;
use uuid::Uuid;

use crate::bus::{Delivered, Message, cut_off, heads, mark_published};
use crate::house::House;

/// Turns after which a schedule counts as one that does not come to rest.
const MOST_TURNS: u64 = 6_000;

pub struct Schedule<'a> {
    pub house: &'a mut House,
    pub seed: u64,
    pub chance: Chance,
    pub products: Vec<Uuid>,
    pub orders: Vec<OrderId>,
    pub bus: Vec<Message>,
    /// Every event that was published, with who it went to.
    pub published: Vec<(Service, Uuid)>,
    /// Whether a service may have said something.
    said: [bool; 3],
    /// Answers of the card processor that nobody has written down yet.
    late: Vec<(Claimed, Answer)>,
    pub acts: u32,
    pub attended: u32,
    turn: u64,
    pub tally: Tally,
}

/// What happened, over all schedules.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub schedules: u64,
    pub orders: u64,
    pub deliveries: u64,
    pub duplicates: u64,
    pub cut_off: u64,
    pub together: u64,
    pub calls: u64,
    pub silent: u64,
    pub commands: u64,
    pub repeated: u64,
    pub refused: u64,
    pub confirmed: u64,
    pub cancelled: u64,
    pub rejected: u64,
    pub expired: u64,
}

impl Tally {
    pub fn add(&mut self, other: Tally) {
        self.schedules += other.schedules;
        self.orders += other.orders;
        self.deliveries += other.deliveries;
        self.duplicates += other.duplicates;
        self.cut_off += other.cut_off;
        self.together += other.together;
        self.calls += other.calls;
        self.silent += other.silent;
        self.commands += other.commands;
        self.repeated += other.repeated;
        self.refused += other.refused;
        self.confirmed += other.confirmed;
        self.cancelled += other.cancelled;
        self.rejected += other.rejected;
        self.expired += other.expired;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { schedules, orders, deliveries, duplicates, cut_off, together, .. } = self;
        let Tally { calls, silent, commands, repeated, refused, .. } = self;
        let Tally { confirmed, cancelled, rejected, expired, .. } = self;
        write!(
            formatter,
            "{schedules} schedules, {orders} orders ({confirmed} confirmed, {cancelled} cancelled, {rejected} rejected, \
             {expired} expired), {deliveries} deliveries ({duplicates} twice, {together} \
             together), {cut_off} steps cut off, {calls} calls ({silent} without an answer), {commands} commands \
             ({repeated} repeated, {refused} refused)"
        )
    }
}

impl<'a> Schedule<'a> {
    pub async fn new(house: &'a mut House, seed: u64) -> Schedule<'a> {
        let mut chance = Chance::new(seed);
        let acts = chance.below(14);
        let mut schedule = Schedule {
            house,
            seed,
            chance,
            products: Vec::new(),
            orders: Vec::new(),
            bus: Vec::new(),
            published: Vec::new(),
            said: [true; 3],
            late: Vec::new(),
            acts,
            attended: 0,
            turn: 0,
            tally: Tally { schedules: 1, ..Tally::default() },
        };
        schedule.stock_shelves().await;
        schedule.place_orders().await;
        schedule
    }

    pub async fn run(mut self) -> Tally {
        while self.turn < MOST_TURNS {
            self.turn += 1;
            self.house.advance(TimeDelta::milliseconds(1));
            self.relay().await;
            match self.chance.below(10) {
                0..=5 => self.deliver_some().await,
                6 | 7 => self.work().await,
                // Most acts come when something may be done already.
                8 if self.turn > 40 || self.chance.one_in(6) => self.act().await,
                _ => {
                    let by = self.chance.between(1, 3_000);
                    self.pass(TimeDelta::milliseconds(by)).await;
                }
            }
            if self.quiet() && !self.wake_up().await {
                self.ends_well().await;
                return self.tally;
            }
        }
        panic!("schedule {} does not come to rest: {:?}", self.seed, self.orders);
    }

    /// Nothing is under way by itself.
    fn quiet(&self) -> bool {
        self.bus.is_empty() && self.said == [false; 3] && self.late.is_empty() && self.acts == 0
    }

    pub fn subjects(&self) -> Vec<Uuid> {
        self.orders.iter().map(|order| order.0).chain(self.products.iter().copied()).collect()
    }

    /// A service may have said something.
    pub fn listen(&mut self, service: Service) {
        for (said, (source, _)) in self.said.iter_mut().zip(self.house.outboxes()) {
            *said |= source == service;
        }
    }

    /// Publishes what is first of each key; now and then it dies before that is marked.
    async fn relay(&mut self) {
        for (number, (source, outbox)) in self.house.outboxes().into_iter().enumerate() {
            if !self.said[number] {
                continue;
            }
            let events = heads(&outbox, source, &self.subjects()).await;
            self.said[number] = !events.is_empty();
            let marked = !self.chance.one_in(12);
            let ids: Vec<Uuid> = events.iter().map(|envelope| envelope.id.0).collect();
            for envelope in events {
                for to in envelope.event.event_type().row().subscribers {
                    let not_before = self.turn + u64::from(self.wait());
                    let message = Message { to: *to, envelope: envelope.clone(), not_before };
                    if marked {
                        self.published.push((*to, envelope.id.0));
                    }
                    if self.chance.one_in(8) {
                        self.tally.duplicates += 1;
                        let not_before = self.turn + u64::from(self.chance.below(60));
                        self.bus.push(Message { not_before, ..message.clone() });
                    }
                    self.bus.push(message);
                }
            }
            if marked && !ids.is_empty() {
                mark_published(&outbox, &ids).await;
            }
        }
    }

    /// Most messages come soon; some are dropped until they are sent again.
    fn wait(&mut self) -> u32 {
        match self.chance.below(10) {
            0..=6 => 0,
            7 | 8 => self.chance.below(6),
            _ => self.chance.below(50),
        }
    }

    /// Up to four messages at the same time, each on any replica, some cut off somewhere.
    async fn deliver_some(&mut self) {
        let mut chosen = Vec::new();
        for _ in 0..=self.chance.below(4) {
            let ready: Vec<usize> =
                (0..self.bus.len()).filter(|place| self.bus[*place].not_before <= self.turn).collect();
            if !ready.is_empty() {
                let place = self.chance.pick(&ready);
                let waits = self.chance.one_in(12).then(|| self.chance.below(14));
                let replica = self.chance.place(2);
                chosen.push((self.bus.swap_remove(place), replica, waits));
            }
        }
        self.tally.deliveries += chosen.len() as u64;
        self.tally.together += u64::from(chosen.len() > 1);
        let house = &*self.house;
        let deliveries =
            chosen.iter().map(|(message, replica, waits)| house.deliver(message, *replica, *waits));
        let outcomes = join_all(deliveries).await;
        for ((message, ..), outcome) in chosen.into_iter().zip(outcomes) {
            self.listen(message.to);
            match outcome {
                Delivered::Done => {}
                Delivered::Again => {
                    self.tally.cut_off += 1;
                    let not_before = self.turn + u64::from(self.chance.below(20));
                    self.bus.push(Message { not_before, ..message });
                }
                Delivered::Refused(why) => {
                    let (seed, name) = (self.seed, message.envelope.event.event_type().name());
                    panic!(
                        "schedule {seed}: {} refuses {name} of {}: {why}",
                        message.to, message.envelope.subject
                    );
                }
            }
        }
    }

    /// A worker's turn, which may end anywhere: before the call, after it, or with the answer written down late.
    async fn work(&mut self) {
        let replica = self.chance.place(2);
        let app = self.house.payment[replica].clone();
        if !self.late.is_empty() && self.chance.one_in(3) {
            let place = self.chance.place(self.late.len());
            let (claimed, answer) = self.late.swap_remove(place);
            worker::apply(&app, &claimed, answer).await.unwrap();
            return self.listen(Service::Payment);
        }
        let waits = self.chance.one_in(15).then(|| self.chance.below(10));
        let claimed = cut_off(worker::claim(&app), waits).await;
        self.listen(Service::Payment);
        let Some(claimed) = claimed else {
            self.tally.cut_off += 1;
            return;
        };
        let Some(Some(claimed)) = claimed.unwrap() else { return };
        if self.chance.one_in(15) {
            self.tally.cut_off += 1;
            return;
        }
        self.tally.calls += 1;
        let answer = worker::ask(&app, &claimed).await.unwrap();
        match self.chance.below(30) {
            0 | 1 => self.tally.cut_off += 1,
            2 | 3 => {
                self.tally.silent += 1;
                worker::apply(&app, &claimed, Answer::Unknown(Doubt::Silence)).await.unwrap();
            }
            4 => self.late.push((claimed, answer)),
            _ => worker::apply(&app, &claimed, answer).await.unwrap(),
        }
    }

    /// Time passes, and the sweeps look at it: at each deadline, and at the end.
    async fn pass(&mut self, by: TimeDelta) {
        let until = self.house.now() + by;
        while let Some(deadline) = self.next_deadline().await.filter(|deadline| *deadline <= until) {
            self.house.advance((deadline - self.house.now()).max(TimeDelta::zero()));
            order::jobs::expire_overdue(&self.house.order[0]).await.unwrap();
        }
        self.house.advance(until - self.house.now());
        let replica = self.chance.place(2);
        order::jobs::expire_overdue(&self.house.order[replica]).await.unwrap();
        product::jobs::report_overdue(&self.house.product[replica]).await.unwrap();
        self.listen(Service::Order);
        self.listen(Service::Product);
    }

    async fn next_deadline(&self) -> Option<DateTime<Utc>> {
        sqlx::query_scalar("select min(deadline) from orders where id = any($1) and end_kind is null")
            .bind(self.order_ids())
            .fetch_one(&self.house.order[0].db)
            .await
            .unwrap()
    }

    /// Lets time pass to whatever waits for it; whether anything does, or people had something to do.
    async fn wake_up(&mut self) -> bool {
        let next: Option<DateTime<Utc>> =
            sqlx::query_scalar("select min(next_at) from payment where order_id = any($1)")
                .bind(self.order_ids())
                .fetch_one(&self.house.payment[0].db)
                .await
                .unwrap();
        if self.next_deadline().await.is_some() {
            self.pass(TimeDelta::seconds(5)).await;
        } else if let Some(next) = next {
            let wait = (next - self.house.now()).max(TimeDelta::zero());
            self.pass(wait.min(TimeDelta::seconds(30))).await;
        } else if !self.attend().await {
            return false;
        }
        self.work().await;
        true
    }

    pub fn order_ids(&self) -> Vec<Uuid> {
        self.orders.iter().map(|order| order.0).collect()
    }
}

//! Three services, two products, a handful of orders and a clock.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use contracts::event::OrderLine;
use contracts::{
    CaptureMode, Currency, Event, Money, OrderId, PaymentId, PaymentMethodId, ProductId, Quantity, UserId,
};
use order::domain::{End, Facts, Input as OrderInput, Saga};
use payment::domain::{self as pay, Charge, Payment};
use product::domain::reservation::{Effect, FinalEnd, Input as StockInput, Promise, Reservation, State};
use product::domain::stock::{Held, Level, Offer, assess};
use testkit::Bus;
use uuid::Uuid;

use crate::provider::{Mood, Provider};

/// What travels: events, the provider's answers, and the ticks of timers.
#[derive(Clone)]
pub enum Message {
    ToOrder(Event),
    ToProduct(Event),
    ToPayment(Event),
    Answer { order: OrderId, ticket: u32, answer: pay::Answer },
    Tick(OrderId),
}

pub struct World {
    seed: u64,
    now: DateTime<Utc>,
    bus: Bus<Message>,
    stock: BTreeMap<ProductId, Level>,
    sagas: BTreeMap<OrderId, Saga>,
    reservations: BTreeMap<OrderId, Reservation>,
    payments: BTreeMap<OrderId, Payment>,
    lines: BTreeMap<OrderId, Vec<OrderLine>>,
    provider: Provider,
}

const DEADLINE: TimeDelta = TimeDelta::seconds(60);
const CHARGE_BY: TimeDelta = TimeDelta::seconds(40);
const ORDERS: u128 = 4;

fn price() -> Money {
    Money::new(500, Currency::Gbp).unwrap()
}

impl World {
    /// Some orders on two products of which there are five pieces each.
    pub fn new(seed: u64) -> World {
        let now = "2026-11-01T08:45:00Z".parse().unwrap();
        let products = [ProductId(Uuid::from_u128(1)), ProductId(Uuid::from_u128(2))];
        let stock = products.map(|product| (product, Level { on_hand: 5, reserved: 0, allocated: 0 })).into();
        let mut world = World {
            seed,
            now,
            bus: Bus::new(seed),
            stock,
            sagas: BTreeMap::new(),
            reservations: BTreeMap::new(),
            payments: BTreeMap::new(),
            lines: BTreeMap::new(),
            provider: Provider::default(),
        };
        for number in 1..=ORDERS {
            let order_id = OrderId(Uuid::from_u128(number));
            let lines: Vec<OrderLine> = products
                .iter()
                .map(|product_id| OrderLine {
                    product_id: *product_id,
                    quantity: Quantity::new(i64::from(world.bus.below(3)) + 1).unwrap(),
                    unit_price: price(),
                })
                .collect();
            world.place(order_id, lines);
        }
        world
    }

    fn place(&mut self, order_id: OrderId, lines: Vec<OrderLine>) {
        let pieces = lines.iter().map(|line| line.quantity.get()).sum();
        let total = price().times(pieces).unwrap();
        let customer_id = UserId(Uuid::nil());
        let saga = Saga {
            order_id,
            number: "TEST-TEST".into(),
            customer_id,
            total,
            deadline: self.now + DEADLINE,
            facts: Facts::default(),
            end: None,
        };
        self.sagas.insert(order_id, saga);
        self.lines.insert(order_id, lines.clone());
        let placed = contracts::event::OrderPlaced {
            order_id,
            number: "TEST-TEST".into(),
            customer_id,
            payment_method_id: PaymentMethodId(Uuid::nil()),
            lines,
            total,
            terms: contracts::Terms {
                charge_by: self.now + CHARGE_BY,
                deadline: self.now + DEADLINE,
                capture: CaptureMode::AtOnce,
                return_window_days: 30,
                configuration_version: 0,
            },
        };
        self.publish(vec![placed.into()]);
    }

    /// Each event goes to every subscriber of its own.
    fn publish(&mut self, events: Vec<Event>) {
        for event in events {
            for subscriber in event.event_type().row().subscribers {
                match subscriber {
                    contracts::App::Order => self.bus.send(Message::ToOrder(event.clone())),
                    contracts::App::Product => self.bus.send(Message::ToProduct(event.clone())),
                    contracts::App::Payment => self.bus.send(Message::ToPayment(event.clone())),
                    contracts::App::Notification
                    | contracts::App::Gateway
                    | contracts::App::Config
                    | contracts::App::User => {}
                }
            }
        }
    }

    /// Delivers until nothing is under way, then lets time pass, until every order has ended and all is undone.
    pub fn run(&mut self) {
        for _ in 0..5_000 {
            if let Some(message) = self.bus.pick() {
                self.deliver(message);
                // Sometimes so slowly that deadlines pass in the middle of everything.
                if self.bus.one_in(8) {
                    self.now += TimeDelta::milliseconds(i64::from(self.bus.below(9_000)));
                }
            } else if self.settled() {
                return;
            } else {
                self.now += TimeDelta::seconds(5);
                for order in self.sagas.keys().copied().collect::<Vec<_>>() {
                    self.bus.send(Message::Tick(order));
                }
            }
            self.nothing_is_sold_twice();
        }
        panic!("seed {} does not come to an end", self.seed);
    }

    fn settled(&self) -> bool {
        let ended = self.sagas.values().all(|saga| saga.end.is_some());
        let heard =
            self.payments.values().all(|payment| payment.end.is_some() && payment.work_at().is_none());
        let waiting = |reservation: &Reservation| matches!(reservation.state, State::Reserved { .. });
        ended && heard && !self.reservations.values().any(waiting)
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::ToOrder(event) => self.tell_order(&event),
            Message::ToProduct(event) => self.tell_product(&event),
            Message::ToPayment(event) => self.tell_payment(&event),
            Message::Answer { order, ticket, answer } => {
                self.advance_payment(order, pay::Input::Answered { ticket, answer });
            }
            Message::Tick(order) => {
                self.advance_order(order, &OrderInput::Sweep);
                self.advance_reservation(order, StockInput::TimePassed);
                self.advance_payment(order, pay::Input::Timer { patience: TimeDelta::seconds(10) });
            }
        }
    }

    fn tell_order(&mut self, event: &Event) {
        match event {
            Event::StockReserved(said) => self.advance_order(said.order_id, &OrderInput::StockReserved),
            Event::StockRejected(said) => {
                self.advance_order(said.order_id, &OrderInput::StockRejected(said.refusal.clone()));
            }
            Event::PaymentCaptured(said) => self.advance_order(said.order_id, &OrderInput::PaymentCaptured),
            Event::PaymentDeclined(said) => {
                self.advance_order(said.order_id, &OrderInput::PaymentDeclined(said.refusal.clone()));
            }
            Event::PaymentRefunded(said) => self.advance_order(said.order_id, &OrderInput::PaymentRefunded),
            Event::ReservationOverdue(said) => self.advance_order(said.order_id, &OrderInput::Overdue),
            Event::PaymentOverdue(said) => self.advance_order(said.order_id, &OrderInput::Overdue),
            other => panic!("order is not told {}", other.event_type().name()),
        }
    }

    fn tell_product(&mut self, event: &Event) {
        match event {
            Event::OrderPlaced(said) => self.advance_reservation(
                said.order_id,
                StockInput::Placed {
                    lines: said.lines.clone(),
                    charge_by: said.terms.charge_by,
                    deadline: said.terms.deadline,
                },
            ),
            Event::OrderConfirmed(said) => self.advance_reservation(said.order_id, StockInput::Confirmed),
            Event::OrderRejected(said) => {
                self.advance_reservation(said.order_id, StockInput::Ended(FinalEnd::Rejected));
            }
            Event::OrderExpired(said) => {
                self.advance_reservation(said.order_id, StockInput::Ended(FinalEnd::Expired));
            }
            other => panic!("product is not told {}", other.event_type().name()),
        }
    }

    fn tell_payment(&mut self, event: &Event) {
        match event {
            Event::OrderPlaced(said) => {
                let due = pay::Due {
                    customer_id: said.customer_id,
                    method: pay::Method::Own(said.payment_method_id),
                    total: said.total,
                    charge_by: said.terms.charge_by,
                    deadline: said.terms.deadline,
                    capture: said.terms.capture,
                };
                self.advance_payment(said.order_id, pay::Input::Placed(due));
            }
            Event::StockReserved(said) => self.advance_payment(said.order_id, pay::Input::StockReserved),
            Event::OrderConfirmed(said) => {
                self.advance_payment(said.order_id, pay::Input::Ended(pay::End::Confirmed));
            }
            Event::OrderRejected(said) => {
                self.advance_payment(said.order_id, pay::Input::Ended(pay::End::Rejected));
            }
            Event::OrderExpired(said) => {
                self.advance_payment(said.order_id, pay::Input::Ended(pay::End::Expired));
            }
            other => panic!("payment is not told {}", other.event_type().name()),
        }
    }

    fn advance_order(&mut self, order: OrderId, input: &OrderInput) {
        let (saga, said) = self.sagas[&order].clone().react(input, self.now);
        self.sagas.insert(order, saga);
        self.publish(said);
    }

    fn advance_reservation(&mut self, order: OrderId, input: StockInput) {
        let unheard = || Reservation { order_id: order, state: State::Unheard };
        let reservation = self.reservations.remove(&order).unwrap_or_else(unheard);
        let (reservation, said, effects) = reservation.react(input, self.now);
        self.reservations.insert(order, reservation);
        self.publish(said);
        for effect in effects {
            match effect {
                Effect::Claim { lines, deadline } => {
                    let answer = self.claim(&lines, deadline);
                    self.advance_reservation(order, answer);
                }
                Effect::Allocate(held) => self.change(&held, |level, pieces| {
                    level.reserved -= pieces;
                    level.allocated += pieces;
                }),
                Effect::Release { held, from: Promise::Reserved } => {
                    self.change(&held, |level, pieces| level.reserved -= pieces);
                }
                Effect::Release { held, from: Promise::Allocated } => {
                    self.change(&held, |level, pieces| level.allocated -= pieces);
                }
            }
        }
    }

    fn claim(&mut self, lines: &[OrderLine], deadline: DateTime<Utc>) -> StockInput {
        let offers: HashMap<ProductId, Offer> = self
            .stock
            .iter()
            .map(|(product, level)| {
                (*product, Offer { price: price(), archived: false, available: Some(level.available()) })
            })
            .collect();
        match assess(lines, &offers) {
            Ok(held) => {
                self.change(&held, |level, pieces| level.reserved += pieces);
                StockInput::Claimed { held, deadline }
            }
            Err(refusal) => StockInput::Refused { refusal, deadline },
        }
    }

    fn change(&mut self, held: &[Held], change: impl Fn(&mut Level, i64)) {
        for held in held {
            change(self.stock.get_mut(&held.product_id).unwrap(), held.pieces);
        }
    }

    fn advance_payment(&mut self, order: OrderId, input: pay::Input) {
        let unheard = || Payment::unheard(PaymentId(order.0), order);
        let payment = self.payments.remove(&order).unwrap_or_else(unheard);
        let (payment, said, effects) = payment.react(input, self.now);
        self.payments.insert(order, payment);
        self.publish(said);
        for effect in effects {
            if let pay::Effect::Call(call) = effect {
                let mood = match self.bus.below(10) {
                    0..=4 => Mood::Approves,
                    5 | 6 => Mood::Declines,
                    7 | 8 => Mood::ChargesAndIsSilent,
                    _ => Mood::Hangs,
                };
                let answer = self.provider.answer(order, &call.act, mood);
                self.bus.send(Message::Answer { order, ticket: call.ticket, answer });
            }
        }
    }

    fn nothing_is_sold_twice(&self) {
        for (product, level) in &self.stock {
            let fine = level.available() >= 0 && level.reserved >= 0 && level.allocated >= 0;
            assert!(fine, "seed {}: {product} is at {level:?}", self.seed);
        }
    }

    /// What must hold at the end; gives how each order ended.
    pub fn check(&self) -> Vec<String> {
        let mut ends = Vec::new();
        let mut sold: BTreeMap<ProductId, i64> = BTreeMap::new();
        for (order, saga) in &self.sagas {
            let intent = Provider::intent_of(*order);
            let charged = self.provider.charges.get(&intent).copied().unwrap_or_default();
            let refunded = self.provider.refunds.get(&intent).copied().unwrap_or_default();
            let seed = self.seed;
            assert!(charged <= 1, "seed {seed}: {order} was charged {charged} times");
            let end = saga.end.as_ref().unwrap();
            let (charge, state) = (&self.payments[order].charge, &self.reservations[order].state);
            if let End::Confirmed { .. } = end {
                assert_eq!((charged, refunded), (1, 0), "seed {seed}: {order} is confirmed");
                assert!(matches!(charge, Charge::Captured { .. }), "seed {seed}: {charge:?}");
                assert!(matches!(state, State::Allocated { .. }), "seed {seed}: {state:?}");
                for line in &self.lines[order] {
                    *sold.entry(line.product_id).or_default() += i64::from(line.quantity.get());
                }
            } else {
                assert_eq!(charged, refunded, "seed {seed}: {order} is {}: {charge:?}", end.name());
                let closed = matches!(charge, Charge::Closed { .. } | Charge::Refunded { .. });
                assert!(closed, "seed {seed}: {order} is {}: {charge:?}", end.name());
                let released = matches!(state, State::Ended { .. });
                assert!(released, "seed {seed}: {order} is {}: {state:?}", end.name());
            }
            ends.push(match end {
                End::Rejected { refusal, .. } => format!("rejected {}", refusal.problem_type().name()),
                End::Confirmed { .. } | End::Expired { .. } => end.name().to_owned(),
            });
            if refunded > 0 {
                ends.push("refunded".to_owned());
            }
        }
        for (product, level) in &self.stock {
            let allocated = sold.get(product).copied().unwrap_or_default();
            assert_eq!((level.reserved, level.allocated), (0, allocated), "seed {}: {product}", self.seed);
        }
        ends
    }
}

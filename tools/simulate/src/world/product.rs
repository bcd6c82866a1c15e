//! `product`: shelves, their ledger, and what is reserved for each order.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contracts::event::ProductChanged;
use contracts::{Currency, Event, Money, OrderId, ProductId};
use product::domain::reservation::{
    Allocation, Effect, FinalEnd, GRACE, Input, Promise, REMINDER, Reservation, State,
};
use product::domain::stock::{Held, Level, MovementKind, Offer, assess};
use uuid::Uuid;

use super::{Process, Service, Step, Who, World, moment};
use crate::coverage::product::{Heard, Known};
use crate::fault::Fault;
use crate::plan::Plan;

#[derive(Debug)]
pub struct Warehouse {
    pub shelves: Vec<Shelf>,
    pub reservations: Vec<Row>,
    /// The levels as they were before the last change, for a world without row locks.
    before: Vec<Option<Level>>,
}

/// A product with what there is of it.
#[derive(Debug)]
pub struct Shelf {
    pub id: ProductId,
    pub price: Money,
    pub archived: bool,
    pub level: Option<Level>,
    /// On hand at first, and what came in since.
    pub first: i64,
    pub received: i64,
}

#[derive(Debug)]
pub struct Row {
    pub reservation: Reservation,
    before: Option<Reservation>,
    pub movements: Vec<Movement>,
    remind: bool,
}

/// A line of the ledger. Order, product, kind and cause together are unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    pub product_id: ProductId,
    pub kind: MovementKind,
    pub cause: Option<Uuid>,
    pub pieces: i64,
}

pub fn product_id(place: usize) -> ProductId {
    ProductId(Uuid::from_u128(place as u128 + 1))
}

pub fn order_id(place: usize) -> OrderId {
    OrderId(Uuid::from_u128(place as u128 + 100))
}

/// And back.
pub fn order_place(order: OrderId) -> usize {
    usize::try_from(order.0.as_u128() - 100).unwrap_or(usize::MAX)
}

pub fn pence(amount: i64) -> Money {
    Money::new(amount, Currency::Gbp).expect("invariant: prices of a plan are small")
}

impl Warehouse {
    pub fn new(plan: &Plan) -> Warehouse {
        let shelf = |(place, planned): (usize, &crate::plan::PlannedProduct)| Shelf {
            id: product_id(place),
            price: pence(planned.price),
            archived: false,
            level: planned.on_hand.map(|on_hand| Level { on_hand, reserved: 0, allocated: 0 }),
            first: planned.on_hand.unwrap_or_default(),
            received: 0,
        };
        let row = |place| Row {
            reservation: Reservation { order_id: order_id(place), state: State::Unheard },
            before: None,
            movements: Vec::new(),
            remind: false,
        };
        Warehouse {
            shelves: plan.products.iter().enumerate().map(shelf).collect(),
            reservations: (0..plan.orders.len()).map(row).collect(),
            before: vec![None; plan.products.len()],
        }
    }
}

impl World<'_> {
    pub(super) fn product_hears(
        &mut self,
        process: Process,
        order: usize,
        event: &Event,
        now: DateTime<Utc>,
    ) {
        match Input::of(event) {
            Some((_, input)) => self.advance_reservation(process, order, input, now),
            None => self.violate(|| format!("product is told {}", event.event_type().name())),
        }
    }

    fn advance_reservation(&mut self, process: Process, order: usize, input: Input, now: DateTime<Utc>) {
        let stale = !self.walls.reservation_lock && self.chance().one_in(3);
        let row = &self.warehouse.reservations[order];
        let read = row.before.as_ref().filter(|_| stale).unwrap_or(&row.reservation).clone();
        let (from, mut said, mut inputs) = (known(&read), Vec::new(), vec![input]);
        let mut reservation = read.clone();
        while let Some(input) = inputs.pop() {
            self.coverage.product.hit(known(&reservation), heard(&input, now));
            let (next, events, effects) = reservation.react(input, now);
            reservation = next;
            said.extend(events);
            for effect in effects {
                inputs.extend(self.perform(order, effect, stale));
            }
        }
        self.story.tell(self.now, Who(process), || {
            format!("   order {order}: {} → {}", from.name(), known(&reservation).name())
        });
        self.check_reservation(order, &reservation);
        let row = &mut self.warehouse.reservations[order];
        row.before = (!self.walls.reservation_lock).then_some(read);
        row.reservation = reservation;
        self.schedule_reminder(order);
        self.say(process, order, said);
    }

    /// What follows for the stock; of a claim, what came of it.
    fn perform(&mut self, order: usize, effect: Effect, stale: bool) -> Option<Input> {
        match effect {
            Effect::Claim { lines, deadline } => {
                if self.messages.over[order][Service::Product as usize] {
                    self.violate(|| format!("stock is claimed for order {order} after its final end"));
                }
                let offers: HashMap<ProductId, Offer> = self
                    .warehouse
                    .shelves
                    .iter()
                    .zip(&self.warehouse.before)
                    .map(|(shelf, before)| {
                        let level = before.filter(|_| stale).or(shelf.level);
                        let available = level.map(Level::available);
                        (shelf.id, Offer { price: shelf.price, archived: shelf.archived, available })
                    })
                    .collect();
                match assess(&lines, &offers) {
                    Err(refusal) => Some(Input::Refused { refusal, deadline }),
                    Ok(held) => {
                        self.shift(order, &held, MovementKind::Reserved, None, [0, 1, 0]);
                        Some(Input::Claimed { held, deadline })
                    }
                }
            }
            Effect::Allocate(held) => self.shift(order, &held, MovementKind::Allocated, None, [0, -1, 1]),
            Effect::Release { held, from, cause } => {
                let by = match from {
                    Promise::Reserved => [0, -1, 0],
                    Promise::Allocated => [0, 0, -1],
                };
                self.shift(order, &held, MovementKind::Released, cause, by)
            }
            Effect::Ship { held, cause } => {
                self.shift(order, &held, MovementKind::Shipped, Some(cause), [-1, 0, -1])
            }
            Effect::Restock { parts, cause } => {
                self.shift(order, &parts, MovementKind::Returned, Some(cause), [1, 0, 0])
            }
            Effect::Refuse(contradiction) => {
                self.violate(|| format!("product refuses order {order}: {contradiction}"));
                None
            }
        }
    }

    /// Writes a line of the ledger for each product and changes its level: on hand, reserved, allocated.
    fn shift(
        &mut self,
        order: usize,
        held: &[Held],
        kind: MovementKind,
        cause: Option<Uuid>,
        by: [i64; 3],
    ) -> Option<Input> {
        for Held { product_id, pieces } in held.iter().copied() {
            let movement = Movement { product_id, kind, cause, pieces };
            let movements = &mut self.warehouse.reservations[order].movements;
            let twice = movements.iter().any(|other| {
                (other.product_id, other.kind, other.cause) == (movement.product_id, kind, cause)
            });
            movements.push(movement);
            if twice {
                self.violate(|| format!("order {order} has two movements {} of {cause:?}", kind.name()));
            }
            let place = self.warehouse.shelves.iter().position(|shelf| shelf.id == product_id)?;
            let level = self.warehouse.shelves[place].level.as_mut()?;
            if !self.walls.reservation_lock {
                self.warehouse.before[place] = Some(*level);
            }
            level.on_hand += by[0] * pieces;
            level.reserved += by[1] * pieces;
            level.allocated += by[2] * pieces;
            let level = *level;
            let negative = [level.on_hand, level.reserved, level.allocated, level.available()];
            if negative.iter().any(|pieces| *pieces < 0) {
                self.violate(|| format!("product {place} stands at {level:?}"));
            }
        }
        None
    }

    fn schedule_reminder(&mut self, order: usize) {
        let row = &mut self.warehouse.reservations[order];
        let (State::Refused { waiting, .. } | State::Reserved { waiting, .. }) = &row.reservation.state
        else {
            return;
        };
        if !std::mem::replace(&mut row.remind, true) {
            let next = waiting.reported_at.map_or(waiting.deadline + GRACE, |at| at + REMINDER);
            let wait = self.chance().between(0, 5_000);
            self.calendar.put(moment(next) + wait, Step::Remind(order));
        }
    }

    /// The sweep over reservations that wait for an end.
    pub(super) fn remind(&mut self, order: usize) {
        let row = &mut self.warehouse.reservations[order];
        row.remind = false;
        let (State::Refused { waiting, .. } | State::Reserved { waiting, .. }) = &row.reservation.state
        else {
            return;
        };
        let next = waiting.reported_at.map_or(waiting.deadline + GRACE, |at| at + REMINDER);
        self.warehouse.reservations[order].remind = true;
        let Some((_, now)) = self.process(Service::Product, Step::Remind(order)) else { return };
        let frozen = now >= next && self.strikes(Fault::Frozen);
        let wait = if frozen { self.chance().pick(&[2_000, 20_000]) } else { 1_000 };
        let step = if now < next { Step::Remind(order) } else { Step::Report(order) };
        self.calendar.put(self.now + wait, step);
    }

    /// What was listed may have heard of its end meanwhile.
    pub(super) fn report(&mut self, order: usize) {
        if self.warehouse.reservations[order].reservation.state == State::Unheard {
            return;
        }
        let Some((process, now)) = self.process(Service::Product, Step::Report(order)) else { return };
        self.warehouse.reservations[order].remind = false;
        self.advance_reservation(process, order, Input::TimePassed, now);
    }

    fn check_reservation(&mut self, order: usize, next: &Reservation) {
        let last = &self.warehouse.reservations[order].reservation.state;
        if let State::Ended { end } = last
            && next.state != *last
        {
            let end = end.name();
            self.violate(|| format!("the reservation of order {order} has left its end {end}"));
        }
    }

    /// Pieces come in; nobody needs to be told.
    pub(super) fn receive_stock(&mut self, place: usize, pieces: i64) {
        let shelf = &mut self.warehouse.shelves[place];
        if let Some(level) = &mut shelf.level {
            shelf.received += pieces;
            level.on_hand += pieces;
            self.story.tell(self.now, "product", || format!("receives {pieces} of product {place}"));
        }
    }

    /// Staff change the catalogue, and everyone may know.
    pub(super) fn change_product(&mut self, place: usize, change: impl FnOnce(&mut Shelf)) {
        let Some((process, _)) = self.process(Service::Product, Step::Attend) else { return };
        let shelf = &mut self.warehouse.shelves[place];
        change(shelf);
        let changed = ProductChanged {
            product_id: shelf.id,
            sku: format!("S{place}"),
            name: "CLOCK".into(),
            price: shelf.price,
            stock_controlled: shelf.level.is_some(),
            archived: shelf.archived,
        };
        let subject = self.plan.orders.len() + place;
        self.subject = subject;
        self.say(process, subject, vec![changed.into()]);
    }
}

fn known(reservation: &Reservation) -> Known {
    match &reservation.state {
        State::Unheard => Known::Unheard,
        State::Awaited { parts } if parts.iter().next().is_none() => Known::Awaited,
        State::Awaited { .. } => Known::AwaitedWithParts,
        State::Refused { .. } => Known::Refused,
        State::Reserved { .. } => Known::Reserved,
        State::Allocated(allocation) => allocated(allocation),
        State::Ended { .. } => Known::Ended,
    }
}

fn allocated(allocation: &Allocation) -> Known {
    if allocation.parts.iter().next().is_none() {
        Known::Allocated
    } else if allocation.parts.shipped() {
        Known::PartlyShipped
    } else {
        Known::PartlyCancelled
    }
}

fn heard(input: &Input, now: DateTime<Utc>) -> Heard {
    match input {
        Input::Placed { charge_by, .. } if now < *charge_by => Heard::Placed,
        Input::Placed { .. } => Heard::PlacedTooLate,
        Input::Claimed { .. } => Heard::Claimed,
        Input::Refused { .. } => Heard::Refused,
        Input::Confirmed => Heard::Confirmed,
        Input::Ended(FinalEnd::Rejected) => Heard::Rejected,
        Input::Ended(FinalEnd::Expired) => Heard::Expired,
        Input::Ended(FinalEnd::Cancelled) => Heard::Cancelled,
        Input::PartCancelled { .. } => Heard::PartCancelled,
        Input::Shipped { .. } => Heard::Shipped,
        Input::Returned { .. } => Heard::Returned,
        Input::TimePassed => Heard::TimePassed,
    }
}

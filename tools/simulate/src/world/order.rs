//! `order`: takes orders, hears the others, ends each order once, and does what people ask.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::{Event, PaymentMethodId, Quantity, Terms, UserId};
use order::domain::order::{Fulfilment, Order};
use order::domain::{End, Input, Line, Placing, Product, placing};
use uuid::Uuid;

use super::product::{order_id, order_place, pence, product_id};
use super::{Process, Service, Step, Who, World, moment};
use crate::calendar::Time;
use crate::coverage::order::{Heard, Known};
use crate::fault::Fault;
use crate::plan::Plan;

/// A charge may start in the first two thirds of an order's time.
const CHARGE_BY: TimeDelta = TimeDelta::seconds(40);
const DEADLINE: TimeDelta = TimeDelta::seconds(60);
/// One sweep.
pub const SWEEP: Time = 1_000;

pub const OWN_METHOD: u128 = 1;
pub const FOREIGN_METHOD: u128 = 2;

#[derive(Debug)]
pub struct Orders {
    pub rows: Vec<Row>,
    /// The read model of products, each with the sequence that it stands at.
    known: Vec<(Product, i64)>,
    /// The acts of people that were carried out, by their idempotency keys.
    pub done: Vec<bool>,
}

/// What the database holds of one order; the place in the list is the caller's idempotency key.
#[derive(Debug, Default)]
pub struct Row {
    pub order: Option<Order>,
    before: Option<Order>,
    /// When it ended, by a clock that is right.
    pub ended_at: Option<Time>,
    pub deadline_at: Time,
}

impl Orders {
    pub fn new(plan: &Plan) -> Orders {
        let product = |(place, planned): (usize, &crate::plan::PlannedProduct)| Product {
            product_id: product_id(place),
            sku: String::new(),
            name: String::new(),
            price: pence(planned.price),
            archived: false,
        };
        Orders {
            rows: plan.orders.iter().map(|_| Row::default()).collect(),
            known: plan.products.iter().enumerate().map(|known| (product(known), 0)).collect(),
            done: vec![false; plan.acts.len()],
        }
    }

    pub fn orders(&self) -> impl Iterator<Item = (usize, &Order)> {
        self.rows.iter().enumerate().filter_map(|(place, row)| Some((place, row.order.as_ref()?)))
    }
}

impl World<'_> {
    pub(super) fn place(&mut self, place: usize) {
        let step = Step::Place(place);
        let Some((process, now)) = self.process(Service::Order, step) else { return };
        if self.orders.rows[place].order.is_some() {
            // The same key again: the order is there, and is the answer.
            return;
        }
        let again = self.now + self.chance().between(1_000, 5_000);
        if self.strikes(Fault::CrashBeforeCommit) {
            self.crash(process);
            return self.calendar.put(again, step);
        }
        let taken = self.take_order(place, now);
        let order = Order::placed(&taken.placed);
        self.story.tell(self.now, Who(process), || {
            let lines: Vec<String> = taken
                .lines
                .iter()
                .map(|line| format!("{} of {}", line.quantity.get(), line.product_id.0.as_u128() - 1))
                .collect();
            let total = order.saga.total;
            format!("order {place} placed: {} for {total}, {:?}", lines.join(", "), order.terms.capture)
        });
        let deadline_at = moment(order.saga.deadline);
        let sweep = deadline_at + self.chance().between(0, SWEEP);
        self.calendar.put(sweep, Step::Sweep(place));
        let row = &mut self.orders.rows[place];
        row.deadline_at = deadline_at;
        row.order = Some(order);
        self.say(process, place, vec![taken.placed.into()]);
        if !self.alive(process) {
            self.calendar.put(again, step);
        }
    }

    /// Takes the order as it is planned; what is refused is left out and ordered without.
    fn take_order(&mut self, place: usize, now: DateTime<Utc>) -> order::domain::TakenOrder {
        let planned = &self.plan.orders[place];
        let method = if planned.own_method { OWN_METHOD } else { FOREIGN_METHOD };
        let placing = Placing {
            order_id: order_id(place),
            number: format!("ORDER-{place}"),
            customer_id: UserId(Uuid::from_u128(7)),
            payment_method_id: PaymentMethodId(Uuid::from_u128(method)),
            expected_total: None,
            most_lines: placing::MOST_LINES,
            terms: Terms {
                charge_by: now + CHARGE_BY,
                deadline: now + DEADLINE,
                capture: planned.capture,
                return_window_days: planned.return_window_days,
                configuration_version: 1,
            },
            now,
        };
        let archived = |product: usize| self.warehouse.shelves[product].archived;
        let line = |(product, pieces): (usize, u32)| Line {
            product_id: product_id(product),
            quantity: Quantity::new(pieces.into()).expect("invariant: a plan asks for few pieces"),
            unit_price: None,
        };
        let known: Vec<Product> = self.orders.known.iter().map(|(product, _)| product.clone()).collect();
        let lines: Vec<Line> = planned.lines.iter().copied().map(line).collect();
        if let Ok(taken) = placing::place(placing.clone(), &lines, &known) {
            return taken;
        }
        let mut sold: Vec<Line> =
            planned.lines.iter().copied().filter(|(product, _)| !archived(*product)).map(line).collect();
        if sold.is_empty() {
            sold.push(line((0, 1)));
        }
        let facts: Vec<Product> = known
            .into_iter()
            .zip(&self.warehouse.shelves)
            .map(|(known, shelf)| Product { price: shelf.price, archived: shelf.archived, ..known })
            .collect();
        placing::place(placing, &sold, &facts).expect("invariant: what is sold can be ordered")
    }

    pub(super) fn order_hears(&mut self, process: Process, event: &Event, sequence: i64, now: DateTime<Utc>) {
        if let Event::ProductChanged(changed) = event {
            let known = self.orders.known.iter_mut();
            for (product, last) in known.filter(|(known, _)| known.product_id == changed.product_id) {
                if sequence > *last {
                    (product.price, product.archived, *last) = (changed.price, changed.archived, sequence);
                }
            }
            return;
        }
        let Some((id, input)) = Input::of(event, sequence) else {
            return self.violate(|| format!("order is told {}", event.event_type().name()));
        };
        let place = order_place(id);
        let mut misfit = None;
        self.advance_order(process, place, Heard::of(&input), |order| {
            order.fits(&input).map_err(|wrong| misfit.insert(wrong).to_string())?;
            Ok(order.react(&input, now))
        });
        if let Some(misfit) = misfit {
            self.violate(|| format!("order {place} refuses what it is told: {misfit}"));
        }
    }

    /// Lists the order if its deadline has passed without an end.
    pub(super) fn sweep(&mut self, place: usize) {
        let Some(order) = &self.orders.rows[place].order else { return };
        if order.saga.end.is_some() {
            return;
        }
        let deadline = order.saga.deadline;
        let Some((_, now)) = self.process(Service::Order, Step::Sweep(place)) else { return };
        self.calendar.put(self.now + SWEEP, Step::Sweep(place));
        if now >= deadline && self.strikes(Fault::Away) {
            self.go_away(Service::Order);
        } else if now >= deadline {
            let wait = self.chance().between(0, 200);
            self.calendar.put(self.now + wait, Step::Expire(place));
            if self.strikes(Fault::Frozen) {
                let wait = self.chance().pick(&[2_000, 20_000, 120_000]);
                self.calendar.put(self.now + wait, Step::Expire(place));
            }
        }
    }

    /// Something else may have ended it meanwhile.
    pub(super) fn expire(&mut self, place: usize) {
        if self.orders.rows[place].order.is_none() {
            return;
        }
        let Some((process, now)) = self.process(Service::Order, Step::Expire(place)) else { return };
        if self.strikes(Fault::CrashBeforeCommit) {
            return self.crash(process);
        }
        self.advance_order(process, place, Heard::Sweep, |order| Ok(order.react(&Input::Sweep, now)));
    }

    /// One transaction on one order, under its lock.
    pub(super) fn advance_order(
        &mut self,
        process: Process,
        place: usize,
        heard: Heard,
        change: impl FnOnce(Order) -> Result<(Order, Vec<Event>), String>,
    ) {
        let stale = !self.walls.order_lock && self.chance().one_in(3);
        let row = &self.orders.rows[place];
        let Some(read) = row.before.as_ref().filter(|_| stale).or(row.order.as_ref()).cloned() else {
            return self.violate(|| format!("order {place} is spoken of before it was placed"));
        };
        let from = known(&read);
        self.coverage.order.hit(from, heard);
        let keep = (!self.walls.order_lock).then(|| read.clone());
        match change(read) {
            Err(refused) => self.story.tell(self.now, Who(process), || {
                format!("   order {place}: {} refuses {}: {refused}", from.name(), heard.name())
            }),
            Ok((order, said)) => {
                self.story.tell(self.now, Who(process), || {
                    format!("   order {place}: {} → {}", from.name(), known(&order).name())
                });
                self.check_end(place, &order);
                let row = &mut self.orders.rows[place];
                row.before = keep;
                row.order = Some(order);
                self.say(process, place, said);
            }
        }
    }

    /// A final end is never left, and a confirmed order can only be cancelled.
    fn check_end(&mut self, place: usize, next: &Order) {
        let now = self.now;
        let row = &mut self.orders.rows[place];
        let last = row.order.as_ref().and_then(|order| order.saga.end.as_ref());
        if last.is_none() && next.saga.end.is_some() {
            row.ended_at = Some(now);
        }
        let holds = match (last, &next.saga.end) {
            (None, _) => true,
            (Some(End::Confirmed { .. }), Some(End::Confirmed { .. } | End::Cancelled { .. })) => true,
            (Some(last), next) => next.as_ref() == Some(last),
        };
        if !holds {
            let (from, to) = (last.map(End::name), next.saga.end.as_ref().map(End::name));
            self.violate(|| format!("order {place} went from {from:?} to {to:?}"));
        }
    }
}

pub(super) fn known(order: &Order) -> Known {
    let facts = &order.saga.facts;
    match &order.saga.end {
        None if facts.payment_action_required.is_some() => Known::PlacedAwaitingCustomer,
        None if facts.payment_authorised.or(facts.payment_captured).is_some() => Known::PlacedPaid,
        None if facts.stock_reserved.is_some() => Known::PlacedReserved,
        None => Known::Placed,
        Some(End::Rejected { .. }) => Known::Rejected,
        Some(End::Expired { .. }) => Known::Expired,
        Some(End::Cancelled { .. }) if facts.stock_reserved.is_some() => Known::CancelledWithStock,
        Some(End::Cancelled { .. }) => Known::Cancelled,
        Some(End::Confirmed { .. }) if order.payment_due().is_some() => Known::CaptureDue,
        Some(End::Confirmed { .. }) => match order.fulfilment() {
            Fulfilment::None if order.cancellations.is_empty() => Known::Confirmed,
            Fulfilment::None => Known::PartlyCancelled,
            Fulfilment::AwaitingCapture => Known::AwaitingCapture,
            Fulfilment::PartlyShipped => Known::PartlyShipped,
            Fulfilment::Shipped => Known::Shipped,
            Fulfilment::PartlyDelivered | Fulfilment::Delivered => Known::Delivered,
            Fulfilment::ReturnRequested => Known::ReturnRequested,
            Fulfilment::PartlyReturned | Fulfilment::Returned => Known::Returned,
        },
    }
}

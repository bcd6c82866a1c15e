//! What must hold when nothing is left to happen: statements 1 to 10 of what always holds, as far as decisions go.

mod money;

use std::collections::BTreeMap;

use contracts::{Event, ProductId, RefundCause};
use notification::domain::Kind;
use order::domain::order::{Order, ParcelState, Pieces, ReturnState};
use order::domain::{End, OrderStatus};
use product::domain::reservation::{Promise, State};
use product::domain::stock::MovementKind;

use super::World;
use super::order::SWEEP;
use super::people::confirmed;
use crate::fault::KINDS;

/// How a schedule went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Each order's status.
    pub ends: Vec<&'static str>,
    pub events: u64,
    pub faults: [u32; KINDS],
    /// How many faults there were to draw, kept or not.
    pub drawn: u32,
}

/// Or what does not hold.
type Holds = Result<(), String>;

impl World<'_> {
    pub(super) fn check(&self) -> Result<Outcome, String> {
        self.check_stock()?;
        self.check_messages()?;
        let mut ends = Vec::new();
        for (place, order) in self.orders.orders() {
            let wrong = |what: String| format!("order {place}: {what}");
            self.check_ended(place, order).map_err(wrong)?;
            self.check_provider(place).map_err(wrong)?;
            self.check_refusal(place, order).map_err(wrong)?;
            self.check_money(place, order).map_err(wrong)?;
            self.check_reservation_of(place, order).map_err(wrong)?;
            self.check_said(place, order).map_err(wrong)?;
            self.check_receipts(place).map_err(wrong)?;
            self.check_told(order).map_err(wrong)?;
            ends.push(status_name(order));
        }
        let events = u64::try_from(self.messages.events.len()).unwrap_or(u64::MAX);
        Ok(Outcome { ends, events, faults: *self.faults.struck(), drawn: self.faults.drawn() })
    }

    /// 1: levels are the sums of movements, and what is promised is what open reservations hold.
    fn check_stock(&self) -> Holds {
        for (place, shelf) in self.warehouse.shelves.iter().enumerate() {
            let Some(level) = shelf.level else { continue };
            let (mut reserved, mut allocated) = (0, 0);
            for row in &self.warehouse.reservations {
                for (promise, held) in row.reservation.promised().into_iter() {
                    let pieces: i64 =
                        held.iter().filter(|held| held.product_id == shelf.id).map(|held| held.pieces).sum();
                    match promise {
                        Promise::Reserved => reserved += pieces,
                        Promise::Allocated => allocated += pieces,
                    }
                }
            }
            let movements = self.warehouse.reservations.iter().flat_map(|row| &row.movements);
            let moved: i64 = movements
                .filter(|movement| movement.product_id == shelf.id)
                .map(|movement| match movement.kind {
                    MovementKind::Shipped => -movement.pieces,
                    MovementKind::Returned => movement.pieces,
                    MovementKind::Received
                    | MovementKind::Adjusted
                    | MovementKind::Reserved
                    | MovementKind::Allocated
                    | MovementKind::Released => 0,
                })
                .sum();
            let on_hand = shelf.first + shelf.received + moved;
            if (level.on_hand, level.reserved, level.allocated) != (on_hand, reserved, allocated) {
                return Err(format!(
                    "product {place} stands at {level:?}; its ledger says {on_hand} on hand, reservations hold \
                     {reserved} reserved and {allocated} allocated"
                ));
            }
        }
        Ok(())
    }

    /// 7 and 8: what was committed was published, and handled by everyone who is to hear it.
    fn check_messages(&self) -> Holds {
        match self.messages.unhandled().next() {
            None => Ok(()),
            Some(said) => Err(format!(
                "{} {} of {} was not handled by everyone",
                said.source.name(),
                said.event.event_type().name(),
                said.subject
            )),
        }
    }

    /// 2: it ends by its deadline plus one sweep, not counting the time in which `order` was away.
    fn check_ended(&self, place: usize, order: &Order) -> Holds {
        let row = &self.orders.rows[place];
        let Some(ended_at) = row.ended_at.filter(|_| order.saga.end.is_some()) else {
            return Err("has no end".to_owned());
        };
        // A replica's clock may be a second behind.
        let latest = row.deadline_at + 2 * SWEEP + 1_500 + self.order_away;
        if ended_at > latest {
            return Err(format!("ended at {ended_at} ms, and had time until {latest} ms"));
        }
        Ok(())
    }

    /// 10: no reservation outlives a final end; of a confirmed order the pieces are where the order says.
    fn check_reservation_of(&self, place: usize, order: &Order) -> Holds {
        let row = &self.warehouse.reservations[place];
        if !confirmed(order) {
            return match row.reservation.state {
                State::Ended { .. } => Ok(()),
                ref open @ (State::Unheard
                | State::Awaited { .. }
                | State::Refused { .. }
                | State::Reserved { .. }
                | State::Allocated(_)) => Err(format!("has ended, and its reservation is {open:?}")),
            };
        }
        let Some((Promise::Allocated, held)) = row.reservation.promised() else {
            return Err(format!("is confirmed, and its reservation is {:?}", row.reservation.state));
        };
        let controlled = |product: ProductId| {
            self.warehouse.shelves.iter().any(|shelf| shelf.id == product && shelf.level.is_some())
        };
        let mine = |pieces: &Pieces| -> BTreeMap<ProductId, i64> {
            let pieces = pieces.iter().filter(|(product, _)| controlled(*product));
            pieces.map(|(product, count)| (product, i64::from(count))).collect()
        };
        let packed =
            order.parcels.iter().filter(|parcel| matches!(parcel.state, ParcelState::AwaitingCapture));
        let waiting = Pieces::of(packed.flat_map(|parcel| &parcel.parts));
        let left = order.left().plus(&waiting);
        let theirs: BTreeMap<ProductId, i64> =
            held.iter().map(|held| (held.product_id, held.pieces)).collect();
        if mine(&left) != theirs {
            return Err(format!("has {left:?} left, and allocated are {theirs:?}"));
        }
        let shipped = self.moved(place, MovementKind::Shipped);
        if mine(&order.shipped()) != shipped {
            return Err(format!("has shipped {:?}, and the ledger says {shipped:?}", order.shipped()));
        }
        let restocked = Pieces::of(order.returns.iter().flat_map(|found| match &found.state {
            ReturnState::Requested => &[],
            ReturnState::Received { restocked, .. } => restocked.as_slice(),
        }));
        let returned = self.moved(place, MovementKind::Returned);
        if mine(&restocked) != returned {
            return Err(format!("has got back {restocked:?}, and the ledger says {returned:?}"));
        }
        Ok(())
    }

    fn moved(&self, place: usize, kind: MovementKind) -> BTreeMap<ProductId, i64> {
        let mut moved = BTreeMap::new();
        for movement in &self.warehouse.reservations[place].movements {
            if movement.kind == kind {
                *moved.entry(movement.product_id).or_default() += movement.pieces;
            }
        }
        moved
    }

    /// 7: every change has its event, once; only an end is said again, to who asked for it.
    fn check_said(&self, place: usize, order: &Order) -> Holds {
        let mut counts = BTreeMap::<String, u32>::new();
        for said in self.messages.events.iter().filter(|said| said.subject == place) {
            if let Some(what) = said_once(&said.event) {
                *counts.entry(what).or_default() += 1;
            }
        }
        if let Some((what, times)) = counts.iter().find(|(_, times)| **times > 1) {
            return Err(format!("{what} was said {times} times"));
        }
        let asked = order.refunds.iter().filter(|refund| refund.cause != RefundCause::FinalEnd);
        let asked = asked.map(|refund| format!("refund requested {}", refund.cause));
        let gone = order.parcels.iter().filter(|parcel| match parcel.state {
            ParcelState::Shipped { .. } | ParcelState::Delivered { .. } => true,
            ParcelState::AwaitingCapture | ParcelState::Withdrawn { .. } => false,
        });
        let gone = gone.map(|parcel| format!("shipped {}", parcel.id));
        match asked.chain(gone).find(|what| !counts.contains_key(what)) {
            None => Ok(()),
            Some(what) => Err(format!("{what} was never said")),
        }
    }

    /// The customer was told of the end.
    fn check_told(&self, order: &Order) -> Holds {
        let kind = match order.saga.end {
            Some(End::Confirmed { .. }) => Kind::OrderConfirmed,
            Some(End::Rejected { .. }) => Kind::OrderRejected,
            Some(End::Expired { .. }) => Kind::OrderExpired,
            Some(End::Cancelled { .. }) => Kind::OrderCancelled,
            None => return Ok(()),
        };
        match self.mailbox.told_of_end(order.saga.order_id, kind) {
            true => Ok(()),
            false => Err(format!("the customer was never told {}", kind.name())),
        }
    }
}

/// What is said at most once of an order. An end is said again where it was missed, and a refund may fail and be made
/// again.
fn said_once(event: &Event) -> Option<String> {
    Some(match event {
        Event::OrderLinesCancelled(said) => format!("cancelled {}", said.cancellation_id),
        Event::OrderShipped(said) => format!("shipped {}", said.parcel_id),
        Event::OrderDelivered(said) => format!("delivered {}", said.parcel_id),
        Event::OrderReturnRequested(said) => format!("return requested {}", said.return_id),
        Event::OrderReturnReceived(said) => format!("return received {}", said.return_id),
        Event::OrderRefundRequested(said) => format!("refund requested {}", said.cause),
        Event::OrderCaptureRequested(said) => format!("capture requested {}", said.round),
        Event::PaymentDue(said) => format!("due {}", said.round),
        Event::StockReserved(_) | Event::StockRejected(_) => "stock answered".to_owned(),
        Event::OrderPlaced(_)
        | Event::PaymentCaptured(_)
        | Event::PaymentAuthorised(_)
        | Event::PaymentDeclined(_)
        | Event::PaymentVoided(_)
        | Event::PaymentActionRequired(_) => event.event_type().name().to_owned(),
        Event::OrderConfirmed(_)
        | Event::OrderRejected(_)
        | Event::OrderExpired(_)
        | Event::OrderCancelled(_)
        | Event::PaymentRefunded(_)
        | Event::PaymentRefundFailed(_)
        | Event::PaymentDisputed(_)
        | Event::PaymentOverdue(_)
        | Event::ReservationOverdue(_)
        | Event::UserVerificationRequested(_)
        | Event::UserResetRequested(_)
        | Event::UserPasswordChanged(_)
        | Event::UserTokenReused(_)
        | Event::UserDeleted(_)
        | Event::ProductChanged(_) => return None,
    })
}

fn status_name(order: &Order) -> &'static str {
    match (order.status(), &order.saga.end) {
        (OrderStatus::Placed, _) => "placed",
        (OrderStatus::Confirmed, _) if order.shipped().none() => "confirmed",
        (OrderStatus::Confirmed, _) => "confirmed and shipped",
        (OrderStatus::Rejected, Some(End::Rejected { refusal, .. })) => refusal.problem_type().name(),
        (OrderStatus::Rejected, _) => "rejected",
        (OrderStatus::Cancelled, _) => "cancelled",
        (OrderStatus::Expired, _) => "expired",
        (OrderStatus::Returned, _) => "returned",
    }
}

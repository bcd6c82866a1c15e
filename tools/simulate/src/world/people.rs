//! What customers and staff do: what was planned, tried when its time comes, and at the end whatever waits for them.

use contracts::event::{DisputeStatus, Part};
use contracts::{CancellationId, Event, Money, ParcelId, Quantity, ReturnId};
use order::domain::End;
use order::domain::order::{Order, ParcelState, Pieces, ReturnState};
use payment::domain::{Charge, RefundStage, Resolution};

use super::{Service, Step, Who, World};
use crate::chance::Chance;
use crate::coverage::order::Heard;
use crate::fault::Fault;
use crate::plan::{Act, PlannedAct};

/// Rounds in which staff look after what waits for them.
const ROUNDS: u32 = 12;

impl World<'_> {
    pub(super) fn act(&mut self, place: usize) {
        let PlannedAct { order, act, seed, .. } = self.plan.acts[place];
        if self.orders.done[place] {
            return;
        }
        let mut chance = Chance::new(seed);
        match act {
            Act::ChangePrice | Act::Archive | Act::ReceiveStock => {
                return self.change_catalogue(act, &mut chance);
            }
            Act::ComparePayments => return self.compare(),
            Act::Resolve => return self.resolve_something(order, &mut chance),
            Act::StaleSweep => {
                self.calendar.put(self.now, Step::Expire(order));
                return self.calendar.put(self.now, Step::Report(order));
            }
            Act::Cancel
            | Act::CancelPart
            | Act::Ship
            | Act::ShipPart
            | Act::Deliver
            | Act::RequestReturn
            | Act::ReceiveReturn
            | Act::RefundReturn
            | Act::RequestCapture => {}
        }
        if self.orders.rows[order].order.is_none() {
            return;
        }
        let step = Step::Act(place);
        let Some((process, _)) = self.process(Service::Order, step) else { return };
        // Whoever gets no answer asks again, with the same key.
        let again = self.now + 2_000;
        if self.strikes(Fault::CrashBeforeCommit) {
            self.crash(process);
            return self.calendar.put(again, step);
        }
        self.command(order, act, process, &mut chance);
        self.orders.done[place] = true;
        if !self.alive(process) {
            self.calendar.put(again, step);
        }
    }

    /// One command on an order, with what is in it chosen as the order stands.
    fn command(&mut self, place: usize, act: Act, process: super::Process, chance: &mut Chance) {
        let now = super::time(self.now + self.replicas[Service::Order as usize][process.replica].skew);
        let id = self.next_id();
        self.story.tell(self.now, Who(process), || format!("is asked: {act:?} order {place}"));
        let heard = match act {
            Act::Cancel => Heard::Cancel,
            Act::CancelPart => Heard::CancelPart,
            Act::Ship | Act::ShipPart => Heard::Ship,
            Act::Deliver => Heard::Deliver,
            Act::RequestReturn => Heard::RequestReturn,
            Act::ReceiveReturn => Heard::ReceiveReturn,
            Act::RefundReturn => Heard::RefundReturn,
            Act::RequestCapture
            | Act::Resolve
            | Act::ChangePrice
            | Act::Archive
            | Act::ReceiveStock
            | Act::ComparePayments
            | Act::StaleSweep => Heard::RequestCapture,
        };
        self.advance_order(process, place, heard, |mut order| {
            let said = ask(&mut order, act, id, now, chance)?;
            Ok((order, said))
        });
    }

    fn change_catalogue(&mut self, act: Act, chance: &mut Chance) {
        let products = self.warehouse.shelves.len();
        match act {
            // The first product is always sold, so that something can be ordered.
            Act::Archive => {
                self.change_product(1 + chance.place(products - 1), |shelf| shelf.archived = true)
            }
            Act::ChangePrice => {
                let price = super::product::pence(chance.between(100, 2_000));
                self.change_product(chance.place(products - 1), |shelf| shelf.price = price);
            }
            Act::ReceiveStock => {
                let (place, pieces) = (chance.place(products), chance.between(1, 5));
                self.receive_stock(place, pieces);
            }
            Act::Cancel
            | Act::CancelPart
            | Act::Ship
            | Act::ShipPart
            | Act::Deliver
            | Act::RequestReturn
            | Act::ReceiveReturn
            | Act::RefundReturn
            | Act::RequestCapture
            | Act::Resolve
            | Act::ComparePayments
            | Act::StaleSweep => {}
        }
    }

    /// Staff try whatever resolution comes to mind; they know what the processor shows them.
    fn resolve_something(&mut self, order: usize, chance: &mut Chance) {
        let Some((process, now)) = self.process(Service::Payment, Step::Attend) else { return };
        let payment = &self.payments.rows[order].payment;
        let causes: Vec<_> = payment.refunds.keys().copied().collect();
        let captured = matches!(payment.charge, Charge::Captured { .. });
        let disputes: Vec<_> = payment.disputes.keys().filter(|_| captured).cloned().collect();
        let mut options = Vec::from_iter(self.truth_of_charge(order));
        if payment.charge.unknown() && !options.is_empty() {
            self.resolve(process, order, options.swap_remove(0), now);
            return;
        }
        for cause in causes {
            options.push(Resolution::RetryRefund { cause });
            options.push(Resolution::SettleRefund { cause });
            options.extend(self.truth_of_refund(order, cause));
        }
        options.extend(disputes.into_iter().map(|dispute_id| Resolution::AcceptDispute { dispute_id }));
        // What cannot be is tried too.
        let open = payment.disputes.values().any(|dispute| dispute.status() == DisputeStatus::Open);
        if open && captured && chance.one_in(2) {
            options.retain(|option| matches!(option, Resolution::AcceptDispute { .. }));
        }
        let cause = contracts::RefundCause::FinalEnd;
        let dispute_id = "dp_unknown".to_owned();
        let wild = [
            Resolution::Charged,
            Resolution::RetryRefund { cause },
            Resolution::SettleRefund { cause },
            Resolution::AcceptDispute { dispute_id },
        ];
        let refused = |wild: &Resolution| payment.clone().resolve(wild.clone(), now).is_err();
        options.extend(wild.into_iter().filter(refused));
        let resolution = options.swap_remove(chance.place(options.len()));
        self.resolve(process, order, resolution, now);
    }

    /// What the processor's own pages say of the charge: only what cannot change any more.
    fn truth_of_charge(&self, order: usize) -> Option<Resolution> {
        use payment::domain::IntentStatus;
        let intent = self.payments.rows[order].payment.charge.intent()?;
        let held = &self.provider.intents[self.provider.find(intent)?];
        match held.status {
            IntentStatus::Succeeded { .. } => Some(Resolution::Charged),
            IntentStatus::Canceled => Some(Resolution::NotCharged),
            IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresPaymentMethod { .. }
            | IntentStatus::RequiresAction { .. }
            | IntentStatus::Processing
            | IntentStatus::RequiresCapture { .. } => None,
        }
    }

    /// That it did not go back can be said only when no request is under way any more.
    fn truth_of_refund(&self, order: usize, cause: contracts::RefundCause) -> Option<Resolution> {
        let intent = self.payments.rows[order].payment.charge.intent();
        let held =
            intent.and_then(|intent| self.provider.find(intent)).map(|found| &self.provider.intents[found]);
        let made = held
            .is_some_and(|held| held.refunds.iter().any(|refund| refund.cause == cause && !refund.failed));
        match self.payments.rows[order].under_way {
            _ if made => Some(Resolution::Refunded { cause }),
            0 => Some(Resolution::NotRefunded { cause }),
            1.. => None,
        }
    }

    /// When nothing else happens: the comparison, then staff, then faults that are still owed. Whether anything
    /// came of it.
    pub(super) fn attend(&mut self) -> bool {
        if !self.compared {
            self.compare();
            return true;
        }
        if self.attended < ROUNDS {
            self.attended += 1;
            let waiting: Vec<usize> =
                (0..self.orders.rows.len()).filter(|place| self.attend_to(*place)).collect();
            if !waiting.is_empty() {
                return true;
            }
        }
        self.subject = 0;
        if self.faults.drawn() < 2 && !self.messages.events.is_empty() {
            self.redeliver_something();
            return true;
        }
        false
    }

    /// Decides what waits for staff on one order; whether anything did.
    fn attend_to(&mut self, place: usize) -> bool {
        self.subject = place;
        let payment = &self.payments.rows[place].payment;
        let captured = matches!(payment.charge, Charge::Captured { .. });
        let open =
            payment.disputes.iter().find(|(_, dispute)| captured && dispute.status() == DisputeStatus::Open);
        let failed =
            payment.refunds.iter().find(|(_, refund)| matches!(refund.stage, RefundStage::Failed { .. }));
        let resolution = if let Some((dispute_id, _)) = open {
            Some(Resolution::AcceptDispute { dispute_id: dispute_id.clone() })
        } else if let Some((cause, refund)) = failed {
            let (cause, tries) = (*cause, refund.generation);
            Some(if tries < 3 {
                Resolution::RetryRefund { cause }
            } else {
                Resolution::SettleRefund { cause }
            })
        } else {
            None
        };
        if let Some(resolution) = resolution {
            let Some((process, now)) = self.process(Service::Payment, Step::Attend) else { return true };
            return self.resolve(process, place, resolution, now);
        }
        let due = matches!(payment.charge, Charge::Due { .. });
        let Some(order) = &self.orders.rows[place].order else { return false };
        let waits = due && order.payment_due().is_some() && order.capture.requested.is_some();
        if !waits {
            return false;
        }
        let round = order.capture.requested.as_ref().map_or(0, |requested| requested.round);
        let act = if round < 3 { Act::RequestCapture } else { Act::Cancel };
        let Some((process, _)) = self.process(Service::Order, Step::Attend) else { return true };
        let mut chance = Chance::new(0);
        self.command(place, act, process, &mut chance);
        true
    }
}

/// Calls the order's own command, with parts, parcel or return chosen by chance.
fn ask(
    order: &mut Order,
    act: Act,
    id: uuid::Uuid,
    now: chrono::DateTime<chrono::Utc>,
    chance: &mut Chance,
) -> Result<Vec<Event>, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    match act {
        Act::Cancel => order.cancel(CancellationId(id), None, now).map_err(|error| text(&error)),
        Act::CancelPart => {
            let parts = some_of(&order.left(), chance);
            order.cancel(CancellationId(id), Some(&parts), now).map_err(|error| text(&error))
        }
        Act::Ship => order.ship(ParcelId(id), None, now).map_err(|error| text(&error)),
        Act::ShipPart => {
            let parts = some_of(&order.left(), chance);
            order.ship(ParcelId(id), Some(&parts), now).map_err(|error| text(&error))
        }
        Act::Deliver => {
            let underway = |state: &ParcelState| matches!(state, ParcelState::Shipped { .. });
            let parcels = order.parcels.iter();
            let found = parcels.clone().find(|parcel| underway(&parcel.state)).or(parcels.last());
            let parcel = found.map_or(ParcelId(id), |parcel| parcel.id);
            order.deliver(parcel, now).map_err(|error| text(&error))
        }
        Act::RequestReturn | Act::ReceiveReturn | Act::RefundReturn => {
            ask_for_return(order, act, id, now, chance)
        }
        Act::RequestCapture
        | Act::Resolve
        | Act::ChangePrice
        | Act::Archive
        | Act::ReceiveStock
        | Act::ComparePayments
        | Act::StaleSweep => order.request_capture().map_err(|error| text(&error)),
    }
}

/// Everything about pieces that come back.
fn ask_for_return(
    order: &mut Order,
    act: Act,
    id: uuid::Uuid,
    now: chrono::DateTime<chrono::Utc>,
    chance: &mut Chance,
) -> Result<Vec<Event>, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    match act {
        Act::RequestReturn => {
            let parts = some_of(&order.delivered(), chance);
            order.request_return(ReturnId(id), &parts, now).map_err(|error| text(&error))
        }
        Act::ReceiveReturn => {
            let waiting = order.returns.iter().find(|found| found.state == ReturnState::Requested);
            let found = waiting.or(order.returns.last()).map(|found| (found.id, found.pieces()));
            let (id, pieces) = found.unwrap_or((ReturnId(id), Pieces::default()));
            let restocked = some_of(&pieces, chance);
            let left = pieces.minus(&Pieces::of(&restocked));
            let unusable = if chance.one_in(3) { Vec::new() } else { left.parts() };
            order.receive_return(id, &restocked, &unusable, now).map_err(|error| text(&error))
        }
        Act::RefundReturn => {
            let received = order.returns.iter().rev().find(|found| found.state != ReturnState::Requested);
            let id = received.or(order.returns.last()).map_or(ReturnId(id), |found| found.id);
            let amount = received.filter(|_| chance.one_in(3)).map(|found| {
                let value = order.price(&found.received());
                let part = value.amount() * i64::from(chance.below(5)) / 3;
                Money::new(part, value.currency()).unwrap_or(value)
            });
            order.refund_return(id, amount, now).map_err(|error| text(&error))
        }
        Act::Cancel
        | Act::CancelPart
        | Act::Ship
        | Act::ShipPart
        | Act::Deliver
        | Act::RequestCapture
        | Act::Resolve
        | Act::ChangePrice
        | Act::Archive
        | Act::ReceiveStock
        | Act::ComparePayments
        | Act::StaleSweep => Ok(Vec::new()),
    }
}

/// Some pieces of what there is, now and then more than there is.
fn some_of(pieces: &Pieces, chance: &mut Chance) -> Vec<Part> {
    let mut parts = Vec::new();
    for (product_id, there) in pieces.iter() {
        let most = if chance.one_in(20) { there + 1 } else { there };
        let wanted = chance.below(most + 1);
        if let Ok(quantity) = Quantity::new(wanted.into()) {
            parts.push(Part { product_id, quantity });
        }
    }
    parts
}

/// Whether the order goes on after its saga.
pub(super) fn confirmed(order: &Order) -> bool {
    matches!(order.saga.end, Some(End::Confirmed { .. }))
}

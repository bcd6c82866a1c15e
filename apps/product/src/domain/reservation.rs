//! What is held for one order: a function of the facts heard of it, whatever comes first, twice or late.

mod input;
mod parts;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::event::{OrderLine, ReservationOverdue, StockRejected, StockReserved};
use contracts::{Event, OrderId, Refusal};
use uuid::Uuid;

use super::stock::Held;

pub use input::Input;
pub use parts::{Allocation, Contradiction, PartKind, Parts, Told};

/// After an order's deadline, `order` has this long to say the end before it is reminded.
pub const GRACE: TimeDelta = TimeDelta::seconds(30);
/// Between two reminders.
pub const REMINDER: TimeDelta = TimeDelta::seconds(60);

/// What is known of one order, and what is held for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    pub order_id: OrderId,
    pub state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing was heard of the order.
    Unheard,
    /// Confirmed, and not yet seen placed: what is claimed for it is allocated at once, and what was told of its
    /// parts follows.
    Awaited { parts: Parts },
    /// Answered with a refusal; nothing is held.
    Refused { refusal: Refusal, waiting: Waiting },
    /// Answered with stock.reserved; an end is waited for.
    Reserved { held: Vec<Held>, waiting: Waiting },
    /// Confirmed; what is left waits for shipping.
    Allocated(Allocation),
    /// Nothing is held, nor ever will be: also the tombstone of an order that was not seen placed.
    Ended { end: FinalEnd },
}

/// An end of which nothing comes back. Only `order` decides it, and it decides one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinalEnd {
    Rejected,
    Expired,
    /// Also of a confirmed order, as long as nothing of it was shipped.
    Cancelled,
}

/// How long an end has been waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub deadline: DateTime<Utc>,
    /// When `order` was last reminded.
    pub reported_at: Option<DateTime<Utc>>,
}

/// What follows for the stock, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Check and reserve all lines or none; its outcome is the next input.
    Claim { lines: Vec<OrderLine>, deadline: DateTime<Utc> },
    /// Reserved becomes allocated.
    Allocate(Vec<Held>),
    /// What is promised is available again: a part for its cancellation, or all that is left.
    Release { held: Vec<Held>, from: Promise, cause: Option<Uuid> },
    /// What was allocated has left with a parcel.
    Ship { held: Vec<Held>, cause: Uuid },
    /// What was sent back is on the shelf again.
    Restock { parts: Vec<Held>, cause: Uuid },
    /// What was told cannot be so: it is refused by name, and nothing of it is kept.
    Refuse(Contradiction),
}

/// Which of the quantities holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    Reserved,
    Allocated,
}

/// The next state, and what follows.
type Step = (State, Vec<Event>, Vec<Effect>);

impl Reservation {
    /// Adds a fact and says what follows, perhaps nothing.
    pub fn react(self, input: Input, now: DateTime<Utc>) -> (Reservation, Vec<Event>, Vec<Effect>) {
        let Reservation { order_id, state } = self;
        let (state, events, effects) = match input {
            Input::Placed { lines, charge_by, deadline } if now < charge_by => placed(state, lines, deadline),
            Input::Placed { deadline, .. } => refused(state, order_id, Refusal::TooLate, deadline),
            Input::Claimed { held, deadline } => claimed(state, order_id, held, deadline),
            Input::Refused { refusal, deadline } => refused(state, order_id, refusal, deadline),
            Input::Confirmed => confirmed(state),
            Input::Ended(end) => ended(state, end),
            Input::PartCancelled { id, parts } => told(state, Told::new(PartKind::Cancelled, id, &parts)),
            Input::Shipped { id, parts } => told(state, Told::new(PartKind::Shipped, id, &parts)),
            Input::Returned { id, restocked } => told(state, Told::new(PartKind::Returned, id, &restocked)),
            Input::TimePassed => time_passed(state, order_id, now),
        };
        (Reservation { order_id, state }, events, effects)
    }

    /// What is promised to the order now, as what.
    pub fn promised(&self) -> Option<(Promise, Vec<Held>)> {
        match &self.state {
            State::Reserved { held, .. } => Some((Promise::Reserved, held.clone())),
            State::Allocated(allocation) => Some((Promise::Allocated, allocation.left())),
            State::Unheard | State::Awaited { .. } | State::Refused { .. } | State::Ended { .. } => None,
        }
    }

    /// What was told of parts of the order, as far as it still matters.
    pub fn parts(&self) -> Parts {
        match &self.state {
            State::Awaited { parts } | State::Allocated(Allocation { parts, .. }) => parts.clone(),
            State::Unheard | State::Refused { .. } | State::Reserved { .. } | State::Ended { .. } => {
                Parts::default()
            }
        }
    }
}

fn placed(state: State, lines: Vec<OrderLine>, deadline: DateTime<Utc>) -> Step {
    match state {
        State::Unheard | State::Awaited { .. } => (state, vec![], vec![Effect::Claim { lines, deadline }]),
        State::Refused { .. } | State::Reserved { .. } | State::Allocated(_) | State::Ended { .. } => {
            unchanged(state)
        }
    }
}

fn claimed(state: State, order_id: OrderId, held: Vec<Held>, deadline: DateTime<Utc>) -> Step {
    let reserved = vec![StockReserved { order_id }.into()];
    match state {
        State::Unheard => (State::Reserved { held, waiting: Waiting::since(deadline) }, reserved, vec![]),
        State::Awaited { parts } => match allocated(held, parts.iter()) {
            Ok((state, effects)) => (state, reserved, effects),
            Err(refused) => (State::Awaited { parts }, vec![], vec![Effect::Refuse(refused)]),
        },
        State::Refused { .. } | State::Ended { .. } => {
            (state, vec![], vec![Effect::Release { held, from: Promise::Reserved, cause: None }])
        }
        State::Reserved { .. } | State::Allocated(_) => unchanged(state),
    }
}

fn refused(state: State, order_id: OrderId, refusal: Refusal, deadline: DateTime<Utc>) -> Step {
    match state {
        State::Unheard | State::Awaited { .. } => {
            let event = StockRejected { order_id, refusal: refusal.clone() }.into();
            (State::Refused { refusal, waiting: Waiting::since(deadline) }, vec![event], vec![])
        }
        State::Refused { .. } | State::Reserved { .. } | State::Allocated(_) | State::Ended { .. } => {
            unchanged(state)
        }
    }
}

fn confirmed(state: State) -> Step {
    match state {
        State::Unheard => (State::Awaited { parts: Parts::default() }, vec![], vec![]),
        State::Reserved { held, .. } => {
            let allocate = Effect::Allocate(held.clone());
            (State::Allocated(Allocation::whole(held)), vec![], vec![allocate])
        }
        // `order` confirms only what was reserved, so a refusal here stays, and is reported until a person looks.
        State::Awaited { .. } | State::Refused { .. } | State::Allocated(_) | State::Ended { .. } => {
            unchanged(state)
        }
    }
}

fn ended(state: State, end: FinalEnd) -> Step {
    let ended = |held: Vec<Held>, from| {
        let release = (!held.is_empty()).then_some(Effect::Release { held, from, cause: None });
        (State::Ended { end }, vec![], release.into_iter().collect())
    };
    match state {
        State::Awaited { ref parts } | State::Allocated(Allocation { ref parts, .. }) if parts.shipped() => {
            (state, vec![], vec![Effect::Refuse(Contradiction::EndedAfterShipping(end.name()))])
        }
        State::Unheard | State::Awaited { .. } | State::Refused { .. } => {
            (State::Ended { end }, vec![], vec![])
        }
        State::Reserved { held, .. } => ended(held, Promise::Reserved),
        State::Allocated(allocation) => ended(allocation.left(), Promise::Allocated),
        State::Ended { .. } => unchanged(state),
    }
}

/// Only of a confirmed order there are parts to tell of, so they imply that it was confirmed.
fn told(state: State, told: Told) -> Step {
    match state {
        State::Unheard => (State::Awaited { parts: Parts::default().with(told) }, vec![], vec![]),
        State::Awaited { parts } => (State::Awaited { parts: parts.with(told) }, vec![], vec![]),
        State::Reserved { ref held, .. } => match allocated(held.clone(), [told]) {
            Ok((state, effects)) => (state, vec![], effects),
            Err(refused) => (state, vec![], vec![Effect::Refuse(refused)]),
        },
        State::Allocated(ref allocation) => match allocation.clone().hear(told) {
            Ok((allocation, effect)) => (State::Allocated(allocation), vec![], effect.into_iter().collect()),
            Err(refused) => (state, vec![], vec![Effect::Refuse(refused)]),
        },
        State::Refused { .. } | State::Ended { .. } => match told.kind {
            // Nothing is held any more of what was taken back.
            PartKind::Cancelled => unchanged(state),
            PartKind::Shipped | PartKind::Returned => {
                let refused = Contradiction::NothingHeld { kind: told.kind, id: told.id };
                (state, vec![], vec![Effect::Refuse(refused)])
            }
        },
    }
}

/// Allocates all that was claimed, then does what was told of its parts.
fn allocated(
    claimed: Vec<Held>,
    parts: impl IntoIterator<Item = Told>,
) -> Result<(State, Vec<Effect>), Contradiction> {
    let mut effects = vec![Effect::Allocate(claimed.clone())];
    let mut allocation = Allocation::whole(claimed);
    for told in parts {
        let (next, effect) = allocation.hear(told)?;
        allocation = next;
        effects.extend(effect);
    }
    Ok((State::Allocated(allocation), effects))
}

fn time_passed(state: State, order_id: OrderId, now: DateTime<Utc>) -> Step {
    let reminder = || vec![ReservationOverdue { order_id }.into()];
    match state {
        State::Refused { refusal, waiting } if waiting.overdue(now) => {
            (State::Refused { refusal, waiting: waiting.reported(now) }, reminder(), vec![])
        }
        State::Reserved { held, waiting } if waiting.overdue(now) => {
            (State::Reserved { held, waiting: waiting.reported(now) }, reminder(), vec![])
        }
        State::Refused { .. }
        | State::Reserved { .. }
        | State::Unheard
        | State::Awaited { .. }
        | State::Allocated(_)
        | State::Ended { .. } => unchanged(state),
    }
}

fn unchanged(state: State) -> Step {
    (state, vec![], vec![])
}

impl Waiting {
    fn since(deadline: DateTime<Utc>) -> Waiting {
        Waiting { deadline, reported_at: None }
    }

    fn overdue(self, now: DateTime<Utc>) -> bool {
        now >= self.deadline + GRACE && self.reported_at.is_none_or(|at| now >= at + REMINDER)
    }

    fn reported(self, now: DateTime<Utc>) -> Waiting {
        Waiting { reported_at: Some(now), ..self }
    }
}

impl FinalEnd {
    pub const ALL: [FinalEnd; 3] = [FinalEnd::Rejected, FinalEnd::Expired, FinalEnd::Cancelled];

    pub const fn name(self) -> &'static str {
        match self {
            FinalEnd::Rejected => "rejected",
            FinalEnd::Expired => "expired",
            FinalEnd::Cancelled => "cancelled",
        }
    }

    pub fn from_name(name: &str) -> Option<FinalEnd> {
        FinalEnd::ALL.into_iter().find(|end| end.name() == name)
    }
}

#[cfg(test)]
mod tests;

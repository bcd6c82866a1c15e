//! What is held for one order: a function of the facts heard of it, whatever comes first, twice or late.

use chrono::{DateTime, TimeDelta, Utc};
use contracts::event::{OrderLine, ReservationOverdue, StockRejected, StockReserved};
use contracts::{Event, OrderId, Refusal};

use super::stock::Held;

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
    /// Confirmed, and not yet seen placed: what is claimed for it is allocated at once.
    Awaited,
    /// Answered with a refusal; nothing is held.
    Refused { refusal: Refusal, waiting: Waiting },
    /// Answered with stock.reserved; an end is waited for.
    Reserved { held: Vec<Held>, waiting: Waiting },
    /// Confirmed; the stock waits for shipping.
    Allocated { held: Vec<Held> },
    /// Nothing is held, nor ever will be: also the tombstone of an order that was not seen placed.
    Ended { end: FinalEnd },
}

/// An end of which nothing comes back. Only `order` decides it, and it decides one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinalEnd {
    Rejected,
    Expired,
}

/// How long an end has been waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub deadline: DateTime<Utc>,
    /// When `order` was last reminded.
    pub reported_at: Option<DateTime<Utc>>,
}

/// What can happen to a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// order.placed
    Placed { lines: Vec<OrderLine>, charge_by: DateTime<Utc>, deadline: DateTime<Utc> },
    /// The claim took what the order asks for.
    Claimed { held: Vec<Held>, deadline: DateTime<Utc> },
    /// The claim took nothing.
    Refused { refusal: Refusal, deadline: DateTime<Utc> },
    /// order.confirmed
    Confirmed,
    /// order.rejected, order.expired
    Ended(FinalEnd),
    /// The clock was looked at.
    TimePassed,
}

/// What follows for the stock, in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Check and reserve all lines or none; its outcome is the next input.
    Claim { lines: Vec<OrderLine>, deadline: DateTime<Utc> },
    /// Reserved becomes allocated.
    Allocate(Vec<Held>),
    /// What is promised is available again.
    Release { held: Vec<Held>, from: Promise },
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
            Input::TimePassed => time_passed(state, order_id, now),
        };
        (Reservation { order_id, state }, events, effects)
    }
}

fn placed(state: State, lines: Vec<OrderLine>, deadline: DateTime<Utc>) -> Step {
    match state {
        State::Unheard | State::Awaited => (state, vec![], vec![Effect::Claim { lines, deadline }]),
        State::Refused { .. } | State::Reserved { .. } | State::Allocated { .. } | State::Ended { .. } => {
            unchanged(state)
        }
    }
}

fn claimed(state: State, order_id: OrderId, held: Vec<Held>, deadline: DateTime<Utc>) -> Step {
    let reserved = vec![StockReserved { order_id }.into()];
    match state {
        State::Unheard => (State::Reserved { held, waiting: Waiting::since(deadline) }, reserved, vec![]),
        State::Awaited => (State::Allocated { held: held.clone() }, reserved, vec![Effect::Allocate(held)]),
        State::Refused { .. } | State::Ended { .. } => {
            (state, vec![], vec![Effect::Release { held, from: Promise::Reserved }])
        }
        State::Reserved { .. } | State::Allocated { .. } => unchanged(state),
    }
}

fn refused(state: State, order_id: OrderId, refusal: Refusal, deadline: DateTime<Utc>) -> Step {
    match state {
        State::Unheard | State::Awaited => {
            let event = StockRejected { order_id, refusal: refusal.clone() }.into();
            (State::Refused { refusal, waiting: Waiting::since(deadline) }, vec![event], vec![])
        }
        State::Refused { .. } | State::Reserved { .. } | State::Allocated { .. } | State::Ended { .. } => {
            unchanged(state)
        }
    }
}

fn confirmed(state: State) -> Step {
    match state {
        State::Unheard => (State::Awaited, vec![], vec![]),
        State::Reserved { held, .. } => {
            (State::Allocated { held: held.clone() }, vec![], vec![Effect::Allocate(held)])
        }
        // `order` confirms only what was reserved, so a refusal here stays, and is reported until a person looks.
        State::Awaited | State::Refused { .. } | State::Allocated { .. } | State::Ended { .. } => {
            unchanged(state)
        }
    }
}

fn ended(state: State, end: FinalEnd) -> Step {
    let release = |held, from| (State::Ended { end }, vec![], vec![Effect::Release { held, from }]);
    match state {
        State::Unheard | State::Awaited | State::Refused { .. } => (State::Ended { end }, vec![], vec![]),
        State::Reserved { held, .. } => release(held, Promise::Reserved),
        State::Allocated { held } => release(held, Promise::Allocated),
        State::Ended { .. } => unchanged(state),
    }
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
        | State::Awaited
        | State::Allocated { .. }
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
    pub const fn name(self) -> &'static str {
        match self {
            FinalEnd::Rejected => "rejected",
            FinalEnd::Expired => "expired",
        }
    }

    pub fn from_name(name: &str) -> Option<FinalEnd> {
        [FinalEnd::Rejected, FinalEnd::Expired].into_iter().find(|end| end.name() == name)
    }
}

#[cfg(test)]
mod tests;

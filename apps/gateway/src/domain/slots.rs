//! A bounded table of slots, one for each operation. A slot's name is what the limiter counts by, together with the
//! operation, so a client that uses `n` slots in turn may ask for `n` times the limiter's rate.
//!
//! A slot belongs to one client at a time. Once nothing of it is under way and it was idle for [`IDLE`], its bucket is
//! full again and it can be given to another: nobody meets a bucket that someone else has emptied, whatever clients
//! send, and the limiter never sees more names than there are slots.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::client::Client;

/// How long a slot rests before another may have it; the limiter fills a bucket in one second.
const IDLE: Duration = Duration::from_millis(1_100);

/// The number of a slot.
pub type Slot = u32;

/// No slot is free for this client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("every slot is in use")]
pub struct Full;

/// The table.
#[derive(Debug)]
pub struct Slots {
    slots: Vec<State>,
    /// Slots that anonymous clients leave to those who are known.
    reserved: usize,
    /// The lowest number goes out first, so that the limiter knows few names while little is going on.
    free: BinaryHeap<Reverse<Slot>>,
    /// When slots were given back, the longest ago first.
    resting: VecDeque<(Instant, Slot)>,
    held: HashMap<Client, Held>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    holder: Option<(Client, usize)>,
    under_way: u32,
    given_back: Option<Instant>,
}

#[derive(Debug, Default)]
struct Held {
    places: Vec<Option<Slot>>,
    next: usize,
}

impl Slots {
    /// A table of `size` slots, of which anonymous clients leave `reserved` alone.
    pub fn new(size: Slot, reserved: usize) -> Slots {
        Slots {
            slots: (0..size).map(|_| State::default()).collect(),
            reserved,
            free: (0..size).map(Reverse).collect(),
            resting: VecDeque::new(),
            held: HashMap::new(),
        }
    }

    /// The client's next slot, of the `share` that it may use in turn. Give it back afterwards.
    ///
    /// # Errors
    /// [`Full`] when it holds none yet and gets none.
    pub fn take(&mut self, client: Client, share: u32, now: Instant) -> Result<Slot, Full> {
        self.release_rested(now);
        let spare = match client {
            Client::User(_) | Client::Key(_) => 0,
            Client::Address(_) => self.reserved,
        };
        if self.free.len() <= spare && !self.held.contains_key(&client) {
            return Err(Full);
        }
        let share = usize::try_from(share.max(1)).unwrap_or(1);
        let held = self.held.entry(client).or_default();
        if held.places.len() < share {
            held.places.resize(share, None);
        }
        let place = held.next % share;
        held.next = (place + 1) % share;
        let slot = match held.places[place] {
            Some(slot) => slot,
            None if self.free.len() > spare => {
                let Reverse(slot) = self.free.pop().ok_or(Full)?;
                held.places[place] = Some(slot);
                self.slots[index(slot)].holder = Some((client, place));
                slot
            }
            // It must do with those it has.
            None => held.places.iter().flatten().copied().next().ok_or(Full)?,
        };
        self.slots[index(slot)].under_way += 1;
        Ok(slot)
    }

    /// The request that took the slot has been counted by the limiter.
    pub fn give_back(&mut self, slot: Slot, now: Instant) {
        let state = &mut self.slots[index(slot)];
        state.under_way = state.under_way.saturating_sub(1);
        state.given_back = Some(now);
        self.resting.push_back((now, slot));
        self.release_rested(now);
    }

    /// Clients that hold a slot now.
    pub fn holders(&self) -> usize {
        self.held.len()
    }

    fn release_rested(&mut self, now: Instant) {
        while let Some(&(since, slot)) = self.resting.front() {
            if now.saturating_duration_since(since) < IDLE {
                return;
            }
            self.resting.pop_front();
            let state = &mut self.slots[index(slot)];
            let rested = state.under_way == 0 && state.given_back == Some(since);
            let Some((holder, place)) = state.holder.filter(|_| rested) else {
                continue;
            };
            *state = State::default();
            self.free.push(Reverse(slot));
            if let Some(held) = self.held.get_mut(&holder) {
                held.places[place] = None;
                if held.places.iter().all(Option::is_none) {
                    self.held.remove(&holder);
                }
            }
        }
    }
}

fn index(slot: Slot) -> usize {
    usize::try_from(slot).expect("invariant: a slot's number is an index into the table")
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;

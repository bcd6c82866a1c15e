//! Who is waiting to hear of which order, on this replica. One reader (`jobs::watching`) asks the database for all of
//! them and wakes those whose order has changed, whichever replica changed it.
//!
//! Every watch holds one of the sidecar's 1,024 connections to its service, which events and health probes need too,
//! so they are bounded, in all and for each caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contracts::{OrderId, UserId};
use tokio::sync::{Notify, watch};

use crate::store::timeline::Standing;

/// What a watch is for; each has bounds of its own, so that neither can take the other's room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Live events.
    Stream,
    /// An answer that is held back until the order has ended.
    Wait,
}

/// There is no room for another watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Crowded {
    #[error("{most} at a time for each caller; close one first")]
    Caller { most: usize },
    #[error("too many are open here")]
    Replica,
    #[error("this replica is ending")]
    Ending,
}

/// All watches of this replica. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Watches(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    known: Mutex<Known>,
    look: Notify,
}

#[derive(Debug, Default)]
struct Known {
    ending: bool,
    orders: HashMap<OrderId, Watched>,
    open: HashMap<Purpose, usize>,
    callers: HashMap<(UserId, Purpose), usize>,
}

#[derive(Debug)]
struct Watched {
    watchers: usize,
    standing: watch::Sender<Option<Standing>>,
}

/// One caller's watch on one order; ends when it is dropped.
#[derive(Debug)]
pub struct Watch {
    watches: Watches,
    order_id: OrderId,
    caller: UserId,
    purpose: Purpose,
    standing: watch::Receiver<Option<Standing>>,
}

impl Purpose {
    /// On one replica.
    pub const fn most(self) -> usize {
        256
    }

    /// Of one caller on one replica. A person has a few pages open; a partner's machine places many orders at once.
    pub const fn most_of_one(self) -> usize {
        match self {
            Purpose::Stream => 8,
            Purpose::Wait => 32,
        }
    }
}

impl Watches {
    /// Begins to watch an order. Look at it afterwards: what changes from here on is not missed.
    ///
    /// # Errors
    /// [`Crowded`] says who has too many.
    pub fn watch(&self, caller: UserId, order_id: OrderId, purpose: Purpose) -> Result<Watch, Crowded> {
        let mut known = self.known();
        if known.ending {
            return Err(Crowded::Ending);
        }
        if known.open.get(&purpose).is_some_and(|open| *open >= purpose.most()) {
            return Err(Crowded::Replica);
        }
        let most = purpose.most_of_one();
        let own = known.callers.entry((caller, purpose)).or_default();
        if *own >= most {
            return Err(Crowded::Caller { most });
        }
        *own += 1;
        *known.open.entry(purpose).or_default() += 1;
        let watched = known
            .orders
            .entry(order_id)
            .or_insert_with(|| Watched { watchers: 0, standing: watch::Sender::new(None) });
        watched.watchers += 1;
        let standing = watched.standing.subscribe();
        drop(known);
        self.0.look.notify_one();
        Ok(Watch { watches: self.clone(), order_id, caller, purpose, standing })
    }

    /// This replica has changed an order: whoever watches it need not wait for the next look.
    pub fn changed(&self, order_id: OrderId) {
        if self.known().orders.contains_key(&order_id) {
            self.0.look.notify_one();
        }
    }

    /// Every order that somebody watches.
    pub fn orders(&self) -> Vec<OrderId> {
        self.known().orders.keys().copied().collect()
    }

    /// Waits until a look is wanted at once.
    pub async fn wanted(&self) {
        self.0.look.notified().await;
    }

    /// Wakes those whose order stands otherwise than before.
    pub fn tell(&self, standings: impl IntoIterator<Item = (OrderId, Standing)>) {
        let known = self.known();
        for (order_id, standing) in standings {
            if let Some(watched) = known.orders.get(&order_id) {
                watched.standing.send_if_modified(|last| last.replace(standing) != Some(standing));
            }
        }
    }

    /// Ends every watch, and lets no new one begin.
    pub fn end(&self) {
        let mut known = self.known();
        known.ending = true;
        known.orders.clear();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // The tables are whole between any two statements that can panic.
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    pub fn order_id(&self) -> OrderId {
        self.order_id
    }

    /// Waits until the order stands otherwise; `false` when this replica is ending.
    pub async fn changed(&mut self) -> bool {
        self.standing.changed().await.is_ok()
    }

    /// Waits until the order has ended or waits for its customer, or this replica is ending.
    pub async fn settled(&mut self) {
        loop {
            let settled = self.standing.borrow_and_update().is_some_and(|standing| standing.settled);
            if settled || !self.changed().await {
                return;
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut known = self.watches.known();
        if let Some(open) = known.open.get_mut(&self.purpose) {
            *open = open.saturating_sub(1);
        }
        let own = (self.caller, self.purpose);
        if let Some(count) = known.callers.get_mut(&own) {
            *count -= 1;
            if *count == 0 {
                known.callers.remove(&own);
            }
        }
        if let Some(watched) = known.orders.get_mut(&self.order_id) {
            watched.watchers -= 1;
            if watched.watchers == 0 {
                known.orders.remove(&self.order_id);
            }
        }
    }
}

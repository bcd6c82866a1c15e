//! The tables of slots as requests share them: a slot is taken for a request and comes back by itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use contracts::Operation;
use contracts::operation::OPERATIONS;
use http::HeaderValue;

use crate::domain::client::Client;
use crate::domain::slots::{Full, Slot, Slots};

/// Slots of one operation. A slot is in use for little more than a second, so this is what an operation can be asked
/// in a second by clients that come once each; and at most so many buckets does the limiter keep for it.
pub const SLOTS: Slot = 4_096;
/// A quarter is for those who have logged in.
const RESERVED: usize = 1_024;

/// The slots of all clients. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Limiter(Arc<[Mutex<Slots>]>);

/// A slot while a request uses it.
#[derive(Debug)]
pub struct Lease {
    limiter: Limiter,
    operation: Operation,
    slot: Slot,
}

impl Default for Limiter {
    fn default() -> Self {
        Limiter(OPERATIONS.iter().map(|_| Mutex::new(Slots::new(SLOTS, RESERVED))).collect())
    }
}

impl Limiter {
    /// # Errors
    /// [`Full`] when no slot is left for this client.
    pub fn take(&self, client: Client, operation: Operation, share: u32) -> Result<Lease, Full> {
        let slot = self.slots(operation).take(client, share, Instant::now())?;
        Ok(Lease { limiter: self.clone(), operation, slot })
    }

    /// The tables stand in the order of the operations.
    fn slots(&self, operation: Operation) -> MutexGuard<'_, Slots> {
        // The table is whole between any two of its statements that can panic.
        self.0[operation as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// What the limiter counts by.
    pub fn name(&self) -> HeaderValue {
        HeaderValue::from_str(&format!("slot{}", self.slot))
            .expect("invariant: letters and digits are a header value")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.limiter.slots(self.operation).give_back(self.slot, Instant::now());
    }
}

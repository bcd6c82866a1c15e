//! The table of slots as requests share it: a slot is taken for a request and comes back by itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use contracts::Operation;
use http::HeaderValue;

use crate::domain::client::Client;
use crate::domain::slots::{Full, Slot, Slots};

/// At worst the limiter keeps a bucket for each slot and operation; it learns a slot's name only when all lower ones
/// are in use.
const SLOTS: Slot = 20_000;
/// A quarter is for those who have logged in.
const RESERVED: usize = 5_000;

/// The slots of all clients. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Limiter(Arc<Mutex<Slots>>);

/// A slot while a request uses it.
#[derive(Debug)]
pub struct Lease {
    limiter: Limiter,
    slot: Slot,
}

impl Default for Limiter {
    fn default() -> Self {
        Limiter(Arc::new(Mutex::new(Slots::new(SLOTS, RESERVED))))
    }
}

impl Limiter {
    /// # Errors
    /// [`Full`] when no slot is left for this client.
    pub fn take(&self, client: Client, operation: Operation, share: u32) -> Result<Lease, Full> {
        let slot = self.slots().take(client, operation, share, Instant::now())?;
        Ok(Lease { limiter: self.clone(), slot })
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        // The table is whole between any two of its statements that can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.limiter.slots().give_back(self.slot, Instant::now());
    }
}

//! How much of request bodies is kept at once. Ten thousand clients that each send a body and never its end must not
//! fill the memory.

use std::sync::Arc;

use contracts::operation::{Access, Row};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is counted at once.
const UNIT: usize = 1_024;
/// Every body may have this much without being counted; what is ordered is rarely more.
const FREE: usize = 4 * UNIT;
/// Beyond it, for all bodies together.
const ALL: usize = 64 * 1_024;
/// Of it, for those who need no token.
const STRANGERS: usize = 16 * 1_024;

/// The memory for bodies. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Memory {
    all: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

/// What one body takes, until it has been sent on.
#[derive(Debug, Default)]
pub struct Taken {
    units: usize,
    permits: Vec<OwnedSemaphorePermit>,
}

/// There is no room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many large bodies are under way")]
pub struct Scarce;

impl Default for Memory {
    fn default() -> Self {
        Memory { all: Arc::new(Semaphore::new(ALL)), strangers: Arc::new(Semaphore::new(STRANGERS)) }
    }
}

impl Memory {
    /// Makes room for a body that has grown to `size`.
    ///
    /// # Errors
    /// [`Scarce`] when there is none.
    pub fn grow(&self, row: &Row, taken: &mut Taken, size: usize) -> Result<(), Scarce> {
        let wanted = size.saturating_sub(FREE).div_ceil(UNIT);
        let more = u32::try_from(wanted.saturating_sub(taken.units)).map_err(|_| Scarce)?;
        if more == 0 {
            return Ok(());
        }
        let stranger = matches!(row.access, Access::Anonymous).then_some(&self.strangers);
        for units in [Some(&self.all), stranger].into_iter().flatten() {
            taken.permits.push(units.clone().try_acquire_many_owned(more).map_err(|_| Scarce)?);
        }
        taken.units = wanted;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use contracts::Operation;

    use super::*;

    #[test]
    fn strangers_fill_their_part_and_the_rest_is_for_who_is_known() {
        let memory = Memory::default();
        let (webhook, order) = (Operation::ReceiveProviderEvent.row(), Operation::PlaceOrder.row());
        let mut bodies = Vec::new();
        loop {
            let mut taken = Taken::default();
            if memory.grow(webhook, &mut taken, 256 * 1_024) == Err(Scarce) {
                break;
            }
            bodies.push(taken);
        }
        assert_eq!(bodies.len(), STRANGERS / (256 - 4));
        let mut small = Taken::default();
        assert_eq!(memory.grow(webhook, &mut small, FREE), Ok(()), "what is small is always taken");
        let mut large = Taken::default();
        for size in [1_000, 20_000, 256 * 1_024] {
            assert_eq!(memory.grow(order, &mut large, size), Ok(()));
        }
        assert_eq!(large.units, 252);
        drop(bodies);
        assert_eq!(memory.grow(webhook, &mut Taken::default(), 256 * 1_024), Ok(()), "room comes back");
    }
}

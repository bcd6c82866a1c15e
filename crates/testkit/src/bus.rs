//! The seeded bus: delivers everything at least once, in any order, some of it twice. The same seed tells the same
//! story.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Messages under way.
pub struct Bus<T> {
    chance: StdRng,
    waiting: Vec<T>,
}

/// One message in this many is delivered again later.
const TWICE_ONE_IN: u32 = 4;

impl<T: Clone> Bus<T> {
    pub fn new(seed: u64) -> Bus<T> {
        Bus { chance: StdRng::seed_from_u64(seed), waiting: Vec::new() }
    }

    pub fn send(&mut self, message: T) {
        self.waiting.push(message);
    }

    /// Any of the messages under way; none when all were delivered.
    pub fn pick(&mut self) -> Option<T> {
        if self.waiting.is_empty() {
            return None;
        }
        let picked = self.chance.random_range(0..self.waiting.len());
        if self.one_in(TWICE_ONE_IN) {
            Some(self.waiting[picked].clone())
        } else {
            Some(self.waiting.swap_remove(picked))
        }
    }

    /// Whether something happens that happens once in so many times.
    pub fn one_in(&mut self, times: u32) -> bool {
        self.chance.random_range(0..times) == 0
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.chance.random_range(0..bound)
    }
}

//! Seeded randomness that stays the same from release to release: a seed must draw the same faults for ever.

/// A generator (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// Another generator that has nothing to do with what this one still gives, for the purpose of that name.
    pub fn branch(seed: u64, purpose: &str) -> Dice {
        let mut dice = Dice(seed);
        for byte in purpose.bytes() {
            dice.0 ^= u64::from(byte);
            dice.draw();
        }
        dice
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.draw() % (most.saturating_sub(least) + 1)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.draw() % 100 < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }

    fn index(&mut self, length: usize) -> usize {
        let length = u64::try_from(length).expect("invariant: a length fits into 64 bits");
        usize::try_from(self.draw() % length.max(1)).expect("invariant: it is below a length")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_for_ever() {
        let mut dice = Dice::new(7);
        assert_eq!([dice.draw(), dice.draw()], [7_191_089_600_892_374_487, 309_689_372_594_955_804]);
        let draw = |purpose: &str| Dice::branch(7, purpose).draw();
        assert_eq!(draw("faults"), draw("faults"));
        assert_ne!(draw("faults"), draw("orders"));
    }

    #[test]
    fn a_shuffle_keeps_everything() {
        let mut items: Vec<u32> = (0..50).collect();
        Dice::new(1).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}

//! Seeded chance. The numbers are our own (SplitMix64), so that a seed tells the same story on every machine and
//! with every release of every library.

/// A stream of draws.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        let mut chance = Chance(seed);
        // Neighbouring seeds begin far from each other.
        chance.0 = chance.draw();
        chance
    }

    /// A stream of its own for a part of the schedule, so that leaving out another part changes nothing in this one.
    pub fn branch(seed: u64, part: u64) -> Chance {
        Chance::new(seed ^ part.wrapping_add(1).wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u32) -> u32 {
        let wide = u64::from(bound) * (self.draw() >> 32);
        u32::try_from(wide >> 32).unwrap_or_default()
    }

    /// A number from `from` to `to`, both included.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        let span = u32::try_from(to - from).unwrap_or_default().saturating_add(1);
        from + i64::from(self.below(span))
    }

    /// A place in a list of this length, which is not empty.
    pub fn place(&mut self, length: usize) -> usize {
        let bound = u32::try_from(length).unwrap_or(u32::MAX);
        usize::try_from(self.below(bound)).unwrap_or_default()
    }

    /// Whether something happens that happens once in so many times; never for zero.
    pub fn one_in(&mut self, times: u32) -> bool {
        times != 0 && self.below(times) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.place(from.len())]
    }
}

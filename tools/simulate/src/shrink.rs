//! Makes a schedule that fails smaller: leaves out orders, people's acts and faults for as long as it still fails.

use std::collections::BTreeSet;

use crate::coverage::Coverage;
use crate::fault::NUMBERS;
use crate::run;
use crate::seed::{Kept, Seed};
use crate::world::Walls;

/// At least as many orders and products, acts, and faults of one subject as any schedule has.
const SUBJECTS: u32 = 12;
const ACTS: u32 = 64;
const FAULTS: u32 = 32;

/// The smallest schedule found that still fails, with what does not hold in it; none when it does not fail.
pub fn shrink(seed: &Seed, walls: Walls) -> Option<(Seed, String)> {
    let mut coverage = Coverage::default();
    let mut fails = |seed: &Seed| run::one(seed, walls, &mut coverage).err();
    let mut what = fails(seed)?;
    let mut smallest = seed.clone();
    let faults = (0..SUBJECTS).flat_map(|subject| subject * NUMBERS..subject * NUMBERS + FAULTS);
    for (kept, all) in [
        (&mut smallest.orders, (0..SUBJECTS).collect()),
        (&mut smallest.acts, (0..ACTS).collect()),
        (&mut smallest.faults, faults.collect::<BTreeSet<u32>>()),
    ] {
        if *kept == Kept::All {
            *kept = Kept::Only(all);
        }
    }
    let sorts: [fn(&mut Seed) -> &mut Kept; 3] =
        [|seed| &mut seed.orders, |seed| &mut seed.acts, |seed| &mut seed.faults];
    // What is left out of one sort may make more of another needless.
    loop {
        let before = smallest.clone();
        for sort in sorts {
            let mut size = parts(sort(&mut smallest)).len();
            while size > 0 {
                for chunk in parts(sort(&mut smallest)).chunks(size) {
                    let mut tried = smallest.clone();
                    leave_out(sort(&mut tried), chunk);
                    if let Some(still) = fails(&tried) {
                        (smallest, what) = (tried, still);
                    }
                }
                size /= 2;
            }
        }
        if smallest == before {
            return Some((smallest, what));
        }
    }
}

fn parts(kept: &Kept) -> Vec<u32> {
    match kept {
        Kept::All => Vec::new(),
        Kept::Only(parts) => parts.iter().copied().collect(),
    }
}

fn leave_out(kept: &mut Kept, chunk: &[u32]) {
    if let Kept::Only(parts) = kept {
        parts.retain(|part| !chunk.contains(part));
    }
}

//! The decisions of `order`, `product` and `payment` together, on the seeded bus that reorders and duplicates, with
//! a provider that declines, hangs, and charges without answering. Each seed ends confirmed or fully undone.
//!
//! The functions called here are the ones that the handlers call.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod provider;
mod world;

use world::World;

const SEEDS: u64 = 10_000;

#[test]
fn every_seed_ends_confirmed_or_fully_undone() {
    let mut ends = std::collections::BTreeMap::new();
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        world.run();
        for end in world.check() {
            *ends.entry(end).or_insert(0) += 1;
        }
    }
    println!("{ends:?}");
    // A simulation in which one of these never happens proves nothing about it.
    for end in
        ["confirmed", "rejected insufficient-stock", "rejected payment-declined", "expired", "refunded"]
    {
        assert!(ends.get(end).is_some_and(|times| *times >= 20), "{end} hardly ever happened: {ends:?}");
    }
}

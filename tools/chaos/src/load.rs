//! Sends orders at a steady rate, whatever becomes of those sent before, as a shop's customers would.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::journey::{Journey, Outcome};
use crate::plan::Plan;
use crate::shop::Shop;

/// How much, for how long, and how long after its end customers wait for answers.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub seed: u64,
    /// Orders a minute.
    pub rate: u64,
    pub length: Duration,
    pub patience: Duration,
}

impl Load {
    /// Sends everything and waits until each order's story is over.
    pub async fn drive(self, shop: &Arc<Shop>, clock: Clock) -> Vec<Outcome> {
        let patience = clock.instant(self.length + self.patience);
        let mut under_way = JoinSet::new();
        for number in 1..=self.orders() {
            clock.until(self.moment(number)).await;
            let journey = Journey { shop: Arc::clone(shop), clock, patience };
            under_way.spawn(journey.run(Plan::draw(self.seed, number)));
        }
        let mut outcomes = under_way.join_all().await;
        outcomes.sort_by_key(|outcome| outcome.plan.number);
        outcomes
    }

    fn orders(self) -> u64 {
        self.length.as_secs() * self.rate / 60
    }

    fn moment(self, number: u64) -> Duration {
        Duration::from_millis(number * 60_000 / self.rate.max(1))
    }
}

//! The time of a run: milliseconds since its beginning, and what they are on the wall.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// When a run began. Copies are the same clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
    began_at: DateTime<Utc>,
}

impl Clock {
    pub fn start() -> Clock {
        Clock { began: Instant::now(), began_at: Utc::now() }
    }

    pub fn began_at(&self) -> DateTime<Utc> {
        self.began_at
    }

    /// Milliseconds since the beginning.
    pub fn now(&self) -> u64 {
        milliseconds(self.began.elapsed())
    }

    /// Where a time on the wall lies; nothing is earlier than the beginning.
    pub fn place(&self, at: DateTime<Utc>) -> u64 {
        (at - self.began_at).to_std().map(milliseconds).unwrap_or(0)
    }

    pub async fn until(&self, moment: Duration) {
        tokio::time::sleep_until(self.began + moment).await;
    }

    /// A moment of the run as the standard library tells time.
    pub fn instant(&self, moment: Duration) -> std::time::Instant {
        (self.began + moment).into_std()
    }
}

pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds with one digit, e.g. `12.3 s`.
pub fn seconds(milliseconds: u64) -> String {
    let tenths = milliseconds / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

//! The story of a schedule, one line for each step. Where nobody listens nothing is written.

use crate::calendar::Time;

#[derive(Debug, Default)]
pub struct Story {
    lines: Option<Vec<String>>,
}

impl Story {
    pub fn silent() -> Story {
        Story { lines: None }
    }

    pub fn told() -> Story {
        Story { lines: Some(Vec::new()) }
    }

    pub fn tell(&mut self, now: Time, who: impl std::fmt::Display, what: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            let (seconds, milliseconds) = (now.div_euclid(1_000), now.rem_euclid(1_000));
            lines.push(format!("{seconds:>6}.{milliseconds:03}  {who:<14} {}", what()));
        }
    }

    pub fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

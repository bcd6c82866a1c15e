//! What a person at the terminal reads.

use std::fmt::Display;
use std::io::Write;

/// One line on standard output; a closed terminal is no reason to fail.
pub fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// One line on standard error.
pub fn warn(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A duration as people say it: `950 ms`, `12.4 s`, `3 h 20 min`.
pub fn duration(elapsed: std::time::Duration) -> String {
    let milliseconds = elapsed.as_millis();
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..120_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        120_000..7_200_000 => format!("{} min", milliseconds / 60_000),
        _ => format!("{} h {} min", milliseconds / 3_600_000, milliseconds % 3_600_000 / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn durations_are_short() {
        assert_eq!(duration(Duration::from_millis(950)), "950 ms");
        assert_eq!(duration(Duration::from_millis(12_430)), "12.4 s");
        assert_eq!(duration(Duration::from_secs(600)), "10 min");
        assert_eq!(duration(Duration::from_secs(12_000)), "3 h 20 min");
    }
}

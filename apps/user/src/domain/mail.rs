//! Mails with one-time codes: what they are for, how long a code is good, and how often one may be asked for.

use chrono::{DateTime, TimeDelta, Utc};

/// What a code in a mail is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Shows that the address is its owner's.
    Verification,
    /// Lets its owner choose a new password.
    Reset,
}

/// A mail may be written so often when sending it fails; each time it gets a code of its own.
pub const MOST_CODES: i64 = 5;

impl Purpose {
    pub const fn name(self) -> &'static str {
        match self {
            Purpose::Verification => "verification",
            Purpose::Reset => "reset",
        }
    }

    pub const fn lifetime(self) -> TimeDelta {
        match self {
            Purpose::Verification => TimeDelta::hours(24),
            Purpose::Reset => TimeDelta::minutes(30),
        }
    }

    /// Between two mails to the same account lies this much. There is no count after which no more are sent: whoever
    /// asks for mails to somebody else's account could use it up.
    pub const fn pause(self) -> TimeDelta {
        match self {
            Purpose::Verification => TimeDelta::minutes(1),
            Purpose::Reset => TimeDelta::minutes(5),
        }
    }

    /// How long to wait before the next mail, if none may be sent now.
    pub fn wait(self, last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<TimeDelta> {
        last.map(|last| last + self.pause() - now).filter(|left| *left > TimeDelta::zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_keep_their_distance() {
        let start = DateTime::UNIX_EPOCH;
        for purpose in [Purpose::Verification, Purpose::Reset] {
            assert_eq!(purpose.wait(None, start), None);
            assert_eq!(purpose.wait(Some(start), start), Some(purpose.pause()));
            assert_eq!(purpose.wait(Some(start), start + purpose.pause()), None);
            assert!(purpose.pause() < purpose.lifetime());
        }
    }
}

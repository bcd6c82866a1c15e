//! Sessions: how long they last, what becomes of a refresh token that is shown, and what a device is called.

use chrono::{DateTime, TimeDelta, Utc};

/// Whoever does not come back within this time has to log in again.
pub const REFRESH_LIFETIME: TimeDelta = TimeDelta::days(30);
/// However often somebody comes back, once in this time they log in again.
pub const LIFETIME: TimeDelta = TimeDelta::days(180);
/// So much of what a client says that it is.
const LONGEST_DEVICE: usize = 120;

/// What is known of a refresh token that is shown, under its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    pub used_at: Option<DateTime<Utc>>,
    pub expires_at: DateTime<Utc>,
    pub session_ended_at: Option<DateTime<Utc>>,
    pub session_expires_at: DateTime<Utc>,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The next one follows, until then.
    Rotate {
        expires_at: DateTime<Utc>,
    },
    /// Two hold the same token, and one of them is not the owner: the session ends.
    Reused,
    Over,
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    LoggedOut,
    Reused,
    Password,
    Deleted,
}

impl Shown {
    pub fn judge(&self, now: DateTime<Utc>) -> Verdict {
        if self.session_ended_at.is_some() || self.session_expires_at <= now {
            Verdict::Over
        } else if self.used_at.is_some() {
            Verdict::Reused
        } else if self.expires_at <= now {
            Verdict::Over
        } else {
            Verdict::Rotate { expires_at: refresh_until(self.session_expires_at, now) }
        }
    }
}

/// Until when a refresh token is taken that is given out now.
pub fn refresh_until(session_expires_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    session_expires_at.min(now + REFRESH_LIFETIME)
}

/// What a session's device is called: the client's own words, shortened, without what could deceive a reader.
pub fn device(user_agent: Option<&str>) -> String {
    let plain = |character: char| character.is_ascii_graphic() || character == ' ';
    let said: String = user_agent.unwrap_or_default().chars().filter(|character| plain(*character)).collect();
    let said = said.trim();
    if said.is_empty() {
        return "unknown".to_owned();
    }
    said.chars().take(LONGEST_DEVICE).collect::<String>().trim_end().to_owned()
}

impl EndReason {
    pub const fn name(self) -> &'static str {
        match self {
            EndReason::LoggedOut => "logged_out",
            EndReason::Reused => "reused",
            EndReason::Password => "password",
            EndReason::Deleted => "deleted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn shown() -> Shown {
        Shown {
            used_at: None,
            expires_at: START + REFRESH_LIFETIME,
            session_ended_at: None,
            session_expires_at: START + LIFETIME,
        }
    }

    #[test]
    fn a_token_is_taken_once_until_it_expires() {
        let fresh = shown();
        assert_eq!(fresh.judge(START), Verdict::Rotate { expires_at: START + REFRESH_LIFETIME });
        assert_eq!(fresh.judge(START + REFRESH_LIFETIME), Verdict::Over);
        let used = Shown { used_at: Some(START), ..fresh };
        assert_eq!(used.judge(START), Verdict::Reused);
        assert_eq!(used.judge(START + REFRESH_LIFETIME), Verdict::Reused);
    }

    #[test]
    fn nothing_of_a_session_that_is_over_is_taken_or_reported_again() {
        for used_at in [None, Some(START)] {
            let ended = Shown { used_at, session_ended_at: Some(START), ..shown() };
            assert_eq!(ended.judge(START), Verdict::Over);
            let old = Shown { used_at, expires_at: START + LIFETIME, ..shown() };
            assert_eq!(old.judge(START + LIFETIME), Verdict::Over);
        }
    }

    #[test]
    fn no_token_outlives_its_session() {
        let late = START + LIFETIME - TimeDelta::days(1);
        let shown = Shown { expires_at: START + LIFETIME, ..shown() };
        assert_eq!(shown.judge(late), Verdict::Rotate { expires_at: START + LIFETIME });
    }

    #[test]
    fn a_device_is_called_what_it_says_in_short_and_in_plain_characters() {
        assert_eq!(device(None), "unknown");
        assert_eq!(device(Some(" \t\u{202e}")), "unknown");
        assert_eq!(
            device(Some("Mozilla/5.0 (X11; Linux)\r\n\u{1b}[31mFirefox")),
            "Mozilla/5.0 (X11; Linux)[31mFirefox"
        );
        assert_eq!(device(Some(&"a".repeat(500))).len(), 120);
    }
}

//! How often guessing may fail: by account and address together, so that nobody can lock out somebody else from
//! afar, by address alone, and by account from wherever it was never logged in to before.
//!
//! Guesses at one account from many addresses close it to strangers only: the addresses that its owner came from
//! stay open, whatever else is guessed at from there, and whoever chooses a new password by mail makes the present one such an address.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};

use super::Email;

/// Failures are counted from the first one on for this long.
pub const WINDOW: TimeDelta = TimeDelta::minutes(5);
const MOST_FOR_ACCOUNT: i32 = 10;
const MOST_FOR_ADDRESS: i32 = 100;
const MOST_FROM_STRANGERS: i32 = 50;
/// Mails that may be asked for: to one account from an address, and from an address to anybody.
const MOST_RESETS: i32 = 5;
const MOST_RESETS_FOR_ADDRESS: i32 = 20;

/// What the failures of one attempt are counted under.
#[derive(Clone, PartialEq, Eq)]
pub struct Subjects {
    pub account: String,
    pub address: String,
    /// The account, from wherever.
    pub everywhere: String,
}

/// The counters of one attempt as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    pub account: Option<Failures>,
    pub address: Option<Failures>,
    pub everywhere: Option<Failures>,
}

/// Whether the account was logged in to from the address before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquaintance {
    Known,
    Stranger,
}

/// A counter as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    pub count: i32,
    pub since: DateTime<Utc>,
}

impl Subjects {
    pub fn new(email: &Email, address: Option<IpAddr>) -> Subjects {
        let place = place(address);
        Subjects {
            account: format!("account {} from {place}", email.as_str()),
            address: origin(address),
            everywhere: format!("account {}", email.as_str()),
        }
    }

    /// For mails with which a new password is chosen.
    pub fn of_reset(email: &Email, address: Option<IpAddr>) -> Subjects {
        let address = place(address);
        Subjects {
            account: format!("reset {} from {address}", email.as_str()),
            address: format!("resets from {address}"),
            everywhere: format!("reset {}", email.as_str()),
        }
    }

    pub fn all(&self) -> Vec<String> {
        vec![self.account.clone(), self.address.clone(), self.everywhere.clone()]
    }
}

/// What the address of an attempt is counted, and remembered, under.
pub fn origin(address: Option<IpAddr>) -> String {
    format!("address {}", place(address))
}

/// One customer of an IPv6 network has at least a /64, so that is what counts as an address.
fn place(address: Option<IpAddr>) -> String {
    match address {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => format!("{:x?}", &address.segments()[..4]),
        },
    }
}

/// How long to wait before the next attempt, if it may not be made now.
pub fn wait(counted: Counted, from: Acquaintance, now: DateTime<Utc>) -> Option<TimeDelta> {
    let strangers = match from {
        Acquaintance::Known => None,
        Acquaintance::Stranger => left(counted.everywhere, MOST_FROM_STRANGERS, now).max(left(
            counted.address,
            MOST_FOR_ADDRESS,
            now,
        )),
    };
    left(counted.account, MOST_FOR_ACCOUNT, now).max(strangers)
}

/// The same for mails, of counters that have this request in them already; how many go to an account altogether is bounded by the distance between them.
pub fn wait_for_reset(counted: Counted, now: DateTime<Utc>) -> Option<TimeDelta> {
    left(counted.account, MOST_RESETS + 1, now).max(left(counted.address, MOST_RESETS_FOR_ADDRESS + 1, now))
}

fn left(failures: Option<Failures>, most: i32, now: DateTime<Utc>) -> Option<TimeDelta> {
    failures
        .filter(|failures| failures.count >= most)
        .map(|failures| failures.since + WINDOW - now)
        .filter(|left| *left > TimeDelta::zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_close_an_account_to_an_address_until_the_window_ends() {
        let since = DateTime::UNIX_EPOCH;
        let failed = |count| Some(Failures { count, since });
        let later = since + TimeDelta::seconds(299);
        let second = Some(TimeDelta::seconds(1));
        let waits = |account, address, now| {
            wait(Counted { account, address, everywhere: None }, Acquaintance::Stranger, now)
        };
        assert_eq!(waits(None, None, later), None);
        assert_eq!(waits(failed(9), failed(99), later), None);
        assert_eq!(waits(failed(10), failed(10), later), second);
        assert_eq!(waits(failed(1), failed(100), later), second);
        assert_eq!(waits(failed(10), failed(100), since + WINDOW), None);
    }

    #[test]
    fn guesses_from_everywhere_close_an_account_to_strangers_only() {
        let since = DateTime::UNIX_EPOCH;
        let counted = |count| Counted { everywhere: Some(Failures { count, since }), ..Counted::default() };
        assert_eq!(wait(counted(49), Acquaintance::Stranger, since), None);
        assert_eq!(wait(counted(50), Acquaintance::Stranger, since), Some(WINDOW));
        assert_eq!(wait(counted(5000), Acquaintance::Known, since), None);
        let address = Counted { address: Some(Failures { count: 100, since }), ..Counted::default() };
        assert_eq!(wait(address, Acquaintance::Stranger, since), Some(WINDOW));
        assert_eq!(wait(address, Acquaintance::Known, since), None, "neighbours guess at others");
        assert_eq!(wait_for_reset(counted(5000), since), None);
    }

    #[test]
    fn neighbours_in_a_network_are_one_address() {
        let email = Email::try_from("ada@example.org".to_owned()).ok().unwrap();
        let address = |text: &str| Subjects::new(&email, Some(text.parse().unwrap())).address;
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:2"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    }
}

//! How often a log-in may fail: by account and address together, so that nobody can lock out somebody else from
//! afar, and by address alone.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};

use super::Email;

/// Failures are counted from the first one on for this long.
pub const WINDOW: TimeDelta = TimeDelta::minutes(5);
const MOST_FOR_ACCOUNT: i32 = 10;
const MOST_FOR_ADDRESS: i32 = 100;

/// What the failures of one attempt are counted under.
#[derive(Clone, PartialEq, Eq)]
pub struct Subjects {
    pub account: String,
    pub address: String,
}

/// A counter as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    pub count: i32,
    pub since: DateTime<Utc>,
}

impl Subjects {
    /// One customer of an IPv6 network has at least a /64, so that is what counts as an address.
    pub fn new(email: &Email, address: Option<IpAddr>) -> Subjects {
        let address = match address {
            None => "unknown".to_owned(),
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
                Some(address) => address.to_string(),
                None => format!("{:x?}", &address.segments()[..4]),
            },
        };
        Subjects {
            account: format!("account {} from {address}", email.as_str()),
            address: format!("address {address}"),
        }
    }
}

/// How long to wait before the next attempt, if it may not be made now.
pub fn wait(account: Option<Failures>, address: Option<Failures>, now: DateTime<Utc>) -> Option<TimeDelta> {
    let left = |failures: Option<Failures>, most| {
        failures
            .filter(|failures| failures.count >= most)
            .map(|failures| failures.since + WINDOW - now)
            .filter(|left| *left > TimeDelta::zero())
    };
    left(account, MOST_FOR_ACCOUNT).max(left(address, MOST_FOR_ADDRESS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_close_an_account_to_an_address_until_the_window_ends() {
        let since = DateTime::UNIX_EPOCH;
        let failed = |count| Some(Failures { count, since });
        let later = since + TimeDelta::seconds(299);
        assert_eq!(wait(None, None, later), None);
        assert_eq!(wait(failed(9), failed(99), later), None);
        assert_eq!(wait(failed(10), failed(10), later), Some(TimeDelta::seconds(1)));
        assert_eq!(wait(failed(1), failed(100), later), Some(TimeDelta::seconds(1)));
        assert_eq!(wait(failed(10), failed(100), since + WINDOW), None);
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

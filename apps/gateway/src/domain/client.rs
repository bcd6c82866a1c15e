//! Who a request counts against, and how many slots each kind of client holds.

use std::net::{IpAddr, Ipv6Addr};

use contracts::UserId;
use contracts::operation::Pace;
use uuid::Uuid;
use web::Caller;

/// Whose share a request uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client {
    User(UserId),
    /// An API key, apart from whoever made it.
    Key(Uuid),
    /// An IPv4 address, or the /64 network of an IPv6 one: whoever has one address of it has all.
    Address(IpAddr),
}

/// How much a client may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Plan {
    Anonymous,
    Customer,
    /// A machine of a partner or of the shop itself.
    ApiKey,
    /// May do something that no customer may.
    Staff,
}

impl Client {
    pub fn at(address: IpAddr) -> Client {
        Client::Address(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        })
    }

    /// Credentials are counted by address even for someone logged in: an account must not buy more guesses.
    pub fn of(caller: Option<&Caller>, address: IpAddr, pace: Pace) -> (Client, Plan) {
        match (caller, pace) {
            (None, _) | (_, Pace::Credentials | Pace::Signed) => (Client::at(address), Plan::Anonymous),
            (Some(caller), Pace::Read | Pace::Write | Pace::Bulk | Pace::Stream) => match caller.key_id {
                Some(key) => (Client::Key(key), Plan::ApiKey),
                None => (Client::User(caller.user_id), Plan::of(caller)),
            },
        }
    }
}

impl Plan {
    fn of(caller: &Caller) -> Plan {
        let staff = caller.permissions().iter().any(|permission| permission.of_staff());
        if staff { Plan::Staff } else { Plan::Customer }
    }

    /// The slots of one client for one operation; each is one unit of the limiter's rate.
    pub const fn slots(self, pace: Pace) -> u32 {
        match (self, pace) {
            (Plan::Anonymous, Pace::Read) => 10,
            (Plan::Anonymous, Pace::Write | Pace::Credentials) => 2,
            (Plan::Customer, Pace::Read) => 20,
            (Plan::Customer, Pace::Write) => 4,
            (Plan::ApiKey, Pace::Read) => 60,
            (Plan::ApiKey, Pace::Write) => 20,
            (Plan::Staff, Pace::Read) => 40,
            (Plan::Staff, Pace::Write) => 10,
            (Plan::Customer | Plan::ApiKey | Plan::Staff, Pace::Credentials) => 2,
            (Plan::Anonymous | Plan::Customer | Plan::Staff, Pace::Bulk | Pace::Stream) => 1,
            (Plan::ApiKey, Pace::Bulk | Pace::Stream) => 2,
            (Plan::Anonymous | Plan::Customer | Plan::ApiKey | Plan::Staff, Pace::Signed) => 40,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Client {
        Client::at(address.parse().unwrap())
    }

    #[test]
    fn an_ipv6_network_is_one_client_and_a_mapped_ipv4_address_is_itself() {
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_eq!(at("::ffff:192.0.2.7"), at("192.0.2.7"));
        assert_ne!(at("192.0.2.7"), at("192.0.2.8"));
    }
}

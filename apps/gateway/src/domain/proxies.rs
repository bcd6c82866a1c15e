//! Where a request comes from. What it says of that itself is believed only from a proxy that we were told of, and
//! only in the one header that this proxy was said to write: any other would come from its client.

use std::net::IpAddr;
use std::str::FromStr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Longer chains of proxies are nobody's.
const MOST_HOPS: usize = 32;

/// Addresses that share their first bits, as in `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: u128,
    bits: u32,
    v4: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a network such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32")]
pub struct NotANetwork(String);

/// In which header the proxies write whom they speak for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Told {
    #[default]
    XForwardedFor,
    XRealIp,
    /// RFC 7239.
    Forwarded,
}

/// The proxies that are believed; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    pub networks: Vec<Network>,
    pub told: Told,
}

impl Network {
    pub fn holds(self, address: IpAddr) -> bool {
        let (number, v4) = number(address.to_canonical());
        v4 == self.v4 && masked(number, self.bits, v4) == self.first
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Network, NotANetwork> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address = address.parse::<IpAddr>().map_err(|_| wrong())?;
        let (number, v4) = number(address);
        let longest = if v4 { 32 } else { 128 };
        let bits = bits.unwrap_or(longest);
        if bits > longest {
            return Err(wrong());
        }
        Ok(Network { first: masked(number, bits, v4), bits, v4 })
    }
}

impl Told {
    pub fn header(self) -> HeaderName {
        match self {
            Told::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Told::XRealIp => HeaderName::from_static("x-real-ip"),
            Told::Forwarded => header::FORWARDED,
        }
    }

    pub fn from_name(name: &str) -> Option<Told> {
        let all = [Told::XForwardedFor, Told::XRealIp, Told::Forwarded];
        all.into_iter().find(|told| told.header().as_str().eq_ignore_ascii_case(name))
    }
}

impl Proxies {
    /// The client's address: the last one on the way that is no proxy of ours. Where a proxy says something that is
    /// no address, the proxy itself is the client.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        // By bytes: what a client wrote before it must not hide the address that our proxy has added to the line.
        let lines = headers.get_all(self.told.header()).iter().map(HeaderValue::as_bytes);
        let hops: Vec<&[u8]> = lines.flat_map(|line| line.split(|byte| *byte == b',')).collect();
        for hop in hops.iter().rev().take(MOST_HOPS) {
            let address = std::str::from_utf8(hop).ok().and_then(|hop| self.address(hop.trim()));
            let Some(address) = address else { return client };
            client = address.to_canonical();
            if !self.trusts(client) {
                return client;
            }
        }
        client
    }

    pub fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.holds(address))
    }

    fn address(&self, hop: &str) -> Option<IpAddr> {
        match self.told {
            Told::XForwardedFor | Told::XRealIp => node(hop),
            Told::Forwarded => hop.split(';').find_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                name.trim().eq_ignore_ascii_case("for").then(|| node(value.trim().trim_matches('"')))?
            }),
        }
    }
}

/// An address, with or without a port: `192.0.2.7`, `192.0.2.7:80`, `2001:db8::7`, `[2001:db8::7]:80`.
fn node(text: &str) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, _port) = rest.split_once(']')?;
        return address.parse().ok();
    }
    text.parse().ok().or_else(|| text.split_once(':')?.0.parse().ok())
}

fn number(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), true),
        IpAddr::V6(address) => (address.to_bits(), false),
    }
}

fn masked(number: u128, bits: u32, v4: bool) -> u128 {
    let rest = if v4 { 32 } else { 128 } - bits;
    number.checked_shr(rest).and_then(|kept| kept.checked_shl(rest)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn client(proxies: &Proxies, peer: &str, lines: &[(&'static str, &'static str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let holds = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().holds(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.1.2.3/8", "10.9.9.9"), "the rest of the bits says nothing");
        assert!(holds("10.0.0.0/8", "::ffff:10.0.0.1"), "the same address, written otherwise");
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("::/0", "2001:db8::1") && !holds("::/0", "203.0.113.9"));
        for wrong in ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0", "localhost", "10.0.0.0/-1", ""] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn nobody_else_is_believed() {
        let none = Proxies::default();
        let lies = [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-real-ip", "203.0.113.9"),
            ("forwarded", "for=203.0.113.9"),
        ];
        assert_eq!(client(&none, "192.0.2.7", &lies), "192.0.2.7");
        let one = Proxies { networks: networks(&["10.0.0.0/8"]), told: Told::XForwardedFor };
        assert_eq!(client(&one, "192.0.2.7", &lies), "192.0.2.7");
        assert_eq!(client(&one, "::ffff:192.0.2.7", &lies), "192.0.2.7");
    }

    #[test]
    fn the_last_hop_that_is_no_proxy_of_ours_is_the_client() {
        let proxies = Proxies { networks: networks(&["10.0.0.0/8", "fd00::/8"]), told: Told::XForwardedFor };
        let from = |lines| client(&proxies, "10.0.0.1", lines);
        assert_eq!(
            from(&[("x-forwarded-for", "198.51.100.1, 203.0.113.9")]),
            "203.0.113.9",
            "the first is hearsay"
        );
        assert_eq!(from(&[("x-forwarded-for", "203.0.113.9, 10.0.0.7,10.0.0.8")]), "203.0.113.9");
        assert_eq!(
            from(&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.9")]),
            "203.0.113.9"
        );
        assert_eq!(from(&[("x-forwarded-for", "203.0.113.9:5678")]), "203.0.113.9");
        assert_eq!(from(&[("x-forwarded-for", "[2001:db8::9]:80")]), "2001:db8::9");
        assert_eq!(from(&[("x-forwarded-for", "2001:db8::9, fd00::1")]), "2001:db8::9");
        assert_eq!(from(&[("x-forwarded-for", "10.0.0.9")]), "10.0.0.9", "a client among the proxies");
        assert_eq!(from(&[]), "10.0.0.1");
        assert_eq!(from(&[("x-forwarded-for", "203.0.113.9, unknown")]), "10.0.0.1");
        assert_eq!(from(&[("x-forwarded-for", "slot0")]), "10.0.0.1");
        assert_eq!(
            from(&[("x-real-ip", "203.0.113.9"), ("forwarded", "for=203.0.113.9")]),
            "10.0.0.1",
            "the proxy passes on what its client wrote there"
        );
    }

    #[test]
    fn a_client_cannot_hide_behind_bytes_that_nobody_reads() {
        let proxies = Proxies { networks: networks(&["10.0.0.0/8"]), told: Told::XForwardedFor };
        let from = |line: &[u8]| {
            let name = HeaderName::from_static("x-forwarded-for");
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_bytes(line).unwrap())]);
            proxies.client("10.0.0.1".parse().unwrap(), &headers).to_string()
        };
        assert_eq!(from(b"caf\xe9, 203.0.113.9"), "203.0.113.9");
        assert_eq!(from("café, 203.0.113.9, 10.0.0.7".as_bytes()), "203.0.113.9");
        assert_eq!(from(b"203.0.113.9, \xff"), "10.0.0.1", "what our own proxy says is no address");
    }

    #[test]
    fn a_proxy_may_write_another_header_when_it_is_configured_so() {
        let networks = networks(&["10.0.0.1"]);
        let real = Proxies { networks: networks.clone(), told: Told::from_name("X-Real-IP").unwrap() };
        let lines = [("x-real-ip", "203.0.113.9"), ("x-forwarded-for", "1.1.1.1")];
        assert_eq!(client(&real, "10.0.0.1", &lines), "203.0.113.9");
        let forwarded = Proxies { networks, told: Told::from_name("forwarded").unwrap() };
        let from = |line| client(&forwarded, "10.0.0.1", &[("forwarded", line)]);
        assert_eq!(from("for=1.1.1.1, For=\"[2001:db8::9]:4711\";proto=https"), "2001:db8::9");
        assert_eq!(from("proto=https;for=203.0.113.9;by=10.0.0.1"), "203.0.113.9");
        assert_eq!(from("for=_hidden"), "10.0.0.1");
        assert_eq!(Told::from_name("via"), None);
    }
}

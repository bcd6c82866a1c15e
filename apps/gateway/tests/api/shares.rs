//! Whatever clients send, nobody meets another's share, and the limiter learns few names.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use contracts::operation::{OPERATIONS, Pace};
use gateway::app::limiter::SLOTS;
use gateway::app::{Edge, Limiter};
use gateway::domain::client::Client;
use gateway::domain::proxies::Proxies;
use gateway::domain::route;
use http::{HeaderMap, Method};

use crate::rig::Gateway;

const CLIENTS: u32 = 100_000;

fn behind_a_proxy() -> Edge {
    let proxies = Proxies { networks: vec!["127.0.0.1".parse().unwrap()], ..Proxies::default() };
    Edge { proxies, ..Edge::default() }
}

/// A hundred thousand addresses, half of them networks of IPv6, each with a path of its own.
fn stranger(number: u32) -> (IpAddr, String) {
    let address = if number.is_multiple_of(2) {
        IpAddr::V4(Ipv4Addr::from(0x0100_0000 + number))
    } else {
        IpAddr::V6(Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(number) << 64 | u128::from(number)))
    };
    (address, format!("/v1/products/{}", uuid::Uuid::from_u128(u128::from(number) + 1)))
}

#[test]
fn a_hundred_thousand_addresses_and_paths_leave_few_names_with_the_limiter() {
    let (edge, limiter) = (behind_a_proxy(), Limiter::default());
    let mut names = HashSet::new();
    let mut refused = 0;
    for number in 0..CLIENTS {
        let (address, path) = stranger(number);
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", address.to_string().parse().unwrap());
        let seen = edge.proxies.client(Ipv4Addr::LOCALHOST.into(), &headers);
        assert_eq!(seen, address);
        let row = route::find(&Method::GET, &path, None).unwrap().row;
        let (client, plan) = Client::of(None, seen, row.pace);
        match limiter.take(client, row.operation, plan.slots(row.pace)) {
            Ok(lease) => {
                names.insert((lease.name(), row.name));
            }
            Err(_full) => refused += 1,
        }
        assert!(route::find(&Method::GET, &format!("/v1/{number}"), None).is_err());
    }
    assert!(names.len() <= usize::try_from(SLOTS).unwrap(), "{}", names.len());
    assert!(refused > 0, "anonymous clients are turned away when there are too many");
    let known = Client::Key(uuid::Uuid::from_u128(1));
    assert!(limiter.take(known, OPERATIONS[0].operation, 1).is_ok());
}

#[tokio::test]
async fn the_sidecar_sees_slots_and_names_of_operations_whatever_is_sent() {
    let gateway = Gateway::behind(behind_a_proxy()).await;
    for number in 0..300 {
        let (address, path) = stranger(number);
        let request =
            gateway.get(&format!("{path}?a={number}")).header("x-forwarded-for", address.to_string());
        assert_eq!(request.send().await.unwrap().status(), 200);
        let lost = gateway.get(&format!("/v1/{number}")).header("x-forwarded-for", "slot0");
        assert_eq!(lost.send().await.unwrap().status(), 404);
    }
    let seen = gateway.fake.seen();
    assert_eq!(seen.len(), 300);
    let mut holders = HashMap::new();
    for (number, seen) in seen.iter().enumerate() {
        let slot: u32 = seen.slot().strip_prefix("slot").unwrap().parse().unwrap();
        assert!(slot < SLOTS);
        holders.entry(slot).or_insert(number);
    }
    assert_eq!(
        seen.iter().map(|seen| seen.name.as_str()).collect::<HashSet<_>>(),
        HashSet::from(["read_product"])
    );
}

#[tokio::test]
async fn a_client_behind_a_proxy_has_a_share_of_its_own_and_one_beside_it_has_not() {
    let gateway = Gateway::behind(behind_a_proxy()).await;
    let from = async |address: &str| {
        let request = gateway.get("/v1/products").header("x-forwarded-for", address);
        assert_eq!(request.send().await.unwrap().status(), 200);
        gateway.fake.seen().last().unwrap().slot().to_owned()
    };
    let first = from("203.0.113.9").await;
    let second = from("203.0.113.10").await;
    assert_ne!(first, second);
    // A chain that a client makes up counts for what the proxy saw.
    let _again: Vec<String> =
        vec![from("198.51.100.1, 203.0.113.9").await, from("198.51.100.2, 203.0.113.9").await];
    let network = [from("2001:db8:1:2::1").await, from("2001:db8:1:2:ffff::1").await];
    let other = from("2001:db8:1:3::1").await;
    assert!(!network.contains(&other));

    let direct = Gateway::start().await;
    for address in ["203.0.113.9", "203.0.113.10"] {
        for name in ["x-forwarded-for", "x-real-ip", "forwarded"] {
            direct.post("/v1/sessions", serde_json::json!({})).header(name, address).send().await.unwrap();
        }
    }
    let slots: HashSet<String> = direct.fake.seen().iter().map(|seen| seen.slot().to_owned()).collect();
    assert_eq!(slots.len(), 2, "one client's: so many guesses has it, whatever it says of itself");
    assert!(direct.fake.seen().iter().all(|seen| seen.header("x-client-address") == Some("127.0.0.1")));

    gateway
        .post("/v1/sessions", serde_json::json!({}))
        .header("x-forwarded-for", "203.0.113.9")
        .send()
        .await
        .unwrap();
    assert_eq!(gateway.fake.seen().last().unwrap().header("x-client-address"), Some("203.0.113.9"));
}

#[test]
fn no_operation_takes_anothers_slots() {
    let limiter = Limiter::default();
    let (one, two) = (OPERATIONS[0].operation, OPERATIONS[1].operation);
    let leases: Vec<_> = (0..SLOTS)
        .filter_map(|number| limiter.take(Client::at(Ipv4Addr::from(number).into()), one, 1).ok())
        .collect();
    assert!(leases.len() < usize::try_from(SLOTS).unwrap(), "the rest is for who is known");
    let late = Client::at(Ipv4Addr::from(SLOTS).into());
    assert!(limiter.take(late, one, 1).is_err() && limiter.take(late, two, 1).is_ok());
    assert!(OPERATIONS.iter().any(|row| row.pace == Pace::Stream), "streams are limited as they are opened");
}

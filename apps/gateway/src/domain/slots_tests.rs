//! The table of slots: bounded, in turn, and never shared.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use contracts::UserId;
use uuid::Uuid;

use super::*;

fn user(number: u128) -> Client {
    Client::User(UserId(Uuid::from_u128(number)))
}

fn address(number: u32) -> Client {
    Client::at(Ipv4Addr::from(number).into())
}

fn once(slots: &mut Slots, client: Client, share: u32, now: Instant) -> Result<Slot, Full> {
    let slot = slots.take(client, share, now)?;
    slots.give_back(slot, now);
    Ok(slot)
}

#[test]
fn a_client_uses_its_share_in_turn_and_no_more() {
    let (mut slots, now) = (Slots::new(100, 0), Instant::now());
    let used: Vec<_> = (0..9).map(|_| once(&mut slots, user(1), 3, now).unwrap()).collect();
    assert_eq!(used, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
    assert_eq!(once(&mut slots, user(2), 3, now), Ok(3));
    assert_eq!(
        once(&mut slots, Client::Key(Uuid::from_u128(1)), 3, now),
        Ok(4),
        "an API key is a client of its own"
    );
}

#[test]
fn a_slot_goes_to_another_only_after_it_has_rested() {
    let (mut slots, now) = (Slots::new(1, 0), Instant::now());
    assert_eq!(once(&mut slots, user(1), 1, now), Ok(0));
    assert_eq!(once(&mut slots, user(2), 1, now + IDLE / 2), Err(Full));
    assert_eq!(once(&mut slots, user(1), 1, now + IDLE / 2), Ok(0), "it may go on with its own");
    assert_eq!(once(&mut slots, user(2), 1, now + IDLE), Err(Full), "used in between");
    assert_eq!(once(&mut slots, user(2), 1, now + IDLE * 2), Ok(0));
}

#[test]
fn a_slot_that_is_under_way_is_nobody_elses_however_long_it_takes() {
    let (mut slots, now) = (Slots::new(1, 0), Instant::now());
    let slot = slots.take(user(1), 1, now).unwrap();
    assert_eq!(once(&mut slots, user(2), 1, now + IDLE * 100), Err(Full));
    slots.give_back(slot, now + IDLE * 100);
    assert_eq!(once(&mut slots, user(2), 1, now + IDLE * 101), Ok(0));
}

#[test]
fn anonymous_clients_are_turned_away_first() {
    let (mut slots, now) = (Slots::new(10, 4), Instant::now());
    let anonymous = (0..100).filter(|number| once(&mut slots, address(*number), 1, now).is_ok()).count();
    assert_eq!(anonymous, 6);
    let known = (0..100).filter(|number| once(&mut slots, user(*number), 1, now).is_ok()).count();
    assert_eq!(known, 4);
    assert_eq!(once(&mut slots, address(0), 5, now), Ok(0), "who holds one goes on with it");
}

#[test]
fn a_hundred_thousand_clients_leave_nothing_behind() {
    let (mut slots, start) = (Slots::new(20_000, 5_000), Instant::now());
    let mut last: HashMap<Slot, (Client, Instant)> = HashMap::new();
    for number in 0..100_000 {
        let now = start + Duration::from_micros(u64::from(number) * 50);
        let client = address(number % 70_000);
        let Ok(slot) = once(&mut slots, client, 10, now) else {
            continue;
        };
        assert!(slot < 20_000);
        if let Some((other, used)) = last.insert(slot, (client, now)) {
            assert!(other == client || now - used >= IDLE, "slot {slot} was shared");
        }
    }
    assert!(slots.holders() <= 20_000);
    let end = start + Duration::from_secs(60);
    once(&mut slots, user(1), 1, end).unwrap();
    assert_eq!(slots.holders(), 1);
    assert_eq!(slots.resting.len(), 1);
    assert_eq!(slots.free.len(), 19_999);
}

#[test]
fn while_little_goes_on_the_limiter_learns_few_names() {
    let (mut slots, start) = (Slots::new(20_000, 5_000), Instant::now());
    let highest = (0..1_000u32)
        .map(|number| once(&mut slots, address(number), 10, start + IDLE * number).unwrap())
        .max();
    assert_eq!(highest, Some(0));
}

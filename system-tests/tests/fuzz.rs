//! The fuzz targets on stable: bytes that were drawn, and genuine input with bytes changed, cut, doubled and moved.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use system_tests::targets::{TARGETS, Target, genuine};

const CASES: u32 = 20_000;

/// How genuine input is spoilt.
#[derive(Debug, Clone)]
enum Spoil {
    Set(u16, u8),
    Flip(u16, u8),
    Insert(u16, Vec<u8>),
    Remove(u16, u8),
    Double(u16, u8),
    Cut(u16),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let telling = proptest::sample::select(b"\0 \t\n\"%&'+,-./:;=?@[]_{}~\x7f\xff0aAzZ9".to_vec());
    let byte = prop_oneof![any::<u8>(), telling];
    prop_oneof![
        (any::<u16>(), byte.clone()).prop_map(|(at, byte)| Spoil::Set(at, byte)),
        (any::<u16>(), 0..8u8).prop_map(|(at, bit)| Spoil::Flip(at, bit)),
        (any::<u16>(), vec(byte, 1..8)).prop_map(|(at, bytes)| Spoil::Insert(at, bytes)),
        (any::<u16>(), any::<u8>()).prop_map(|(at, length)| Spoil::Remove(at, length)),
        (any::<u16>(), any::<u8>()).prop_map(|(at, length)| Spoil::Double(at, length)),
        any::<u16>().prop_map(Spoil::Cut),
    ]
}

fn spoilt(mut data: Vec<u8>, spoils: &[Spoil]) -> Vec<u8> {
    for spoil in spoils {
        let place = |at: u16| usize::from(at) % (data.len() + 1);
        match spoil {
            Spoil::Set(at, byte) if !data.is_empty() => {
                let at = usize::from(*at) % data.len();
                data[at] = *byte;
            }
            Spoil::Flip(at, bit) if !data.is_empty() => {
                let at = usize::from(*at) % data.len();
                data[at] ^= 1 << bit;
            }
            Spoil::Set(..) | Spoil::Flip(..) => {}
            Spoil::Insert(at, bytes) => {
                let at = place(*at);
                data.splice(at..at, bytes.iter().copied());
            }
            Spoil::Remove(at, length) => {
                let at = place(*at);
                let end = (at + usize::from(*length)).min(data.len());
                data.drain(at..end);
            }
            Spoil::Double(at, length) => {
                let at = place(*at);
                let end = (at + usize::from(*length)).min(data.len());
                let again = data[at..end].to_vec();
                data.splice(at..at, again);
            }
            Spoil::Cut(at) => data.truncate(place(*at)),
        }
    }
    data
}

fn drive(name: &str, target: Target) {
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let seeds = genuine(name);
    for seed in &seeds {
        target(seed);
    }
    let made = (proptest::sample::select(seeds), vec(spoil(), 1..6))
        .prop_map(|(seed, spoils)| spoilt(seed, &spoils));
    let drawn = vec(any::<u8>(), 0..256);
    let input = prop_oneof![3 => made, 1 => drawn];
    let run = runner.run(&input, |data| {
        target(&data);
        Ok(())
    });
    if let Err(error) = run {
        panic!("{name}: {error}");
    }
}

fn target(name: &str) -> Target {
    TARGETS.iter().find(|(other, _)| *other == name).expect("a target of this name").1
}

#[test]
fn no_bytes_but_a_signed_tokens_are_a_token() {
    drive("token", target("token"));
}

#[test]
fn no_bytes_make_a_cursor_that_does_not_come_back() {
    drive("cursor", target("cursor"));
}

#[test]
fn no_path_and_query_reach_an_operation_by_another_way_than_the_table() {
    drive("route", target("route"));
}

#[test]
fn no_bytes_but_signed_ones_pass_for_the_card_processors() {
    drive("signature", target("signature"));
}

#[test]
fn every_target_is_given_to_cargo_fuzz_as_well() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("fuzz/Cargo.toml");
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in fuzz/Cargo.toml");
        let text = std::fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs")));
        assert!(text.is_ok_and(|text| text.contains(&format!("targets::{name}(data)"))), "{name}");
    }
}

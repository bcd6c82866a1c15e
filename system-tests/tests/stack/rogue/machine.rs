//! What another user of this machine sees of the instance: its files, its command lines, its ports.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use stack::{listeners, process};
use walkdir::WalkDir;

use crate::house::house;
use crate::markers::{Marker, markers};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn every_folder_of_the_instance_is_closed_to_other_users() {
    let house = house();
    let instance = &house.instance;
    for folder in [instance.data(), instance.logs(), instance.run(), instance.secrets()] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    // Behind the closed door each secret is closed once more.
    for entry in WalkDir::new(instance.secrets()).into_iter().map(Result::unwrap) {
        let closed = entry.file_type().is_dir() || mode(entry.path()) == 0o600;
        assert!(closed, "{}: {:o}", entry.path().display(), mode(entry.path()));
    }
}

#[tokio::test]
async fn no_secret_stands_on_a_command_line() {
    let house = house();
    let markers = markers(&house);
    let processes = process::of_instance(&house.instance.home);
    assert!(processes.len() > 20);
    for process in processes {
        let line = process.arguments().join(" ");
        for Marker { name, value } in &markers {
            assert!(!line.contains(value), "{name} is on the command line of {}", process.program());
        }
    }
}

#[tokio::test]
async fn nothing_but_the_gateway_listens_on_a_public_address() {
    let house = house();
    let found = listeners::of(&house.instance);
    let public: Vec<String> = found
        .iter()
        .filter(|listener| !listener.local())
        .filter(|listener| {
            listener.address.port() != house.instance.ports.gateway() || listener.part != "gateway"
        })
        .map(|listener| format!("{} (process {}) at {}", listener.part, listener.pid, listener.address))
        .collect();
    assert!(public.is_empty(), "these can be reached from other machines:\n{}", public.join("\n"));
    // It was looked at all of them.
    for claim in house.instance.ports.claims() {
        let seen = found.iter().any(|listener| listener.address.port() == claim.port);
        assert!(seen, "nothing seems to listen on {} ({})", claim.port, claim.owner);
    }
}

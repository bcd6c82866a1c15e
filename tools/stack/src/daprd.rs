//! Stands in place of daprd for the Dapr CLI, which gives all sidecars one environment: gives each its own tokens,
//! secrets and listen addresses, and keeps the real one running as its child.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use contracts::App;

use crate::part::{Identity, Part, Stop, write_whole};
use crate::process::Signal;
use crate::seat::{self, Copy, Seat};
use crate::supervisor::Wanted;
use crate::{Instance, hold, identity, links, secrets, sentry, stop, supervisor};

/// Runs the sidecar with these arguments of the CLI until this process is asked to end.
pub async fn run(instance: &Instance, arguments: Vec<String>) -> anyhow::Result<()> {
    let asks_for_version =
        arguments.iter().any(|argument| matches!(argument.as_str(), "--version" | "--build-info"));
    if asks_for_version {
        let error = std::process::Command::new(program(instance)).args(arguments).exec();
        return Err(error).context("daprd cannot be started");
    }
    let seat = seat_of(instance, &arguments)?;
    let (stopper, stopping) = stop::channel();
    stop::on_signals(stopper.clone())?;
    stop::on_orphaned(stopper);
    let make = || part(instance, seat, &arguments);
    let wanted = Wanted { make, hold: Some(hold::file(instance, seat)) };
    supervisor::keep_running(instance, &wanted, stopping).await
}

/// Writes the program that the CLI takes for daprd.
pub fn install_launcher(instance: &Instance) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let launcher = instance.home.join("runtime").join(".dapr").join("bin").join("daprd");
    let stack = instance.programs.join("stack");
    let script = format!("#!/bin/sh\n# Written by `stack up`.\nexec '{}' daprd \"$@\"\n", stack.display());
    write_whole(&launcher, script.as_bytes())?;
    std::fs::set_permissions(&launcher, std::fs::Permissions::from_mode(0o700))?;
    Ok(())
}

/// The real sidecar.
pub fn program(instance: &Instance) -> PathBuf {
    instance.tools().join("dapr").join("daprd")
}

fn part(instance: &Instance, seat: Seat, arguments: &[String]) -> anyhow::Result<Part> {
    let app = seat.app;
    let tokens = secrets::read_tokens(instance, seat)?;
    let broker = links::port_of(instance, seat, links::End::Broker);
    let places = Places {
        sentry: instance.ports.sentry(),
        service: links::port_of(instance, seat, links::End::Service),
        peers: links::peers_port(instance, seat),
        peers_address: links::behind_sidecar_address(instance),
    };
    let anchor = sentry::trust_anchor(instance);
    let anchor =
        std::fs::read_to_string(&anchor).with_context(|| format!("cannot read {}", anchor.display()))?;
    let environment: Vec<(&str, OsString)> = vec![
        ("DAPR_API_TOKEN", tokens.dapr_api_token.into()),
        ("APP_API_TOKEN", tokens.app_api_token.into()),
        ("DAPR_SENTRY_TOKEN_FILE", identity::token_file(instance, app).into()),
        ("DAPR_TRUST_ANCHORS", anchor.into()),
        ("DAPR_HOST_IP", links::sidecar_address(instance).into()),
        ("NAMESPACE", "default".into()),
        ("APP_SECRETS_FILE", secrets::store_file(instance, app).into()),
        ("KAFKA_BROKERS", format!("127.0.0.1:{broker}").into()),
        ("NAME_RESOLUTION_FILE", name_resolution_file(instance).into()),
    ];
    Ok(Part {
        name: seat.sidecar(),
        program: program(instance),
        arguments: adjust(arguments, &places).into_iter().map(Into::into).collect(),
        environment: environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        folder: instance.run(),
        log: instance.log(&seat.sidecar()),
        stop: Stop { signal: Signal::TERM, patience: Duration::from_secs(12) },
        identity: Identity::Caller,
        stale: None,
    })
}

/// Where the sidecars find each other's addresses.
pub fn name_resolution_file(instance: &Instance) -> PathBuf {
    instance.run().join("names.json")
}

/// Writes down where every sidecar of the instance will be.
///
/// # Errors
/// When the file cannot be written.
pub fn write_names(instance: &Instance) -> anyhow::Result<()> {
    write_names_of(instance, &seat::all(instance))
}

/// The same where others than the usual ones take calls.
///
/// # Errors
/// When the file cannot be written.
pub fn write_names_of(instance: &Instance, seats: &[Seat]) -> anyhow::Result<()> {
    write_whole(&name_resolution_file(instance), &names(instance, seats)?)
}

/// Puts back what somebody wrote there who has gone.
///
/// # Errors
/// When the file cannot be written.
pub fn restore_names(instance: &Instance) -> anyhow::Result<()> {
    let usual = names(instance, &seat::all(instance))?;
    if std::fs::read(name_resolution_file(instance)).is_ok_and(|present| present == usual) {
        return Ok(());
    }
    write_whole(&name_resolution_file(instance), &usual)
}

fn names(instance: &Instance, seats: &[Seat]) -> anyhow::Result<Vec<u8>> {
    let mut names: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for seat in seats {
        let address = format!("{}:{}", links::sidecar_address(instance), links::peers_port(instance, *seat));
        names.entry(seat.app.name()).or_default().push(address);
    }
    Ok(serde_json::to_vec_pretty(&names)?)
}

/// The places that count for a sidecar, whatever the CLI says.
struct Places {
    sentry: u16,
    service: u16,
    peers: u16,
    peers_address: &'static str,
}

/// The CLI's arguments with the true places, and with what a run file has no field for.
fn adjust(arguments: &[String], places: &Places) -> Vec<String> {
    let mut adjusted = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        adjusted.push(argument.clone());
        let replaced = match argument.as_str() {
            "--sentry-address" => format!("127.0.0.1:{}", places.sentry),
            "--app-port" => places.service.to_string(),
            "--dapr-internal-grpc-port" => places.peers.to_string(),
            _ => continue,
        };
        if rest.next().is_some() {
            adjusted.push(replaced);
        }
    }
    let more = [
        "--dapr-internal-grpc-listen-address",
        places.peers_address,
        "--metrics-listen-address",
        "127.0.0.1",
        "--dapr-graceful-shutdown-seconds",
        "8",
        "--log-as-json",
    ];
    adjusted.extend(more.map(String::from));
    adjusted
}

/// Copies of a service have one app-id; they differ in their ports.
fn seat_of(instance: &Instance, arguments: &[String]) -> anyhow::Result<Seat> {
    let name = value(arguments, "--app-id").context("daprd is started without --app-id")?;
    let Some(app) = App::from_name(name) else {
        bail!("there is no service of the name {name}");
    };
    let second = Seat { app, copy: Copy::Second };
    let port = instance.ports.of(second).dapr_http(app).to_string();
    let is_second = value(arguments, "--dapr-http-port").is_some_and(|own| *own == port);
    Ok(if is_second { second } else { Seat::first(app) })
}

fn value<'a>(arguments: &'a [String], flag: &str) -> Option<&'a String> {
    arguments.iter().skip_while(|argument| *argument != flag).nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(String::from).collect()
    }

    #[test]
    fn sentrys_address_is_replaced_and_nothing_listens_on_all_addresses() {
        let places = Places { sentry: 3850, service: 8120, peers: 3720, peers_address: "127.0.0.1" };
        let arguments = "--app-port 1 --dapr-internal-grpc-port 2 --sentry-address localhost:50001";
        let adjusted = adjust(&words(arguments), &places).join(" ");
        let expected = "--app-port 8120 --dapr-internal-grpc-port 3720 --sentry-address 127.0.0.1:3850 ";
        assert!(adjusted.starts_with(expected), "{adjusted}");
        assert!(!adjusted.contains("50001"));
        assert!(adjusted.contains("--dapr-internal-grpc-listen-address 127.0.0.1"));
        assert!(adjusted.contains("--metrics-listen-address 127.0.0.1"));
    }

    #[test]
    fn the_app_is_the_one_in_the_arguments() {
        let folder = tempfile::tempdir().unwrap();
        let instance = Instance::new(folder.path(), std::path::Path::new("home"), 0).unwrap();
        let seat = |text: &str| seat_of(&instance, &words(text));
        let first = Seat::first(App::Order);
        assert_eq!(seat("--mode standalone --app-id order --dapr-http-port 3504").unwrap(), first);
        let second = Seat { copy: Copy::Second, ..first };
        assert_eq!(seat("--app-id order --dapr-http-port 3514").unwrap(), second);
        assert!(seat("--app-id stranger").is_err());
        assert!(seat("--mode standalone").is_err());
    }
}

//! Stands in place of daprd for the Dapr CLI, which gives all sidecars one environment: gives each its own tokens,
//! secrets and listen addresses, and keeps the real one running as its child.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use contracts::App;

use crate::part::{Identity, Part, Stop, write_whole};
use crate::process::Signal;
use crate::{Instance, health, identity, secrets, sentry, stop, supervisor};

/// Runs the sidecar with these arguments of the CLI until this process is asked to end.
pub async fn run(instance: &Instance, arguments: Vec<String>) -> anyhow::Result<()> {
    let asks_for_version =
        arguments.iter().any(|argument| matches!(argument.as_str(), "--version" | "--build-info"));
    if asks_for_version {
        let error = std::process::Command::new(program(instance)).args(arguments).exec();
        return Err(error).context("daprd cannot be started");
    }
    let app = app_of(&arguments)?;
    let (stopper, stopping) = stop::channel();
    stop::on_signals(stopper.clone())?;
    stop::on_orphaned(stopper);
    supervisor::keep_running(instance, &part(instance, app, &arguments)?, stopping).await
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

fn part(instance: &Instance, app: App, arguments: &[String]) -> anyhow::Result<Part> {
    let tokens = secrets::read_tokens(instance, app)?;
    let anchor = sentry::trust_anchor(instance);
    let anchor =
        std::fs::read_to_string(&anchor).with_context(|| format!("cannot read {}", anchor.display()))?;
    let environment: Vec<(&str, OsString)> = vec![
        ("DAPR_API_TOKEN", tokens.dapr_api_token.into()),
        ("APP_API_TOKEN", tokens.app_api_token.into()),
        ("DAPR_SENTRY_TOKEN_FILE", identity::token_file(instance, app).into()),
        ("DAPR_TRUST_ANCHORS", anchor.into()),
        ("DAPR_HOST_IP", "127.0.0.1".into()),
        ("NAMESPACE", "default".into()),
        ("APP_SECRETS_FILE", secrets::store_file(instance, app).into()),
        ("KAFKA_BROKERS", format!("127.0.0.1:{}", instance.ports.kafka()).into()),
        ("NAME_RESOLUTION_FILE", name_resolution_file(instance).into()),
    ];
    Ok(Part {
        name: health::sidecar(app),
        program: program(instance),
        arguments: adjust(arguments, instance.ports.sentry()).into_iter().map(Into::into).collect(),
        environment: environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        folder: instance.run(),
        log: instance.log(&health::sidecar(app)),
        stop: Stop { signal: Signal::TERM, patience: Duration::from_secs(12) },
        identity: Identity::Caller,
        stale: None,
    })
}

/// Where the sidecars find each other's addresses.
pub fn name_resolution_file(instance: &Instance) -> PathBuf {
    instance.run().join("names.db")
}

/// The CLI's arguments with sentry's true address, and with what a run file has no field for.
fn adjust(arguments: &[String], sentry_port: u16) -> Vec<String> {
    let mut adjusted = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        adjusted.push(argument.clone());
        if argument == "--sentry-address" && rest.next().is_some() {
            adjusted.push(format!("127.0.0.1:{sentry_port}"));
        }
    }
    let more = [
        "--dapr-internal-grpc-listen-address",
        "127.0.0.1",
        "--metrics-listen-address",
        "127.0.0.1",
        "--dapr-graceful-shutdown-seconds",
        "8",
        "--log-as-json",
    ];
    adjusted.extend(more.map(String::from));
    adjusted
}

fn app_of(arguments: &[String]) -> anyhow::Result<App> {
    let name = arguments
        .iter()
        .skip_while(|argument| *argument != "--app-id")
        .nth(1)
        .context("daprd is started without --app-id")?;
    match App::from_name(name) {
        Some(app) => Ok(app),
        None => bail!("there is no service of the name {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(String::from).collect()
    }

    #[test]
    fn sentrys_address_is_replaced_and_nothing_listens_on_all_addresses() {
        let adjusted =
            adjust(&words("--app-id order --enable-mtls --sentry-address localhost:50001"), 3850).join(" ");
        assert!(adjusted.contains("--sentry-address 127.0.0.1:3850"));
        assert!(!adjusted.contains("50001"));
        assert!(adjusted.contains("--dapr-internal-grpc-listen-address 127.0.0.1"));
        assert!(adjusted.contains("--metrics-listen-address 127.0.0.1"));
    }

    #[test]
    fn the_app_is_the_one_in_the_arguments() {
        assert_eq!(app_of(&words("--mode standalone --app-id order --app-port 1")).unwrap(), App::Order);
        assert!(app_of(&words("--app-id stranger")).is_err());
        assert!(app_of(&words("--mode standalone")).is_err());
    }
}

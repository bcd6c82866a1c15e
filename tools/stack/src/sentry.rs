//! Dapr's certificate authority: its settings and its credentials.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::bail;
use chrono::Utc;

use crate::part::{Identity, Part, Stop, bound, open_log, write_whole};
use crate::process::{self, Signal};
use crate::secrets::issuer_folder;
use crate::{Instance, health, identity};

pub const NAME: &str = "sentry";

const CREDENTIALS: [&str; 3] = ["ca.crt", "issuer.crt", "issuer.key"];
/// sentry makes certificates for a year; they are made anew at a start well before.
const RENEWAL: Duration = Duration::from_secs(270 * 24 * 3600);

/// The root certificate that every sidecar trusts.
pub fn trust_anchor(instance: &Instance) -> PathBuf {
    issuer_folder(instance).join("ca.crt")
}

/// The supervised certificate authority.
pub fn part(instance: &Instance) -> Part {
    let ports = instance.ports;
    let numbers = [("--port", ports.sentry()), ("--healthz-port", ports.sentry_health())];
    let mut arguments: Vec<std::ffi::OsString> = [
        "--mode",
        "standalone",
        "--trust-domain",
        "localhost",
        "--listen-address",
        "127.0.0.1",
        "--healthz-listen-address",
        "127.0.0.1",
        // It would listen on all addresses, whatever it is told.
        "--enable-metrics=false",
        "--log-as-json",
    ]
    .map(Into::into)
    .to_vec();
    arguments.extend(["--config".into(), settings_file(instance).into()]);
    arguments.extend(["--issuer-credentials".into(), issuer_folder(instance).into()]);
    arguments.extend(numbers.iter().flat_map(|(flag, port)| [(*flag).into(), port.to_string().into()]));
    Part {
        name: NAME.to_owned(),
        program: instance.tools().join("dapr").join("sentry"),
        arguments,
        environment: vec![("NAMESPACE".to_owned(), "default".into())],
        folder: instance.run(),
        log: instance.log(NAME),
        stop: Stop { signal: Signal::TERM, patience: Duration::from_secs(5) },
        identity: Identity::Caller,
        stale: None,
    }
}

/// Issues the sidecars' tokens and, the first time, lets sentry make its credentials: it restarts its server
/// three times after that, and a sidecar that connects in between would hang.
pub async fn initialise(instance: &Instance) -> anyhow::Result<()> {
    identity::issue(instance, Utc::now())?;
    write_whole(&settings_file(instance), settings(&identity::keys_file(instance)).as_bytes())?;
    let folder = issuer_folder(instance);
    if complete(&folder) && !old(&folder) {
        return Ok(());
    }
    let unfinished = folder.with_extension("unfinished");
    let _ = std::fs::remove_dir_all(&unfinished);
    std::fs::create_dir_all(&unfinished)?;
    make_credentials(instance, &unfinished).await?;
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::rename(&unfinished, &folder)?;
    Ok(())
}

/// Waits until sentry says that it signs.
pub async fn wait_ready(instance: &Instance, patience: Duration) -> anyhow::Result<()> {
    let url = health_url(instance);
    let began = Instant::now();
    while !health::answers(&url).await {
        if began.elapsed() > patience {
            bail!("sentry does not answer at {url}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

pub fn health_url(instance: &Instance) -> String {
    format!("http://127.0.0.1:{}/healthz", instance.ports.sentry_health())
}

async fn make_credentials(instance: &Instance, folder: &Path) -> anyhow::Result<()> {
    let part = part(instance);
    let log = open_log(&part.log)?;
    let mut child = bound(Identity::Caller, &part.program)
        .args(&part.arguments)
        .arg("--issuer-credentials")
        .arg(folder)
        .env("NAMESPACE", "default")
        .env(process::MARK, &instance.home)
        .current_dir(&part.folder)
        .stdin(std::process::Stdio::null())
        .stderr(log.try_clone()?)
        .stdout(log)
        .spawn()?;
    let began = Instant::now();
    while !complete(folder) {
        if let Some(status) = child.try_wait()? {
            bail!("sentry ended with {status} before it had made its credentials");
        }
        if began.elapsed() > Duration::from_secs(20) {
            let _ = child.kill().await;
            bail!("sentry has not made its credentials");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The last of the three files may still be in writing.
    tokio::time::sleep(Duration::from_millis(200)).await;
    child.kill().await?;
    Ok(())
}

fn complete(folder: &Path) -> bool {
    CREDENTIALS.iter().all(|file| {
        std::fs::read_to_string(folder.join(file)).is_ok_and(|text| text.trim_end().ends_with("-----"))
    })
}

fn old(folder: &Path) -> bool {
    let made = std::fs::metadata(folder.join("ca.crt")).and_then(|metadata| metadata.modified());
    made.is_ok_and(|made| SystemTime::now().duration_since(made).is_ok_and(|age| age > RENEWAL))
}

fn settings_file(instance: &Instance) -> PathBuf {
    instance.run().join("sentry.yaml")
}

/// Without a validator sentry signs any name for anyone.
fn settings(keys: &Path) -> String {
    format!(
        "# Written by `stack up`.\n\
         apiVersion: dapr.io/v1alpha1\n\
         kind: Configuration\n\
         metadata: {{ name: sentry }}\n\
         spec:\n\
         \x20 mtls:\n\
         \x20   enabled: true\n\
         \x20   tokenValidators:\n\
         \x20   - name: jwks\n\
         \x20     options: {{ source: \"{}\", minRefreshInterval: 1m }}\n",
        keys.display()
    )
}

//! Sidecars beside an instance, with a certificate authority of their own: what Dapr is by itself, to compare with,
//! and what a stranger on this machine could start, to try the walls with.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use contracts::App;
use tokio::process::Child;

use crate::part::{Identity, Part, Stop, write_whole};
use crate::process::Signal;
use crate::{Instance, daprd, health, identity, sentry};

/// Is added to the ports of the instance beside which it stands.
const OFFSET: u16 = 5_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Dapr with nothing of ours but mutual TLS and the way in which names are found.
const CONFIGURATION: &str = "\
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: { name: bare }
spec:
  mtls: { enabled: true }
  nameResolution:
    component: file
    version: v1
    configuration:
      file: \"$NAME_RESOLUTION_FILE\"
";

/// A certificate authority that signs for its own sidecars.
pub struct Bare {
    instance: Instance,
    _authority: Child,
}

/// Whom a sidecar asks for its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// The one here, which knows its token.
    Own,
    /// The one of another instance, at this port, with the token in this file.
    Other(u16, Option<PathBuf>),
    /// None: it speaks in clear text.
    Nobody,
}

/// A sidecar to be started.
#[derive(Debug, Clone)]
pub struct Wish {
    pub app_id: String,
    /// Whose ports it takes, among those here.
    pub place: App,
    pub authority: Authority,
    /// What it trusts besides the authority here, as certificates.
    pub trusts: String,
    /// The port of its service.
    pub service: Option<u16>,
    pub environment: Vec<(&'static str, OsString)>,
    /// Further component files.
    pub components: Vec<(&'static str, String)>,
    /// Another Configuration than the one with nothing of ours.
    pub configuration: Option<PathBuf>,
}

/// A sidecar that was started; it ends when this is dropped.
pub struct Sidecar {
    pub http_port: u16,
    pub grpc_port: u16,
    log: PathBuf,
    child: Child,
}

/// What has become of a sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It takes calls.
    Serving,
    Ended,
    /// It runs, but takes no calls.
    Waiting,
}

impl Wish {
    /// A sidecar that has what Dapr gives it by default.
    pub fn new(app_id: &str, place: App) -> Wish {
        Wish {
            app_id: app_id.to_owned(),
            place,
            authority: Authority::Own,
            trusts: String::new(),
            service: None,
            environment: Vec::new(),
            components: Vec::new(),
            configuration: None,
        }
    }
}

impl Bare {
    /// Starts the authority, from nothing, beside an instance; it ends with the thread that starts it.
    pub async fn start(beside: &Instance, name: &str) -> anyhow::Result<Bare> {
        let home = beside.home.join(name);
        let _ = std::fs::remove_dir_all(&home);
        let offset = beside.ports.offset.checked_add(OFFSET).context("the port offset is too large")?;
        let instance = Instance::new(&beside.root, &home, offset)?;
        instance.close_folders()?;
        sentry::initialise(&instance).await?;
        write_whole(&configuration_file(&instance), CONFIGURATION.as_bytes())?;
        daprd::write_names(&instance)?;
        let authority = sentry::part(&instance).command(&instance)?.kill_on_drop(true).spawn()?;
        sentry::wait_ready(&instance, PATIENCE).await?;
        Ok(Bare { instance, _authority: authority })
    }

    /// The file in which the sidecars here find each other.
    pub fn names(&self) -> PathBuf {
        daprd::name_resolution_file(&self.instance)
    }

    /// The token that the authority here takes for an app's.
    pub fn token_file(&self, app: App) -> PathBuf {
        identity::token_file(&self.instance, app)
    }

    /// Starts a sidecar; it need not come up.
    pub fn sidecar(&self, wish: &Wish) -> anyhow::Result<Sidecar> {
        let part = self.part(wish)?;
        let _ = std::fs::remove_file(&part.log);
        let child =
            part.command(&self.instance)?.kill_on_drop(true).spawn().context("daprd cannot be started")?;
        let ports = self.instance.ports;
        Ok(Sidecar {
            http_port: ports.dapr_http(wish.place),
            grpc_port: ports.dapr_grpc(wish.place),
            log: part.log,
            child,
        })
    }

    fn part(&self, wish: &Wish) -> anyhow::Result<Part> {
        let name = format!("{}-{}", wish.app_id, wish.place);
        let resources = self.instance.run().join("resources").join(&name);
        std::fs::create_dir_all(&resources)?;
        for (file, text) in &wish.components {
            write_whole(&resources.join(file), text.as_bytes())?;
        }
        let anchors = crate::secrets::read_trimmed(&sentry::trust_anchor(&self.instance))?;
        let mut environment: Vec<(&str, OsString)> = vec![
            ("NAMESPACE", "default".into()),
            ("DAPR_HOST_IP", "127.0.0.1".into()),
            ("DAPR_TRUST_ANCHORS", format!("{anchors}\n{}", wish.trusts).trim().into()),
            ("NAME_RESOLUTION_FILE", self.names().into()),
        ];
        let token = match &wish.authority {
            Authority::Own => App::from_name(&wish.app_id).map(|app| self.token_file(app)),
            Authority::Other(_, token) => token.clone(),
            Authority::Nobody => None,
        };
        environment.extend(token.map(|token| ("DAPR_SENTRY_TOKEN_FILE", token.into_os_string())));
        environment.extend(wish.environment.iter().cloned());
        Ok(Part {
            log: self.instance.log(&name),
            name,
            program: daprd::program(&self.instance),
            arguments: self.arguments(wish, resources),
            environment: environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            folder: self.instance.run(),
            stop: Stop { signal: Signal::TERM, patience: Duration::from_secs(5) },
            identity: Identity::Caller,
            stale: None,
        })
    }

    fn arguments(&self, wish: &Wish, resources: PathBuf) -> Vec<OsString> {
        let ports = self.instance.ports;
        let mut words: Vec<OsString> =
            ["--mode", "standalone", "--log-as-json", "--read-buffer-size", "64Ki"]
                .map(OsString::from)
                .to_vec();
        for flag in
            ["--dapr-listen-addresses", "--dapr-internal-grpc-listen-address", "--metrics-listen-address"]
        {
            words.extend([flag.into(), "127.0.0.1".into()]);
        }
        let mut set = |flag: &str, value: OsString| words.extend([flag.into(), value]);
        set("--app-id", wish.app_id.clone().into());
        let configuration = wish.configuration.clone().unwrap_or_else(|| configuration_file(&self.instance));
        set("--config", configuration.into());
        set("--resources-path", resources.into());
        for (flag, port) in [
            ("--dapr-http-port", Some(ports.dapr_http(wish.place))),
            ("--dapr-grpc-port", Some(ports.dapr_grpc(wish.place))),
            ("--dapr-internal-grpc-port", Some(ports.dapr_internal(wish.place))),
            ("--metrics-port", Some(ports.dapr_metrics(wish.place))),
            ("--app-port", wish.service),
        ] {
            if let Some(port) = port {
                set(flag, port.to_string().into());
            }
        }
        let authority = match wish.authority {
            Authority::Own => Some(ports.sentry()),
            Authority::Other(port, _) => Some(port),
            Authority::Nobody => None,
        };
        if let Some(port) = authority {
            set("--sentry-address", format!("127.0.0.1:{port}").into());
            words.push("--enable-mtls".into());
        }
        words
    }
}

impl Sidecar {
    /// Looks until it takes calls or has ended, for as long as `patience`.
    pub async fn state(&mut self, patience: Duration) -> anyhow::Result<State> {
        let url = format!("http://127.0.0.1:{}/v1.0/healthz/outbound", self.http_port);
        let began = Instant::now();
        loop {
            if self.child.try_wait()?.is_some() {
                return Ok(State::Ended);
            }
            if health::answers(&url).await {
                return Ok(State::Serving);
            }
            if began.elapsed() > patience {
                return Ok(State::Waiting);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until it takes calls.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        match self.state(PATIENCE).await? {
            State::Serving => Ok(()),
            State::Ended | State::Waiting => {
                bail!("the sidecar does not come up; see {}", self.log.display())
            }
        }
    }

    /// What it has said so far.
    pub fn said(&self) -> anyhow::Result<String> {
        std::fs::read_to_string(&self.log).with_context(|| format!("cannot read {}", self.log.display()))
    }
}

fn configuration_file(instance: &Instance) -> PathBuf {
    instance.run().join("bare.yaml")
}

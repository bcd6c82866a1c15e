//! Runs one service under the Dapr CLI: gives it the tokens that belong to it and keeps it running.

use std::time::Duration;

use anyhow::Context;
use contracts::App;

use crate::part::{Identity, Part, Stop};
use crate::process::Signal;
use crate::secrets::{self, PROVIDER_KEY, Vault};
use crate::{Instance, stop, supervisor};

pub const CARD_SANDBOX: &str = "card-sandbox";

/// Runs the service until this process is asked to end.
pub async fn run(instance: &Instance, name: &str) -> anyhow::Result<()> {
    let app = App::from_name(name).with_context(|| format!("there is no service of the name {name}"))?;
    let (stopper, stopping) = stop::channel();
    stop::on_signals(stopper.clone())?;
    stop::on_orphaned(stopper);
    supervisor::keep_running(instance, &part(instance, app)?, stopping).await
}

fn part(instance: &Instance, app: App) -> anyhow::Result<Part> {
    let tokens = secrets::read_tokens(instance, app)?;
    Ok(Part {
        name: app.name().to_owned(),
        program: instance.programs.join(app.name()),
        arguments: Vec::new(),
        environment: vec![
            ("DAPR_API_TOKEN".to_owned(), tokens.dapr_api_token.into()),
            ("APP_API_TOKEN".to_owned(), tokens.app_api_token.into()),
        ],
        folder: instance.run(),
        log: instance.log(app.name()),
        stop: Stop { signal: Signal::TERM, patience: Duration::from_secs(15) },
        identity: Identity::Caller,
        stale: None,
    })
}

/// The stand-in for a card processor; it has no sidecar, for it plays an outside party.
pub fn card_sandbox(instance: &Instance) -> anyhow::Result<Part> {
    let folder = instance.data().join(CARD_SANDBOX);
    std::fs::create_dir_all(&folder)?;
    let key = Vault::open(instance)?.existing(PROVIDER_KEY)?;
    Ok(Part {
        name: CARD_SANDBOX.to_owned(),
        program: instance.programs.join(CARD_SANDBOX),
        arguments: Vec::new(),
        environment: vec![
            ("SANDBOX_LISTEN".to_owned(), format!("127.0.0.1:{}", instance.ports.card_sandbox()).into()),
            ("SANDBOX_LOG".to_owned(), folder.join("charges.jsonl").into()),
            ("SANDBOX_API_KEY".to_owned(), key.into()),
        ],
        folder,
        log: instance.log(CARD_SANDBOX),
        stop: Stop { signal: Signal::TERM, patience: Duration::from_secs(5) },
        identity: Identity::Caller,
        stale: None,
    })
}

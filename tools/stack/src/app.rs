//! Runs one service under the Dapr CLI: gives it the tokens that belong to it and keeps it running.

use std::time::Duration;

use anyhow::Context;
use contracts::{App, Operation};

use crate::part::{Identity, Part, Stop};
use crate::process::Signal;
use crate::seat::Seat;
use crate::supervisor::Wanted;
use crate::{Instance, hold, links, secrets, stop, supervisor};

pub const CARD_SANDBOX: &str = "card-sandbox";

/// Runs the service until this process is asked to end.
pub async fn run(instance: &Instance, name: &str) -> anyhow::Result<()> {
    let seat = Seat::from_name(name).with_context(|| format!("there is no service of the name {name}"))?;
    let (stopper, stopping) = stop::channel();
    stop::on_signals(stopper.clone())?;
    stop::on_orphaned(stopper);
    let wanted = Wanted { make: || part(instance, seat), hold: Some(hold::file(instance, seat)) };
    supervisor::keep_running(instance, &wanted, stopping).await
}

fn part(instance: &Instance, seat: Seat) -> anyhow::Result<Part> {
    let app = seat.app;
    let tokens = secrets::read_tokens(instance, seat)?;
    let mut environment = vec![
        ("DAPR_API_TOKEN".to_owned(), tokens.dapr_api_token.into()),
        ("APP_API_TOKEN".to_owned(), tokens.app_api_token.into()),
    ];
    // What the CLI says of the sidecar's ports is true only where no proxy lies between; of its own, always.
    environment.push(("APP_PORT".to_owned(), instance.ports.of(seat).app(app).to_string().into()));
    let ports = [("DAPR_HTTP_PORT", links::End::Http), ("DAPR_GRPC_PORT", links::End::Grpc)];
    for (name, end) in ports {
        environment.push((name.to_owned(), links::port_of(instance, seat, end).to_string().into()));
    }
    if app == App::Gateway {
        // In the folder where it works, since a socket's path must be short.
        environment.push(("GATEWAY_HANDOVER".to_owned(), "gateway.socket".into()));
    }
    if app == App::Payment {
        environment.push(("PROVIDER_URL".to_owned(), links::provider_url(instance).into()));
    }
    Ok(Part {
        name: seat.name(),
        program: instance.programs.join(app.name()),
        arguments: Vec::new(),
        environment,
        folder: instance.run(),
        log: instance.log(&seat.name()),
        stop: Stop { signal: Signal::TERM, patience: Duration::from_secs(15) },
        identity: Identity::Caller,
        stale: None,
    })
}

/// The stand-in for a card processor; it has no sidecar, for it plays an outside party.
pub fn card_sandbox(instance: &Instance) -> anyhow::Result<Part> {
    let folder = instance.data().join(CARD_SANDBOX);
    std::fs::create_dir_all(&folder)?;
    let webhooks = Operation::ReceiveProviderEvent.row().path;
    let webhooks = webhooks.context("the card processor's events have no public path")?;
    Ok(Part {
        name: CARD_SANDBOX.to_owned(),
        program: instance.programs.join(CARD_SANDBOX),
        arguments: Vec::new(),
        environment: vec![
            ("SANDBOX_LISTEN".to_owned(), format!("127.0.0.1:{}", instance.ports.card_sandbox()).into()),
            ("SANDBOX_LOG".to_owned(), folder.join("charges.jsonl").into()),
            ("SANDBOX_SECRETS".to_owned(), secrets::sandbox_file(instance).into()),
            (
                "SANDBOX_WEBHOOK_URL".to_owned(),
                format!("http://127.0.0.1:{}{webhooks}", links::webhooks_port(instance)).into(),
            ),
        ],
        folder,
        log: instance.log(CARD_SANDBOX),
        stop: Stop { signal: Signal::TERM, patience: Duration::from_secs(5) },
        identity: Identity::Caller,
        stale: None,
    })
}

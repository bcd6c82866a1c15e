//! Whether the parts answer, as seen from outside.

use std::time::Duration;

use contracts::App;
use tokio::net::TcpStream;

use crate::seat::{self, Seat};
use crate::trial::Links;
use crate::{Instance, links, sentry};

const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a GET is answered with 2xx.
pub async fn answers(url: &str) -> bool {
    let Ok(client) = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build() else {
        return false;
    };
    client.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
}

/// Whether something takes connections there.
pub async fn listens(port: u16) -> bool {
    let attempt = tokio::time::timeout(PATIENCE, TcpStream::connect(("127.0.0.1", port))).await;
    matches!(attempt, Ok(Ok(_)))
}

/// Whether a part does its work: by its own word where it gives one, else by its port.
pub async fn healthy(instance: &Instance, part: &str) -> bool {
    let ports = instance.ports;
    match part {
        "postgres" => listens(ports.postgres()).await,
        "kafka" => listens(ports.kafka()).await,
        "sentry" => answers(&sentry::health_url(instance)).await,
        "card-sandbox" => listens(ports.card_sandbox()).await,
        "dapr" => true,
        links::NAME => listens(ports.toxiproxy()).await,
        other => {
            if let Some(seat) = Seat::from_sidecar(other) {
                let port = ports.of(seat).dapr_http(seat.app);
                answers(&format!("http://127.0.0.1:{port}/v1.0/healthz")).await
            } else if let Some(seat) = Seat::from_name(other) {
                let port = ports.of(seat).app(seat.app);
                answers(&format!("http://127.0.0.1:{port}/readyz")).await
            } else {
                false
            }
        }
    }
}

/// Every part in the order in which they start.
pub fn parts(instance: &Instance) -> Vec<String> {
    let mut parts: Vec<String> = ["postgres", "kafka", "sentry", "card-sandbox"].map(String::from).to_vec();
    if instance.trial.links == Links::Proxied {
        parts.push(links::NAME.to_owned());
    }
    parts.push("dapr".to_owned());
    for seat in seat::all(instance) {
        parts.push(seat.name());
        parts.push(seat.sidecar());
    }
    parts
}

/// The name of an app's sidecar among the parts.
pub fn sidecar(app: App) -> String {
    Seat::first(app).sidecar()
}

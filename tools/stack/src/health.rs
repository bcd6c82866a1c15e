//! Whether the parts answer, as seen from outside.

use std::time::Duration;

use contracts::App;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::net::TcpStream;

use crate::seat::{self, Seat};
use crate::trial::Links;
use crate::{Instance, links, secrets, sentry};

const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a GET is answered with 2xx.
pub async fn answers(url: &str) -> bool {
    answers_with(url, HeaderMap::new()).await
}

async fn answers_with(url: &str, headers: HeaderMap) -> bool {
    let Ok(client) = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build() else {
        return false;
    };
    client.get(url).headers(headers).send().await.is_ok_and(|answer| answer.status().is_success())
}

/// Whether a sidecar passes calls on. It looks at its service's health at intervals of its own, and refuses calls
/// until it has found it well, which can be seconds after both say that they are.
pub async fn passes_calls_on(instance: &Instance, seat: Seat) -> anyhow::Result<bool> {
    let tokens = secrets::read_tokens(instance, seat)?;
    let headers = HeaderMap::from_iter([
        (HeaderName::from_static("dapr-api-token"), HeaderValue::from_str(&tokens.dapr_api_token)?),
        // A share of the rate limits that is nobody else's.
        (HeaderName::from_static("x-forwarded-for"), HeaderValue::from_static("stack")),
    ]);
    let (port, app) = (instance.ports.of(seat).dapr_http(seat.app), seat.app);
    let url = format!("http://127.0.0.1:{port}/v1.0/invoke/{app}/method/readyz");
    Ok(answers_with(&url, headers).await)
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

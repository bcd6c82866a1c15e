//! Whether the parts answer, as seen from outside.

use std::time::Duration;

use contracts::App;
use tokio::net::TcpStream;

use crate::{Instance, sentry};

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
        other => match other.strip_suffix("-daprd").map_or_else(|| Of::app(other), Of::sidecar) {
            Some(Of::App(app)) => answers(&format!("http://127.0.0.1:{}/readyz", ports.app(app))).await,
            Some(Of::Sidecar(app)) => {
                answers(&format!("http://127.0.0.1:{}/v1.0/healthz", ports.dapr_http(app))).await
            }
            None => false,
        },
    }
}

enum Of {
    App(App),
    Sidecar(App),
}

impl Of {
    fn app(name: &str) -> Option<Of> {
        App::from_name(name).map(Of::App)
    }

    fn sidecar(name: &str) -> Option<Of> {
        App::from_name(name).map(Of::Sidecar)
    }
}

/// Every part in the order in which they start.
pub fn parts() -> Vec<String> {
    let mut parts: Vec<String> =
        ["postgres", "kafka", "sentry", "card-sandbox", "dapr"].map(String::from).to_vec();
    for app in App::ALL {
        parts.push(app.name().to_owned());
        parts.push(sidecar(app));
    }
    parts
}

/// The name of an app's sidecar among the parts.
pub fn sidecar(app: App) -> String {
    format!("{app}-daprd")
}

//! Reads beside log-ins that never pause. They are sent to `user` itself: the gateway would let in a few a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use contracts::{App, Operation};
use reqwest::Client;
use serde::Serialize;
use serde_json::json;
use stack::Instance;
use stack::secrets::{ADMINISTRATOR_EMAIL, ADMINISTRATOR_PASSWORD};
use tokio::task::JoinSet;

use super::Profile;
use super::beside::Beside;
use super::reader::{Reader, Reads};

/// Alone and beside the load take turns, so that both see the same machine.
const TURNS: u32 = 4;

#[derive(Debug, Clone, Serialize)]
pub struct LogIns {
    pub clients: usize,
    /// Answered with a session, each for one hash.
    pub done: u64,
    /// Told to come again.
    pub turned_away: u64,
    pub reads: Beside,
}

#[derive(Debug, Default)]
struct Tally {
    done: AtomicU64,
    turned_away: AtomicU64,
}

pub async fn measure(instance: &Instance, reader: &Reader, profile: &Profile) -> anyhow::Result<LogIns> {
    let tally = Arc::new(Tally::default());
    let (mut alone, mut beside) = (Reads::default(), Reads::default());
    for _ in 0..TURNS {
        alone.add(reader.read_for(profile.beside / TURNS).await?);
        let clients = start(instance, profile.log_ins, &tally)?;
        beside.add(reader.read_for(profile.beside / TURNS).await?);
        drop(clients);
        // The last hashes are made to their end, though nobody waits for them.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(LogIns {
        clients: profile.log_ins,
        done: tally.done.load(Ordering::Relaxed),
        turned_away: tally.turned_away.load(Ordering::Relaxed),
        reads: Beside::of(alone, beside)?,
    })
}

fn start(instance: &Instance, clients: usize, tally: &Arc<Tally>) -> anyhow::Result<JoinSet<()>> {
    let http = Client::builder().no_proxy().build()?;
    let operation = Operation::LogIn.row();
    let url = format!("http://127.0.0.1:{}/{}", instance.ports.app(App::User), operation.name);
    let app_token = instance.secret(&format!("token/{}/app", App::User))?;
    // Not the reader's account: of one account only the newest sessions stay.
    let body = json!({
        "email": instance.secret(ADMINISTRATOR_EMAIL)?,
        "password": instance.secret(ADMINISTRATOR_PASSWORD)?,
    });
    let mut running = JoinSet::new();
    for _ in 0..clients {
        let request = http
            .post(&url)
            .header("dapr-api-token", &app_token)
            .header("dapr-caller-app-id", App::Gateway.name())
            .json(&body);
        let tally = tally.clone();
        running.spawn(async move {
            while let Some(request) = request.try_clone() {
                match request.send().await {
                    Ok(answer) if answer.status().is_success() => tally.done.fetch_add(1, Ordering::Relaxed),
                    Ok(_) | Err(_) => {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        tally.turned_away.fetch_add(1, Ordering::Relaxed)
                    }
                };
            }
        });
    }
    Ok(running)
}

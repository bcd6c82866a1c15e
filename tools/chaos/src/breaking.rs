//! Breaks things as the schedule says, and makes them whole again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use stack::process::Signal;
use stack::{Instance, links, say};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::fault::{Fault, Harm, Whom};
use crate::schedule::{Planned, Schedule};

/// A fault as it really was.
#[derive(Debug, Clone, Serialize)]
pub struct Injected {
    pub planned: Planned,
    /// Milliseconds after the beginning of the run.
    pub began: u64,
    pub ended: u64,
    /// Why it could not be done as planned, if so: a part that is down already cannot be killed.
    pub trouble: Option<String>,
}

/// The hand that breaks.
#[derive(Clone)]
pub struct Breaker {
    instance: Instance,
    http: reqwest::Client,
    /// How many faults hold a link cut at present.
    cuts: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Breaker {
    pub fn new(instance: &Instance) -> anyhow::Result<Breaker> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        Ok(Breaker { instance: instance.clone(), http, cuts: Arc::default() })
    }

    /// Does everything in the schedule, and comes back when the last fault has ended.
    pub async fn follow(&self, schedule: &Schedule, clock: Clock) -> Vec<Injected> {
        let mut under_way = JoinSet::new();
        for planned in schedule.faults.clone() {
            let breaker = self.clone();
            under_way.spawn(async move { breaker.inject(planned, clock).await });
        }
        let mut injected = under_way.join_all().await;
        injected.sort_by_key(|fault| fault.planned.number);
        injected
    }

    async fn inject(&self, planned: Planned, clock: Clock) -> Injected {
        clock.until(planned.at).await;
        let began = clock.now();
        say::line(format_args!("  {:>4} s  {}", began / 1_000, planned.fault));
        let broken = self.strike(&planned).await;
        clock.until(planned.until()).await;
        let healed = self.heal(&planned).await;
        let trouble = broken.and(healed).err().map(|error| format!("{error:#}"));
        Injected { planned, began, ended: clock.now(), trouble }
    }

    async fn strike(&self, planned: &Planned) -> anyhow::Result<()> {
        match &planned.fault {
            Fault::Kill { part } => self.instance.kill(part),
            Fault::Freeze { part } => self.instance.signal_all(part, Signal::STOP),
            Fault::Away { whom } => {
                for link in self.links_to(*whom) {
                    self.cut(&link).await?;
                }
                Ok(())
            }
            Fault::Disconnect { database } => self.disconnect(database).await,
            Fault::Link { link, harm: Harm::Cut } => self.cut(link).await,
            Fault::Link { link, harm } => self.add_toxics(link, planned.number, *harm).await,
        }
    }

    async fn heal(&self, planned: &Planned) -> anyhow::Result<()> {
        match &planned.fault {
            Fault::Kill { .. } | Fault::Disconnect { .. } => Ok(()),
            Fault::Freeze { part } => self.instance.signal_all(part, Signal::CONT),
            Fault::Away { whom } => {
                for link in self.links_to(*whom) {
                    self.mend(&link).await?;
                }
                Ok(())
            }
            Fault::Link { link, harm: Harm::Cut } => self.mend(link).await,
            Fault::Link { link, .. } => self.remove_toxics(link, planned.number).await,
        }
    }

    fn links_to(&self, whom: Whom) -> Vec<String> {
        links::all(&self.instance)
            .into_iter()
            .map(|link| link.name)
            .filter(|name| match whom {
                Whom::Broker => name.ends_with("-kafka"),
                Whom::Database => name.ends_with("-postgres") || name.ends_with("-configuration"),
                Whom::Provider => name == "payment-provider",
            })
            .collect()
    }

    /// Ends every connection to a database from within PostgreSQL.
    async fn disconnect(&self, database: &str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.instance.database_url("postgres")?).await?;
        let statement = format!(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = '{database}'"
        );
        // The name is one of our own constants.
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Two faults may cut one link; it is whole again when the last of them has ended.
    async fn cut(&self, link: &str) -> anyhow::Result<()> {
        let mut cuts = self.cuts.lock().await;
        *cuts.entry(link.to_owned()).or_default() += 1;
        self.enable(link, Enabled::No).await
    }

    async fn mend(&self, link: &str) -> anyhow::Result<()> {
        let mut cuts = self.cuts.lock().await;
        let held = cuts.entry(link.to_owned()).or_default();
        *held = held.saturating_sub(1);
        if *held == 0 { self.enable(link, Enabled::Yes).await } else { Ok(()) }
    }

    async fn enable(&self, link: &str, enabled: Enabled) -> anyhow::Result<()> {
        self.post(&format!("proxies/{link}"), &json!({"enabled": enabled == Enabled::Yes})).await
    }

    /// In both directions, where that makes a difference.
    async fn add_toxics(&self, link: &str, number: usize, harm: Harm) -> anyhow::Result<()> {
        for stream in STREAMS {
            let (kind, attributes) = match harm {
                Harm::Latency { delay, jitter } => ("latency", json!({"latency": delay, "jitter": jitter})),
                Harm::Bandwidth { rate } => ("bandwidth", json!({"rate": rate})),
                Harm::SlowClose { delay } => ("slow_close", json!({"delay": delay})),
                Harm::Timeout { after } => ("timeout", json!({"timeout": after})),
                Harm::ResetPeer { after } => ("reset_peer", json!({"timeout": after})),
                Harm::LimitData { bytes } => ("limit_data", json!({"bytes": bytes})),
                Harm::Cut => return self.cut(link).await,
            };
            let toxic = json!({
                "name": toxic_name(number, stream), "type": kind, "stream": stream, "toxicity": 1,
                "attributes": attributes,
            });
            self.post(&format!("proxies/{link}/toxics"), &toxic).await?;
        }
        Ok(())
    }

    async fn remove_toxics(&self, link: &str, number: usize) -> anyhow::Result<()> {
        for stream in STREAMS {
            let name = toxic_name(number, stream);
            let url = format!("{}/proxies/{link}/toxics/{name}", links::control_url(&self.instance));
            let answer = self.http.delete(url).send().await.context("toxiproxy does not answer")?;
            answer.error_for_status().with_context(|| format!("{name} cannot be taken from {link}"))?;
        }
        Ok(())
    }

    async fn post(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<()> {
        let url = format!("{}/{path}", links::control_url(&self.instance));
        let answer = self.http.post(url).json(body).send().await.context("toxiproxy does not answer")?;
        let status = answer.status();
        let said = answer.text().await.unwrap_or_default();
        anyhow::ensure!(status.is_success(), "toxiproxy refuses {path}: {said}");
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Enabled {
    Yes,
    No,
}

const STREAMS: [&str; 2] = ["upstream", "downstream"];

fn toxic_name(number: usize, stream: &str) -> String {
    format!("fault-{number}-{stream}")
}

//! The keeper: a process of its own session that starts every part in order, keeps it running, and stops all of
//! them in the reverse order. It goes on when the terminal that asked for the start is closed or killed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::task::JoinHandle;

use crate::hold::Changing;
use crate::part::{Part, Record, write_whole};
use crate::process::{self, Id, Process, Signal};
use crate::progress::{Line, Progress};
use crate::secrets::Vault;
use crate::stop::{self, Stopper, Stopping};
use crate::trial::Links;
use crate::{
    Instance, app, daprd, health, kafka, links, postgres, provision, run_file, say, seat, sentry, supervisor,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// A service that loses its supervisor makes the keeper start all of them again; a start takes this long at most.
const SETTLED: Duration = Duration::from_secs(60);

/// The keeper of an instance, if one runs.
pub fn running(instance: &Instance) -> Option<Process> {
    let text = std::fs::read(file(instance)).ok()?;
    let id: Id = serde_json::from_slice(&text).ok()?;
    id.find().filter(|process| process.belongs_to(&instance.home))
}

/// Waits until a keeper has ended.
pub async fn ended(keeper: &Process) {
    while keeper.id().find().is_some() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Starts everything and keeps it until asked to stop.
pub async fn run(instance: &Instance) -> anyhow::Result<()> {
    // Whoever closes the terminal closes its session, which this is not part of.
    let _ = rustix::process::setsid();
    process::raise_open_files();
    std::fs::create_dir_all(instance.run())?;
    let lock = std::fs::File::create(instance.run().join("keep.lock"))?;
    if lock.try_lock().is_err() {
        bail!("another keeper of {} runs already", instance.home.display());
    }
    let own = Id::of(std::process::id()).context("cannot read /proc")?;
    write_whole(&file(instance), &serde_json::to_vec(&own)?)?;
    let progress = Progress::begin(instance)?;
    let (stopper, mut stopping) = stop::channel();
    stop::on_signals(stopper)?;
    let mut crew = Crew { instance: instance.clone(), members: BTreeMap::new() };
    let started = tokio::select! {
        started = crew.start(&progress) => started,
        () = stopping.wait() => Err(anyhow::anyhow!("asked to stop")),
    };
    match &started {
        Ok(()) => {
            progress.say(&Line::Ready);
            crew.watch(stopping).await;
        }
        Err(error) => progress.say(&Line::Failed { text: format!("{error:#}") }),
    }
    crew.stop(&progress).await;
    Record::clear(instance);
    let _ = std::fs::remove_file(file(instance));
    started
}

fn file(instance: &Instance) -> PathBuf {
    instance.run().join("keep.json")
}

/// The parts that the keeper itself looks after.
struct Crew {
    instance: Instance,
    members: BTreeMap<String, (Stopper, JoinHandle<anyhow::Result<()>>)>,
}

impl Crew {
    async fn start(&mut self, progress: &Progress) -> anyhow::Result<()> {
        let instance = self.instance.clone();
        Record::clear(&instance);
        let password = postgres::superuser_password(&instance)?;
        let data = postgres::data(&instance);
        let log = instance.log(postgres::NAME);
        tokio::try_join!(
            progress.step("PostgreSQL: data folder", postgres::initialise(&instance, &data, &password, &log)),
            progress.step("Kafka: storage", kafka::initialise(&instance)),
            progress.step("sentry: credentials", sentry::initialise(&instance)),
        )?;
        for part in [postgres::part(&instance), kafka::part(&instance), sentry::part(&instance)] {
            self.keep(part);
        }
        self.keep(app::card_sandbox(&instance)?);
        if instance.trial.links == Links::Proxied {
            self.keep(links::part(&instance)?);
            progress.step("toxiproxy: every link", links::wait_ready(&instance, PATIENCE)).await?;
        }
        tokio::try_join!(
            progress.step(
                "PostgreSQL: up, with roles, databases and the configuration table",
                prepare_postgres(&instance, &password)
            ),
            progress.step("Kafka: up, with topics, users and rights", prepare_kafka(&instance)),
            progress.step("sentry: up", prepare_sentry(&instance)),
        )?;
        daprd::write_names(&instance)?;
        daprd::install_launcher(&instance)?;
        self.keep(run_file::part(&instance)?);
        progress.step("services and sidecars", wait_for_apps(&instance, progress)).await
    }

    fn keep(&mut self, part: Part) {
        let (stopper, stopping) = stop::channel();
        let instance = self.instance.clone();
        let name = part.name.clone();
        let wanted = supervisor::unchanging(part);
        let work = tokio::spawn(async move { supervisor::keep_running(&instance, &wanted, stopping).await });
        self.members.insert(name, (stopper, work));
    }

    /// Waits for the wish to stop. A supervisor that the CLI started is not started again by it: when one is
    /// gone, the CLI is started again with all of them.
    async fn watch(&self, mut stopping: Stopping) {
        while !stopping.said() {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => (),
                () = stopping.wait() => return,
            }
            // Whoever had other copies take the calls was ended before they had put it right.
            if !Changing::under_way(&self.instance)
                && let Err(error) = daprd::restore_names(&self.instance)
            {
                say::warn(format!("{error:#}"));
            }
            let Some(cli) = self.settled_cli() else { continue };
            let lost = supervised_by_cli(&self.instance).into_iter().find(|name| {
                let record = Record::read(&self.instance, name).ok().flatten();
                record.is_some_and(|record| record.supervisor.find().is_none())
            });
            if lost.is_some() {
                let _ = process::send(&cli, Signal::TERM);
            }
        }
    }

    fn settled_cli(&self) -> Option<Process> {
        let record = Record::read(&self.instance, run_file::NAME).ok().flatten()?;
        let age = (chrono::Utc::now() - record.since).to_std().unwrap_or_default();
        record.child.and_then(Id::find).filter(|_| age > SETTLED)
    }

    async fn stop(mut self, progress: &Progress) {
        let seats = seat::all(&self.instance);
        let services: Vec<String> = seats.iter().map(|seat| seat.name()).collect();
        let sidecars: Vec<String> = seats.iter().map(|seat| seat.sidecar()).collect();
        for (step, names) in [("stopping the services", services), ("stopping the sidecars", sidecars)] {
            let _ = progress.step(step, self.stop_under_cli(&names)).await;
        }
        for names in [
            &[run_file::NAME, app::CARD_SANDBOX, sentry::NAME][..],
            &[kafka::NAME, postgres::NAME, links::NAME],
        ] {
            let step = format!("stopping {}", names.join(", "));
            let members: Vec<_> = names.iter().filter_map(|name| self.members.remove(*name)).collect();
            let ended = async {
                for (stopper, _) in &members {
                    stopper.say();
                }
                for (_, work) in members {
                    let _ = work.await;
                }
                Ok(())
            };
            let _ = progress.step(&step, ended).await;
        }
        for process in process::of_instance(&self.instance.home) {
            let _ = process::send(&process, Signal::KILL);
        }
    }

    /// Asks the supervisors under the CLI to stop what they run, and waits until they have.
    async fn stop_under_cli(&self, names: &[String]) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut waiting: Vec<Process> = names
            .iter()
            .filter_map(|name| Record::read(&self.instance, name).ok().flatten())
            .filter_map(|record| record.supervisor.find())
            .collect();
        for supervisor in &waiting {
            process::send(supervisor, Signal::TERM)?;
        }
        while !waiting.is_empty() && began.elapsed() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            waiting.retain(|supervisor| supervisor.id().find().is_some());
        }
        Ok(())
    }
}

async fn prepare_postgres(instance: &Instance, password: &str) -> anyhow::Result<()> {
    let prepared = async {
        postgres::wait_ready(instance.ports.postgres(), password, PATIENCE).await?;
        provision::provision(instance).await
    };
    prepared.await.with_context(|| look_at(instance, postgres::NAME))
}

async fn prepare_kafka(instance: &Instance) -> anyhow::Result<()> {
    let prepared = async {
        kafka::wait_ready(instance, PATIENCE).await?;
        kafka::provision(instance, &Vault::open(instance)?).await
    };
    prepared.await.with_context(|| look_at(instance, kafka::NAME))
}

async fn prepare_sentry(instance: &Instance) -> anyhow::Result<()> {
    sentry::wait_ready(instance, PATIENCE).await.with_context(|| look_at(instance, sentry::NAME))
}

fn look_at(instance: &Instance, part: &str) -> String {
    format!("see {}", instance.short(&instance.log(part)))
}

fn supervised_by_cli(instance: &Instance) -> Vec<String> {
    seat::all(instance).into_iter().flat_map(|seat| [seat.name(), seat.sidecar()]).collect()
}

/// Waits until every service and sidecar says that it is ready, and tells which are.
async fn wait_for_apps(instance: &Instance, progress: &Progress) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut waiting: Vec<String> =
        std::iter::once(app::CARD_SANDBOX.to_owned()).chain(supervised_by_cli(instance)).collect();
    while !waiting.is_empty() {
        let mut still = Vec::new();
        for name in waiting {
            if health::healthy(instance, &name).await {
                progress.note(format!("{name} is ready"));
            } else {
                still.push(name);
            }
        }
        waiting = still;
        if began.elapsed() > 2 * PATIENCE {
            let logs: Vec<String> = waiting.iter().map(|name| instance.short(&instance.log(name))).collect();
            bail!("not ready: {}; see {}", waiting.join(", "), logs.join(", "));
        }
        if let Some(reason) = failing(instance, &waiting)? {
            bail!(reason);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Names a part that ends again and again, instead of waiting for it to the end.
fn failing(instance: &Instance, waiting: &[String]) -> anyhow::Result<Option<String>> {
    const HOPELESS: u64 = 8;
    for name in waiting {
        if let Some(record) = Record::read(instance, name)?
            && record.restarts >= HOPELESS
        {
            let end = record.last_end.unwrap_or_default();
            let log = instance.short(&instance.log(name));
            return Ok(Some(format!("{name} ended {} times, last with: {end}; see {log}", record.restarts)));
        }
    }
    Ok(None)
}

//! Keeps one part running: starts it, starts it again when it ends, and ends it when asked to.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::process::Child;

use crate::part::{self, Part, Record};
use crate::process::{self, Id, Signal};
use crate::stop::Stopping;
use crate::{Instance, hold};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A process that ran for so long had started well: the next pause is short again.
const RAN_WELL: Duration = Duration::from_secs(10);
/// How long what an earlier process of the part left behind may take to disappear.
const CLEARING: Duration = Duration::from_secs(10);

/// A part as it is to be started: asked for at each start, since its secrets change while it runs.
pub struct Wanted<M> {
    pub make: M,
    /// While somebody holds this, it is not started.
    pub hold: Option<PathBuf>,
}

impl<M: Fn() -> anyhow::Result<Part>> Wanted<M> {
    fn held(&self) -> bool {
        self.hold.as_deref().is_some_and(hold::held)
    }

    async fn released(&self) {
        if let Some(file) = &self.hold {
            hold::released(file).await;
        }
    }
}

/// A part that is always the same.
pub fn unchanging(part: Part) -> Wanted<impl Fn() -> anyhow::Result<Part>> {
    Wanted { make: move || Ok(part.clone()), hold: None }
}

/// Runs the part until the wish to stop is said, and then until it has ended.
pub async fn keep_running<M: Fn() -> anyhow::Result<Part>>(
    instance: &Instance,
    wanted: &Wanted<M>,
    mut stopping: Stopping,
) -> anyhow::Result<()> {
    let mut part = (wanted.make)()?;
    part::put_aside_large_log(&part.log);
    let supervisor = Id::of(std::process::id()).ok_or_else(|| anyhow::anyhow!("cannot read /proc"))?;
    let mut record = Record {
        name: part.name.clone(),
        supervisor,
        child: None,
        since: Utc::now(),
        restarts: 0,
        last_end: None,
    };
    let mut pause = FIRST_PAUSE;
    while !stopping.said() {
        if clear_leftovers(instance, &part).await == Cleared::Wholly
            && let Some(stale) = &part.stale
        {
            let _ = std::fs::remove_file(stale);
        }
        let started = Instant::now();
        let end = match start(instance, &part, &mut record) {
            Ok(child) => run(&part, child, &mut stopping).await,
            Err(error) => format!("{error:#}"),
        };
        let meant = stopping.said() || wanted.held();
        log(
            &part,
            if meant { "INFO" } else { "ERROR" },
            &format!("{} ended: {end}", part.name),
            record.restarts,
        );
        record = Record { child: None, since: Utc::now(), last_end: Some(end), ..record };
        write(instance, &part, &record);
        pause = if meant { FIRST_PAUSE } else { next_pause(pause, started.elapsed()) };
        tokio::select! {
            () = stopping.wait() => (),
            () = again(wanted, pause) => record.restarts += 1,
        }
        part = match (wanted.make)() {
            Ok(part) => part,
            Err(error) => {
                log(&part, "ERROR", &format!("{} stays as it was: {error:#}", part.name), record.restarts);
                part
            }
        };
    }
    Ok(())
}

/// Until the process ends, or is asked to; gives what it ended with.
async fn run(part: &Part, mut child: Child, stopping: &mut Stopping) -> String {
    tokio::select! {
        status = child.wait() => status.map_or_else(|error| error.to_string(), |status| status.to_string()),
        () = stopping.wait() => {
            end(part, &mut child).await;
            "asked to stop".to_owned()
        }
    }
}

/// Until it may be started again.
async fn again<M: Fn() -> anyhow::Result<Part>>(wanted: &Wanted<M>, pause: Duration) {
    tokio::time::sleep(pause).await;
    wanted.released().await;
}

fn start(instance: &Instance, part: &Part, record: &mut Record) -> anyhow::Result<Child> {
    let child = part
        .command(instance)?
        .spawn()
        .map_err(|error| anyhow::anyhow!("{} cannot be started: {error}", part.program.display()))?;
    record.child = child.id().and_then(Id::of);
    record.since = Utc::now();
    let message = match record.restarts {
        0 => format!("{} started", part.name),
        _ => format!("{} started again", part.name),
    };
    log(part, "INFO", &message, record.restarts);
    write(instance, part, record);
    Ok(child)
}

async fn end(part: &Part, child: &mut Child) {
    if let Some(process) = child.id().and_then(Id::of).and_then(Id::find) {
        let _ = process::send(&process, part.stop.signal);
    }
    if tokio::time::timeout(part.stop.patience, child.wait()).await.is_err() {
        log(part, "WARN", &format!("{} did not end in time and is killed", part.name), 0);
        let _ = child.kill().await;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cleared {
    Wholly,
    InPart,
}

/// Ends what an earlier process of this part has left, e.g. PostgreSQL's backends after kill -9 of their parent.
async fn clear_leftovers(instance: &Instance, part: &Part) -> Cleared {
    let began = Instant::now();
    loop {
        let left: Vec<_> = process::of_instance(&instance.home)
            .into_iter()
            .filter(|process| process.is_part(&instance.home, &part.name))
            .collect();
        if left.is_empty() {
            return Cleared::Wholly;
        }
        if began.elapsed() > CLEARING {
            return Cleared::InPart;
        }
        for process in left {
            let _ = process::send(&process, Signal::KILL);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn next_pause(last: Duration, ran: Duration) -> Duration {
    if ran >= RAN_WELL { FIRST_PAUSE } else { (last * 2).min(LONGEST_PAUSE) }
}

fn write(instance: &Instance, part: &Part, record: &Record) {
    if let Err(error) = record.write(instance) {
        log(
            part,
            "ERROR",
            &format!("the state of {} cannot be written: {error:#}", part.name),
            record.restarts,
        );
    }
}

/// One JSON line in the part's own log.
fn log(part: &Part, level: &str, message: &str, restarts: u64) {
    use std::io::Write;

    let line = serde_json::json!({
        "timestamp": Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        "level": level,
        "message": message,
        "target": "stack::supervisor",
        "part.name": part.name,
        "part.restarts": restarts,
    });
    if let Ok(mut file) = part::open_log(&part.log) {
        let _ = writeln!(file, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seat::Seat;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn what_is_killed_is_started_again_and_what_is_stopped_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let instance = Instance::new(folder.path(), std::path::Path::new("home"), 0).unwrap();
        let part = sleeper(&instance, "600");
        let (stopper, stopping) = crate::stop::channel();
        let watched = instance.clone();
        let wanted = unchanging(part);
        let work = tokio::spawn(async move { keep_running(&watched, &wanted, stopping).await });
        let first = running_child(&instance, 0).await;
        instance.kill("sleeper").unwrap();
        let second = running_child(&instance, 1).await;
        assert_ne!(first, second);
        stopper.say();
        work.await.unwrap().unwrap();
        assert!(
            second.find().is_none() && Record::read(&instance, "sleeper").unwrap().unwrap().child.is_none()
        );
    }

    #[tokio::test]
    async fn what_is_held_waits_and_then_starts_as_it_is_wanted_by_then() {
        let folder = tempfile::tempdir().unwrap();
        let instance = Instance::new(folder.path(), std::path::Path::new("home"), 0).unwrap();
        let seat = Seat::first(contracts::App::Order);
        let seconds = Arc::new(AtomicU32::new(600));
        let (wished, watched) = (seconds.clone(), instance.clone());
        let (stopper, stopping) = crate::stop::channel();
        let work = tokio::spawn(async move {
            let make = || Ok(sleeper(&watched, &wished.load(Ordering::Relaxed).to_string()));
            let wanted = Wanted { make, hold: Some(hold::file(&watched, seat)) };
            keep_running(&watched, &wanted, stopping).await
        });
        running_child(&instance, 0).await;
        let hold = hold::Hold::take(&instance, seat).unwrap();
        instance.kill("sleeper").unwrap();
        let ended = async {
            while Record::read(&instance, "sleeper").unwrap().unwrap().child.is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
        seconds.store(601, Ordering::Relaxed);
        drop(hold);
        let child = running_child(&instance, 1).await;
        // It has none for a moment, while one program takes the other's place.
        let told = async {
            loop {
                match child.find().unwrap().arguments().pop() {
                    Some(last) => return last,
                    None => tokio::task::yield_now().await,
                }
            }
        };
        assert_eq!(tokio::time::timeout(Duration::from_secs(10), told).await.unwrap(), "601");
        stopper.say();
        work.await.unwrap().unwrap();
        let log = std::fs::read_to_string(instance.log("sleeper")).unwrap();
        assert!(!log.contains("ERROR"), "it was meant: {log}");
    }

    fn sleeper(instance: &Instance, seconds: &str) -> Part {
        Part {
            name: "sleeper".to_owned(),
            program: "sleep".into(),
            arguments: vec![seconds.into()],
            environment: Vec::new(),
            folder: instance.home.clone(),
            log: instance.log("sleeper"),
            stop: part::Stop { signal: Signal::TERM, patience: Duration::from_secs(5) },
            identity: part::Identity::Caller,
            stale: None,
        }
    }

    async fn running_child(instance: &Instance, restarts: u64) -> Id {
        let found = async {
            loop {
                let record = Record::read(instance, "sleeper").unwrap();
                match record.filter(|record| record.restarts == restarts).and_then(|record| record.child) {
                    Some(child) => return child,
                    None => tokio::task::yield_now().await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), found).await.unwrap()
    }

    #[test]
    fn pauses_grow_to_five_seconds_and_shrink_after_a_good_run() {
        let short = Duration::from_millis(10);
        let mut pause = FIRST_PAUSE;
        for _ in 0..10 {
            pause = next_pause(pause, short);
        }
        assert_eq!(pause, LONGEST_PAUSE);
        assert_eq!(next_pause(pause, RAN_WELL), FIRST_PAUSE);
    }
}

//! Keeps one part running: starts it, starts it again when it ends, and ends it when asked to.

use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::process::Child;

use crate::Instance;
use crate::part::{self, Part, Record};
use crate::process::{self, Id, Signal};
use crate::stop::Stopping;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A process that ran for so long had started well: the next pause is short again.
const RAN_WELL: Duration = Duration::from_secs(10);
/// How long what an earlier process of the part left behind may take to disappear.
const CLEARING: Duration = Duration::from_secs(10);

/// Runs the part until the wish to stop is said, and then until it has ended.
pub async fn keep_running(instance: &Instance, part: &Part, mut stopping: Stopping) -> anyhow::Result<()> {
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
        if clear_leftovers(instance, part).await == Cleared::Wholly
            && let Some(stale) = &part.stale
        {
            let _ = std::fs::remove_file(stale);
        }
        let started = Instant::now();
        let end = match start(instance, part, &mut record) {
            Ok(mut child) => tokio::select! {
                status = child.wait() => status.map_or_else(|error| error.to_string(), |status| status.to_string()),
                () = stopping.wait() => {
                    end(part, &mut child).await;
                    "asked to stop".to_owned()
                }
            },
            Err(error) => format!("{error:#}"),
        };
        let level = if stopping.said() { "INFO" } else { "ERROR" };
        log(part, level, &format!("{} ended: {end}", part.name), record.restarts);
        record = Record { child: None, since: Utc::now(), last_end: Some(end), ..record };
        write(instance, part, &record);
        if stopping.said() {
            break;
        }
        pause = next_pause(pause, started.elapsed());
        tokio::select! {
            () = tokio::time::sleep(pause) => record.restarts += 1,
            () = stopping.wait() => (),
        }
    }
    Ok(())
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

    #[tokio::test]
    async fn what_is_killed_is_started_again_and_what_is_stopped_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let instance = Instance::new(folder.path(), std::path::Path::new("home"), 0).unwrap();
        let part = Part {
            name: "sleeper".to_owned(),
            program: "sleep".into(),
            arguments: vec!["600".into()],
            environment: Vec::new(),
            folder: folder.path().to_path_buf(),
            log: instance.log("sleeper"),
            stop: part::Stop { signal: Signal::TERM, patience: Duration::from_secs(5) },
            identity: part::Identity::Caller,
            stale: None,
        };
        let (stopper, stopping) = crate::stop::channel();
        let watched = instance.clone();
        let work = tokio::spawn(async move { keep_running(&watched, &part, stopping).await });
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

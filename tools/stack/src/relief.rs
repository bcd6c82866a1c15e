//! Starting a service and its sidecar anew without a failed request: another copy takes the calls meanwhile. Where
//! there is one copy, a second one is started for the time; the first one ends only when the second works, and the
//! other way round.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use contracts::App;
use tokio::process::{Child, Command};

use crate::hold::Hold;
use crate::part::{Record, open_log};
use crate::process::{self, Id, Process, Signal};
use crate::seat::{self, Copy, Seat};
use crate::secrets::{self, Vault};
use crate::{Instance, daprd, health, say, stop};

/// A copy is started, or ends, within this.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// A start that was under way when a part was held is done within this.
const BEING_STARTED: Duration = Duration::from_secs(2);
/// Work in hand is finished within this, or cut off.
const LAST_REQUESTS: Duration = Duration::from_secs(30);
/// A call that was on its way when others were named to take it arrives within this.
const ON_THE_WAY: Duration = Duration::from_secs(2);

/// Starts every copy of a service anew, one after another, each with new tokens. Calls go to the others meanwhile.
pub async fn relieve(instance: &Instance, vault: &mut Vault, app: App) -> anyhow::Result<()> {
    let began = Instant::now();
    let usual: Vec<Seat> = seat::all(instance).into_iter().filter(|seat| seat.app == app).collect();
    let substitute = match usual.as_slice() {
        [only] => Some(Substitute::start(instance, vault, *only).await?),
        _ => None,
    };
    let substitutes: Vec<Seat> = substitute.iter().map(|substitute| substitute.seat).collect();
    for seat in &usual {
        let others: Vec<Seat> =
            usual.iter().chain(&substitutes).copied().filter(|other| other != seat).collect();
        take_calls(instance, app, &others).await?;
        restart(instance, vault, *seat).await?;
    }
    take_calls(instance, app, &usual).await?;
    if let Some(substitute) = substitute {
        substitute.end(instance).await?;
    }
    say::line(format!("✓ {app} started anew, and its sidecar ({})", say::duration(began.elapsed())));
    Ok(())
}

/// From here on these take the calls to a service; waits until those have arrived that others were to take.
async fn take_calls(instance: &Instance, app: App, takers: &[Seat]) -> anyhow::Result<()> {
    let others = seat::all(instance).into_iter().filter(|seat| seat.app != app);
    let seats: Vec<Seat> = others.chain(takers.iter().copied()).collect();
    daprd::write_names_of(instance, &seats)?;
    tokio::time::sleep(ON_THE_WAY).await;
    Ok(())
}

/// Ends service and sidecar, in this order, so that the service can finish what it has begun; then both start again.
async fn restart(instance: &Instance, vault: &mut Vault, seat: Seat) -> anyhow::Result<()> {
    let hold = Hold::take(instance, seat)?;
    let mut ended = Vec::new();
    for part in [seat.name(), seat.sidecar()] {
        ended.push(end(instance, &part).await?);
    }
    secrets::renew_tokens(instance, vault, seat)?;
    drop(hold);
    for (part, ended) in [seat.name(), seat.sidecar()].into_iter().zip(ended) {
        until(&format!("{part} to start again"), async || -> anyhow::Result<bool> {
            Ok(started(instance, &part)?.is_some_and(|id| Some(id) != ended))
        })
        .await?;
    }
    // Until it works, whoever takes its calls goes on taking them.
    while let Err(error) = serving(instance, seat).await {
        say::warn(format!("{error:#}; others take its calls; ./taskw down gives up"));
        tokio::time::sleep(ON_THE_WAY).await;
    }
    Ok(())
}

/// Ends the process of a held part kindly, and if it does not, otherwise. None where it had ended by itself and is
/// not started again for the time.
async fn end(instance: &Instance, part: &str) -> anyhow::Result<Option<Id>> {
    let began = Instant::now();
    while started(instance, part)?.is_none() {
        if began.elapsed() > BEING_STARTED {
            return Ok(None);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let process = instance.process(part)?;
    process::send(&process, Signal::TERM)?;
    let told = Instant::now();
    until(&format!("{part} to end"), async || -> anyhow::Result<bool> {
        if told.elapsed() > LAST_REQUESTS {
            process::send(&process, Signal::KILL)?;
        }
        Ok(process.id().find().is_none())
    })
    .await?;
    Ok(Some(process.id()))
}

fn started(instance: &Instance, part: &str) -> anyhow::Result<Option<Id>> {
    let record = Record::read(instance, part)?;
    Ok(record.and_then(|record| record.child).filter(|id| id.find().is_some()))
}

async fn serving(instance: &Instance, seat: Seat) -> anyhow::Result<()> {
    for part in [seat.sidecar(), seat.name()] {
        let log = instance.short(&instance.log(&part));
        until(&format!("{part} to be ready (see {log})"), async || -> anyhow::Result<bool> {
            Ok(health::healthy(instance, &part).await)
        })
        .await?;
    }
    until(&format!("{} to pass calls on", seat.sidecar()), async || {
        health::passes_calls_on(instance, seat).await
    })
    .await
}

/// A second copy for the time, under supervisors of its own, which end when this process does.
struct Substitute {
    seat: Seat,
    supervisors: [(String, Child); 2],
}

impl Substitute {
    /// Starts a second copy like the first, and waits until it works.
    async fn start(instance: &Instance, vault: &mut Vault, first: Seat) -> anyhow::Result<Substitute> {
        let seat = Seat { copy: Copy::Second, ..first };
        // That of a rotation that was killed may still be ending.
        until(&format!("an earlier {} to end", seat.name()), async || -> anyhow::Result<bool> {
            Ok(!process::of_instance(&instance.home).iter().any(|process| {
                [seat.name(), seat.sidecar()].iter().any(|part| process.is_part(&instance.home, part))
            }))
        })
        .await?;
        instance.ports.check_free_for(seat)?;
        secrets::renew_tokens(instance, vault, seat)?;
        let sidecar = supervisor(instance, &first.sidecar())?;
        let arguments = moved(instance, seat, &sidecar.arguments())?;
        let name = seat.name();
        let service = ["supervise".into(), OsString::from(&name)];
        let substitute = Substitute {
            seat,
            supervisors: [
                (seat.name(), spawn(instance, &supervisor(instance, &first.name())?, &name, &service)?),
                (seat.sidecar(), spawn(instance, &sidecar, &seat.sidecar(), &arguments)?),
            ],
        };
        serving(instance, seat).await?;
        Ok(substitute)
    }

    /// Ends the service and then its sidecar.
    async fn end(self, instance: &Instance) -> anyhow::Result<()> {
        for (part, mut supervisor) in self.supervisors {
            if let Some(process) = supervisor.id().and_then(Id::of).and_then(Id::find) {
                process::send(&process, Signal::TERM)?;
            }
            let ended = tokio::time::timeout(PATIENCE, supervisor.wait()).await;
            ended.with_context(|| format!("{part} does not end"))??;
            Record::forget(instance, &part);
        }
        Ok(())
    }
}

/// The supervisor of a part that runs.
fn supervisor(instance: &Instance, part: &str) -> anyhow::Result<Process> {
    let record = Record::read(instance, part)?.with_context(|| format!("{part} was never started"))?;
    record.supervisor.find().with_context(|| format!("{part} has no supervisor; start it with ./taskw up"))
}

/// A program of ours in the environment of another, so that it is told what that was told.
fn spawn(instance: &Instance, like: &Process, part: &str, arguments: &[OsString]) -> anyhow::Result<Child> {
    let log = open_log(&instance.log(part))?;
    Command::new(instance.programs.join("stack"))
        .args(arguments)
        .env_clear()
        .envs(like.variables())
        .env(stop::STARTED_BY, std::process::id().to_string())
        .current_dir(&instance.root)
        // Whoever interrupts this process from the terminal does not mean its children.
        .process_group(0)
        .stdin(Stdio::null())
        .stderr(log.try_clone()?)
        .stdout(log)
        .spawn()
        .with_context(|| format!("the supervisor of {part} cannot be started"))
}

/// What the CLI told the first copy's sidecar, with the ports of another copy.
fn moved(instance: &Instance, seat: Seat, arguments: &[String]) -> anyhow::Result<Vec<OsString>> {
    let ports = instance.ports.of(seat);
    let app = seat.app;
    let places = [
        ("--app-port", ports.app(app)),
        ("--dapr-http-port", ports.dapr_http(app)),
        ("--dapr-grpc-port", ports.dapr_grpc(app)),
        ("--dapr-internal-grpc-port", ports.dapr_internal(app)),
        ("--metrics-port", ports.dapr_metrics(app)),
    ];
    let mut words: Vec<String> = arguments.iter().skip(1).cloned().collect();
    for (flag, port) in places {
        let at = words.iter().position(|word| word == flag);
        let value = at.and_then(|at| words.get_mut(at + 1));
        *value.with_context(|| format!("the sidecar of {app} was started without {flag}"))? =
            port.to_string();
    }
    Ok(words.into_iter().map(OsString::from).collect())
}

async fn until(what: &str, so: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let began = Instant::now();
    while !so().await? {
        if began.elapsed() > PATIENCE {
            bail!("waited {} for {what}", say::duration(PATIENCE));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_second_copys_sidecar_is_told_what_the_first_was_but_for_its_ports() {
        let folder = tempfile::tempdir().unwrap();
        let instance = Instance::new(folder.path(), Path::new("home"), 0).unwrap();
        let told = "/x/stack daprd --app-id order --app-port 8104 --dapr-http-port 3504 --dapr-grpc-port 3604 \
                    --dapr-internal-grpc-port 3704 --metrics-port 3804 --mode standalone";
        let told: Vec<String> = told.split(' ').map(str::to_owned).collect();
        let seat = Seat { app: App::Order, copy: Copy::Second };
        let words = moved(&instance, seat, &told).unwrap();
        let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
        assert_eq!(
            words.join(" "),
            "daprd --app-id order --app-port 8114 --dapr-http-port 3514 --dapr-grpc-port 3614 \
             --dapr-internal-grpc-port 3714 --metrics-port 3814 --mode standalone"
        );
        assert!(moved(&instance, seat, &told[..4]).is_err());
    }
}

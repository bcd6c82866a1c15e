//! A part is one supervised program; its record says in a file what `status` and `down` need to know.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::Instance;
use crate::process::{self, Id, Signal};

/// A program with everything that is needed to start it again.
#[derive(Clone)]
pub struct Part {
    pub name: String,
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    /// Added to the environment of the supervisor.
    pub environment: Vec<(String, OsString)>,
    pub folder: PathBuf,
    /// Takes standard output and standard error.
    pub log: PathBuf,
    pub stop: Stop,
    pub identity: Identity,
    /// What a process that was killed leaves behind and the next one would take for a living one's.
    pub stale: Option<PathBuf>,
}

/// How a part is asked to end, and how long it may take before it is killed.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    pub signal: Signal,
    pub patience: Duration,
}

/// As whom the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    Caller,
    /// As an ordinary user within a user namespace, when the caller is root: PostgreSQL refuses to run as root.
    NeverRoot,
}

/// What is known about a part; written by its supervisor, read by everybody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub name: String,
    pub supervisor: Id,
    pub child: Option<Id>,
    /// When the present process was started, or the last one ended.
    pub since: DateTime<Utc>,
    pub restarts: u64,
    pub last_end: Option<String>,
}

/// Its environment holds tokens.
impl fmt::Debug for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Part");
        shown.field("name", &self.name).field("program", &self.program).field("arguments", &self.arguments);
        shown.finish_non_exhaustive()
    }
}

impl Part {
    /// The command, marked as this instance's and bound to die with the process that starts it.
    pub fn command(&self, instance: &Instance) -> anyhow::Result<Command> {
        let mut command = bound(self.identity, &self.program);
        let log = open_log(&self.log)?;
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env(process::MARK, &instance.home)
            .env(process::PART, &self.name)
            .current_dir(&self.folder)
            .stdin(std::process::Stdio::null())
            .stderr(log.try_clone().context("cannot use the log twice")?)
            .stdout(log);
        Ok(command)
    }
}

/// A command that runs `program` as `identity`. The kernel kills it when its parent thread ends: `setpriv` asks
/// for that after the change of user, which would undo it.
pub fn bound(identity: Identity, program: &std::path::Path) -> Command {
    let mut words = namespace_words(identity);
    words.extend(["setpriv".into(), "--pdeathsig".into(), "KILL".into(), program.into()]);
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().expect("invariant: there is at least setpriv"));
    command.args(words);
    command
}

/// The words before a program that must not run as root.
pub fn namespace_words(identity: Identity) -> Vec<OsString> {
    if identity == Identity::NeverRoot && rustix::process::geteuid().is_root() {
        ["unshare", "--user", "--map-user=1000", "--map-group=1000"].map(OsString::from).to_vec()
    } else {
        Vec::new()
    }
}

/// A log is put aside once when a supervisor starts and finds it large.
const LARGE_LOG: u64 = 64 * 1024 * 1024;

/// Moves a large log to `<name>.log.old`.
pub fn put_aside_large_log(log: &std::path::Path) {
    if std::fs::metadata(log).is_ok_and(|metadata| metadata.len() > LARGE_LOG) {
        let _ = std::fs::rename(log, log.with_extension("log.old"));
    }
}

pub fn open_log(log: &std::path::Path) -> anyhow::Result<std::fs::File> {
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))
}

impl Record {
    fn path(instance: &Instance, name: &str) -> PathBuf {
        instance.run().join("parts").join(format!("{name}.json"))
    }

    pub fn write(&self, instance: &Instance) -> anyhow::Result<()> {
        write_whole(&Record::path(instance, &self.name), &serde_json::to_vec(self)?)
    }

    /// The record of a part, or none when it was never started.
    pub fn read(instance: &Instance, name: &str) -> anyhow::Result<Option<Record>> {
        let path = Record::path(instance, name);
        match std::fs::read(&path) {
            Ok(text) => {
                let record = serde_json::from_slice(&text)
                    .with_context(|| format!("{} cannot be read", path.display()))?;
                Ok(Some(record))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Forgets a part that runs no more and will not again.
    pub fn forget(instance: &Instance, name: &str) {
        let _ = std::fs::remove_file(Record::path(instance, name));
    }

    /// Forgets all parts, when none of them runs any more.
    pub fn clear(instance: &Instance) {
        let _ = std::fs::remove_dir_all(instance.run().join("parts"));
    }
}

/// Writes a file so that a reader, or a crash, sees all of it or nothing.
pub fn write_whole(path: &std::path::Path, content: &[u8]) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    let folder = path.parent().context("a file lies in a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let unfinished = path.with_extension(format!("unfinished-{}", std::process::id()));
    let mut file = std::fs::File::options()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)
        .with_context(|| format!("cannot write {}", unfinished.display()))?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path).with_context(|| format!("cannot write {}", path.display()))
}

//! Processes of this machine as /proc shows them. A process is only ever signalled after its start time and
//! its mark were checked, through a descriptor that cannot mean another process.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use anyhow::Context;
pub use rustix::process::Signal;
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, getrlimit, pidfd_open, pidfd_send_signal, setrlimit,
};
use serde::{Deserialize, Serialize};

/// The variable in the environment of every process that belongs to an instance; its value is the home.
pub const MARK: &str = "CARTWRIGHT_STACK";
/// The variable that says which part a process belongs to.
pub const PART: &str = "CARTWRIGHT_PART";

/// A process number with the time at which it started, which together are never given out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Id {
    pub pid: i32,
    /// Clock ticks after the machine's start.
    pub start: u64,
}

/// A process that ran when /proc was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    pub start: u64,
    pub parent: i32,
    environment: Vec<u8>,
}

impl Id {
    pub fn of(pid: u32) -> Option<Id> {
        let pid = i32::try_from(pid).ok()?;
        read(pid).map(|process| process.id())
    }

    /// The process, if it still runs.
    pub fn find(self) -> Option<Process> {
        read(self.pid).filter(|process| process.start == self.start)
    }
}

impl Process {
    pub fn id(&self) -> Id {
        Id { pid: self.pid, start: self.start }
    }

    /// A variable of the environment it was started with.
    pub fn variable(&self, name: &str) -> Option<String> {
        variable(&self.environment, name)
    }

    /// The whole environment it was started with.
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        let entries = self.environment.split(|byte| *byte == 0);
        let parts = entries.filter_map(|entry| {
            let at = entry.iter().position(|byte| *byte == b'=')?;
            Some((entry.get(..at)?, entry.get(at + 1..)?))
        });
        let owned = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
        parts.map(|(name, value)| (owned(name), owned(value))).collect()
    }

    /// Whether it was started for the instance at `home`. PostgreSQL writes its title over its environment,
    /// so its processes are known by the data folder that they work in as well.
    pub fn belongs_to(&self, home: &std::path::Path) -> bool {
        self.variable(MARK).is_some_and(|value| std::path::Path::new(&value) == home)
            || self.postgres_of(home)
    }

    pub fn is_part(&self, home: &std::path::Path, name: &str) -> bool {
        self.belongs_to(home)
            && (self.variable(PART).as_deref() == Some(name)
                || (name == "postgres" && self.postgres_of(home)))
    }

    /// The arguments it was started with, empty ones among them.
    pub fn arguments(&self) -> Vec<String> {
        arguments(&std::fs::read(self.folder().join("cmdline")).unwrap_or_default())
    }

    /// Its short name.
    pub fn program(&self) -> String {
        std::fs::read_to_string(self.folder().join("comm")).unwrap_or_default().trim().to_owned()
    }

    /// Memory in KiB: resident, or its share where pages are shared with others (PostgreSQL's buffers).
    pub fn memory(&self, shared: Shared) -> u64 {
        let (file, label) = match shared {
            Shared::CountedOnce => ("smaps_rollup", "Pss:"),
            Shared::CountedEach => ("status", "VmRSS:"),
        };
        let text = std::fs::read_to_string(self.folder().join(file)).unwrap_or_default();
        text.lines()
            .find_map(|line| line.strip_prefix(label))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
    }

    /// The inodes of its sockets, as far as this user may see them.
    pub fn sockets(&self) -> Vec<u64> {
        let Ok(descriptors) = std::fs::read_dir(self.folder().join("fd")) else {
            return Vec::new();
        };
        descriptors
            .flatten()
            .filter_map(|entry| std::fs::read_link(entry.path()).ok())
            .filter_map(|target| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok())
            .collect()
    }

    fn postgres_of(&self, home: &std::path::Path) -> bool {
        self.serves(&home.join("data").join("postgres"))
    }

    /// Whether it is a process of the PostgreSQL server whose data folder that is.
    pub fn serves(&self, data: &std::path::Path) -> bool {
        self.program() == "postgres"
            && std::fs::read_link(self.folder().join("cwd")).is_ok_and(|folder| folder == data)
    }

    fn folder(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.pid))
    }
}

/// Its environment holds tokens.
impl fmt::Debug for Process {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Process { pid, start, parent, .. } = self;
        write!(formatter, "Process {{ pid: {pid}, start: {start}, parent: {parent} }}")
    }
}

/// How pages are counted that several processes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    CountedOnce,
    CountedEach,
}

/// Every process that this user may look at; those that have ended but were not waited for are left out.
pub fn all() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(read).collect()
}

/// Every process of the instance at `home`, but not the caller and those above it.
pub fn of_instance(home: &std::path::Path) -> Vec<Process> {
    let all = all();
    let above = ancestors(&all, i32::try_from(std::process::id()).unwrap_or(0));
    all.into_iter().filter(|process| process.belongs_to(home) && !above.contains(&process.pid)).collect()
}

/// The process and everything it has started that still runs.
pub fn with_descendants(process: &Process) -> Vec<Process> {
    let all = all();
    let mut family = vec![process.clone()];
    let mut next = 0;
    while let Some(parent) = family.get(next).map(|process| process.pid) {
        family.extend(all.iter().filter(|child| child.parent == parent).cloned());
        next += 1;
    }
    family
}

/// Sends a signal to exactly this process; that it has ended meanwhile is no error.
pub fn send(process: &Process, signal: Signal) -> anyhow::Result<()> {
    let pid = Pid::from_raw(process.pid).context("a process number is positive")?;
    let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty()) else {
        return Ok(());
    };
    // The descriptor holds whoever has the number now: check once more that it is the one we mean.
    if process.id().find().is_none() {
        return Ok(());
    }
    match pidfd_send_signal(descriptor, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot signal process {}", process.pid)),
    }
}

/// More than the connections that the gateway takes at once.
const OPEN_FILES: u64 = 65_536;

/// Lets this process, and what it starts from now on, open that many files, or as many as the system allows it at
/// most. The usual limit is far lower.
pub fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        // No system is known to refuse it; if one does, the gateway serves fewer.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit });
    }
}

fn ancestors(all: &[Process], pid: i32) -> Vec<i32> {
    let mut above = vec![pid];
    while let Some(process) = all.iter().find(|process| Some(&process.pid) == above.last()) {
        if process.parent <= 0 || above.contains(&process.parent) {
            break;
        }
        above.push(process.parent);
    }
    above
}

fn read(pid: i32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (parent, start) = parse_stat(&stat)?;
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    Some(Process { pid, start, parent, environment })
}

/// Parent and start time out of /proc/<pid>/stat; none for a process that has ended already.
fn parse_stat(stat: &str) -> Option<(i32, u64)> {
    // The second field is the program's name in parentheses and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    Some((fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?))
}

/// Each ends with a zero.
fn arguments(line: &[u8]) -> Vec<String> {
    let whole = line.strip_suffix(b"\0").unwrap_or(line);
    if line.is_empty() {
        return Vec::new();
    }
    whole.split(|byte| *byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

fn variable(environment: &[u8], name: &str) -> Option<String> {
    environment
        .split(|byte| *byte == 0)
        .filter_map(|entry| std::str::from_utf8(entry).ok())
        .filter_map(|entry| entry.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_confuse_the_parser() {
        let stat =
            "42 (a) b (c) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1 1 18446744073709551615";
        assert_eq!(parse_stat(stat), Some((7, 98765)));
        assert_eq!(parse_stat(&stat.replace(") S", ") Z")), None);
        assert_eq!(parse_stat("nonsense"), None);
    }

    #[test]
    fn a_variable_is_matched_whole() {
        let environment = b"PATH=/bin\0CARTWRIGHT_STACK=/a/.local\0CARTWRIGHT_STACK_X=/b\0";
        assert_eq!(variable(environment, MARK).as_deref(), Some("/a/.local"));
        assert_eq!(variable(environment, "CARTWRIGHT"), None);
        assert_eq!(variable(b"", MARK), None);
        let process = Process { pid: 1, start: 1, parent: 1, environment: environment.to_vec() };
        assert_eq!(process.variables().len(), 3);
        assert_eq!(process.variables()[1], (MARK.into(), "/a/.local".into()));
        assert!(!format!("{process:?}").contains("local"));
    }

    #[test]
    fn an_empty_argument_keeps_its_place() {
        assert_eq!(arguments(b"daprd\0--host\0\0--port\x001\0"), ["daprd", "--host", "", "--port", "1"]);
        assert_eq!(arguments(b"daprd\0--host\0\0"), ["daprd", "--host", ""]);
        assert!(arguments(b"").is_empty());
    }

    #[test]
    fn only_a_marked_process_of_the_same_home_belongs() {
        let process = |environment: &[u8]| Process {
            pid: i32::MAX,
            start: 1,
            parent: 1,
            environment: environment.to_vec(),
        };
        let home = std::path::Path::new("/a/.local");
        assert!(process(b"CARTWRIGHT_STACK=/a/.local\0").belongs_to(home));
        assert!(!process(b"CARTWRIGHT_STACK=/a/.local/test\0").belongs_to(home));
        assert!(!process(b"CARTWRIGHT_HOME=/a/.local\0").belongs_to(home));
    }

    #[test]
    fn this_process_is_found_again_by_number_and_start() {
        let id = Id::of(std::process::id()).unwrap();
        assert_eq!(id.find().unwrap().id(), id);
        assert!(Id { pid: id.pid, start: id.start + 1 }.find().is_none());
    }

    #[test]
    fn a_signal_reaches_the_process_and_a_late_one_nobody() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Id::of(child.id()).unwrap().find().unwrap();
        send(&process, Signal::KILL).unwrap();
        child.wait().unwrap();
        send(&process, Signal::KILL).unwrap();
    }
}

//! One running copy of the system: where its files lie and which ports it takes.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::ports::Ports;
use crate::process::{self, Process, Signal};
use crate::trial::Trial;
use crate::{part, secrets, status};

/// Names the home of the instance, relative to the repository's root; `.local` when unset.
pub const HOME_VARIABLE: &str = "CARTWRIGHT_HOME";
/// Is added to every port, so that two instances can run side by side.
pub const OFFSET_VARIABLE: &str = "CARTWRIGHT_PORT_OFFSET";
/// Names the repository's root where it cannot be found from the program's place.
pub const ROOT_VARIABLE: &str = "CARTWRIGHT_ROOT";

const DEFAULT_HOME: &str = ".local";

/// Paths and ports of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The repository.
    pub root: PathBuf,
    /// Data, logs, secrets and state of this instance.
    pub home: PathBuf,
    pub ports: Ports,
    /// Where `stack` and the services' programs lie.
    pub programs: PathBuf,
    /// What is tried on it.
    pub trial: Trial,
}

impl Instance {
    /// The instance that the environment names.
    pub fn from_environment() -> anyhow::Result<Instance> {
        let offset = match std::env::var(OFFSET_VARIABLE) {
            Ok(text) => {
                text.parse().with_context(|| format!("{OFFSET_VARIABLE}={text} is not a port offset"))?
            }
            Err(_) => 0,
        };
        let home = std::env::var_os(HOME_VARIABLE).map_or_else(|| PathBuf::from(DEFAULT_HOME), PathBuf::from);
        let instance = Instance::new(&find_root()?, &home, offset)?;
        Ok(Instance { trial: Trial::from_environment()?, ..instance })
    }

    /// An instance under `home` (relative to `root`, unless absolute).
    pub fn new(root: &Path, home: &Path, offset: u16) -> anyhow::Result<Instance> {
        let root = root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
        let home = root.join(home);
        std::fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
        let home = home.canonicalize().with_context(|| format!("cannot find {}", home.display()))?;
        Ok(Instance {
            root,
            home,
            ports: Ports::with_offset(offset)?,
            programs: programs()?,
            trial: Trial::default(),
        })
    }

    /// Whether it is the one that compose/dapr.yaml describes as it stands.
    pub fn default_place(&self) -> bool {
        self.ports.offset == 0 && self.trial == Trial::default() && self.home == self.root.join(DEFAULT_HOME)
    }

    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Where mails go while no mail server is configured.
    pub fn mails(&self) -> PathBuf {
        self.home.join("mails")
    }

    pub fn logs(&self) -> PathBuf {
        self.home.join("logs")
    }

    pub fn log(&self, part: &str) -> PathBuf {
        self.logs().join(format!("{part}.log"))
    }

    pub fn run(&self) -> PathBuf {
        self.home.join("run")
    }

    pub fn secrets(&self) -> PathBuf {
        self.home.join("secrets")
    }

    /// Makes every folder of this instance, closed to other users: Kafka keeps its topics there as plain files.
    pub fn close_folders(&self) -> anyhow::Result<()> {
        let [dapr, runtime] = ["dapr", "runtime"].map(|name| self.home.join(name));
        for folder in [self.data(), self.logs(), self.mails(), self.run(), self.secrets(), dapr, runtime] {
            std::fs::create_dir_all(&folder)
                .and_then(|()| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)))
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(())
    }

    /// Built or downloaded tools are shared by all instances.
    pub fn tools(&self) -> PathBuf {
        self.root.join(DEFAULT_HOME).join("tools")
    }

    /// A path as a person in the repository would type it.
    pub fn short(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// The value that marks every process of this instance.
    pub fn mark(&self) -> String {
        format!("{}={}", process::MARK, self.home.display())
    }

    /// The public address of the gateway.
    pub fn gateway_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.gateway())
    }

    /// Starts everything, as `./taskw up` does, and waits until it is ready.
    pub fn up(&self) -> anyhow::Result<()> {
        self.run_verb("up")
    }

    /// Stops everything and waits until no process is left.
    pub fn down(&self) -> anyhow::Result<()> {
        self.run_verb("down")
    }

    /// Stops everything and removes data, logs and secrets.
    pub fn reset(&self) -> anyhow::Result<()> {
        self.run_verb("reset")
    }

    /// A secret value by its name in the vault, e.g. `postgres/superuser` or `administrator/password`.
    pub fn secret(&self, name: &str) -> anyhow::Result<String> {
        secrets::Vault::open(self)?.existing(name)
    }

    /// The superuser's address of a service's database, for checks from outside.
    pub fn database_url(&self, database: &str) -> anyhow::Result<String> {
        let password = self.secret(secrets::POSTGRES_SUPERUSER)?;
        Ok(format!("postgres://postgres:{password}@127.0.0.1:{}/{database}", self.ports.postgres()))
    }

    /// The process of a part (`order`, `order-daprd`, `kafka`, `postgres` …) that runs now.
    pub fn process(&self, name: &str) -> anyhow::Result<Process> {
        let record = part::Record::read(self, name)?.with_context(|| format!("{name} was never started"))?;
        record.child.and_then(process::Id::find).with_context(|| format!("{name} does not run at present"))
    }

    /// Sends a signal to a part's process, past its supervisor.
    pub fn signal(&self, name: &str, signal: Signal) -> anyhow::Result<()> {
        process::send(&self.process(name)?, signal)
    }

    /// Sends a signal to every process of a part; PostgreSQL has one for each connection.
    pub fn signal_all(&self, name: &str, signal: Signal) -> anyhow::Result<()> {
        for process in process::of_instance(&self.home) {
            if process.is_part(&self.home, name) {
                process::send(&process, signal)?;
            }
        }
        Ok(())
    }

    /// Ends a part's process the hard way; its supervisor starts it again.
    pub fn kill(&self, name: &str) -> anyhow::Result<()> {
        self.signal(name, Signal::KILL)
    }

    /// What runs, and how well.
    pub async fn status(&self) -> anyhow::Result<Vec<status::Line>> {
        status::collect(self).await
    }

    /// Replaces secrets, as `./taskw rotate:…` does, e.g. `["database", "order"]`.
    pub fn rotate(&self, words: &[&str]) -> anyhow::Result<()> {
        self.run_words(&[&["rotate"], words].concat())
    }

    fn run_verb(&self, verb: &str) -> anyhow::Result<()> {
        self.run_words(&[verb])
    }

    fn run_words(&self, words: &[&str]) -> anyhow::Result<()> {
        let mut command = self.command(words);
        let status = command.status().with_context(|| format!("cannot run {:?}", command.get_program()))?;
        if !status.success() {
            bail!("`stack {}` failed; its output says why", words.join(" "));
        }
        Ok(())
    }

    /// `stack` with these words, for this instance.
    pub fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(self.programs.join("stack"));
        command
            .args(words)
            .env(ROOT_VARIABLE, &self.root)
            .env(HOME_VARIABLE, &self.home)
            .env(OFFSET_VARIABLE, self.ports.offset.to_string())
            .envs(self.trial.variables());
        command
    }
}

/// The folder above the program, or above the working directory, that holds compose/dapr.yaml.
fn find_root() -> anyhow::Result<PathBuf> {
    if let Some(root) = std::env::var_os(ROOT_VARIABLE) {
        return Ok(root.into());
    }
    let starts = [std::env::current_exe().ok(), std::env::current_dir().ok()];
    starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .find(|folder| folder.join("compose").join("dapr.yaml").is_file())
        .map(Path::to_path_buf)
        .with_context(|| format!("no folder above the program holds compose/dapr.yaml; set {ROOT_VARIABLE}"))
}

fn programs() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("cannot tell which program this is")?;
    let folder = program.parent().context("the program lies in no folder")?;
    // Test programs lie one folder below.
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_users_find_every_folder_closed() {
        let folder = tempfile::tempdir().unwrap();
        let instance = Instance::new(folder.path(), Path::new("home"), 0).unwrap();
        std::fs::create_dir_all(instance.data()).unwrap();
        std::fs::set_permissions(instance.data(), std::fs::Permissions::from_mode(0o755)).unwrap();
        instance.close_folders().unwrap();
        for entry in std::fs::read_dir(&instance.home).unwrap().map(Result::unwrap) {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o700, "{}", entry.path().display());
        }
    }
}

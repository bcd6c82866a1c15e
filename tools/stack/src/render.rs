//! `stack render`: writes the files that follow from the tables in `contracts`, or says which do not agree.

mod async_api;
mod configuration;
mod events;
mod pubsub;
mod subscription;

use std::path::Path;

use anyhow::{Context, bail};
use contracts::App;

use crate::part::write_whole;
use crate::{Instance, say};

/// What to do with what was rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Write,
    Check,
}

/// One file, relative to the repository's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub path: String,
    pub text: String,
}

const FIRST_LINE: &str = "# Written by `./taskw render` from the tables in crates/contracts.\n";

/// Writes every file, or fails naming those that differ.
pub fn run(instance: &Instance, mode: Mode) -> anyhow::Result<()> {
    let files = all(&instance.root);
    let differing: Vec<&Rendered> = files
        .iter()
        .filter(|file| {
            std::fs::read_to_string(instance.root.join(&file.path)).ok().as_ref() != Some(&file.text)
        })
        .collect();
    let names = differing.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(", ");
    match mode {
        Mode::Check if differing.is_empty() => {
            say::line(format!("{} files agree with the tables", files.len()))
        }
        Mode::Check => {
            bail!("these do not agree with the tables in crates/contracts: {names}\nnext: ./taskw render")
        }
        Mode::Write => {
            for file in &differing {
                write(&instance.root.join(&file.path), &file.text)?;
            }
            let told =
                if names.is_empty() { "nothing to change".to_owned() } else { format!("wrote {names}") };
            say::line(told);
        }
    }
    Ok(())
}

/// Every file that follows from the tables.
pub fn all(root: &Path) -> Vec<Rendered> {
    let mut files: Vec<Rendered> = App::ALL
        .into_iter()
        .map(|app| Rendered { path: format!("dapr-config/{app}.yaml"), text: configuration::render(app) })
        .collect();
    files.push(Rendered { path: "components/pubsub.yaml".to_owned(), text: pubsub::render() });
    files.push(Rendered { path: "dapr-config/subscriptions.yaml".to_owned(), text: subscription::render() });
    files.push(Rendered { path: "docs/events.md".to_owned(), text: events::render() });
    files.push(Rendered { path: "docs/asyncapi.yaml".to_owned(), text: async_api::render(root) });
    files
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    write_whole(path, text.as_bytes())?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka;

    fn root() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join("..")
    }

    #[test]
    fn the_files_in_the_repository_agree_with_the_tables() {
        for file in all(&root()) {
            let found = std::fs::read_to_string(root().join(&file.path)).unwrap_or_default();
            assert!(found == file.text, "{} does not agree; run ./taskw render", file.path);
        }
    }

    #[test]
    fn every_component_is_scoped_to_the_apps_that_need_it() {
        let scopes = |component: &str| {
            let text = std::fs::read_to_string(root().join("components").join(component)).unwrap();
            text.lines().find_map(|line| line.strip_prefix("scopes: ")).unwrap().to_owned()
        };
        let list = |apps: &dyn Fn(App) -> bool| {
            let names: Vec<&str> = App::ALL.into_iter().filter(|app| apps(*app)).map(App::name).collect();
            format!("[{}]", names.join(", "))
        };
        assert_eq!(scopes("pubsub.yaml"), list(&kafka::uses_events));
        assert_eq!(scopes("configuration.yaml"), list(&|_| true));
        assert_eq!(scopes("secrets.yaml"), list(&|_| true));
        assert_eq!(scopes("ratelimit.yaml"), "[gateway]");
    }
}

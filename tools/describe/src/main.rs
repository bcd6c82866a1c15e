//! `describe [--check]`: writes docs/api and docs/configuration.md, or says which files are not those of today's sources.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;

/// Writes docs/api from the services' descriptions, and docs/configuration.md from the registry.
#[derive(Parser)]
#[command(name = "describe", version)]
struct Arguments {
    /// Write nothing; fail and name the files that differ.
    #[arg(long)]
    check: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(said) => {
            // Nobody reads it any more when stdout is closed.
            let _ = writeln!(std::io::stdout(), "{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "describe: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<String> {
    let root = describe::root()?;
    let differing = describe::differing(&root)?;
    let names = differing.iter().map(|file| file.path).collect::<Vec<_>>().join(", ");
    if differing.is_empty() {
        return Ok("docs/api and docs/configuration.md agree with the sources".to_owned());
    }
    if arguments.check {
        bail!("these are not those of today's sources: {names}\nnext: ./taskw render");
    }
    for file in &differing {
        let path = root.join(file.path);
        std::fs::write(&path, &file.text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(format!("wrote {names}"))
}

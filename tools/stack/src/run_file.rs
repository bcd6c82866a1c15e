//! compose/dapr.yaml for `dapr run -f`: as it stands for the usual place, with ports and paths moved for another.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use crate::Instance;
use crate::part::{Identity, Part, Stop, write_whole};
use crate::process::Signal;
use crate::seat::{self, Seat};

pub const NAME: &str = "dapr";

/// The supervised CLI with every service and sidecar under it.
pub fn part(instance: &Instance) -> anyhow::Result<Part> {
    let mut path = instance.programs.clone().into_os_string();
    if let Some(inherited) = std::env::var_os("PATH") {
        path.push(":");
        path.push(inherited);
    }
    let file = prepare(instance)?;
    Ok(Part {
        name: NAME.to_owned(),
        program: instance.tools().join("dapr").join("dapr"),
        arguments: ["run".into(), "-f".into(), file.into_os_string()].to_vec(),
        environment: vec![
            ("PATH".to_owned(), path),
            // The CLI looks for its own settings there, and finds none.
            ("HOME".to_owned(), OsString::from(instance.home.join("runtime"))),
        ],
        folder: instance.run(),
        log: instance.log(NAME),
        // It may still be telling sidecars about their apps, and does not listen meanwhile; both are gone by then.
        stop: Stop { signal: Signal::TERM, patience: Duration::from_secs(2) },
        identity: Identity::Caller,
        stale: None,
    })
}

/// Makes the folders that the file names and gives the file to run.
fn prepare(instance: &Instance) -> anyhow::Result<PathBuf> {
    for seat in seat::all(instance) {
        let folder = instance.home.join("dapr").join(seat.name());
        // The CLI begins new logs at each start; what is worth reading lies in the logs folder.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let original = instance.root.join("compose").join("dapr.yaml");
    if instance.default_place() {
        return Ok(original);
    }
    let text =
        std::fs::read_to_string(&original).with_context(|| format!("cannot read {}", original.display()))?;
    let mut entries = move_to(&text, &instance.root, &instance.home, instance.ports.offset);
    entries.extend(seat::second(instance).into_iter().map(|seat| entry(instance, seat)));
    let moved = instance.run().join("dapr.yaml");
    write_whole(&moved, entries.as_bytes())?;
    Ok(moved)
}

/// A second replica: the same app-id, other ports.
fn entry(instance: &Instance, seat: Seat) -> String {
    let Seat { app, .. } = seat;
    let ports = instance.ports.of(seat);
    let (home, root, name) = (instance.home.display(), instance.root.display(), seat.name());
    format!(
        "- appID: {app}\n  appDirPath: {home}/dapr/{name}\n  configFilePath: {root}/dapr-config/{app}.yaml\n  \
         appPort: {}\n  daprHTTPPort: {}\n  daprGRPCPort: {}\n  daprInternalGRPCPort: {}\n  metricsPort: {}\n  \
         command: [stack, supervise, {name}]\n",
        ports.app(app),
        ports.dapr_http(app),
        ports.dapr_grpc(app),
        ports.dapr_internal(app),
        ports.dapr_metrics(app),
    )
}

/// Moves every port by `offset` and makes every path absolute, line by line.
fn move_to(text: &str, root: &Path, home: &Path, offset: u16) -> String {
    let home = format!("{}/", home.display());
    let root = format!("{}/", root.display());
    let mut moved = String::with_capacity(text.len());
    for line in text.lines() {
        let code = line.split(" #").next().unwrap_or(line);
        if code.trim_start().starts_with('#') {
            continue;
        }
        let line = code.replace("../.local/", &home).replace("../../../", &root).replace("../", &root);
        moved.push_str(&move_ports(&line, offset));
        moved.push('\n');
    }
    moved
}

/// A number is a port after a key that ends with `Port:`, or after `127.0.0.1:`.
fn move_ports(line: &str, offset: u16) -> String {
    let mut moved = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, marker)) =
        ["Port: ", "127.0.0.1:"].iter().filter_map(|marker| Some((rest.find(marker)?, *marker))).min()
    {
        let (head, tail) = rest.split_at(before + marker.len());
        let digits = tail.len() - tail.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let (number, tail) = tail.split_at(digits);
        moved.push_str(head);
        match number.parse::<u16>() {
            Ok(port) => moved.push_str(&(port.saturating_add(offset)).to_string()),
            Err(_) => moved.push_str(number),
        }
        rest = tail;
    }
    moved.push_str(rest);
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Ports;
    use contracts::App;

    const ORIGINAL: &str = include_str!("../../../compose/dapr.yaml");

    #[test]
    fn ports_and_paths_are_moved_and_other_numbers_are_not() {
        let text = "# a comment\n  runtimePath: ../.local/runtime # why\n  - { daprHTTPPort: 3500, appPort: 8100 }\n  \
                    appHealthThreshold: 5\n  env: { GATEWAY_LISTEN: \"127.0.0.1:8080\", apiListenAddresses: 127.0.0.1 }\n  \
                    resourcesPaths: [../components, ../dapr-config]\n  configFilePath: ../../../dapr-config/order.yaml\n";
        let moved = move_to(text, Path::new("/r"), Path::new("/r/.local/test"), 10_000);
        assert_eq!(
            moved,
            "  runtimePath: /r/.local/test/runtime\n  - { daprHTTPPort: 13500, appPort: 18100 }\n  \
             appHealthThreshold: 5\n  env: { GATEWAY_LISTEN: \"127.0.0.1:18080\", apiListenAddresses: 127.0.0.1 }\n  \
             resourcesPaths: [/r/components, /r/dapr-config]\n  configFilePath: /r/dapr-config/order.yaml\n"
        );
    }

    #[test]
    fn the_file_names_every_app_with_the_ports_of_the_table() {
        for offset in [0, 10_000] {
            let moved = move_to(ORIGINAL, Path::new("/r"), Path::new("/h"), offset);
            let ports = Ports::with_offset(offset).unwrap();
            assert!(moved.contains(&format!("127.0.0.1:{}", ports.gateway())));
            assert!(moved.contains(&format!("127.0.0.1:{}", ports.card_sandbox())));
            for app in App::ALL {
                assert!(moved.contains(&format!("appID: {app}\n")), "{app}");
                assert!(moved.contains(&format!("command: [stack, supervise, {app}]\n")), "{app}");
                for line in [
                    format!("appPort: {}\n", ports.app(app)),
                    format!("daprHTTPPort: {}\n", ports.dapr_http(app)),
                    format!("daprGRPCPort: {}\n", ports.dapr_grpc(app)),
                    format!("daprInternalGRPCPort: {}\n", ports.dapr_internal(app)),
                    format!("metricsPort: {}\n", ports.dapr_metrics(app)),
                ] {
                    assert!(moved.contains(&line), "{app}: {line}");
                }
            }
        }
    }
}

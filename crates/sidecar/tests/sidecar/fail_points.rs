//! Fail points: a process ends where its file lies, once.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use sidecar::{fail_point, fail_points};

const FOLDER: &str = "FAIL_POINTS_OF_THIS_TEST";
const SIGKILL: i32 = 9;

/// Runs this test's process once more, as one that comes by a fail point.
fn come_by(folder: &Path) -> ExitStatus {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "fail_points::a_process_ends_where_its_file_lies_and_only_once"])
        .env(FOLDER, folder)
        .output()
        .unwrap()
        .status
}

#[test]
fn a_process_ends_where_its_file_lies_and_only_once() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        fail_points::arm(Some(folder.into()));
        fail_point("order.sweep.before_commit");
        fail_point(format_args!("order.{}.after_commit", "sweep"));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let point = folder.path().join("order.sweep.after_commit");
    std::fs::write(&point, "").unwrap();
    std::fs::write(folder.path().join("order.relay.after_mark"), "").unwrap();
    assert_eq!(come_by(folder.path()).signal(), Some(SIGKILL));
    assert!(!point.exists());
    assert!(come_by(folder.path()).success());
    assert!(folder.path().join("order.relay.after_mark").exists());
}

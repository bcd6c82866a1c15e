//! Places at which a test may end the process, as if its machine had lost power. Always compiled in.
//!
//! A process that comes by a place of which there is a file in the folder removes the file and kills itself: nothing
//! is unwound, flushed or answered. Each file strikes once, and its absence says that it has struck.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use contracts::event::{EVENTS, topics};
use contracts::{App, Operation};
use rustix::process::{Signal, getpid, kill_process};
use sqlx::{Postgres, Transaction};

static ARMED: AtomicBool = AtomicBool::new(false);
static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Places around a commit.
const COMMIT: [&str; 2] = ["before_commit", "after_commit"];
/// Places of the relay, around what it does with one bulk.
const RELAY: [&str; 3] = ["before_publish", "after_publish", "after_mark"];
/// Places around a call to the card processor: the call is committed as sent; it is made; its answer has come; the
/// answer is committed.
const CALL: [&str; 4] = ["before_sent", "after_sent", "before_answer", "after_answer"];
/// What is asked of the card processor.
const ACTS: [&str; 8] =
    ["create", "confirm", "capture", "cancel", "read", "refund", "find_refund", "close_dispute"];
/// Timed work that decides something.
const JOBS: [(App, &str); 2] = [(App::Order, "sweep"), (App::Payment, "webhook")];
/// The commands that say something to the others, by whoever they were given.
const COMMANDS: [Operation; 8] = [
    Operation::PlaceOrder,
    Operation::CancelOrder,
    Operation::ShipOrder,
    Operation::DeliverParcel,
    Operation::RequestReturn,
    Operation::ReceiveReturn,
    Operation::RefundReturn,
    Operation::RequestCapture,
];

/// Names the folder in which files may lie; to be called once, at start. Without it every place does nothing.
pub fn arm(folder: Option<PathBuf>) {
    if let Some(folder) = folder {
        tracing::warn!(folder = %folder.display(), "fail points are armed");
        ARMED.store(FOLDER.set(folder).is_ok(), Ordering::Release);
    }
}

/// Ends the process if a file of this name lies in the folder. Names are `<app>.<step>.<place>`.
pub fn fail_point(name: impl Display) {
    if ARMED.load(Ordering::Relaxed) {
        strike(&name.to_string());
    }
}

/// Commits between the two places `<app>.<step>.before_commit` and `<app>.<step>.after_commit`.
pub async fn commit(tx: Transaction<'_, Postgres>, app: App, step: &str) -> Result<(), sqlx::Error> {
    let [before, after] = COMMIT;
    fail_point(format_args!("{app}.{step}.{before}"));
    tx.commit().await?;
    fail_point(format_args!("{app}.{step}.{after}"));
    Ok(())
}

/// Every place there is.
pub fn names() -> Vec<String> {
    let events = EVENTS.iter().flat_map(|row| {
        let places = COMMIT.into_iter().chain(["before_ack"]);
        row.subscribers.iter().flat_map(move |app| name(app.name(), row.name, places.clone()))
    });
    let relays = topics().flat_map(|app| name(app.name(), "relay", RELAY));
    let commands = COMMANDS.iter().flat_map(|operation| {
        let row = operation.row();
        name(row.owner.name(), row.name, COMMIT)
    });
    let calls = ACTS.iter().flat_map(|act| name(App::Payment.name(), act, CALL));
    let jobs = JOBS.iter().flat_map(|(app, job)| name(app.name(), job, COMMIT));
    events.chain(relays).chain(commands).chain(calls).chain(jobs).collect()
}

fn name(
    app: &'static str,
    step: &'static str,
    places: impl IntoIterator<Item = &'static str>,
) -> impl Iterator<Item = String> {
    places.into_iter().map(move |place| format!("{app}.{step}.{place}"))
}

/// Removing comes first: of several processes that come by, the file ends one.
fn strike(name: &str) {
    let Some(folder) = FOLDER.get() else { return };
    if std::fs::remove_file(folder.join(name)).is_err() {
        return;
    }
    // The signal ends every thread before the call returns; should it be refused, the end must come all the same.
    let _refused = kill_process(getpid(), Signal::KILL);
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_place_has_a_name_of_its_own() {
        let names = names();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        for name in
            ["product.order.placed.v1.before_ack", "order.relay.after_mark", "payment.refund.after_sent"]
        {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
    }

    #[test]
    fn a_process_that_is_not_armed_passes_every_place() {
        for name in names() {
            fail_point(name);
        }
    }
}

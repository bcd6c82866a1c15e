//! The wish to stop, said once and heard by everyone who waits for it.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Says the wish.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<bool>);

/// Hears it.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<bool>);

/// A wish that nobody has said yet.
pub fn channel() -> (Stopper, Stopping) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stopping(receiver))
}

impl Stopper {
    pub fn say(&self) {
        self.0.send_replace(true);
    }
}

impl Stopping {
    pub fn said(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when the wish is said, or when nobody is left to say it.
    pub async fn wait(&mut self) {
        let _ = self.0.wait_for(|said| *said).await;
    }
}

/// Says the wish when the process is asked to end (SIGTERM, SIGINT, SIGHUP).
pub fn on_signals(stopper: Stopper) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
            _ = hang_up.recv() => (),
        }
        stopper.say();
    });
    Ok(())
}

/// Names the process that starts another, which may have ended before that one looks.
pub const STARTED_BY: &str = "CARTWRIGHT_STARTED_BY";

/// Says the wish when the process that started this one has gone.
pub fn on_orphaned(stopper: Stopper) {
    let named = std::env::var(STARTED_BY).ok().and_then(|id| id.parse().ok());
    let parent = named.unwrap_or_else(std::os::unix::process::parent_id);
    tokio::spawn(async move {
        while std::os::unix::process::parent_id() == parent {
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        }
        stopper.say();
    });
}

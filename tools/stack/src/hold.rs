//! Holding a copy of a service back while its secrets change: whoever holds it has its supervisors wait before they
//! start service or sidecar again. The kernel lets go when the holder ends, however it ends.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::Instance;
use crate::part::open_log;
use crate::seat::Seat;

/// Between two looks at whether it is still held.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Held until dropped.
#[derive(Debug)]
pub struct Hold {
    _lock: File,
}

/// The file by which a copy is held.
pub fn file(instance: &Instance, seat: Seat) -> PathBuf {
    instance.run().join("hold").join(seat.name())
}

impl Hold {
    /// Holds a copy back from its next start on.
    pub fn take(instance: &Instance, seat: Seat) -> anyhow::Result<Hold> {
        let lock = open_log(&file(instance, seat))?;
        if !locked(&lock) {
            bail!("somebody else holds {} back", seat.name());
        }
        Ok(Hold { _lock: lock })
    }
}

/// Whether somebody holds it.
pub fn held(file: &std::path::Path) -> bool {
    File::open(file).is_ok_and(|lock| lock.try_lock_shared().is_err())
}

/// Waits until nobody holds it.
pub async fn released(file: &std::path::Path) {
    while held(file) {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The right to change the secrets of an instance that runs; one at a time.
#[derive(Debug)]
pub struct Changing {
    _lock: File,
}

impl Changing {
    pub fn begin(instance: &Instance) -> anyhow::Result<Changing> {
        let lock = File::create(changing_file(instance)).context("cannot lock the secrets")?;
        if !locked(&lock) {
            bail!("another `./taskw rotate:…` of {} is at work; wait for it", instance.home.display());
        }
        Ok(Changing { _lock: lock })
    }

    /// Whether somebody is at it.
    pub fn under_way(instance: &Instance) -> bool {
        held(&changing_file(instance))
    }
}

/// Whoever looks whether it is held has it for a moment.
fn locked(lock: &File) -> bool {
    (0..20).any(|_| {
        let locked = lock.try_lock().is_ok();
        if !locked {
            std::thread::sleep(Duration::from_millis(5));
        }
        locked
    })
}

fn changing_file(instance: &Instance) -> PathBuf {
    instance.run().join("rotate.lock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::App;
    use std::path::Path;

    #[tokio::test]
    async fn a_copy_is_held_until_the_holder_lets_go_and_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let instance = Instance::new(folder.path(), Path::new("home"), 0).unwrap();
        let (order, payment) = (Seat::first(App::Order), Seat::first(App::Payment));
        released(&file(&instance, order)).await;
        let hold = Hold::take(&instance, order).unwrap();
        assert!(held(&file(&instance, order)) && !held(&file(&instance, payment)));
        assert!(Hold::take(&instance, order).is_err(), "one holds it at a time");
        drop(hold);
        released(&file(&instance, order)).await;
    }

    #[test]
    fn one_changes_secrets_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let instance = Instance::new(folder.path(), Path::new("home"), 0).unwrap();
        std::fs::create_dir_all(instance.run()).unwrap();
        assert!(!Changing::under_way(&instance));
        let changing = Changing::begin(&instance).unwrap();
        assert!(Changing::under_way(&instance) && Changing::begin(&instance).is_err());
        drop(changing);
        assert!(!Changing::under_way(&instance));
    }
}

//! The one place where state changes: the book, the keys in use and the log, behind one lock.
//! Nobody waits while holding it; whoever wants an answer then waits for the disk.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use chrono::{DateTime, Utc};

use crate::domain::answer::{Asked, Key, Known, StoredAnswer};
use crate::domain::book::Book;
use crate::domain::entry::{Entry, Record};
use crate::store::{Durability, Log, LogFailed};

#[derive(Clone)]
pub struct Till {
    inside: Arc<Mutex<Inside>>,
    durability: Durability,
}

struct Inside {
    book: Book,
    keys_in_use: HashSet<Key>,
    log: Log,
}

/// What is to be written as one record.
pub struct Draft {
    pub order_id: Option<String>,
    pub entries: Vec<Entry>,
    pub answer: Option<StoredAnswer>,
}

/// A record on its way to the disk.
#[must_use]
pub struct Written {
    sequence: u64,
    durability: Durability,
}

/// The use of a key; given back when dropped, also when the caller hangs up.
pub struct Claim {
    till: Till,
    key: Option<Key>,
}

pub enum Claimed {
    Fresh(Claim),
    Before(Box<StoredAnswer>),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    #[error("the key is in use by a request under way")]
    InUse,
    #[error("the key was first used with other parameters")]
    OtherParameters,
    #[error("the key was first used at {0}")]
    OtherEndpoint(String),
}

impl Till {
    pub fn open(path: &Path) -> anyhow::Result<Till> {
        let mut book = Book::default();
        let log = Log::open(path, |record| Ok(book.apply(&record)?))?;
        tracing::info!(log.records = book.last_sequence(), "state rebuilt from the log");
        let durability = log.durability();
        let inside = Inside { book, keys_in_use: HashSet::new(), log };
        Ok(Till { inside: Arc::new(Mutex::new(inside)), durability })
    }

    /// Looks at the book, and returns when everything that could be seen is on the disk.
    pub async fn read<T>(&self, look: impl FnOnce(&Book) -> T) -> Result<T, LogFailed> {
        let (seen, sequence) = {
            let inside = self.lock();
            (look(&inside.book), inside.book.last_sequence())
        };
        self.durability.clone().reached(sequence).await?;
        Ok(seen)
    }

    /// Decides and changes the book, and says when it is on the disk. There is nothing to wait for in between,
    /// so a caller who hangs up leaves nothing half done.
    pub fn write<T, E: From<LogFailed>>(
        &self,
        now: DateTime<Utc>,
        decide: impl FnOnce(&Book) -> Result<(Draft, T), E>,
    ) -> Result<(T, Written), E> {
        let mut inside = self.lock();
        let (draft, decided) = decide(&inside.book)?;
        let sequence = inside.book.last_sequence() + 1;
        let Draft { order_id, entries, answer } = draft;
        let record = Record { sequence, recorded_at: now, order_id, entries, answer };
        inside.book.apply(&record).expect("invariant: it was decided upon this very book");
        inside.log.append(&record)?;
        Ok((decided, Written { sequence, durability: self.durability.clone() }))
    }

    /// Takes a key into use, unless it is in use or has its answer. Without a key there is nothing to take.
    pub fn claim(&self, key: Option<&Key>, asked: &Asked, now: DateTime<Utc>) -> Result<Claimed, ClaimError> {
        let Some(key) = key else {
            return Ok(Claimed::Fresh(Claim { till: self.clone(), key: None }));
        };
        let mut inside = self.lock();
        if inside.keys_in_use.contains(key) {
            return Err(ClaimError::InUse);
        }
        match inside.book.answers.known(key, asked, now) {
            Known::SameRequest(stored) => Ok(Claimed::Before(Box::new(stored.clone()))),
            Known::OtherParameters => Err(ClaimError::OtherParameters),
            Known::OtherEndpoint(path) => Err(ClaimError::OtherEndpoint(path.to_owned())),
            Known::Nothing => {
                inside.keys_in_use.insert(key.clone());
                Ok(Claimed::Fresh(Claim { till: self.clone(), key: Some(key.clone()) }))
            }
        }
    }

    pub fn log_path(&self) -> PathBuf {
        self.lock().log.path().to_owned()
    }

    /// Returns when the log can no longer be written.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        self.durability.clone().lost()
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().expect("invariant: nobody panics holding the till")
    }
}

impl Written {
    pub async fn on_disk(self) -> Result<(), LogFailed> {
        self.durability.reached(self.sequence).await
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.till.lock().keys_in_use.remove(&key);
        }
    }
}

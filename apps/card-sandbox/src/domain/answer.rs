//! Answers kept under idempotency keys: what a repeated request gets, and for how long.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How long a key is remembered.
pub const KEPT_FOR: TimeDelta = TimeDelta::hours(24);

/// A key is its account's own, whichever API key it comes with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    pub account: String,
    pub key: String,
}

/// The request that a key was first used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub path: String,
    /// Hash of the parameters.
    pub fingerprint: String,
    pub request_id: String,
}

/// What the processor said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredAnswer {
    #[serde(flatten)]
    pub key: Key,
    #[serde(flatten)]
    pub asked: Asked,
    #[serde(flatten)]
    pub answer: Answer,
}

/// What a key is known for.
#[derive(Debug, PartialEq)]
pub enum Known<'a> {
    Nothing,
    SameRequest(&'a StoredAnswer),
    OtherParameters,
    OtherEndpoint(&'a str),
}

#[derive(Debug, Default)]
pub struct Answers {
    by_key: HashMap<Key, (DateTime<Utc>, StoredAnswer)>,
    oldest_first: VecDeque<(DateTime<Utc>, Key)>,
}

impl Answers {
    pub fn known(&self, key: &Key, asked: &Asked, now: DateTime<Utc>) -> Known<'_> {
        let Some((stored_at, stored)) = self.by_key.get(key) else {
            return Known::Nothing;
        };
        let expired = *stored_at + KEPT_FOR <= now;
        if expired {
            Known::Nothing
        } else if stored.asked.path != asked.path {
            Known::OtherEndpoint(&stored.asked.path)
        } else if stored.asked.fingerprint != asked.fingerprint {
            Known::OtherParameters
        } else {
            Known::SameRequest(stored)
        }
    }

    pub fn keep(&mut self, answer: StoredAnswer, now: DateTime<Utc>) {
        self.prune(now - KEPT_FOR);
        self.oldest_first.push_back((now, answer.key.clone()));
        self.by_key.insert(answer.key.clone(), (now, answer));
    }

    /// Forgets what was stored before the given moment, or at it.
    pub fn prune(&mut self, before: DateTime<Utc>) {
        while let Some((stored_at, _)) = self.oldest_first.front()
            && *stored_at <= before
        {
            let Some((stored_at, key)) = self.oldest_first.pop_front() else {
                return;
            };
            let stored_again_since = self.by_key.get(&key).is_some_and(|(latest, _)| *latest > stored_at);
            if !stored_again_since {
                self.by_key.remove(&key);
            }
        }
    }

    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

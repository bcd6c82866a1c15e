//! What is to happen, by time. Of two things at the same time the one that was written down first happens first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Milliseconds since the schedule began, by a clock that is right.
pub type Time = i64;

#[derive(Debug)]
pub struct Calendar<T> {
    entries: BinaryHeap<Reverse<Entry<T>>>,
    written: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Time,
    written: u64,
    what: T,
}

impl<T> Calendar<T> {
    pub fn new() -> Calendar<T> {
        Calendar { entries: BinaryHeap::with_capacity(64), written: 0 }
    }

    pub fn put(&mut self, at: Time, what: T) {
        self.written += 1;
        self.entries.push(Reverse(Entry { at, written: self.written, what }));
    }

    /// The next thing and its time.
    pub fn next(&mut self) -> Option<(Time, T)> {
        self.entries.pop().map(|Reverse(entry)| (entry.at, entry.what))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Entry<T>) -> bool {
        self.written == other.written
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Entry<T>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Entry<T>) -> std::cmp::Ordering {
        (self.at, self.written).cmp(&(other.at, other.written))
    }
}

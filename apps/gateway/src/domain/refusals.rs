//! Refusals as they are counted for the audit log: those of one kind together, and never more lines than a bound,
//! whatever clients send.

use std::collections::HashMap;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use contracts::UserId;
use contracts::identity::{AuditEntry, AuditResult};
use uuid::Uuid;

/// Kinds that are told apart in one span; beyond, only operations are.
const MOST_KINDS: usize = 200;

/// What makes refusals the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kind {
    pub actor: Option<UserId>,
    pub api_key: Option<Uuid>,
    pub operation: &'static str,
    pub permission: Option<&'static str>,
    pub address: Option<IpAddr>,
}

/// What is told of the first one besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circumstances {
    pub subject: String,
    pub request_id: String,
}

/// The refusals of a span of time.
#[derive(Debug, Default)]
pub struct Refusals {
    kinds: HashMap<Kind, Counted>,
}

#[derive(Debug)]
struct Counted {
    id: Uuid,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    count: i64,
    circumstances: Option<Circumstances>,
}

impl Refusals {
    /// Counts one; `id` becomes its line's when it is the first of its kind.
    pub fn note(&mut self, kind: Kind, circumstances: Circumstances, id: Uuid, now: DateTime<Utc>) {
        let room = self.kinds.len() < MOST_KINDS || self.kinds.contains_key(&kind);
        let (kind, circumstances) = if room {
            (kind, Some(circumstances))
        } else {
            // Who it was is lost in the crowd, but not that it was.
            (Kind { actor: None, api_key: None, address: None, ..kind }, None)
        };
        let counted = self.kinds.entry(kind).or_insert_with(|| Counted {
            id,
            first_at: now,
            last_at: now,
            count: 0,
            circumstances,
        });
        counted.count += 1;
        counted.last_at = counted.last_at.max(now);
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Their lines.
    pub fn entries(self) -> Vec<AuditEntry> {
        self.kinds.into_iter().map(|(kind, counted)| entry(kind, counted)).collect()
    }
}

fn entry(kind: Kind, counted: Counted) -> AuditEntry {
    let (subject, request_id) = match counted.circumstances {
        Some(circumstances) => (circumstances.subject, Some(circumstances.request_id)),
        None => (String::new(), None),
    };
    AuditEntry {
        id: counted.id,
        at: counted.first_at,
        last_at: counted.last_at,
        count: counted.count,
        result: AuditResult::Refused,
        actor: kind.actor,
        api_key: kind.api_key,
        operation: kind.operation.to_owned(),
        permission: kind.permission.map(str::to_owned),
        subject,
        address: kind.address.map(|address| address.to_string()),
        request_id,
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn kind(actor: u128) -> Kind {
        Kind {
            actor: Some(UserId(Uuid::from_u128(actor))),
            api_key: None,
            operation: "list_stock",
            permission: Some("stock:read"),
            address: Some("192.0.2.1".parse().unwrap()),
        }
    }

    fn note(refusals: &mut Refusals, actor: u128, second: i64) {
        let circumstances = Circumstances { subject: format!("n={second}"), request_id: "r".into() };
        let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(second);
        refusals.note(kind(actor), circumstances, Uuid::from_u128(actor), now);
    }

    #[test]
    fn those_of_one_kind_are_one_line_with_the_first_ones_circumstances() {
        let mut refusals = Refusals::default();
        for second in 0..5 {
            note(&mut refusals, 1, second);
        }
        let [entry] = &refusals.entries()[..] else { panic!("one line") };
        assert_eq!((entry.count, entry.subject.as_str()), (5, "n=0"));
        assert_eq!(entry.last_at - entry.at, TimeDelta::seconds(4));
        assert_eq!((entry.actor, entry.address.as_deref()), (kind(1).actor, Some("192.0.2.1")));
    }

    #[test]
    fn a_flood_is_counted_to_the_last_one_on_a_bounded_number_of_lines() {
        let mut refusals = Refusals::default();
        for actor in 0..100_000 {
            note(&mut refusals, actor, 0);
        }
        let entries = refusals.entries();
        assert_eq!(entries.len(), MOST_KINDS + 1);
        assert_eq!(entries.iter().map(|entry| entry.count).sum::<i64>(), 100_000);
        let crowd: Vec<_> = entries.iter().filter(|entry| entry.actor.is_none()).collect();
        assert_eq!(crowd.len(), 1);
        assert_eq!((crowd[0].operation.as_str(), crowd[0].address.as_deref()), ("list_stock", None));
    }
}

//! What the gateway and `user` tell each other about callers: keys for tokens, revocations, and what was done.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::UserId;

/// What every API key begins with; no access token does.
pub const API_KEY_PREFIX: &str = "cwk_";

/// A machine's key, as it was shown.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeApiKey {
    pub key: String,
}

/// The token that stands for a key for a while.
#[derive(Clone, Serialize, Deserialize)]
pub struct ExchangedToken {
    pub access_token: String,
    /// Seconds until the token is no longer taken.
    pub expires_in: i64,
}

/// Where a reader of the feed goes on; none at its start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadRevocations {
    pub cursor: Option<String>,
}

/// A part of the feed of revocations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocations {
    pub items: Vec<Revocation>,
    /// The next part of this reading, where there is one.
    pub next: Option<String>,
    /// Where the next reading begins: said by the first part, and held to after the last.
    pub resume: String,
}

/// Ends access tokens before their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Revocation {
    /// A session has ended.
    Session { id: Uuid, at: DateTime<Utc> },
    /// An API key was revoked.
    Key { id: Uuid, at: DateTime<Utc> },
    /// All tokens of the user that carry an earlier generation.
    User { id: UserId, generation: i64, at: DateTime<Utc> },
}

impl Revocation {
    pub const fn at(&self) -> DateTime<Utc> {
        match self {
            Revocation::Session { at, .. } | Revocation::Key { at, .. } | Revocation::User { at, .. } => *at,
        }
    }
}

/// Lines of the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordAudit {
    pub entries: Vec<AuditEntry>,
    pub outcomes: Vec<AuditOutcome>,
}

/// Whether somebody went ahead or was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditResult {
    Attempted,
    Refused,
}

impl AuditResult {
    pub const fn name(self) -> &'static str {
        match self {
            AuditResult::Attempted => "attempted",
            AuditResult::Refused => "refused",
        }
    }
}

/// Who did or was refused what, when and from where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    /// Of refusals that are counted together.
    pub last_at: DateTime<Utc>,
    pub count: i64,
    pub result: AuditResult,
    pub actor: Option<UserId>,
    pub api_key: Option<Uuid>,
    pub operation: String,
    pub permission: Option<String>,
    /// The path's parameters, as in a query.
    pub subject: String,
    pub address: Option<String>,
    pub request_id: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditOutcome {
    pub entry_id: Uuid,
    pub status: u16,
    pub at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_is_read_as_it_was_written() {
        let at = DateTime::UNIX_EPOCH;
        for revocation in [
            Revocation::Session { id: Uuid::nil(), at },
            Revocation::Key { id: Uuid::nil(), at },
            Revocation::User { id: UserId(Uuid::nil()), generation: 3, at },
        ] {
            let text = serde_json::to_string(&revocation).unwrap();
            assert_eq!(serde_json::from_str::<Revocation>(&text).unwrap(), revocation);
            assert_eq!(revocation.at(), at);
        }
    }
}

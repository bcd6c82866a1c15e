//! What `notification` asks `user` when it writes a mail: an address and a code stand in no event.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::MailId;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailQuery {
    pub mail_id: MailId,
}

/// None when there is nothing left to write: the code has served, its time is over, or the account is gone.
#[derive(Clone, Serialize, Deserialize)]
pub struct MailAnswer {
    pub mail: Option<MailCode>,
}

/// Where the mail goes and what stands in it. It has no `Debug`: it holds what only the owner may see.
#[derive(Clone, Serialize, Deserialize)]
pub struct MailCode {
    pub email: String,
    /// Empty until it was shown whose address it is.
    pub name: String,
    /// Good once.
    pub code: String,
    pub expires_at: DateTime<Utc>,
}

//! What `user` says. Ids only: whoever needs an address or a code asks for it when it is needed.

use serde::{Deserialize, Serialize};

use crate::{MailId, PasswordChangeId, SessionId, UserId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserVerificationRequested {
    pub user_id: UserId,
    pub mail_id: MailId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserResetRequested {
    pub user_id: UserId,
    pub mail_id: MailId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPasswordChanged {
    pub user_id: UserId,
    pub change_id: PasswordChangeId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserTokenReused {
    pub user_id: UserId,
    pub session_id: SessionId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDeleted {
    pub user_id: UserId,
}

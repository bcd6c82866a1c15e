//! What people are told of their accounts.

use std::fmt;

use contracts::{Event, PasswordChangeId, SessionId, UserId};

use super::{Kind, Language, Letter};

/// Something to be told of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountTelling {
    pub customer_id: UserId,
    pub cause: AccountCause,
    pub letter: Letter,
}

/// What it is about. Account, kind, cause and channel together are told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountCause {
    PasswordChange(PasswordChangeId),
    Session(SessionId),
}

/// What the owner of an account is told about an event; none when there is nothing to tell.
pub fn account_telling(event: &Event, language: Language) -> Option<AccountTelling> {
    if let Event::UserPasswordChanged(said) = event {
        let (cause, letter) = (AccountCause::PasswordChange(said.change_id), password_changed(language));
        return Some(AccountTelling { customer_id: said.user_id, cause, letter });
    }
    if let Event::UserTokenReused(said) = event {
        let (cause, letter) = (AccountCause::Session(said.session_id), session_revoked(language));
        return Some(AccountTelling { customer_id: said.user_id, cause, letter });
    }
    None
}

fn password_changed(language: Language) -> Letter {
    match language {
        Language::En => Letter {
            kind: Kind::PasswordChanged,
            subject: "Your password was changed".to_owned(),
            body:
                "The password of your account was changed, and you are logged out wherever it was not done.\n\
                   If that was not you, choose a new password by mail at once: \
                   ask for it where you log in.\n"
                    .to_owned(),
        },
    }
}

fn session_revoked(language: Language) -> Letter {
    match language {
        Language::En => Letter {
            kind: Kind::SessionRevoked,
            subject: "We ended one of your sessions".to_owned(),
            body: "Something that keeps you logged in was used twice, as happens when it is copied. We ended that \
                   session, and you may have to log in again.\n\
                   If you do not know why, change your password and look where you are logged in.\n"
                .to_owned(),
        },
    }
}

impl fmt::Display for AccountCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccountCause::PasswordChange(id) => write!(formatter, "password_change:{id}"),
            AccountCause::Session(id) => write!(formatter, "session:{id}"),
        }
    }
}

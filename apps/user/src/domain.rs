//! What an account is made of. None of it is printed by accident: the types that hold it have no `Debug`.

pub mod address;
pub mod mail;
pub mod opaque;
pub mod password;
pub mod role;
pub mod second_factor;
pub mod session;
pub mod throttle;
pub mod token;

use chrono::{DateTime, Utc};
use contracts::UserId;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Somebody's account, without what proves that it is theirs.
#[derive(Clone)]
pub struct Account {
    pub id: UserId,
    pub email: Email,
    pub name: Name,
    pub created_at: DateTime<Utc>,
}

/// An address in the form in which accounts are found: trimmed, lower case, plain ASCII.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Email(String);

/// What somebody is called: 1 to 200 characters.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

/// A password as it was typed: 8 to 128 characters.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Password(SecretString);

/// Says what is asked for and never what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("an e-mail address has the form name@host.example and at most 254 ASCII characters")]
    Email,
    #[error("a name has 1 to 200 characters")]
    Name,
    #[error("a password has 8 to 128 characters")]
    Password,
}

impl Email {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether mail could ever get there: RFC 2606 keeps `.invalid` for what is nobody's, and so do deleted accounts.
    pub fn reachable(&self) -> bool {
        !self.0.ends_with(".invalid")
    }
}

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Password {
    fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    fn as_bytes(&self) -> &[u8] {
        self.expose().as_bytes()
    }
}

impl TryFrom<String> for Email {
    type Error = FormError;

    fn try_from(text: String) -> Result<Email, FormError> {
        let email = text.trim().to_ascii_lowercase();
        let (local, host) = email.split_once('@').ok_or(FormError::Email)?;
        let local_fits = (1..=64).contains(&local.len()) && local.bytes().all(|byte| byte.is_ascii_graphic());
        let host_fits = host.contains('.') && host.split('.').all(host_label);
        if email.len() <= 254 && local_fits && host_fits { Ok(Email(email)) } else { Err(FormError::Email) }
    }
}

fn host_label(label: &str) -> bool {
    let edges_fit = !label.starts_with('-') && !label.ends_with('-');
    (1..=63).contains(&label.len())
        && edges_fit
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

impl TryFrom<String> for Name {
    type Error = FormError;

    fn try_from(text: String) -> Result<Name, FormError> {
        let name = text.trim();
        if (1..=200).contains(&name.chars().count()) {
            Ok(Name(name.to_owned()))
        } else {
            Err(FormError::Name)
        }
    }
}

impl TryFrom<String> for Password {
    type Error = FormError;

    fn try_from(text: String) -> Result<Password, FormError> {
        if (8..=128).contains(&text.chars().count()) {
            Ok(Password(text.into()))
        } else {
            Err(FormError::Password)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_however_it_is_written() {
        let email = Email::try_from("  Ada.Lovelace+shop@Example.ORG ".to_owned());
        assert_eq!(email.ok().unwrap().as_str(), "ada.lovelace+shop@example.org");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("a@{}.example", "b".repeat(64));
        let endless = format!("a@{}example", "bcdefgh.".repeat(40));
        for text in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@localhost",
            "a b@example.org",
            "a@b@example.org",
            "ada@-a.example",
            "ada@example..org",
            "ädä@example.org",
            "ada@exämple.org",
            &long,
            &endless,
        ] {
            assert!(Email::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn names_and_passwords_are_counted_in_characters() {
        assert!(Name::try_from("  ".to_owned()).is_err());
        assert!(Name::try_from("é".repeat(200)).is_ok());
        assert!(Name::try_from("é".repeat(201)).is_err());
        assert!(Password::try_from("é".repeat(7)).is_err());
        assert!(Password::try_from("é".repeat(128)).is_ok());
        assert!(Password::try_from("é".repeat(129)).is_err());
    }
}

//! Tokens that say nothing by themselves: 256 random bits. They are kept as hashes; no salt is needed, since nobody
//! can guess them.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::identity::API_KEY_PREFIX;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// What a token is found by.
pub type Hash = Vec<u8>;

/// Before the random part, so that whoever finds one in a log or a repository knows what it is.
const REFRESH: &str = "cwr_";
const MAIL: &str = "cwm_";

/// The longest text that is looked up; ours are shorter.
const LONGEST: usize = 100;

/// A token as it goes out and comes back. It has no `Debug`, and is not kept.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Opaque(SecretString);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is longer than any token of ours")]
pub struct TooLong;

impl Opaque {
    pub fn refresh(random: [u8; 32]) -> Opaque {
        Opaque(format!("{REFRESH}{}", URL_SAFE_NO_PAD.encode(random)).into())
    }

    /// What a machine shows.
    pub fn api_key(random: [u8; 32]) -> Opaque {
        Opaque(format!("{API_KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(random)).into())
    }

    pub fn mail(random: [u8; 32]) -> Opaque {
        Opaque(format!("{MAIL}{}", URL_SAFE_NO_PAD.encode(random)).into())
    }

    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub fn hash(&self) -> Hash {
        digest(&SHA256, self.expose().as_bytes()).as_ref().to_vec()
    }
}

impl TryFrom<String> for Opaque {
    type Error = TooLong;

    fn try_from(text: String) -> Result<Opaque, TooLong> {
        if text.len() <= LONGEST { Ok(Opaque(text.into())) } else { Err(TooLong) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_with_the_same_hash_and_another_has_another() {
        let token = Opaque::refresh([7; 32]);
        assert_eq!(token.expose().len(), 47);
        assert!(token.expose().starts_with("cwr_BwcHBwcH"));
        let back = Opaque::try_from(token.expose().to_owned()).ok().unwrap();
        assert_eq!((back.hash(), back.hash().len()), (token.hash(), 32));
        assert_ne!(Opaque::mail([7; 32]).hash(), token.hash());
        assert_ne!(Opaque::refresh([8; 32]).hash(), token.hash());
        assert!(Opaque::try_from("a".repeat(101)).is_err());
    }
}

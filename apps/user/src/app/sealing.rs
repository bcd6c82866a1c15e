//! Sealing what the database keeps but must not know: private keys and shared secrets. AES-256-GCM under a key that
//! only the secret store holds.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use secrecy::{ExposeSecret, SecretString};

/// The secret holds at least this many characters.
const SHORTEST: usize = 32;

/// Seals and opens. What a box is for is sealed with it, so that none can stand in another's place.
pub struct Sealing(RandomizedNonceKey);

#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    #[error("the secret `sealing` has fewer than {SHORTEST} characters")]
    Short,
    #[error("sealing failed")]
    Sealing,
    #[error("what was sealed cannot be opened with the secret `sealing`")]
    Opening,
}

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        AES_256_GCM.key_len()
    }
}

impl Sealing {
    /// # Errors
    /// When the secret is too short to be one.
    pub fn new(secret: &SecretString) -> Result<Sealing, SealingError> {
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < SHORTEST {
            return Err(SealingError::Short);
        }
        let mut key = [0; 32];
        let prk = Salt::new(HKDF_SHA256, b"cartwright user").extract(secret);
        let material = prk.expand(&[b"sealing"], Length).map_err(|_| SealingError::Sealing)?;
        material.fill(&mut key).map_err(|_| SealingError::Sealing)?;
        RandomizedNonceKey::new(&AES_256_GCM, &key).map(Sealing).map_err(|_| SealingError::Sealing)
    }

    /// The nonce, followed by what was sealed.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, SealingError> {
        let mut sealed = plain.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(purpose.as_bytes()), &mut sealed)
            .map_err(|_| SealingError::Sealing)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// # Errors
    /// When it was sealed for something else, with another key, or was changed.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, SealingError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(SealingError::Opening)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealingError::Opening)?;
        let mut plain = sealed.to_vec();
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut plain)
            .map_err(|_| SealingError::Opening)?;
        Ok(opened.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealing(letter: &str) -> Sealing {
        Sealing::new(&SecretString::from(letter.repeat(32))).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_key_for_its_purpose_and_by_nothing_else() {
        let one = sealing("a");
        let sealed = one.seal("totp 1", b"secret").unwrap();
        assert_eq!(one.open("totp 1", &sealed).unwrap(), b"secret");
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_ne!(one.seal("totp 1", b"secret").unwrap(), sealed, "no two are the same");
        assert!(one.open("totp 2", &sealed).is_err());
        assert!(sealing("b").open("totp 1", &sealed).is_err());
        assert!(one.open("totp 1", &sealed[..10]).is_err());
        let mut changed = sealed;
        changed[14] ^= 1;
        assert!(one.open("totp 1", &changed).is_err());
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_refused() {
        assert!(Sealing::new(&SecretString::from("")).is_err());
    }
}

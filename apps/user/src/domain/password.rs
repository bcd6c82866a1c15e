//! Password hashes: Argon2id, as PHC strings. Slow by intent; whoever calls this is not on an async thread.

use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};

use super::Password;

pub type Salt = [u8; argon2::RECOMMENDED_SALT_LEN];

/// What one hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    pub memory_kib: u32,
    pub iterations: u32,
}

/// What a check of a password came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    Wrong,
    /// `anew` is a hash at the present cost, where the stored one has another.
    Right {
        anew: Option<String>,
    },
}

#[derive(Debug, thiserror::Error)]
#[error("a password hash cannot be made or read")]
pub struct HashError(#[from] password_hash::Error);

pub fn hash(password: &Password, cost: Cost, salt: &Salt) -> Result<String, HashError> {
    Ok(hasher(cost)?.hash_password_with_salt(password.as_bytes(), salt)?.to_string())
}

/// Compares with the stored hash. Without one it does the same work, so that the time tells nobody whether an
/// account exists.
pub fn check(
    password: &Password,
    stored: Option<&str>,
    cost: Cost,
    salt: &Salt,
) -> Result<Checked, HashError> {
    let Some(stored) = stored else {
        hash(password, cost, salt)?;
        return Ok(Checked::Wrong);
    };
    let stored = PasswordHash::new(stored).map_err(password_hash::Error::from)?;
    match Argon2::default().verify_password(password.as_bytes(), &stored) {
        Err(password_hash::Error::PasswordInvalid) => Ok(Checked::Wrong),
        Err(error) => Err(error.into()),
        Ok(()) => {
            let params = Params::try_from(&stored)?;
            let present = params.m_cost() == cost.memory_kib && params.t_cost() == cost.iterations;
            let anew = if present { None } else { Some(hash(password, cost, salt)?) };
            Ok(Checked::Right { anew })
        }
    }
}

fn hasher(cost: Cost) -> Result<Argon2<'static>, HashError> {
    let params =
        Params::new(cost.memory_kib, cost.iterations, 1, None).map_err(password_hash::Error::from)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 64, iterations: 1 };
    const DEARER: Cost = Cost { memory_kib: 128, iterations: 2 };
    const SALT: Salt = [7; 16];

    fn password(text: &str) -> Password {
        Password::try_from(text.to_owned()).ok().unwrap()
    }

    #[test]
    fn a_hash_is_argon2id_and_knows_its_cost() {
        let hash = hash(&password("correct horse"), CHEAP, &SALT).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
    }

    #[test]
    fn only_the_right_password_passes() {
        let stored = hash(&password("correct horse"), CHEAP, &SALT).unwrap();
        let checked = |text: &str, cost| check(&password(text), Some(&stored), cost, &SALT).unwrap();
        assert_eq!(checked("wrong horse", CHEAP), Checked::Wrong);
        assert_eq!(checked("correct horse", CHEAP), Checked::Right { anew: None });
        let Checked::Right { anew: Some(anew) } = checked("correct horse", DEARER) else {
            panic!("not hashed anew")
        };
        assert!(anew.starts_with("$argon2id$v=19$m=128,t=2,p=1$"), "{anew}");
        assert_eq!(check(&password("correct horse"), None, CHEAP, &SALT).unwrap(), Checked::Wrong);
    }

    #[test]
    fn a_hash_that_is_none_is_an_error() {
        assert!(check(&password("correct horse"), Some("plain"), CHEAP, &SALT).is_err());
    }
}

//! Password hashes: Argon2id, as PHC strings. Slow by intent; whoever calls this is not on an async thread. And
//! which passwords nobody may choose (NIST SP 800-63B): those that are guessed first; nothing is asked of the rest.

use std::sync::LazyLock;

use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};

use super::{Email, Name, Password};

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

/// In byte order; the source and its licence stand at the head of the file.
static COMMON: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    include_str!("password/common.txt")
        .lines()
        .filter(|line| !line.starts_with("# ") && *line != "#")
        .collect()
});
/// What an attacker tries besides.
const HOUSE: &str = "cartwright";

/// Why a password may not be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Guessable {
    #[error("it is one of the commonest passwords")]
    Common,
    #[error("it repeats one or two characters")]
    Repeated,
    #[error("it is made of the account's own name or e-mail address")]
    Own,
}

/// Whether somebody with this address and name may choose it.
pub fn check_choice(password: &Password, email: &Email, name: &Name) -> Result<(), Guessable> {
    let text = password.expose().to_lowercase();
    if COMMON.binary_search(&text.as_str()).is_ok() {
        return Err(Guessable::Common);
    }
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    if characters.len() <= 2 {
        return Err(Guessable::Repeated);
    }
    // What is merely lengthened by digits and signs is as easy to guess.
    let stem = text.trim_matches(|character: char| !character.is_alphabetic());
    let name = name.as_str().to_lowercase();
    let local = email.as_str().split('@').next().unwrap_or_default();
    let joined: String = name.split_whitespace().collect();
    let own = [email.as_str(), local, name.as_str(), joined.as_str(), HOUSE].contains(&stem)
        || name.split_whitespace().any(|part| part == stem)
        || text == email.as_str();
    if own { Err(Guessable::Own) } else { Ok(()) }
}

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
    fn the_shipped_list_is_in_order_and_long_enough() {
        assert!(COMMON.len() > 10_000, "{}", COMMON.len());
        assert!(
            COMMON.is_sorted() && COMMON.iter().all(|word| word.len() >= 8 && *word == word.to_lowercase())
        );
    }

    #[test]
    fn what_is_guessed_first_may_not_be_chosen_and_all_else_may() {
        let email = Email::try_from("ada.lovelace@example.org".to_owned()).ok().unwrap();
        let name = Name::try_from("Ada Lovelace".to_owned()).ok().unwrap();
        let choice = |text: &str| check_choice(&password(text), &email, &name);
        for common in ["password", "PassWord", "12345678", "qwertyuiop", "trustno1"] {
            assert_eq!(choice(common), Err(Guessable::Common), "{common}");
        }
        assert_eq!(choice("zzzzzzzzzzzzzzzz"), Err(Guessable::Repeated));
        assert_eq!(choice("x0x0x0x0x0x0"), Err(Guessable::Repeated));
        for own in ["Lovelace2026!", "ada.lovelace@example.org", "AdaLovelace", "ada lovelace", "Cartwright1"]
        {
            assert_eq!(choice(own), Err(Guessable::Own), "{own}");
        }
        for good in ["correct horse battery", "        a b", "жоржик и мышь", "tr0ub4dor&3"] {
            assert_eq!(choice(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_hash_that_is_none_is_an_error() {
        assert!(check(&password("correct horse"), Some("plain"), CHEAP, &SALT).is_err());
    }
}

//! The second factor: codes by time (RFC 6238) and recovery codes.

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use totp_rs::{Builder, Totp};

/// Bytes of a shared secret, as RFC 4226 wants them.
pub const SECRET_BYTES: usize = 20;
/// Random bytes of a recovery code; sixteen letters and digits.
pub const RECOVERY_BYTES: usize = 10;
/// Recovery codes made at a time.
pub const RECOVERY_CODES: usize = 10;
const ISSUER: &str = "Cartwright";
/// RFC 4648's alphabet: nothing in it is taken for something else.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

#[derive(Debug, thiserror::Error)]
#[error("the secret of a second factor cannot be used")]
pub struct SecretError;

/// The longest that anybody types as a code, with whatever they put between its parts.
const LONGEST_CODE: usize = 64;

/// What somebody typed as their code: at most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Code {
    /// Six digits of the authenticator app.
    Time(String),
    /// The hash of what may be a recovery code.
    Recovery(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code has at most {LONGEST_CODE} characters")]
pub struct CodeError;

impl TryFrom<String> for Code {
    type Error = CodeError;

    /// Spaces and dashes are for the eye.
    fn try_from(text: String) -> Result<Code, CodeError> {
        if text.chars().count() > LONGEST_CODE {
            return Err(CodeError);
        }
        let plain = text.replace([' ', '-'], "");
        if plain.len() == 6 && plain.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Code::Time(plain))
        } else {
            Ok(Code::Recovery(hash(&plain.to_ascii_uppercase())))
        }
    }
}

/// The time step whose code this is; clocks may differ by one step.
pub fn step_of(secret: &[u8], code: &str, now: DateTime<Utc>) -> Result<Option<i64>, SecretError> {
    let seconds = u64::try_from(now.timestamp()).map_err(|_| SecretError)?;
    let step = totp(secret, "")?.check(code, seconds);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

/// What an authenticator app is given: the secret to type, and the address behind a QR code, in which a colon stands
/// between issuer and account and nowhere else.
pub fn enrolment(secret: &[u8], account: &str) -> Result<(String, String), SecretError> {
    let totp = totp(secret, &account.replace(':', "_"))?;
    let uri = totp.to_url().map_err(|_| SecretError)?;
    Ok((totp.secret().to_base32(), uri))
}

fn totp(secret: &[u8], account: &str) -> Result<Totp, SecretError> {
    Builder::new()
        .with_secret(secret)
        .with_issuer(Some(ISSUER))
        .with_account_name(account)
        .build()
        .map_err(|_| SecretError)
}

/// A recovery code as it is shown, in groups of four.
pub fn recovery_code(random: [u8; RECOVERY_BYTES]) -> String {
    let bits = random.iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let letter = |place: usize| {
        let index = usize::try_from((bits >> (75 - 5 * place)) & 31).unwrap_or_default();
        char::from(ALPHABET[index])
    };
    let groups: Vec<String> =
        (0..4).map(|group| (0..4).map(|place| letter(group * 4 + place)).collect()).collect();
    groups.join("-")
}

/// What is kept of a recovery code: it is random, so a fast hash will do.
pub fn hash(plain: &str) -> Vec<u8> {
    digest(&SHA256, plain.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238's test values, appendix B.
    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            assert_eq!(step_of(SECRET, code, at(seconds)).unwrap(), Some(seconds / 30), "{code}");
        }
    }

    #[test]
    fn a_code_is_good_one_step_early_or_late_and_no_more() {
        let step = 1_234_567_890 / 30;
        for (shift, good) in [(-60, false), (-30, true), (0, true), (30, true), (60, false)] {
            let found = step_of(SECRET, "005924", at(1_234_567_890 + shift)).unwrap();
            assert_eq!(found, good.then_some(step), "{shift}");
        }
        assert_eq!(step_of(SECRET, "000000", at(1_234_567_890)).unwrap(), None);
        assert!(step_of(b"short", "000000", at(0)).is_err());
    }

    #[test]
    fn an_authenticator_app_is_given_what_it_understands() {
        let (secret, uri) = enrolment(SECRET, "ada@example.org").unwrap();
        assert_eq!(secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(uri.starts_with("otpauth://totp/Cartwright:ada%40example.org?"), "{uri}");
        assert!(uri.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), "{uri}");
    }

    #[test]
    fn an_address_with_a_colon_gets_a_second_factor_too() {
        let (_, uri) = enrolment(SECRET, "ada:king@example.org").unwrap();
        assert!(uri.starts_with("otpauth://totp/Cartwright:ada_king%40example.org?"), "{uri}");
    }

    #[test]
    fn a_recovery_code_is_known_however_it_is_typed() {
        assert_eq!(recovery_code([0; 10]), "AAAA-AAAA-AAAA-AAAA");
        assert_eq!(recovery_code([255; 10]), "7777-7777-7777-7777");
        let code = recovery_code([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        let read = |text: &str| Code::try_from(text.to_owned());
        let typed = read(&code.to_ascii_lowercase().replace('-', " ")).unwrap();
        assert_eq!(typed, read(&code).unwrap());
        assert_eq!(typed, Code::Recovery(hash(&code.replace('-', ""))));
        assert_eq!(read("123 456"), Ok(Code::Time("123456".into())));
        assert_ne!(read("1234567"), Ok(Code::Time("1234567".into())));
        assert!(read(&"é".repeat(64)).is_ok());
        assert_eq!(read(&"0".repeat(65)), Err(CodeError));
    }
}

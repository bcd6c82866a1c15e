//! A new key for access tokens.

use contracts::Operation;
use replay::client::{Call, Session};
use serde::Deserialize;

use crate::Said;

#[derive(Deserialize)]
struct Key {
    kid: String,
    signs_from: String,
}

pub async fn rotate(session: &Session) -> anyhow::Result<Said> {
    let key: Key = session.ask(Call::new(Operation::RotateSigningKeys)).await?;
    Ok(Said::well(tell(&key.kid, &key.signs_from)))
}

fn tell(kid: &str, signs_from: &str) -> String {
    format!(
        "✓ the key {kid} signs access tokens from {signs_from} on\n  \
         tokens of the key before go on to their end, and nobody is logged out\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_from_when_on_the_key_signs() {
        let said = tell("abc", "2026-11-24T00:00:30Z");
        assert!(
            said.starts_with("✓ the key abc signs access tokens from 2026-11-24T00:00:30Z on\n"),
            "{said}"
        );
    }
}

//! Payment methods: the provider's token, taken as it is and never shown again.

use secrecy::{ExposeSecret, SecretString};

const LONGEST: usize = 255;
/// No token of a provider holds as many digits in a row as a card number does.
const CARD_NUMBER_DIGITS: usize = 12;

/// The provider's name for a customer's card. Its `Debug` does not show it.
#[derive(Debug, Clone)]
pub struct ProviderToken(SecretString);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("it is not a token of the provider, such as pm_… or tok_…")]
    NotAToken,
    #[error("it holds a number as long as a card's; only tokens are taken, never card numbers")]
    CardNumber,
}

impl ProviderToken {
    /// # Errors
    /// When it cannot be a token, or looks like a card number.
    pub fn new(text: &str) -> Result<ProviderToken, TokenError> {
        let longest_number = text.split(|letter: char| !letter.is_ascii_digit()).map(str::len).max();
        if longest_number.is_some_and(|digits| digits >= CARD_NUMBER_DIGITS) {
            return Err(TokenError::CardNumber);
        }
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let prefixed = ["pm_", "tok_", "card_"]
            .iter()
            .any(|prefix| text.len() > prefix.len() && text.starts_with(prefix));
        if plain && prefixed && text.len() <= LONGEST {
            Ok(ProviderToken(text.into()))
        } else {
            Err(TokenError::NotAToken)
        }
    }

    /// For the provider and the one table that keeps it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The card's brand, where the token tells it.
    pub fn brand(&self) -> Option<&'static str> {
        let name = self.expose().strip_prefix("pm_card_").or_else(|| self.expose().strip_prefix("tok_"))?;
        ["visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay"].into_iter().find(|brand| {
            name == *brand || name.strip_prefix(brand).is_some_and(|rest| rest.starts_with('_'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_tokens_and_nothing_else() {
        for token in ["pm_card_visa", "tok_hang", "pm_1Mtwh7LkdIwHu7ixqWQf2h8x", "card_1N3T00"] {
            assert_eq!(
                ProviderToken::new(token).map(|token| token.expose().to_owned()).as_deref(),
                Ok(token)
            );
        }
        for text in
            ["", "pm_", "visa", "pm_card visa", "pm_\u{e9}t\u{e9}", &format!("pm_{}", "x".repeat(300))]
        {
            assert_eq!(ProviderToken::new(text).err(), Some(TokenError::NotAToken), "{text}");
        }
        for text in ["4242424242424242", "pm_4242424242424242", "tok_378282246310005x"] {
            assert_eq!(ProviderToken::new(text).err(), Some(TokenError::CardNumber), "{text}");
        }
    }

    #[test]
    fn tells_the_brand_where_the_token_does_and_never_itself() {
        let brand = |text: &str| ProviderToken::new(text).unwrap().brand();
        assert_eq!(brand("pm_card_visa"), Some("visa"));
        assert_eq!(brand("pm_card_visa_chargeDeclined"), Some("visa"));
        assert_eq!(brand("pm_card_insufficientFunds"), None);
        assert_eq!(brand("pm_1Mtwh7LkdIwHu7ix"), None);
        assert!(!format!("{:?}", ProviderToken::new("pm_card_visa").unwrap()).contains("visa"));
    }
}

//! Prices as people write them, read into pence by whole numbers alone.

use contracts::{Currency, Money};

/// What the file's prices are in.
pub const CURRENCY: Currency = Currency::Gbp;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    #[error("price {0:?} is not a decimal number of pounds")]
    NotADecimal(String),
    #[error("price {0:?} does not fit in whole pence")]
    NotWholePence(String),
    #[error("price {0:?} is too large")]
    TooLarge(String),
}

/// Reads pounds and pence, e.g. `3.75`, `15` or `0.850`.
pub fn parse(text: &str) -> Result<Money, PriceError> {
    let (pounds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !digits(pounds) || !digits(fraction) {
        return Err(PriceError::NotADecimal(text.to_owned()));
    }
    let (pence, rest) = fraction.split_at(fraction.len().min(2));
    if rest.bytes().any(|digit| digit != b'0') {
        return Err(PriceError::NotWholePence(text.to_owned()));
    }
    let too_large = || PriceError::TooLarge(text.to_owned());
    let pence: i64 = format!("{pounds}{pence:0<2}").parse().map_err(|_| too_large())?;
    Money::new(pence, CURRENCY).map_err(|_| too_large())
}

/// Pence as a person reads them, e.g. `£209,715.11`.
pub fn show(pence: i64) -> String {
    let sign = if pence < 0 { "-" } else { "" };
    let pence = pence.unsigned_abs();
    format!("{sign}£{}.{:02}", thousands(pence / 100), pence % 100)
}

/// A whole number with commas, e.g. `1,755`.
pub fn thousands(number: u64) -> String {
    let plain = number.to_string();
    let mut shown = String::with_capacity(plain.len() + plain.len() / 3);
    for (index, digit) in plain.chars().enumerate() {
        if index > 0 && (plain.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pence(text: &str) -> i64 {
        parse(text).unwrap().amount()
    }

    #[test]
    fn pounds_are_read_to_the_penny() {
        assert_eq!(pence("3.75"), 375);
        assert_eq!(pence("15"), 1500);
        assert_eq!(pence("2.1"), 210);
        assert_eq!(pence("0.850"), 85);
        assert_eq!(pence("0"), 0);
        assert_eq!(pence("4161.06"), 416_106);
        assert_eq!(pence("999999.99"), Money::MAX_AMOUNT);
    }

    #[test]
    fn what_is_no_price_is_refused_by_name() {
        for text in ["", ".", ".5", "5.", "-1", "+1", "1,5", "1e3", "abc", "1.2.3", " 1", "£1"] {
            assert_eq!(parse(text), Err(PriceError::NotADecimal(text.to_owned())), "{text}");
        }
        assert_eq!(parse("0.001"), Err(PriceError::NotWholePence("0.001".to_owned())));
        for text in ["1000000", "99999999999999999999999"] {
            assert_eq!(parse(text), Err(PriceError::TooLarge(text.to_owned())));
        }
    }

    #[test]
    fn pence_are_shown_as_people_write_them() {
        assert_eq!(show(20_971_511), "£209,715.11");
        assert_eq!(show(5), "£0.05");
        assert_eq!(show(-10_000_000), "-£100,000.00");
        assert_eq!(thousands(392), "392");
        assert_eq!(thousands(1_755), "1,755");
        assert_eq!(thousands(1_000_000), "1,000,000");
    }
}

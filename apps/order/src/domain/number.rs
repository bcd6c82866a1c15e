//! The short number by which people know an order, e.g. `7K3M-9QXT`.

/// Crockford's alphabet: no letter that is mistaken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Eight characters from the lowest forty bits of `random`.
pub fn order_number(random: u128) -> String {
    let mut number: String = (0..8)
        .map(|position| {
            ALPHABET[usize::try_from((random >> (5 * position)) & 31).unwrap_or_default()] as char
        })
        .collect();
    number.insert(4, '-');
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_short_and_without_mistakable_letters() {
        assert_eq!(order_number(0), "0000-0000");
        assert_eq!(order_number(u128::MAX), "ZZZZ-ZZZZ");
        assert_eq!(order_number(0x1234_5678_9ABC), "WN6H-7BH6");
    }
}

//! The registry of configuration keys: type, bounds, default and readers. `config` keeps the values,
//! Dapr's configuration store delivers them.

use crate::App;

/// A key whose value is a whole number within bounds; every present key is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// `<owner>.<name>`, of `[a-z0-9._]`.
    pub name: &'static str,
    pub unit: &'static str,
    pub least: u64,
    pub most: u64,
    pub default: u64,
    /// The service that reads it.
    pub reader: App,
    pub description: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    #[error("{0:?} is not a whole number")]
    NotANumber(String),
    #[error("{value} is not between {least} and {most}")]
    OutOfBounds { value: u64, least: u64, most: u64 },
}

impl Key {
    /// Reads a value and checks its bounds.
    pub fn parse(&self, text: &str) -> Result<u64, ValueError> {
        let value =
            text.parse::<u64>().map_err(|_| ValueError::NotANumber(text.chars().take(64).collect()))?;
        if (self.least..=self.most).contains(&value) {
            Ok(value)
        } else {
            Err(ValueError::OutOfBounds { value, least: self.least, most: self.most })
        }
    }
}

macro_rules! keys {
    ($($constant:ident $name:literal $unit:literal $least:literal..=$most:literal default $default:literal $reader:ident $description:literal;)*) => {
        $(#[doc = $description]
        pub const $constant: Key = Key {
            name: $name, unit: $unit, least: $least, most: $most, default: $default,
            reader: App::$reader, description: $description,
        };)*

        /// Every key there is.
        pub const KEYS: &[Key] = &[$($constant,)*];
    };
}

keys! {
    ORDER_DEADLINE "order.deadline" "seconds" 5..=604800 default 900 Order
        "How long an order may take from placing to its end.";
    ORDER_RETURN_WINDOW "order.return_window" "days" 0..=365 default 30 Order
        "How long after delivery a return may be asked for.";
    ORDER_CAPTURE_BEFORE_SHIPPING "order.capture_before_shipping" "0 or 1" 0..=1 default 0 Order
        "Whether the money of new orders is captured before their first parcel leaves (1) or at once (0).";
    ORDER_BOOKS_INTERVAL "order.books_interval" "seconds" 5..=86400 default 60 Order
        "How often the books are checked for the orders that changed.";
    ORDER_LARGEST_PAGE "order.largest_page" "rows" 1..=1000 default 100 Order
        "The largest page of a list of orders.";
    PRODUCT_LARGEST_PAGE "product.largest_page" "rows" 1..=1000 default 200 Product
        "The largest page of a list of products, stock levels or movements.";
    USER_ARGON2_MEMORY "user.argon2_memory" "KiB" 8192..=262144 default 19456 User
        "Memory of one password hash (Argon2id).";
    USER_ARGON2_ITERATIONS "user.argon2_iterations" "passes" 1..=10 default 2 User
        "Passes of one password hash (Argon2id).";
    USER_STAFF_SECOND_FACTOR "user.staff_second_factor" "0 or 1" 0..=1 default 0 User
        "Whether staff are staff only in sessions that began with a second factor (1).";
    USER_SIGNING_KEY_DAYS "user.signing_key_days" "days" 1..=3650 default 90 User
        "How long a key signs access tokens before a new one takes its place.";
    PAYMENT_PROVIDER_TIMEOUT "payment.provider_timeout" "milliseconds" 100..=60000 default 5000 Payment
        "How long a call to the card processor may take before its outcome counts as unknown.";
    PAYMENT_COMPARISON_INTERVAL "payment.comparison_interval" "seconds" 10..=604800 default 86400 Payment
        "How often the card processor's own list is compared with ours.";
    NOTIFICATION_LARGEST_PAGE "notification.largest_page" "rows" 1..=1000 default 100 Notification
        "The largest page of a mailbox.";
    GATEWAY_DEADLINE "gateway.deadline" "milliseconds" 500..=120000 default 10000 Gateway
        "How long the gateway waits for a service's answer.";
    CONFIG_LARGEST_VALUE "config.largest_value" "bytes" 16..=4096 default 1024 Config
        "The longest configuration value that is taken.";
}

/// The key of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_within_its_bounds_and_every_name_can_be_stored() {
        for key in KEYS {
            assert_eq!(key.parse(&key.default.to_string()), Ok(key.default), "{}", key.name);
            assert!(key.name.starts_with(key.reader.name()), "{}", key.name);
            assert!(
                key.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_')),
                "{}",
                key.name
            );
        }
    }

    #[test]
    fn every_service_reads_a_key() {
        for app in App::ALL {
            assert!(KEYS.iter().any(|key| key.reader == app), "{app}");
        }
    }

    #[test]
    fn a_refused_value_says_which_bound() {
        assert_eq!(ORDER_DEADLINE.parse("4").unwrap_err().to_string(), "4 is not between 5 and 604800");
        assert_eq!(ORDER_DEADLINE.parse("-1").unwrap_err().to_string(), "\"-1\" is not a whole number");
    }
}

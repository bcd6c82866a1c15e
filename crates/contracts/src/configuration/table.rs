//! Every key there is, and every rule between two of them.

use std::time::Duration;

use super::{Guard, Key, Kind, Reach, Rule, Setting, Span, Spec, Value};
use crate::{App, CaptureMode};

/// What a change of what orders go through is judged by.
const ORDERS: &[Guard] = &[Guard::Refusals, Guard::Failures, Guard::TimeToConfirm];

macro_rules! keys {
    ($($constant:ident: $type:ty, $name:literal, $kind:expr, $default:literal, $unit:expr, $reader:ident, $reach:ident, $guards:expr, $restart:literal, $description:literal;)*) => {
        $(#[doc = $description]
        pub const $constant: Key<$type> = Key::new(&Spec {
            name: $name, kind: $kind, default: $default, unit: $unit, reader: App::$reader,
            reach: Reach::$reach, guards: $guards, restart: $restart, description: $description,
        });)*

        /// Every key there is.
        pub const KEYS: &[&Spec] = &[$($constant.spec,)*];

        #[cfg(test)]
        mod tests {
            use super::*;

            #[test]
            fn every_key_is_read_as_its_type() {
                $(
                    assert!(<$type as Setting>::of(&$constant.spec.default()).is_some(), $name);
                    for value in extremes(&$constant.spec.kind) {
                        assert!(<$type as Setting>::of(&value).is_some(), "{} of {value}", $name);
                    }
                )*
            }

            /// What a kind takes at its bounds, and each of its names.
            fn extremes(kind: &Kind) -> Vec<Value> {
                match *kind {
                    Kind::Bool => vec![Value::Bool(false), Value::Bool(true)],
                    Kind::Integer { least, most } => vec![Value::Integer(least), Value::Integer(most)],
                    Kind::Decimal { least, most } => vec![Value::Decimal(least), Value::Decimal(most)],
                    Kind::Duration { least, most } => vec![Value::Duration(least), Value::Duration(most)],
                    Kind::Text { longest } => vec![Value::Text("x".repeat(longest))],
                    Kind::Enum(names) => names.iter().map(|name| Value::Text((*name).to_owned())).collect(),
                    Kind::List { of, .. } => vec![Value::List(Vec::new()), Value::List(extremes(of))],
                    Kind::Map { of, .. } => {
                        let values = extremes(of).into_iter().enumerate();
                        let values = values.map(|(place, value)| (place.to_string(), value));
                        vec![Value::Map(values.collect())]
                    }
                }
            }
        }
    };
}

keys! {
    ORDER_DEADLINE: Duration, "order.deadline", span(Span::seconds(5), Span::days(7)), "15m", None, Order, Orders, ORDERS, false,
        "How long an order may take from placing to its end.";
    ORDER_RETURN_WINDOW: u32, "order.return_window", number(0, 365), "30", Some("days"), Order, Orders, ORDERS, false,
        "How many days after delivery a return may be asked for.";
    ORDER_CAPTURE: CaptureMode, "order.capture", Kind::Enum(&["at_once", "before_shipping"]), "at_once", None, Order, Orders, ORDERS, false,
        "Whether the money of new orders is captured at once or before their first parcel leaves.";
    ORDER_BOOKS_INTERVAL: Duration, "order.books_interval", span(Span::seconds(5), Span::days(1)), "1m", None, Order, Service, &[], false,
        "How often the books are checked for the orders that changed.";
    ORDER_LARGEST_PAGE: u64, "order.largest_page", number(1, 1_000), "100", Some("rows"), Order, Callers, &[], false,
        "The largest page of a list of orders.";
    ORDER_MOST_LINES: u64, "order.most_lines", number(1, 500), "500", Some("lines"), Order, Callers, &[], false,
        "The most lines of one order.";
    PRODUCT_LARGEST_PAGE: u64, "product.largest_page", number(1, 1_000), "200", Some("rows"), Product, Callers, &[], false,
        "The largest page of a list of products, stock levels or movements.";
    USER_ARGON2_MEMORY: u32, "user.argon2_memory", number(8_192, 262_144), "19456", Some("KiB"), User, Service, &[], false,
        "Memory of one password hash (Argon2id).";
    USER_ARGON2_ITERATIONS: u32, "user.argon2_iterations", number(1, 10), "2", Some("passes"), User, Service, &[], false,
        "Passes of one password hash (Argon2id).";
    USER_STAFF_SECOND_FACTOR: bool, "user.staff_second_factor", Kind::Bool, "false", None, User, Service, &[], false,
        "Whether staff are staff only in sessions that began with a second factor.";
    USER_SIGNING_KEY_AGE: Duration, "user.signing_key_age", span(Span::days(1), Span::days(3_650)), "90d", None, User, Service, &[], false,
        "How long a key signs access tokens before a new one takes its place.";
    PAYMENT_PROVIDER_TIMEOUT: Duration, "payment.provider_timeout", span(Span::milliseconds(100), Span::seconds(60)), "5s", None, Payment, Service, &[], false,
        "How long a call to the card processor may take before its outcome counts as unknown.";
    PAYMENT_COMPARISON_INTERVAL: Duration, "payment.comparison_interval", span(Span::seconds(10), Span::days(7)), "1d", None, Payment, Service, &[], false,
        "How often the card processor's own list is compared with ours.";
    NOTIFICATION_LARGEST_PAGE: u64, "notification.largest_page", number(1, 1_000), "100", Some("rows"), Notification, Callers, &[], false,
        "The largest page of a mailbox.";
    GATEWAY_DEADLINE: Duration, "gateway.deadline", span(Span::milliseconds(500), Span::seconds(120)), "10s", None, Gateway, Service, &[], false,
        "How long the gateway waits for a service's answer.";
    CONFIG_LARGEST_VALUE: u64, "config.largest_value", number(16, 4_096), "1024", Some("bytes"), Config, Service, &[], false,
        "The longest configuration value that is taken.";
}

/// Every rule there is.
pub const RULES: &[Rule] = &[Rule {
    keys: ["payment.provider_timeout", "order.deadline"],
    says: "payment.provider_timeout is shorter than order.deadline",
    holds: |[timeout, deadline]| less(timeout, deadline),
}];

impl Setting for CaptureMode {
    fn of(value: &Value) -> Option<CaptureMode> {
        match value {
            Value::Text(name) => match name.as_str() {
                "at_once" => Some(CaptureMode::AtOnce),
                "before_shipping" => Some(CaptureMode::BeforeShipping),
                _ => None,
            },
            _ => None,
        }
    }
}

const fn number(least: u64, most: u64) -> Kind {
    Kind::Integer { least, most }
}

const fn span(least: Span, most: Span) -> Kind {
    Kind::Duration { least, most }
}

/// Two lengths of time; what is not is never less.
fn less(first: &Value, second: &Value) -> bool {
    matches!((first, second), (Value::Duration(first), Value::Duration(second)) if first < second)
}

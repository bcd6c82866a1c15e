//! The whole transition table, and what holds for every order of arrival and every fault of the provider.

mod courses;
mod properties;
mod show;
mod simulated;
mod table;
mod table_inputs;
mod world;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::{CaptureMode, Currency, Money, OrderId, PaymentId, PaymentMethodId, UserId};
use uuid::Uuid;

use super::{Due, Method, Payment};

fn now() -> DateTime<Utc> {
    "2026-11-01T09:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(seconds)
}

fn pounds(pence: i64) -> Money {
    Money::new(pence, Currency::Gbp).unwrap()
}

fn due(pence: i64) -> Due {
    Due {
        number: "A-1".to_owned(),
        customer_id: UserId(Uuid::from_u128(7)),
        method: Method::Own(PaymentMethodId(Uuid::from_u128(8))),
        total: pounds(pence),
        charge_by: after(60),
        deadline: after(90),
        capture: CaptureMode::AtOnce,
    }
}

fn unheard() -> Payment {
    Payment::unheard(PaymentId(Uuid::from_u128(2)), OrderId(Uuid::from_u128(1)))
}

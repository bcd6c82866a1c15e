//! Every state with everything that can be heard or asked; and what the sums come to, whatever is done.

mod commands;
mod sums;
mod table;

use super::*;
use chrono::TimeDelta;
use contracts::event::Part;
use contracts::{
    CancellationId, CaptureMode, Currency, OrderId, ParcelId, PaymentMethodId, ProductId, Quantity, ReturnId,
    UserId,
};
use uuid::Uuid;

fn now() -> DateTime<Utc> {
    "2026-11-01T08:45:00Z".parse().unwrap()
}

fn pounds(pence: i64) -> Money {
    Money::new(pence, Currency::Gbp).unwrap()
}

fn product(last: u128) -> ProductId {
    ProductId(Uuid::from_u128(last))
}

fn part(last: u128, pieces: i64) -> Part {
    Part { product_id: product(last), quantity: Quantity::new(pieces).unwrap() }
}

fn cancellation(last: u128) -> CancellationId {
    CancellationId(Uuid::from_u128(last))
}

fn parcel(last: u128) -> ParcelId {
    ParcelId(Uuid::from_u128(last))
}

fn return_id(last: u128) -> ReturnId {
    ReturnId(Uuid::from_u128(last))
}

/// Three of product 1 at £10.00 and two of product 2 at £2.50: £35.00.
fn placed(capture: CaptureMode) -> Order {
    let line = |last, quantity, price| OrderLine {
        product_id: product(last),
        quantity: Quantity::new(quantity).unwrap(),
        unit_price: pounds(price),
    };
    Order::placed(&OrderPlaced {
        order_id: OrderId(Uuid::nil()),
        number: "7K3M-9QXT".into(),
        customer_id: UserId(Uuid::nil()),
        payment_method_id: PaymentMethodId(Uuid::nil()),
        lines: vec![line(1, 3, 1000), line(2, 2, 250)],
        total: pounds(3500),
        terms: Terms {
            charge_by: now() + TimeDelta::seconds(600),
            deadline: now() + TimeDelta::seconds(900),
            capture,
            return_window_days: 30,
            configuration_version: 0,
        },
    })
}

fn after(order: Order, inputs: &[Input]) -> Order {
    inputs.iter().fold(order, |order, input| {
        order.fits(input).unwrap();
        order.react(input, now()).0
    })
}

/// Confirmed: captured at once, or authorised and captured before shipping.
fn confirmed(capture: CaptureMode) -> Order {
    let amount = pounds(3500);
    let money = match capture {
        CaptureMode::AtOnce => Input::PaymentCaptured { amount },
        CaptureMode::BeforeShipping => Input::PaymentAuthorised { amount },
    };
    after(placed(capture), &[Input::StockReserved, money])
}

/// Does something that must be possible, and gives the order after it.
fn done<E: std::fmt::Debug>(
    mut order: Order,
    act: impl FnOnce(&mut Order) -> Result<Vec<Event>, E>,
) -> Order {
    act(&mut order).unwrap();
    order
}

fn shipped(capture: CaptureMode) -> Order {
    let order = done(confirmed(capture), |order| order.ship(parcel(1), None, now()));
    match capture {
        CaptureMode::AtOnce => order,
        CaptureMode::BeforeShipping => after(order, &[Input::PaymentCaptured { amount: pounds(3500) }]),
    }
}

fn delivered() -> Order {
    done(shipped(CaptureMode::AtOnce), |order| order.deliver(parcel(1), now()))
}

fn returning() -> Order {
    done(delivered(), |order| order.request_return(return_id(1), &[part(1, 2)], now()))
}

fn received() -> Order {
    done(returning(), |order| order.receive_return(return_id(1), &[part(1, 1)], &[part(1, 1)], now()))
}

fn names(said: &[Event]) -> Vec<&'static str> {
    said.iter().map(|event| event.event_type().name()).collect()
}

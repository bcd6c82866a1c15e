//! Every letter, as the customer reads it.

use contracts::event::Part;
use contracts::{
    CancellationId, Currency, Money, OrderId, ParcelId, PaymentId, ProductId, Quantity, ReturnId, UserId,
};
use uuid::Uuid;

use super::*;

fn rejection(refusal: Refusal) -> OrderRejected {
    OrderRejected {
        order_id: OrderId(Uuid::nil()),
        number: "CW-7F3K".into(),
        customer_id: UserId(Uuid::nil()),
        refusal,
    }
}

#[test]
fn a_confirmation_names_the_order_and_its_total() {
    let letter = |amount| {
        let order = OrderConfirmed {
            order_id: OrderId(Uuid::nil()),
            number: "CW-7F3K".into(),
            customer_id: UserId(Uuid::nil()),
            total: Money::new(amount, Currency::Gbp).unwrap(),
        };
        let letter = confirmed(&order, Language::En);
        format!("{}\n\n{}", letter.subject, letter.body)
    };
    insta::assert_snapshot!(format!("{}\n{}", letter(1999), letter(0)), @r#"
    Your order CW-7F3K is confirmed

    Thank you for your order CW-7F3K.
    Everything you ordered is set aside for you, and the payment of GBP 19.99 went through.

    Your order CW-7F3K is confirmed

    Thank you for your order CW-7F3K.
    Everything you ordered is set aside for you, and there is nothing to pay.
    "#);
}

#[test]
fn every_refusal_says_why_and_what_can_be_done() {
    let product_id = ProductId(Uuid::nil());
    let price = |amount| Money::new(amount, Currency::Gbp).unwrap();
    let refusals = [
        Refusal::InsufficientStock { product_id, requested: 3, available: 1 },
        Refusal::ProductArchived { product_id },
        Refusal::UnknownProduct { product_id },
        Refusal::PriceChanged { product_id, expected: price(100), actual: price(120) },
        Refusal::TooLate,
        Refusal::PaymentDeclined { code: "card_declined".into() },
        Refusal::PaymentMethodUnknown,
        Refusal::AuthenticationRequired,
    ];
    let bodies: Vec<_> =
        refusals.map(|refusal| rejected(&rejection(refusal), Language::En).body).into_iter().collect();
    insta::assert_snapshot!(bodies.join("\n"), @r#"
    We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
    One of the products is short: you asked for 3, and 1 can be delivered.
    You can order again with fewer of it, or without it.

    We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
    One of the products is no longer sold.
    You can order again without it.

    We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
    One of the products is not in our catalogue.
    You can order again without it.

    We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
    The price of one of the products has changed from GBP 1.00 to GBP 1.20.
    You can order again at the new price.

    We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
    We were not able to handle it in time.
    Please order again; that is our fault and not yours.

    We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
    Your card was declined.
    You can order again with another card, or ask your bank why.

    We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
    The payment method does not belong to your account.
    You can add one to your account and order again.

    We are sorry: we could not take your order CW-7F3K, and you pay nothing for it.
    Your bank asked you to confirm the payment, and that was not done in time.
    You can order again and confirm the payment when your bank asks.
    "#);
}

fn read(letter: Letter) -> String {
    format!("[{}] {}\n{}", letter.kind.name(), letter.subject, letter.body)
}

fn parts(pieces: &[i64]) -> Vec<Part> {
    let part =
        |pieces: &i64| Part { product_id: ProductId(Uuid::nil()), quantity: Quantity::new(*pieces).unwrap() };
    pieces.iter().map(part).collect()
}

fn pounds(amount: i64) -> Money {
    Money::new(amount, Currency::Gbp).unwrap()
}

#[test]
fn an_order_that_comes_to_nothing_costs_nothing() {
    let (order_id, number, customer_id) = (OrderId(Uuid::nil()), "CW-7F3K".to_owned(), UserId(Uuid::nil()));
    let cancelled_order =
        OrderCancelled { order_id, number: number.clone(), customer_id, refunds_requested: pounds(0) };
    let letters = [
        cancelled(&cancelled_order, Language::En),
        expired(&OrderExpired { order_id, number, customer_id }, Language::En),
    ];
    insta::assert_snapshot!(letters.map(read).join("\n"), @r#"
    [order_cancelled] Your order CW-7F3K is cancelled
    Your order CW-7F3K is cancelled, and nothing of it will be sent.
    You pay nothing for it: whatever was charged goes back to you.

    [order_expired] Your order CW-7F3K was not completed in time
    We are sorry: your order CW-7F3K was not completed in time, and nothing of it will be sent.
    You pay nothing for it: whatever was charged goes back to you. You can order again.
    "#);
}

#[test]
fn a_cancelled_part_names_its_pieces_and_its_price() {
    let letter = |pieces: &[i64], amount| {
        let order = OrderLinesCancelled {
            order_id: OrderId(Uuid::nil()),
            number: "CW-7F3K".into(),
            customer_id: UserId(Uuid::nil()),
            cancellation_id: CancellationId(Uuid::nil()),
            parts: parts(pieces),
            amount: pounds(amount),
        };
        read(lines_cancelled(&order, Language::En))
    };
    insta::assert_snapshot!([letter(&[1], 250), letter(&[1, 2], 0)].join("\n"), @r#"
    [lines_cancelled] A part of your order CW-7F3K is cancelled
    Of your order CW-7F3K we cancelled 1 piece; the rest is not affected.
    You do not pay the GBP 2.50 for it: if it was charged, it goes back to you.

    [lines_cancelled] A part of your order CW-7F3K is cancelled
    Of your order CW-7F3K we cancelled 3 pieces; the rest is not affected.
    There was nothing to pay for it.
    "#);
}

#[test]
fn parcels_and_returns_say_what_is_on_its_way() {
    let (order_id, number, customer_id) = (OrderId(Uuid::nil()), "CW-7F3K".to_owned(), UserId(Uuid::nil()));
    let (parcel_id, return_id) = (ParcelId(Uuid::nil()), ReturnId(Uuid::nil()));
    let number = || number.clone();
    let sent = OrderShipped { order_id, number: number(), customer_id, parcel_id, parts: parts(&[2]) };
    let arrived = OrderDelivered { order_id, number: number(), customer_id, parcel_id };
    let asked =
        OrderReturnRequested { order_id, number: number(), customer_id, return_id, parts: parts(&[2]) };
    let back = OrderReturnReceived {
        order_id,
        number: number(),
        customer_id,
        return_id,
        restocked: parts(&[1]),
        unusable: parts(&[1]),
    };
    let letters = [
        shipped(&sent, Language::En),
        delivered(&arrived, Language::En),
        return_requested(&asked, Language::En),
        return_received(&back, Language::En),
    ];
    insta::assert_snapshot!(letters.map(read).join("\n"), @r#"
    [parcel_shipped] A parcel of your order CW-7F3K is on its way
    A parcel with 2 pieces of your order CW-7F3K has left us.
    Open the order to see what is in it, and whether more is to come.

    [parcel_delivered] A parcel of your order CW-7F3K has arrived
    A parcel of your order CW-7F3K was delivered.
    If you want to send something back, open the order and ask for a return.

    [return_requested] Your return of order CW-7F3K
    You want to send back 2 pieces of your order CW-7F3K.
    We tell you when it has arrived here.

    [return_received] Your return of order CW-7F3K has arrived
    We received 2 pieces of your order CW-7F3K.
    We tell you when money goes back to you for it.
    "#);
}

#[test]
fn money_that_goes_back_says_how_much_and_for_what() {
    let letter = |cause| {
        let payment = PaymentRefunded {
            order_id: OrderId(Uuid::nil()),
            payment_id: PaymentId(Uuid::nil()),
            number: "CW-7F3K".into(),
            customer_id: UserId(Uuid::nil()),
            cause,
            amount: pounds(1999),
        };
        read(refunded(&payment, Language::En))
    };
    let letters = [
        letter(RefundCause::FinalEnd),
        letter(RefundCause::Cancellation(CancellationId(Uuid::nil()))),
        letter(RefundCause::Return(ReturnId(Uuid::nil()))),
    ];
    insta::assert_snapshot!(letters.join("\n"), @r#"
    [payment_refunded] Your money for order CW-7F3K is on its way
    GBP 19.99 went back to you, since your order CW-7F3K is not delivered.
    It may take your bank some days to show it.

    [payment_refunded] Your money for order CW-7F3K is on its way
    GBP 19.99 went back to you, for the part of your order CW-7F3K that was cancelled.
    It may take your bank some days to show it.

    [payment_refunded] Your money for order CW-7F3K is on its way
    GBP 19.99 went back to you, for what you sent back of your order CW-7F3K.
    It may take your bank some days to show it.
    "#);
}

#[test]
fn what_the_bank_wants_is_said_with_what_to_do() {
    let payment = PaymentActionRequired {
        order_id: OrderId(Uuid::nil()),
        payment_id: PaymentId(Uuid::nil()),
        number: "CW-7F3K".into(),
        customer_id: UserId(Uuid::nil()),
    };
    insta::assert_snapshot!(read(action_required(&payment, Language::En)), @r#"
    [payment_action_required] Please confirm the payment for your order CW-7F3K
    Your bank asks you to confirm the payment for your order CW-7F3K.
    Open the order, follow the link to your bank, and confirm the payment there.
    Until that is decided nothing is charged; if it is not confirmed in time, the order ends and you pay nothing.
    "#);
}

//! What is taken and what is refused, before anything is written.

use super::*;
use contracts::{CaptureMode, Currency};
use uuid::Uuid;

fn id(last: u128) -> ProductId {
    ProductId(Uuid::from_u128(last))
}

fn pounds(pence: i64) -> Money {
    Money::new(pence, Currency::Gbp).unwrap()
}

fn product(last: u128, price: Money) -> Product {
    Product { product_id: id(last), sku: format!("S{last}"), name: "CLOCK".into(), price, archived: false }
}

fn line(last: u128, quantity: i64) -> Line {
    Line { product_id: id(last), quantity: Quantity::new(quantity).unwrap(), unit_price: None }
}

fn placing() -> Placing {
    let now: DateTime<Utc> = "2026-11-01T08:45:00Z".parse().unwrap();
    Placing {
        order_id: OrderId(Uuid::nil()),
        number: "7K3M-9QXT".into(),
        customer_id: UserId(Uuid::nil()),
        payment_method_id: PaymentMethodId(Uuid::nil()),
        expected_total: None,
        most_lines: MOST_LINES,
        terms: Terms {
            charge_by: now,
            deadline: now,
            capture: CaptureMode::AtOnce,
            return_window_days: 30,
            configuration_version: 0,
        },
        now,
    }
}

#[test]
fn lines_of_one_product_become_one() {
    let merged = merge(&[line(2, 3), line(1, 1), line(2, 4)], MOST_LINES).unwrap();
    let expected = [(id(1), Quantity::new(1).unwrap()), (id(2), Quantity::new(7).unwrap())];
    assert_eq!(merged, expected.into());
}

#[test]
fn too_few_too_many_and_too_much_are_refused() {
    assert_eq!(merge(&[], MOST_LINES), Err(PlaceOrderError::NoLines));
    let many: Vec<_> = (0..501).map(|last| line(last, 1)).collect();
    let refused = |lines, most| Err(PlaceOrderError::TooManyLines { lines, most });
    assert_eq!(merge(&many, MOST_LINES), refused(501, 500));
    assert_eq!(merge(&many, 1_000), refused(501, 500), "nobody may have more than there can ever be");
    assert_eq!(merge(&many[..3], 2), refused(3, 2));
    assert_eq!(merge(&many[..3], 3).map(|merged| merged.len()), Ok(3));
    assert_eq!(
        merge(&[line(1, 100_000), line(1, 1)], MOST_LINES),
        Err(PlaceOrderError::Quantity(QuantityOutOfRange(100_001)))
    );
}

#[test]
fn totals_are_sums_of_products_prices() {
    let known = [product(1, pounds(375)), product(2, pounds(0))];
    let order = place(placing(), &[line(1, 24), line(2, 5)], &known).unwrap();
    assert_eq!(order.placed.total, pounds(9000));
    assert_eq!(order.lines[0].line_total, pounds(9000));
    assert_eq!(order.placed.lines.len(), 2);
}

#[test]
fn what_is_not_true_is_refused_by_name() {
    let mut archived = product(2, pounds(1));
    archived.archived = true;
    let euros = product(3, Money::new(1, Currency::Eur).unwrap());
    let dear = product(4, pounds(99_999_999));
    let known = [product(1, pounds(375)), archived, euros, dear];
    let refused = |lines: &[Line], expected_total| {
        place(Placing { expected_total, ..placing() }, lines, &known).unwrap_err()
    };

    let seen = |price| Line { unit_price: Some(price), ..line(1, 1) };
    assert_eq!(
        refused(&[seen(pounds(370))], None),
        PlaceOrderError::Refused(Refusal::PriceChanged {
            product_id: id(1),
            expected: pounds(370),
            actual: pounds(375)
        })
    );
    // Each line's price counts, also where lines become one.
    assert!(matches!(
        refused(&[seen(pounds(375)), seen(pounds(370))], None),
        PlaceOrderError::Refused(Refusal::PriceChanged { .. })
    ));
    assert_eq!(
        refused(&[seen(Money::new(375, Currency::Eur).unwrap())], None),
        PlaceOrderError::Money(MoneyError::CurrencyMismatch(Currency::Eur, Currency::Gbp))
    );
    assert_eq!(
        refused(&[line(1, 1)], Some(pounds(374))),
        PlaceOrderError::TotalChanged { expected: pounds(374), actual: pounds(375) }
    );
    assert_eq!(
        refused(&[line(2, 1)], None),
        PlaceOrderError::Refused(Refusal::ProductArchived { product_id: id(2) })
    );
    assert_eq!(
        refused(&[line(9, 1)], None),
        PlaceOrderError::Refused(Refusal::UnknownProduct { product_id: id(9) })
    );
    assert_eq!(
        refused(&[line(1, 1), line(3, 1)], None),
        PlaceOrderError::Money(MoneyError::CurrencyMismatch(Currency::Eur, Currency::Gbp))
    );
    assert_eq!(refused(&[line(4, 2)], None), PlaceOrderError::Money(MoneyError::OutOfRange(199_999_998)));
}

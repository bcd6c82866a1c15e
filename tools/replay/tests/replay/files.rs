//! What is read from a file, good or bad.

use std::collections::HashSet;

use replay::sales::{Buyer, Sales, Source};

const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

fn parse(lines: &[&str]) -> Sales {
    Sales::parse([&[HEADER], lines].concat().join("\r\n").as_bytes()).unwrap()
}

#[test]
fn the_file_that_comes_along_is_read_whole() {
    let sales = Source::Shipped.read().unwrap();
    assert_eq!(sales.invoices.len(), 392);
    assert_eq!(sales.cancellations, 69);
    assert_eq!(sales.products.len(), 1_755);
    assert_eq!(sales.total(), 20_971_511);
    assert_eq!(sales.unreadable, []);
    let buyers = sales.buyers();
    assert_eq!(buyers.iter().filter(|buyer| matches!(buyer, Buyer::Customer(_))).count(), 87);
    assert_eq!(buyers.iter().filter(|buyer| matches!(buyer, Buyer::OfInvoice(_))).count(), 3);
    assert_eq!(sales.invoices.iter().map(|invoice| invoice.lines.len()).max(), Some(259));
    assert_eq!(sales.products.iter().filter(|product| product.price.zero_amount()).count(), 1);
}

#[test]
fn only_goods_are_under_stock_control() {
    let sales = Source::Shipped.read().unwrap();
    let uncontrolled: HashSet<&str> = sales
        .products
        .iter()
        .filter(|product| !product.stock_controlled)
        .filter_map(|product| product.sku.split('@').next())
        .collect();
    assert_eq!(uncontrolled, HashSet::from(["POST", "M", "C2"]));
}

#[test]
fn every_invoice_has_a_key_and_a_reference_of_its_own() {
    let sales = Source::Shipped.read().unwrap();
    let first = &sales.invoices[0];
    assert_eq!(first.idempotency_key(), "replay-invoice-536370");
    assert_eq!(first.reference(), "invoice 536370 2010-12-01T08:45:00");
    let keys: HashSet<String> = sales.invoices.iter().map(|invoice| invoice.idempotency_key()).collect();
    assert_eq!(keys.len(), 392);
    assert!(sales.invoices.iter().all(|invoice| invoice.reference().len() <= 100));
}

#[test]
fn a_product_is_a_stock_code_at_one_price_with_all_that_is_sold_of_it() {
    let sales = parse(&[
        "536370,22728,CLOCK,24,12/1/2010 8:45,3.75,12583,France",
        "536370,22728,CLOCK PINK,1,12/1/2010 8:45,3.75,12583,France",
        "536371,22728,CLOCK,2,12/1/2010 9:00,3.25,,France",
        "C536372,22728,CLOCK,-24,12/1/2010 9:10,3.75,12583,France",
        "536373,BANK CHARGES,Bank Charges,1,12/1/2010 9:20,15,12583,France",
    ]);
    let products: Vec<(&str, u64)> =
        sales.products.iter().map(|product| (product.sku.as_str(), product.sold)).collect();
    assert_eq!(products, [("22728@375", 25), ("22728@325", 2), ("BANK-CHARGES@1500", 1)]);
    assert!(!sales.products[2].stock_controlled);
    assert_eq!(sales.invoices.iter().map(|invoice| invoice.total).collect::<Vec<_>>(), [9_375, 650, 1_500]);
    assert_eq!(sales.invoices[0].lines.len(), 2);
    assert_eq!(sales.invoices[1].buyer.email(), "invoice-536371@example.com");
    assert_eq!(sales.cancellations, 1);
}

#[test]
fn an_unreadable_line_is_named_and_nothing_else_is_lost() {
    let sales = parse(&[
        "536370,22728,CLOCK,24,12/1/2010 8:45,3.75,12583,France",
        "536370,22727,CLOCK,many,12/1/2010 8:45,3.75,12583,France",
        "536370,22726,\"CLOCK,12,12/1/2010 8:45,3.75,12583,France",
        "",
        "536370,22725,CLOCK,0,12/1/2010 8:45,3.75,12583,France",
        "536370,22724,CLOCK,1,12/1/2010 8:45,0.001,12583,France",
        "536371,22724,CLOCK,1,yesterday,1.00,12583,France",
        "536370,22723,CLOCK,2,12/1/2010 8:45,1.00,12583,France",
    ]);
    let unreadable: Vec<String> = sales
        .unreadable
        .iter()
        .map(|unreadable| format!("{} {}", unreadable.line, unreadable.reason))
        .collect();
    assert_eq!(
        unreadable,
        [
            "3 quantity \"many\" is not a whole number",
            "4 3 columns where the header has 8",
            "6 quantity 0 is not between 1 and 100000",
            "7 price \"0.001\" does not fit in whole pence",
            "8 date \"yesterday\" is not month/day/year hour:minute",
        ]
    );
    assert_eq!(sales.invoices.len(), 1);
    assert_eq!(sales.invoices[0].lines.len(), 2);
    assert_eq!(sales.total(), 24 * 375 + 2 * 100);
    assert_eq!(sales.products.len(), 2);
}

#[test]
fn a_file_of_another_shape_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    std::fs::write(&path, "a,b\n1,2\n").unwrap();
    let error = format!("{:#}", Source::File(path).read().unwrap_err());
    assert!(error.ends_with("the first line names no column InvoiceNo"), "{error}");
    let error = format!("{:#}", Source::File(folder.path().join("none.csv")).read().unwrap_err());
    assert!(error.starts_with("cannot read "), "{error}");
}

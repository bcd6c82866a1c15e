//! A whole replay, once and twice.

use replay::{Report, Source};

use crate::gateway::{Gateway, Turned};

fn finding<'a>(report: &'a Report, name: &str) -> &'a str {
    let check = report.checks.iter().find(|check| check.name.contains(name)).unwrap();
    &check.finding
}

#[tokio::test]
async fn the_shipped_file_is_confirmed_to_the_penny_and_a_second_run_places_nothing() {
    let (gateway, options) = Gateway::start().await;
    gateway.kept().turn_away =
        vec![Turned { status: 429, retry_after: Some("0") }, Turned { status: 503, retry_after: None }];

    let first = replay::run(options.clone()).await.unwrap();
    assert!(first.passed(), "{first}");
    assert_eq!((first.invoices, first.products, first.users), (392, 1_755, 90));
    assert_eq!((first.orders.placed, first.orders.placed_before, first.orders.confirmed), (392, 0, 392));
    assert_eq!((first.expected_pence, first.confirmed_pence), (20_971_511, 20_971_511));
    assert_eq!(finding(&first, "sum"), "£209,715.11");
    assert_eq!((first.pauses.rate_limited, first.pauses.unavailable), (1, 1));
    assert_eq!(first.latency_by_service.unwrap().orders, 392);
    assert_eq!(gateway.kept().orders.len(), 392);
    assert_eq!(gateway.kept().products.len(), 1_755);

    let second = replay::run(options).await.unwrap();
    assert!(second.passed(), "{second}");
    assert_eq!((second.orders.placed, second.orders.placed_before), (392, 392));
    assert_eq!(second.confirmed_pence, 20_971_511);
    assert_eq!((second.latency_observed, &second.confirmed_per_second), (None, &None));
    assert_eq!(gateway.kept().orders.len(), 392);
}

#[tokio::test]
async fn what_does_not_hold_is_named() {
    let (gateway, mut options) = Gateway::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.csv");
    let header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";
    let line = "536370,22728,CLOCK,24,12/1/2010 8:45,3.75,12583,France";
    std::fs::write(&file, format!("{header}\n{line}\nunreadable\n")).unwrap();
    options.source = Source::File(file.clone());
    let first = replay::run(options.clone()).await.unwrap();
    assert!(first.passed(), "{first}");
    assert_eq!(first.unreadable[0].line, 3);
    assert!(first.to_string().contains("line 3 is left out: 1 columns where the header has 8"), "{first}");

    // The same invoice with another line is another request under a key that was used.
    let more = "536370,22727,CLOCK RED,1,12/1/2010 8:45,3.75,12583,France";
    std::fs::write(&file, format!("{header}\n{more}\n")).unwrap();
    gateway.kept().surplus = Some("22727@375".to_owned());
    options.longest_settling = std::time::Duration::ZERO;
    let second = replay::run(options).await.unwrap();
    assert!(!second.passed(), "{second}");
    assert_eq!(second.orders.refused["idempotency-key-reused"], 1);
    assert_eq!(
        finding(&second, "confirmed order"),
        "1 of 1 are not: 536370 refused: 422 idempotency-key-reused"
    );
    assert_eq!(finding(&second, "sum"), "£0.00 where the lines come to £3.75");
    assert_eq!(
        finding(&second, "available"),
        "1 of 1 products: 22727@375 on hand 2, reserved 0, allocated 0, available 2"
    );
    assert!(second.to_string().contains("FAILS"), "{second}");
    let json = serde_json::to_value(&second).unwrap();
    assert_eq!(json["checks"][1]["result"], "fails");
    assert!(json["phases"]["orders_ms"].is_u64());
}

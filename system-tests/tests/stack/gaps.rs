//! Events that are gone from the broker before a subscriber saw them: they are missed, and sent again.

use contracts::App;
use stack::kafka;
use stack::process::Signal;

use crate::house::{House, house};

const ORDERS: u32 = 6;

/// How often the log of a service says that it had events sent again.
fn sent_again(house: &House, app: App) -> usize {
    let log = std::fs::read_to_string(house.instance.log(app.name())).unwrap_or_default();
    log.matches("missing events are sent again").count()
}

#[tokio::test]
async fn a_topic_whose_records_were_deleted_costs_no_order_its_end() {
    let house = house();
    let product = house.product(30).await;
    let customer = house.customer("pm_card_visa").await;
    let order = house.place(&customer, &product, 1).await;
    assert_eq!(house.ended(&customer, &order).await["status"], "confirmed");
    house.settled().await;
    let failed = house.failed_events().await;
    let before = sent_again(&house, App::Product);

    // product reads nothing while its sidecar stands still. One answer of the broker may lie in its socket already.
    house.instance.signal("product-daprd", Signal::STOP).unwrap();
    let mut orders = Vec::new();
    for _ in 0..ORDERS {
        orders.push(house.place(&customer, &product, 1).await);
    }
    house
        .until("all of it is published", async || {
            let waiting = "select count(*) from outbox where published_at is null";
            (house.count(App::Order, waiting).await == 0).then_some(())
        })
        .await;
    kafka::delete_records(&house.instance, App::Order).await.unwrap();
    house.instance.signal("product-daprd", Signal::CONT).unwrap();

    for order in &orders {
        assert_eq!(house.ended(&customer, order).await["status"], "confirmed");
    }
    house.settled().await;
    assert!(sent_again(&house, App::Product) > before, "nothing was lost, so nothing was shown");
    assert_eq!(house.failed_events().await, failed);
}

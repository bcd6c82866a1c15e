//! A changed key is live in its service without a restart.

use chrono::{DateTime, Utc};

use crate::house::house;

#[tokio::test]
async fn a_changed_deadline_applies_to_the_next_order() {
    let house = house();
    house.configure("order.deadline", 600).await;
    let product = house.product(1).await;
    let customer = house.customer("pm_card_visa").await;
    let order = house.place(&customer, &product, 1).await;
    let order = house.ended(&customer, &order).await;
    let at = |value: &serde_json::Value| value.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert_eq!((at(&order["terms"]["deadline"]) - at(&order["placed_at"])).num_seconds(), 600);
    house.configure("order.deadline", 900).await;
}

//! Parcels of an order whose money was captured at once.

use contracts::Operation;
use serde_json::json;
use sqlx::PgPool;

use crate::house::{House, parts};

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn an_order_is_shipped_in_parts_and_delivered(db: PgPool) {
    let house = House::new(db).await;
    let id = house.confirmed("a").await;
    let order = house.managed(Operation::ShipOrder, "", id, json!({"parts": parts(1, 20)})).await;
    assert_eq!(order["fulfilment_status"], "partly_shipped");
    let first = order["parcels"][0].clone();
    assert_eq!((&first["status"], &first["parts"]), (&json!("shipped"), &parts(1, 20)));
    assert_eq!(house.last(id, "order.shipped.v1").await["parcel_id"], first["id"]);

    // The second holds all that is left.
    let order = house.managed(Operation::ShipOrder, "", id, json!({})).await;
    assert_eq!(
        (&order["fulfilment_status"], &order["parcels"][1]["parts"]),
        (&json!("shipped"), &parts(1, 4))
    );
    let path = |parcel: &serde_json::Value| format!("&parcel_id={}", parcel["id"].as_str().unwrap());
    let order = house.managed(Operation::DeliverParcel, &path(&first), id, json!({})).await;
    assert_eq!(order["fulfilment_status"], "partly_delivered");
    let order = house.managed(Operation::DeliverParcel, &path(&order["parcels"][1]), id, json!({})).await;
    assert_eq!((&order["fulfilment_status"], &order["status"]), (&json!("delivered"), &json!("confirmed")));
    assert_eq!(order["lines"][0]["delivered_quantity"], 24);
    assert_eq!(house.read(id).await["parcels"], order["parcels"]);
    let said = house.said_of(id).await;
    let expected = ["order.shipped.v1", "order.shipped.v1", "order.delivered.v1", "order.delivered.v1"];
    assert_eq!(said[2..], expected);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn what_has_not_left_of_a_partly_shipped_order_can_be_cancelled(db: PgPool) {
    let house = House::new(db).await;
    let id = house.confirmed("a").await;
    house.managed(Operation::ShipOrder, "", id, json!({"parts": parts(1, 20)})).await;
    let answer = house.wish(Operation::CancelOrder, id, json!({"parts": parts(1, 4)})).await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (201, &json!("confirmed")));
    assert_eq!(answer.body["fulfilment_status"], "shipped");
    let listed = house.client.ask(Operation::ListOrders, "", None).await.body["items"][0].clone();
    assert_eq!((&listed["fulfilment_status"], &listed["status"]), (&json!("shipped"), &json!("confirmed")));
}

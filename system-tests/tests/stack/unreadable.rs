//! What is no event of ours, on the real broker: it harms nobody and is kept with its reason.

use std::collections::HashMap;

use contracts::App;
use dapr::dapr::proto::runtime::v1::PublishEventRequest;
use dapr::dapr::proto::runtime::v1::dapr_client::DaprClient;
use tonic::Request;

use crate::house::{House, house};

/// Puts bytes on `order`'s topic as they are, through its own sidecar.
pub async fn publish_raw(house: &House, data: &str) {
    let port = house.instance.ports.dapr_grpc(App::Order);
    let mut sidecar = DaprClient::connect(format!("http://127.0.0.1:{port}")).await.unwrap();
    let mut request = Request::new(PublishEventRequest {
        pubsub_name: "pubsub".into(),
        topic: "order".into(),
        data: data.as_bytes().to_vec(),
        data_content_type: "text/plain".into(),
        metadata: HashMap::from([("rawPayload".into(), "true".into())]),
    });
    let token = house.instance.secret("token/order/dapr").unwrap();
    request.metadata_mut().insert("dapr-api-token", token.parse().unwrap());
    sidecar.publish_event(request).await.unwrap();
}

#[tokio::test]
async fn what_is_no_event_is_kept_with_its_reason_and_blocks_nobody() {
    let house = house();
    publish_raw(&house, "this is no event").await;
    publish_raw(&house, r#"{"specversion":"1.0","id":"1","type":"order.placed.v1"}"#).await;
    for subscriber in [App::Product, App::Payment, App::Notification] {
        house
            .until(&format!("{subscriber} keeps what it cannot read"), async || {
                let kept = "select count(*) from failed_event where topic = 'order' and handled_at is null";
                (house.count(subscriber, kept).await >= 2).then_some(())
            })
            .await;
    }
    // Every partition goes on: more orders than partitions are confirmed.
    let product = house.product(30).await;
    let customer = house.customer("pm_card_visa").await;
    for _ in 0..15 {
        let order = house.place(&customer, &product, 1).await;
        assert_eq!(house.ended(&customer, &order).await["status"], "confirmed");
    }
    house.settled().await;
}

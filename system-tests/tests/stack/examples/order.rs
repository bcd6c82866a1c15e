//! An order with everything that can be asked for on its way.

use serde_json::{Value, json};

use super::account::text;
use super::recorder::{Ask, Recorder};
use crate::house::Customer;

pub async fn tell(recorder: &mut Recorder<'_>) {
    let product = recorder.house.product(1_000).await;
    let customer = recorder.house.customer("pm_card_visa").await;
    let admin = recorder.house.administrator().await;
    methods(recorder, &customer).await;
    let place = Ask::new("place_order").by(&customer.token).once().header("prefer", "wait=10");
    let order = recorder.tell(place.body(an_order(&customer, &product))).await.body;
    let id = text(&order, "id");
    recorder.house.ended(&customer, &id).await;
    recorder.tell(Ask::new("list_orders").by(&customer.token).query("limit", 20)).await;
    for read in ["read_order", "read_timeline", "watch_order", "list_payments"] {
        recorder.tell(Ask::new(read).by(&customer.token).of("order_id", &id)).await;
    }
    recorder.tell(Ask::new("list_messages").by(&customer.token).query("limit", 20)).await;
    let note = json!({"text": "The customer called; the parcel may wait."});
    recorder.tell(Ask::new("add_note").by(&admin).of("order_id", &id).once().body(note)).await;
    let part = json!([{"product_id": product, "quantity": 1}]);
    let cancel = json!({"parts": part, "reason": "one is enough"});
    recorder.tell(Ask::new("cancel_order").by(&customer.token).of("order_id", &id).once().body(cancel)).await;
    send_and_send_back(recorder, &customer, &admin, &id, &part).await;
    money(recorder, &admin, &id).await;
}

async fn methods(recorder: &mut Recorder<'_>, customer: &Customer) {
    let token = &customer.token;
    let body = json!({"provider_token": "pm_card_mastercard"});
    recorder.tell(Ask::new("add_payment_method").by(token).once().body(body)).await;
    recorder.tell(Ask::new("list_payment_methods").by(token).query("limit", 20)).await;
}

fn an_order(customer: &Customer, product: &str) -> Value {
    json!({
        "lines": [{"product_id": product, "quantity": 3}],
        "payment_method_id": customer.payment_method,
        "delivery_address": {"name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London",
            "postcode": "SW1Y 4JH", "country": "GB"},
        "reference": "basket 4711",
    })
}

/// Shipped, delivered, sent back, received, refunded.
async fn send_and_send_back(
    recorder: &mut Recorder<'_>,
    customer: &Customer,
    admin: &str,
    id: &str,
    part: &Value,
) {
    let shipped = by_staff(recorder, admin, id, || Ask::new("ship_order").body(json!({"parts": part}))).await;
    let parcel = text(shipped["parcels"].as_array().unwrap().last().unwrap(), "id");
    recorder
        .house
        .until("the parcel leaves", async || {
            let read = recorder.ask(&Ask::new("read_order").by(admin).of("order_id", id)).await.body;
            let parcels = read["parcels"].as_array().unwrap();
            parcels.iter().any(|one| one["id"] == *parcel && one["status"] == "shipped").then_some(())
        })
        .await;
    by_staff(recorder, admin, id, || Ask::new("deliver_parcel").of("parcel_id", &parcel)).await;
    let body = json!({"parts": part, "reason": "too small"});
    let ask = Ask::new("request_return").by(&customer.token).of("order_id", id).once().body(body);
    let asked = recorder.tell(ask).await.body;
    let back = text(asked["returns"].as_array().unwrap().last().unwrap(), "id");
    let received = json!({"restocked": part, "unusable": []});
    let receive = || Ask::new("receive_return").of("return_id", &back).body(received.clone());
    by_staff(recorder, admin, id, receive).await;
    let amount = json!({"amount": {"amount": 1000, "currency": "GBP"}});
    by_staff(recorder, admin, id, || Ask::new("refund_return").of("return_id", &back).body(amount.clone()))
        .await;
}

/// Has staff change the order as they see it; whoever comes too late looks again.
async fn by_staff(recorder: &mut Recorder<'_>, admin: &str, id: &str, ask: impl Fn() -> Ask) -> Value {
    for _ in 0..50 {
        let read = recorder.ask(&Ask::new("read_order").by(admin).of("order_id", id)).await;
        let ask = || ask().by(admin).of("order_id", id).once().seen(&read.etag);
        let told = recorder.ask(&ask()).await;
        if told.status != 412 {
            assert!((200..300).contains(&told.status), "{}", told.body);
            recorder.keep(ask(), &told);
            return told.body;
        }
    }
    panic!("the order was changed by somebody else fifty times")
}

/// What whoever keeps the books asks.
async fn money(recorder: &mut Recorder<'_>, admin: &str, id: &str) {
    recorder.tell(Ask::new("verify_receipts").by(admin).of("order_id", id)).await;
    recorder.tell(Ask::new("list_payment_issues").by(admin).query("limit", 20)).await;
    recorder.tell(Ask::new("compare_payments").by(admin)).await;
    let body = json!({"action": "charged", "reason": "seen in the processor's dashboard"});
    let resolve = Ask::new("resolve_payment").by(admin).of("order_id", id).once().body(body);
    recorder.refused(resolve, "invalid-transition").await;
    let read = recorder.ask(&Ask::new("read_order").by(admin).of("order_id", id)).await;
    let capture = Ask::new("request_capture").by(admin).of("order_id", id).once().seen(&read.etag);
    recorder.refused(capture, "invalid-transition").await;
    recorder.tell(Ask::new("check_books").by(admin).body(json!({"scope": "changed"}))).await;
    recorder.tell(Ask::new("read_books").by(admin)).await;
    let event = json!({"id": "evt_1", "type": "payment_intent.succeeded", "created": 1_764_000_000,
        "data": {"object": {}}});
    let unsigned = Ask::new("receive_provider_event").body(event);
    recorder.refused(unsigned, "invalid-signature").await;
}

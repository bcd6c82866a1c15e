//! What the gateway does with requests, through real sidecars: live events, answers that wait, and limits in sum.

use std::fmt::Write;

use contracts::App;
use futures::future::join_all;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use stack::bare::{Bare, Sidecar, Wish};
use uuid::Uuid;

use crate::house::{Customer, House, house};

async fn listen(house: &House, token: &str, order: &str, last: Option<&str>) -> Response {
    let url = format!("{}/v1/orders/{order}/events", house.instance.gateway_url());
    let mut request = house.http.get(url).bearer_auth(token).header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    request.send().await.unwrap()
}

/// Reads until the order stands so, and gives the lines' numbers and names.
async fn told(mut stream: Response, status: &str) -> Vec<String> {
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let (mut text, mut lines) = (String::new(), Vec::new());
    while let Some(part) = stream.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&part).unwrap());
        while let Some((block, rest)) = text.split_once("\n\n") {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let data: Value =
                field("data:").map(|data| serde_json::from_str(data).unwrap()).unwrap_or_default();
            match (field("event:"), field("id:")) {
                (Some("entry"), Some(id)) => lines.push(format!("{id} {}", data["name"].as_str().unwrap())),
                (Some("order"), _) if data["status"] == status => return lines,
                _ => {}
            }
            text = rest.to_owned();
        }
    }
    panic!("the stream has ended before the order was {status}: {lines:?}");
}

async fn order_body(house: &House, customer: &Customer) -> Value {
    json!({
        "lines": [{"product_id": house.product(10).await, "quantity": 1}],
        "payment_method_id": customer.payment_method,
        "delivery_address": {"name": "Test", "line1": "1 Street", "city": "London", "postcode": "N1", "country": "GB"},
    })
}

#[tokio::test]
async fn an_orders_events_pass_through_gateway_and_sidecars_as_they_happen() {
    let house = house();
    let customer = house.customer("pm_card_visa").await;
    let product = house.product(10).await;
    let order = house.place(&customer, &product, 1).await;
    let lines = told(listen(&house, &customer.token, &order, None).await, "confirmed").await;
    assert_eq!(
        (lines[0].as_str(), lines.last().unwrap().split_once(' ').unwrap().1),
        ("1 place_order", "order.confirmed.v1")
    );
    let numbers: Vec<String> = (1..=lines.len()).map(|number| number.to_string()).collect();
    assert_eq!(lines.iter().map(|line| line.split_once(' ').unwrap().0).collect::<Vec<_>>(), numbers);
    let rest = told(listen(&house, &customer.token, &order, Some("1")).await, "confirmed").await;
    assert_eq!(rest, lines[1..]);

    // A refusal keeps its name on the way, though the client would rather have had events.
    let other = house.customer("pm_card_visa").await;
    let refused = listen(&house, &other.token, &order, None).await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    assert_eq!(refused.json::<Value>().await.unwrap()["type"], "/problems/not-found");
}

#[tokio::test]
async fn an_answer_that_waits_says_how_its_order_has_ended() {
    let house = house();
    for (card, status) in [("pm_card_visa", "confirmed"), ("pm_card_chargeDeclined", "rejected")] {
        let customer = house.customer(card).await;
        let body = order_body(&house, &customer).await;
        let url = format!("{}/v1/orders", house.instance.gateway_url());
        let request = house.http.request(Method::POST, url).bearer_auth(&customer.token);
        let request =
            request.header("idempotency-key", Uuid::now_v7().to_string()).header("prefer", "wait=30");
        let answer = request.json(&body).send().await.unwrap();
        assert_eq!(
            (answer.status(), &answer.headers()["preference-applied"]),
            (StatusCode::CREATED, &"wait=30".parse().unwrap())
        );
        assert!(answer.headers().contains_key("etag"));
        assert_eq!(answer.json::<Value>().await.unwrap()["status"], status);
    }
}

/// How many of so many requests at once a replica's sidecar lets through for one slot of one operation.
async fn let_through(house: &House, sidecar: &Sidecar, slot: &str, requests: usize) -> usize {
    let url = format!("http://127.0.0.1:{}/v1.0/invoke/order/method/list_orders", sidecar.http_port);
    let asked = (0..requests).map(|_| house.http.get(&url).header("x-forwarded-for", slot).send());
    let answers = join_all(asked).await.into_iter().map(|answer| answer.unwrap().status());
    answers.filter(|status| *status != StatusCode::TOO_MANY_REQUESTS).count()
}

#[tokio::test]
async fn two_gateways_let_through_twice_as_much_and_no_more() {
    let house = house();
    let bare = Bare::start(&house.instance, "limits").await.unwrap();
    let root = &house.instance.root;
    let component = std::fs::read_to_string(root.join("components").join("ratelimit.yaml")).unwrap();
    let unit: usize = {
        let rate = component.split("maxRequestsPerSecond, value: \"").nth(1).unwrap();
        rate.split('"').next().unwrap().parse().unwrap()
    };
    let mut replicas = Vec::new();
    for place in [App::Gateway, App::Config] {
        let mut wish = Wish::new("gateway", place);
        wish.configuration = Some(root.join("dapr-config").join("gateway.yaml"));
        wish.components = vec![("ratelimit.yaml", component.clone())];
        replicas.push(bare.sidecar(&wish).unwrap());
    }
    for replica in &mut replicas {
        replica.ready().await.unwrap();
    }
    // Each burst lasts a moment, in which a bucket may fill a little; a full one holds exactly the unit.
    let mut report = String::new();
    for slot in ["slot7", "slot8", "slot9"] {
        let through =
            join_all(replicas.iter().map(|replica| let_through(&house, replica, slot, 10 * unit))).await;
        let _ = write!(report, "{slot}: {through:?} ");
        for replica in &through {
            assert!(*replica >= unit, "{report}");
        }
        let sum: usize = through.iter().sum();
        assert!(sum < 10 * unit, "of {} requests to two replicas at once: {report}", 20 * unit);
    }
}

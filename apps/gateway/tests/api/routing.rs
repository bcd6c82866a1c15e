//! Every operation goes to its owner under its name, and nothing else goes anywhere.

use contracts::Operation;
use contracts::operation::OPERATIONS;
use http::Method;
use serde_json::json;

use testkit::{APP_TOKEN, Client};

use crate::rig::{Gateway, problem};

const ID: &str = "0193f0a0-0000-7000-8000-00000000000a";

#[tokio::test]
async fn every_public_operation_reaches_its_owner_by_its_name() {
    for row in OPERATIONS.iter().filter(|row| row.path.is_some()) {
        let gateway = Gateway::start().await;
        gateway
            .fake
            .on(row.operation, |seen| async move { axum::response::IntoResponse::into_response(seen.body) });
        if row.operation == Operation::ReadJwks {
            let jwks = serde_json::to_string(&gateway.signer.jwks()).unwrap();
            gateway.fake.on(row.operation, move |_| {
                let jwks = jwks.clone();
                async move { axum::response::IntoResponse::into_response(jwks) }
            });
        }
        let (mut path, mut query) = (row.path.unwrap().to_owned(), vec!["a=%20b".to_owned()]);
        for name in row.path_parameters() {
            let value = if name.ends_with("_id") { ID } else { "order.deadline" };
            path = path.replace(&format!("{{{name}}}"), value);
            query.push(format!("{name}={value}"));
        }
        let method = Method::from_bytes(row.method.name().as_bytes()).unwrap();
        let mut request =
            gateway.request(method.clone(), &format!("{path}?a=%20b")).bearer_auth(gateway.admin());
        let body = if method == Method::GET { String::new() } else { json!({"asks": row.name}).to_string() };
        if method != Method::GET {
            request = request.header("content-type", "application/json").body(body.clone());
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", row.name);

        let seen = gateway.fake.only();
        assert_eq!((seen.app.as_str(), seen.name.as_str()), (row.owner.name(), row.name));
        assert_eq!((seen.method, seen.query), (method.clone(), query.join("&")), "{}", row.name);
        assert_eq!(seen.body, body.as_bytes(), "{}", row.name);
        if method != Method::GET {
            assert_eq!(seen.headers["content-length"], body.len().to_string());
        }
        assert!(!seen.headers.contains_key("transfer-encoding"));
    }
}

#[tokio::test]
async fn what_is_no_public_path_is_not_found_and_nobody_is_asked() {
    let gateway = Gateway::start().await;
    let paths = [
        "/v1",
        "/v1/orders/",
        "//v1/orders",
        "/v1/nothing",
        "/v1/orders/7",
        "/v1/orders/not-an-id/timeline",
        "/place_order",
        "/find_products",
        "/describe_order",
        "/events/order",
        "/dead/order",
        "/dapr/subscribe",
        "/healthz",
        "/metrics",
        "/v1.0/invoke/order/method/find_products",
        "/v1/config/a%2fb",
    ];
    for path in paths {
        let answer = gateway.get(path).bearer_auth(gateway.admin()).send().await.unwrap();
        assert_eq!(problem(answer).await, (404, "not-found".into()), "{path}");
    }
    assert!(gateway.fake.asked().is_empty());
}

#[tokio::test]
async fn another_method_is_told_which_ones_there_are() {
    let gateway = Gateway::start().await;
    let answer = gateway.request(Method::DELETE, "/v1/orders").send().await.unwrap();
    assert_eq!(answer.headers()["allow"], "POST, GET, HEAD");
    assert_eq!(problem(answer).await, (405, "method-not-allowed".into()));
    let answer = gateway.post("/openapi.json", json!({})).send().await.unwrap();
    assert_eq!(answer.headers()["allow"], "GET,HEAD");
    assert_eq!(problem(answer).await, (405, "method-not-allowed".into()));
}

#[tokio::test]
async fn a_query_parameter_with_the_name_of_a_path_parameter_is_refused() {
    let gateway = Gateway::start().await;
    for query in ["order_id=1", "limit=1&%6frder_id=2"] {
        let path = format!("/v1/orders/{ID}?{query}");
        let answer = gateway.get(&path).bearer_auth(gateway.admin()).send().await.unwrap();
        assert_eq!(problem(answer).await, (400, "reserved-parameter".into()), "{query}");
    }
    assert!(gateway.fake.asked().is_empty());
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let gateway = Gateway::start().await;
    let answer = gateway.request(Method::HEAD, "/v1/products").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-length"], r#"{"operation":"list_products"}"#.len().to_string());
    assert!(answer.bytes().await.unwrap().is_empty());
    assert_eq!(gateway.fake.only().method, Method::GET);
}

#[tokio::test]
async fn the_internal_port_has_health_and_nothing_else() {
    let sidecar = Client::new(gateway::app::internal_router(APP_TOKEN.to_owned().into()));
    let stranger = sidecar.without("dapr-api-token");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(stranger.send("GET", path, None).await.status, 200, "{path}");
    }
    for path in ["/v1/orders", "/place_order", "/events/order", "/dapr/subscribe"] {
        assert_eq!(stranger.send("POST", path, None).await.problem(), "unauthenticated", "{path}");
        assert_eq!(sidecar.send("POST", path, None).await.problem(), "not-found", "{path}");
    }
}

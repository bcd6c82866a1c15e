//! A stranger without a sidecar, at the ports of the services and of their sidecars.

use std::collections::HashMap;

use contracts::operation::owned_by;
use contracts::{App, event};
use dapr::dapr::proto::runtime::v1::dapr_client::DaprClient;
use dapr::dapr::proto::runtime::v1::{GetConfigurationRequest, GetSecretRequest, PublishEventRequest};
use reqwest::{Method, StatusCode};
use serde_json::json;
use stack::secrets;
use tonic::{Code, Request};

use crate::house::{House, house};

/// What somebody shows who has no token.
const SHOWN: [Option<&str>; 3] = [None, Some(""), Some("a guess")];

async fn status(house: &House, method: Method, port: u16, path: &str, token: Option<&str>) -> StatusCode {
    let mut request = house.http.request(method, format!("http://127.0.0.1:{port}{path}")).json(&json!({}));
    // As a sidecar would say it.
    request = request.header("dapr-caller-app-id", "gateway");
    if let Some(token) = token {
        request = request.header("dapr-api-token", token);
    }
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn a_service_answers_nobody_but_its_sidecar() {
    let house = house();
    for app in App::ALL {
        let port = house.instance.ports.app(app);
        let mut asked: Vec<(Method, String)> =
            owned_by(app).map(|row| (row.method.name().parse().unwrap(), format!("/{}", row.name))).collect();
        for topic in event::subscriptions(app) {
            asked.push((Method::POST, format!("/events/{topic}")));
            asked.push((Method::POST, format!("/dead/{topic}")));
        }
        asked.push((Method::GET, "/dapr/subscribe".to_owned()));
        asked.push((Method::GET, "/no-such-path".to_owned()));
        for (method, path) in asked {
            for token in SHOWN {
                let status = status(&house, method.clone(), port, &path, token).await;
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{app}: {method} {path} with {token:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_sidecar_does_nothing_over_http_for_whoever_has_no_token() {
    let house = house();
    let paths = [
        (Method::GET, "/v1.0/invoke/product/method/list_products"),
        (Method::POST, "/v1.0/invoke/order/method/place_order"),
        (Method::POST, "/v1.0/publish/pubsub/order"),
        (Method::GET, "/v1.0/secrets/secrets/database"),
        (Method::GET, "/v1.0/secrets/secrets/bulk"),
        (Method::GET, "/v1.0/configuration/configuration"),
        (Method::GET, "/v1.0/metadata"),
        (Method::POST, "/v1.0/shutdown"),
    ];
    for app in App::ALL {
        let port = house.instance.ports.dapr_http(app);
        for (method, path) in &paths {
            for token in SHOWN {
                let status = status(&house, method.clone(), port, path, token).await;
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{app}: {method} {path} with {token:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_sidecar_does_nothing_over_grpc_for_whoever_has_no_token() {
    let house = house();
    for app in App::ALL {
        for token in SHOWN {
            for (call, code) in asked(&house, app, token).await {
                // What a service has no use for its sidecar offers to nobody.
                let refused = matches!(code, Some(Code::Unauthenticated | Code::Unimplemented));
                assert!(refused, "{app}: {call} with {token:?}: {code:?}");
            }
        }
    }
}

/// A service has its sidecar's token, and still gets no more than it needs.
#[tokio::test]
async fn a_service_reads_its_own_secrets_and_writes_its_own_topic() {
    let house = house();
    for app in App::ALL {
        let token = house.instance.secret(&format!("token/{app}/dapr")).unwrap();
        let own = secrets::readable_by(app);
        for other in ["database", "signing", "administrator", "provider", "kafka", "configuration"] {
            let code = secret(&house, app, Some(&token), other).await;
            assert_eq!(code.is_none(), own.contains(&other), "{app}: the secret {other}: {code:?}");
        }
        for topic in event::topics().filter(|topic| *topic != app) {
            let code = publish(&house, app, Some(&token), topic.name()).await;
            assert!(code.is_some(), "{app} has published to {topic}");
        }
        let code = publish(&house, app, Some(&token), "no-such-topic").await;
        assert!(code.is_some(), "{app} has published to a topic that nobody named");
    }
}

/// Asks for a secret, the configuration and a publication, and gives how each was refused.
async fn asked(house: &House, app: App, token: Option<&str>) -> [(&'static str, Option<Code>); 3] {
    [
        ("secret", secret(house, app, token, "database").await),
        ("publication", publish(house, app, token, "order").await),
        ("configuration", configuration(house, app, token).await),
    ]
}

async fn secret(house: &House, app: App, token: Option<&str>, name: &str) -> Option<Code> {
    let wanted =
        GetSecretRequest { store_name: "secrets".into(), key: name.into(), metadata: HashMap::new() };
    sidecar(house, app).await.get_secret(shown(wanted, token)).await.err().map(|refusal| refusal.code())
}

async fn configuration(house: &House, app: App, token: Option<&str>) -> Option<Code> {
    let wanted = GetConfigurationRequest {
        store_name: "configuration".into(),
        keys: Vec::new(),
        metadata: HashMap::new(),
    };
    sidecar(house, app)
        .await
        .get_configuration(shown(wanted, token))
        .await
        .err()
        .map(|refusal| refusal.code())
}

async fn publish(house: &House, app: App, token: Option<&str>, topic: &str) -> Option<Code> {
    let wanted = PublishEventRequest {
        pubsub_name: "pubsub".into(),
        topic: topic.into(),
        data: b"{}".to_vec(),
        data_content_type: "application/json".into(),
        metadata: HashMap::new(),
    };
    sidecar(house, app).await.publish_event(shown(wanted, token)).await.err().map(|refusal| refusal.code())
}

async fn sidecar(house: &House, app: App) -> DaprClient<tonic::transport::Channel> {
    let port = house.instance.ports.dapr_grpc(app);
    DaprClient::connect(format!("http://127.0.0.1:{port}")).await.unwrap()
}

fn shown<T>(message: T, token: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        request.metadata_mut().insert("dapr-api-token", token.parse().unwrap());
    }
    request
}

//! Who reaches what: events only by delivery, operations only by invocation, both only through the own sidecar.

use axum::Router;
use axum::routing::get;
use contracts::App;
use http::StatusCode;
use sidecar::guard::require_app_token;
use sqlx::PgPool;
use testkit::{APP_TOKEN, Client};
use uuid::Uuid;

use crate::stage::{Service, envelope, handle};

fn product() -> Client {
    let router = Router::new()
        .route("/list_products", get(|| async { "1" }))
        .route("/healthz", get(|| async { "1" }))
        .layer(require_app_token(APP_TOKEN.into()));
    Client::new(router)
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn events_cannot_be_made_up_by_invocation(db: PgPool) {
    let service = Service::new(&db);
    let event = envelope(Uuid::now_v7(), 1).to_json().to_string();
    for path in ["/events/order", "/dead/order"] {
        let answer = service.client().send("POST", path, Some(event.clone())).await;
        assert_eq!((answer.status, answer.problem()), (StatusCode::FORBIDDEN, "forbidden"), "{path}");
    }
    assert_eq!(service.client().send("GET", "/dapr/subscribe", None).await.status, StatusCode::FORBIDDEN);
    let own = service.client().without("dapr-caller-app-id");
    let answer = own.send("GET", "/dapr/subscribe", None).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, serde_json::json!([])));
    assert_eq!(service.seen(), []);
}

#[sqlx::test(migrations = "../../migrations/order")]
async fn events_need_the_token_of_the_own_sidecar(db: PgPool) {
    let service = Service::new(&db);
    let events = sidecar::events::router(App::Payment, db.clone(), service.clone(), handle);
    let client = Client::new(events.layer(require_app_token(APP_TOKEN.into()))).without("dapr-caller-app-id");
    let event = envelope(Uuid::now_v7(), 1).to_json().to_string();
    for client in [client.without("dapr-api-token"), client.with("dapr-api-token", "guessed")] {
        let answer = client.send("POST", "/events/order", Some(event.clone())).await;
        assert_eq!((answer.status, answer.problem()), (StatusCode::UNAUTHORIZED, "unauthenticated"));
    }
    assert_eq!(service.seen(), []);
    assert_eq!(client.deliver_raw("/events/order", event).await, "SUCCESS");
}

#[tokio::test]
async fn health_needs_no_token_and_everything_else_does() {
    let stranger = product().without("dapr-api-token").without("dapr-caller-app-id");
    assert_eq!(stranger.send("GET", "/healthz", None).await.status, StatusCode::OK);
    assert_eq!(stranger.send("GET", "/list_products", None).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(stranger.send("GET", "/nowhere", None).await.status, StatusCode::UNAUTHORIZED);
}

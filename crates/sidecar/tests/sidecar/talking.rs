//! Secrets, invocation, readiness, and what errors say.

use contracts::{App, Operation};
use http::{HeaderMap, HeaderValue};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sidecar::{Address, InvokeError, Sidecar, SidecarError};
use testkit::FakeSidecar;

use crate::stage::{connect, envelope};

#[tokio::test]
async fn a_secret_is_read_and_never_shown() {
    let fake = FakeSidecar::start().await;
    fake.set_secret("database", &[("url", "postgres://order_a:hush@127.0.0.1/order")]);
    let secret = connect(&fake).secret("database").await.unwrap();
    assert_eq!(secret.get("url").unwrap().expose_secret(), "postgres://order_a:hush@127.0.0.1/order");
    assert!(!format!("{secret:?}").contains("hush"));
    let missing = secret.get("password").unwrap_err();
    assert_eq!(missing.to_string(), "secret \"database\" has no key \"password\"");
}

/// Compiles only while there is one way to read this, that is while the type does not have the trait.
macro_rules! lacks {
    ($type:ty, $trait:path) => {{
        trait Reading<A> {
            fn read() {}
        }
        impl<T: ?Sized> Reading<()> for T {}
        impl<T: ?Sized + $trait> Reading<u8> for T {}
        <$type as Reading<_>>::read();
    }};
}

#[test]
fn a_secret_can_be_neither_written_out_nor_serialised() {
    lacks!(secrecy::SecretString, std::fmt::Display);
    lacks!(secrecy::SecretString, serde::Serialize);
    lacks!(secrecy::SecretString, AsRef<str>);
    lacks!(sidecar::Secret, std::fmt::Display);
    lacks!(sidecar::Secret, serde::Serialize);
    let shown = format!("{:?}", Some(secrecy::SecretString::from("hush")));
    assert!(!shown.contains("hush"), "{shown}");
}

#[tokio::test]
async fn another_services_secret_is_rejected() {
    let fake = FakeSidecar::start().await;
    let error = connect(&fake).secret("signing").await.unwrap_err();
    assert!(matches!(error, SidecarError::Rejected { code: tonic::Code::PermissionDenied, .. }), "{error:?}");
}

#[tokio::test]
async fn a_sidecar_that_is_away_is_unavailable_and_a_wrong_token_is_rejected() {
    let fake = FakeSidecar::start().await;
    let address = |grpc_port, token: &str| Address { http_port: 1, grpc_port, api_token: token.into() };
    let away = Sidecar::new(address(1, testkit::API_TOKEN)).unwrap();
    let error = away.bulk_publish(App::Order, &[envelope(uuid::Uuid::now_v7(), 1)]).await.unwrap_err();
    assert!(matches!(error, SidecarError::Unavailable { .. }), "{error:?}");

    let wrong = Sidecar::new(address(fake.grpc_port, "guessed")).unwrap();
    let error = wrong.secret("database").await.unwrap_err();
    assert!(matches!(error, SidecarError::Rejected { code: tonic::Code::Unauthenticated, .. }), "{error:?}");
    assert!(!format!("{:?}", address(1, "hush")).contains("hush"));
}

#[tokio::test]
async fn an_invocation_goes_to_the_owner_by_the_operations_name() {
    let fake = FakeSidecar::start().await;
    fake.answer(Operation::FindProducts, 200, json!({ "items": [1] }));
    let sidecar = connect(&fake);
    sidecar.ready().await;
    let headers = HeaderMap::from_iter([(http::header::HeaderName::from_static("traceparent"), {
        HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    })]);
    let answer: Value =
        sidecar.invoke_with(Operation::FindProducts, headers, Some(&json!({ "ids": [] }))).await.unwrap();
    assert_eq!(answer, json!({ "items": [1] }));

    let invocations = fake.invocations();
    let invocation = &invocations[0];
    assert_eq!((invocation.app.as_str(), invocation.operation.as_str()), ("product", "find_products"));
    assert_eq!(invocation.method, http::Method::POST);
    assert_eq!(invocation.body, r#"{"ids":[]}"#);
    assert_eq!(invocation.headers["content-type"], "application/json");
    assert!(invocation.headers.contains_key("traceparent"));
}

#[tokio::test]
async fn what_another_service_refuses_is_told_apart_from_its_absence() {
    let fake = FakeSidecar::start().await;
    let sidecar = connect(&fake);
    let ask = || sidecar.invoke::<(), u64>(Operation::ReadJwks, None);

    let error = ask().await.unwrap_err();
    assert!(error.temporary() && matches!(error, InvokeError::Answered { status: 500, .. }), "{error:?}");
    fake.answer(Operation::ReadJwks, 422, json!({ "type": "/problems/invalid-field" }));
    let error = ask().await.unwrap_err();
    assert!(!error.temporary() && matches!(error, InvokeError::Answered { status: 422, .. }), "{error:?}");
    fake.answer(Operation::ReadJwks, 200, json!("seven"));
    assert!(matches!(ask().await.unwrap_err(), InvokeError::Unreadable(_)));
    fake.answer(Operation::ReadJwks, 200, json!(7));
    assert_eq!(ask().await.unwrap(), 7);

    let mut away = fake;
    away.http_port = 1;
    let error = connect(&away).invoke::<(), u64>(Operation::ReadJwks, None).await.unwrap_err();
    assert!(error.temporary() && matches!(error, InvokeError::Unavailable(_)), "{error:?}");
}

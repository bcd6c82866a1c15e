//! Nobody gets to a service with a token that is not one.

use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::operation::{Access, OPERATIONS};
use contracts::{Operation, UserId};
use http::{Method, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use testkit::Signer;
use uuid::Uuid;

use crate::rig::{Gateway, problem};

const ID: &str = "0193f0a0-0000-7000-8000-00000000000a";

fn claims(signer: &Signer) -> Value {
    signer.claims(UserId(Uuid::from_u128(1)), "orders:read orders:place")
}

fn changed(signer: &Signer, name: &str, value: Value) -> String {
    let mut claims = claims(signer);
    claims[name] = value;
    signer.sign(&claims)
}

/// Signed with the bytes of the public key as if they were a shared secret.
fn confused(signer: &Signer, secret: &[u8]) -> String {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(signer.kid.clone());
    jsonwebtoken::encode(&header, &claims(signer), &EncodingKey::from_secret(secret)).unwrap()
}

/// Signed by another key, which its header brings along.
fn with_its_own_key(signer: &Signer) -> String {
    let attacker = Signer::new("attacker");
    let mut header = Header::new(Algorithm::EdDSA);
    (header.kid, header.jwk) = (Some(signer.kid.clone()), Some(attacker.jwks().keys[0].clone()));
    attacker.sign_under(&header, &claims(signer))
}

fn unsigned(signer: &Signer) -> String {
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = json!({"alg": "none", "typ": "JWT", "kid": signer.kid});
    format!("{}.{}.", part(header), part(claims(signer)))
}

#[tokio::test]
async fn tokens_that_are_none_are_refused_before_anybody_is_asked() {
    let gateway = Gateway::start().await;
    let signer = &gateway.signer;
    let public = serde_json::to_value(signer.jwks()).unwrap()["keys"][0]["x"].as_str().unwrap().to_owned();
    let good = signer.sign(&claims(signer));
    let (head, signature) = good.rsplit_once('.').unwrap();
    let mut other = URL_SAFE_NO_PAD.decode(signature).unwrap();
    other[0] ^= 1;
    let tokens = [
        ("forged", format!("{head}.{}", URL_SAFE_NO_PAD.encode(other))),
        ("truncated", good[..good.len() - 20].to_owned()),
        ("without a signature", unsigned(signer)),
        ("the public key as a secret", confused(signer, &URL_SAFE_NO_PAD.decode(&public).unwrap())),
        ("its text as a secret", confused(signer, public.as_bytes())),
        ("another key under the same name", Signer::new(&signer.kid).sign(&claims(signer))),
        ("a key that nobody knows", Signer::new("../../etc/passwd").sign(&claims(signer))),
        ("another issuer", changed(signer, "iss", json!("elsewhere"))),
        ("another audience", changed(signer, "aud", json!("elsewhere"))),
        ("from the future", changed(signer, "iat", json!(claims(signer)["iat"].as_i64().unwrap() + 600))),
        ("a key in the header", with_its_own_key(signer)),
        ("nobody", changed(signer, "sub", json!(""))),
        ("without an end", changed(signer, "exp", Value::Null)),
        ("no token", "abc".to_owned()),
    ];
    for (what, token) in tokens {
        let answer = gateway.get("/v1/orders").bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], "Bearer", "{what}");
        assert_eq!(problem(answer).await, (401, "invalid-token".into()), "{what}");
    }
    let expired = changed(signer, "exp", json!(claims(signer)["iat"].as_i64().unwrap() - 60));
    let answer = gateway.get("/v1/orders").bearer_auth(expired).send().await.unwrap();
    assert_eq!(problem(answer).await, (401, "expired-token".into()));
    let answer = gateway.get("/v1/orders").header("authorization", "Basic YTpi").send().await.unwrap();
    assert_eq!(problem(answer).await, (401, "invalid-token".into()));
    assert!(gateway.fake.seen().is_empty());
    assert_eq!(gateway.get("/v1/orders").bearer_auth(good).send().await.unwrap().status(), 200);
    assert_eq!(gateway.fake.asked().len(), 2, "the keys once, and the good one");
}

#[tokio::test]
async fn every_operation_that_needs_a_permission_refuses_who_has_no_token_and_who_lacks_it() {
    let gateway = Gateway::start().await;
    let nothing = gateway.signer.sign(&gateway.signer.claims(UserId(Uuid::from_u128(1)), ""));
    for row in OPERATIONS {
        let (Some(path), Access::Permitted(_)) = (row.path, row.access) else {
            continue;
        };
        let path = row.path_parameters().fold(path.to_owned(), |path, name| {
            path.replace(&format!("{{{name}}}"), if name == "key" { "order.deadline" } else { ID })
        });
        let method = Method::from_bytes(row.method.name().as_bytes()).unwrap();
        let answer = gateway.request(method.clone(), &path).send().await.unwrap();
        assert_eq!(problem(answer).await, (401, "unauthenticated".into()), "{}", row.name);
        let answer = gateway.request(method, &path).bearer_auth(&nothing).send().await.unwrap();
        assert_eq!(problem(answer).await, (403, "forbidden".into()), "{}", row.name);
    }
    assert!(gateway.fake.seen().is_empty());
}

#[tokio::test]
async fn without_the_public_keys_what_needs_no_token_goes_on() {
    let gateway = Gateway::start().await;
    gateway.fake.on(Operation::ReadJwks, |_| async { StatusCode::INTERNAL_SERVER_ERROR.into_response() });
    let token = gateway.customer(1);
    let orders = gateway.get("/v1/orders").bearer_auth(&token).send().await.unwrap();
    assert_eq!(orders.headers()["retry-after"], "1");
    assert_eq!(problem(orders).await, (503, "unavailable".into()));
    for _ in 0..20 {
        let products = gateway.get("/v1/products").bearer_auth(&token).send().await.unwrap();
        assert_eq!(products.status(), 200);
    }
    let fetches = gateway.fake.asked().len() - gateway.fake.seen().len();
    assert!(fetches <= 3, "`user` was asked {fetches} times");
}

#[tokio::test]
async fn the_gateways_own_requests_have_a_bucket_of_their_own() {
    let gateway = Gateway::start().await;
    gateway.get("/v1/orders").bearer_auth(gateway.customer(1)).send().await.unwrap();
    let asked = gateway.fake.asked();
    assert_eq!((asked[0].name.as_str(), asked[0].slot()), ("read_jwks", "gateway"));
    assert_eq!(asked[1].slot(), "slot0");
}

//! What must bear any bytes whatever: tokens, cursors, paths and queries, webhook signatures.
//!
//! Each target takes bytes and panics where a promise is broken. `tests/fuzz.rs` drives them with drawn and mutated
//! input in every run of the tests; `fuzz/` gives them to cargo-fuzz, for as long as one likes.

use std::sync::OnceLock;

use aws_lc_rs::hmac;
use axum::extract::FromRequestParts;
use chrono::{DateTime, Utc};
use contracts::{OrderId, UserId, permission::Role};
use futures::executor::block_on;
use gateway::domain::route;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use payment::domain::webhook::check_signature;
use testkit::Signer;
use uuid::Uuid;
use web::auth::bearer;
use web::{Cursor, Keys, Page, Query};

const SECRET: &str = "whsec_of_tests";
const NOW: i64 = 1_764_000_000;

/// A target: any bytes in, and nothing but a return.
pub type Target = fn(&[u8]);

/// All of them by name.
pub const TARGETS: [(&str, Target); 4] =
    [("token", token), ("cursor", cursor), ("route", route), ("signature", signature)];

/// Genuine input of a target, for others to be made of.
pub fn genuine(target: &str) -> Vec<Vec<u8>> {
    match target {
        "token" => vec![signed().1.clone().into_bytes()],
        "cursor" => vec![
            Cursor(Uuid::nil()).encode().into_bytes(),
            Cursor((Utc::now(), OrderId(Uuid::max()))).encode().into_bytes(),
            b"limit=20&cursor=IjAi".to_vec(),
        ],
        "route" => [
            "GET /v1/orders/0193f0a0-0000-7000-8000-00000000000a?limit=2",
            "PUT /v1/config/order.deadline?key=1",
            "POST /v1/orders/0193f0a0-0000-7000-8000-00000000000a/parcels/0193f0a0-0000-7000-8000-00000000000b/delivery?%6frder_id=1&a",
        ]
        .map(|line| line.as_bytes().to_vec())
        .to_vec(),
        "signature" => {
            let body = br#"{"id":"evt_1","type":"payment_intent.succeeded"}"#;
            let header = format!("t={NOW},v1={}\n", hex::encode(code(&NOW.to_string(), body)));
            vec![[header.as_bytes(), body].concat()]
        }
        other => panic!("there is no target {other}"),
    }
}

/// The keys that tokens are checked against, and the one token that was signed with them.
fn signed() -> &'static (Keys, String) {
    static SIGNED: OnceLock<(Keys, String)> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let signer = Signer::default();
        (Keys::fixed(signer.jwks()), signer.token(UserId(Uuid::nil()), Role::Customer))
    })
}

/// Only the token that was signed passes, byte for byte, bare or in its header.
pub fn token(data: &[u8]) {
    let (keys, genuine) = signed();
    let passes = |token: &str| match block_on(keys.check(token)) {
        Ok(_) => assert_eq!(token, genuine, "a token that nobody signed passes"),
        Err(problem) => assert_eq!(problem.kind.status(), 401, "{}", problem.kind.name()),
    };
    if let Ok(text) = std::str::from_utf8(data) {
        passes(text);
    }
    if let Ok(value) = HeaderValue::from_bytes(data) {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        match bearer(&headers) {
            Ok(token) => passes(token),
            Err(problem) => assert_eq!(problem.kind.status(), 401),
        }
    }
}

/// A cursor is refused, or it is a key that comes back the same.
pub fn cursor(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    keys_come_back(&Page { limit: None, cursor: Some(text.to_owned()) });
    let request = http::Request::builder().uri(format!("/list?{}", text.replace([' ', '#'], "+")));
    if let Ok(request) = request.body(()) {
        let (mut parts, ()) = request.into_parts();
        let read = <Query<Page> as FromRequestParts<()>>::from_request_parts(&mut parts, &());
        match block_on(read) {
            Ok(Query(page)) => {
                keys_come_back(&page);
                if let Ok(limit) = page.limit(100) {
                    assert!((1..=100).contains(&limit), "a page of {limit} rows");
                }
            }
            Err(problem) => assert!(problem.kind.status() < 500),
        }
    }
}

fn keys_come_back(page: &Page) {
    match page.after::<Uuid>() {
        Ok(Some(key)) => assert_eq!(again(&key), key),
        Ok(None) => assert!(page.cursor.is_none()),
        Err(problem) => assert_eq!(problem.kind.name(), "invalid-cursor"),
    }
    if let Ok(Some(key)) = page.after::<(DateTime<Utc>, OrderId)>() {
        assert_eq!(again(&key), key);
    }
}

fn again<T: serde::Serialize + serde::de::DeserializeOwned + Clone>(key: &T) -> T {
    let page = Page { limit: None, cursor: Some(Cursor(key.clone()).encode()) };
    page.after().ok().flatten().expect("a key that was read can be written and read")
}

/// A request goes nowhere, or to one operation with each path parameter once, in its one form, from the path alone.
pub fn route(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((method, target)) = text.split_once(' ') else { return };
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method.as_bytes()), target.parse::<Uri>()) else {
        return;
    };
    let Ok(found) = route::find(&method, uri.path(), uri.query()) else { return };
    let inner: Uri = format!("/{}?{}", found.row.name, found.query).parse().expect("it can be sent on");
    assert_eq!(inner.path(), format!("/{}", found.row.name), "the operation is the path");
    let given = uri.query().unwrap_or_default();
    assert!(found.query.starts_with(given.trim_matches('&')), "the client's query stays as it is");
    let Ok(pairs) = serde_urlencoded::from_str::<Vec<(String, String)>>(&found.query) else { return };
    for name in found.row.path_parameters() {
        let values: Vec<_> =
            pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value).collect();
        let [value] = values[..] else { panic!("{name} stands {} times in {}", values.len(), found.query) };
        let in_path = uri.path().split('/').any(|segment| segment.eq_ignore_ascii_case(value));
        assert!(in_path, "{name}={value} comes from elsewhere");
        let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        assert!(plain, "{name}={value}");
        if name.ends_with("_id") {
            assert_eq!(Uuid::try_parse(value).map(|id| id.to_string()).ok().as_ref(), Some(value));
        }
    }
}

/// Nothing passes whose header does not hold the code of its time and body under our secret.
pub fn signature(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (head, rest) = data.split_at(end);
    let body = rest.get(1..).unwrap_or_default();
    let Ok(head) = std::str::from_utf8(head) else { return };
    let now = DateTime::from_timestamp(NOW, 0).expect("a time");
    if check_signature(Some(head), body, SECRET, now).is_ok() {
        let part = |name: &str| {
            let parts = head.split(',').filter_map(|part| part.trim().split_once('='));
            parts.filter(|(other, _)| *other == name).map(|(_, value)| value.to_owned()).collect::<Vec<_>>()
        };
        let times = part("t");
        let time = times.first().expect("a time was checked");
        let seconds: i64 = time.parse().expect("a time was read");
        assert!((seconds - NOW).abs() <= 300, "{time} is no time of now");
        let expected = code(time, body);
        let held = part("v1").iter().any(|code| hex::decode(code).is_ok_and(|code| code == expected));
        assert!(held, "a signature that nobody made passes: {head}");
    }
}

/// The code as the card processor documents it.
fn code(time: &str, body: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signed = [time.as_bytes(), b".", body].concat();
    hmac::sign(&key, &signed).as_ref().to_vec()
}

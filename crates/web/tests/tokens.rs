//! Tokens of the well-known attacks are refused, and nobody can make a service fetch the keys as often as they like.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{TimeDelta, Utc};
use contracts::permission::Role;
use contracts::{Permission, ProblemType, UserId};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use testkit::Signer;
use tokio::sync::Semaphore;
use uuid::Uuid;
use web::{Clock, Keys};

fn claims(signer: &Signer) -> Value {
    signer.claims(UserId(Uuid::from_u128(1)), "orders:read")
}

fn changed(signer: &Signer, name: &str, value: Value) -> String {
    let mut claims = claims(signer);
    claims[name] = value;
    signer.sign(&claims)
}

fn part(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// The public key in the forms in which somebody could take it for a shared secret.
fn public_key(signer: &Signer) -> Vec<Vec<u8>> {
    let jwk = serde_json::to_value(signer.jwks()).unwrap()["keys"][0].clone();
    let text = jwk["x"].as_str().unwrap().to_owned();
    let raw = URL_SAFE_NO_PAD.decode(&text).unwrap();
    // The head of an Ed25519 key in SubjectPublicKeyInfo.
    let der = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], &raw[..]].concat();
    vec![raw, text.into_bytes(), der, jwk.to_string().into_bytes()]
}

/// Signed with the public key as if it were a shared secret.
fn confused(signer: &Signer) -> Vec<(&'static str, String)> {
    let mut tokens = Vec::new();
    for secret in public_key(signer) {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let mut header = Header::new(algorithm);
            header.kid = Some(signer.kid.clone());
            let key = EncodingKey::from_secret(&secret);
            tokens.push((
                "a public key as a secret",
                jsonwebtoken::encode(&header, &claims(signer), &key).unwrap(),
            ));
        }
    }
    tokens
}

fn without_signature(signer: &Signer) -> Vec<(&'static str, String)> {
    let good = signer.sign(&claims(signer));
    let rest = good.rsplit_once('.').unwrap().0;
    let payload = rest.split_once('.').unwrap().1;
    let mut tokens = vec![("a signature that is empty", format!("{rest}."))];
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({"alg": algorithm, "typ": "JWT", "kid": signer.kid});
        tokens.push(("alg none", format!("{}.{payload}.", part(&header))));
        tokens.push(("alg none without its dot", format!("{}.{payload}", part(&header))));
    }
    tokens
}

/// Signed by a key of the attacker's own, which the header would like to be believed.
fn injected(signer: &Signer) -> Vec<(&'static str, String)> {
    let attacker = Signer::new("attacker");
    let header = |change: &dyn Fn(&mut Header)| {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(signer.kid.clone());
        change(&mut header);
        header
    };
    let jwk = attacker.jwks().keys[0].clone();
    let headers = [
        ("a jwk in the header", header(&|header| header.jwk = Some(jwk.clone()))),
        (
            "a jwk in the header and no kid",
            header(&|header| (header.jwk, header.kid) = (Some(jwk.clone()), None)),
        ),
        ("a jku in the header", header(&|header| header.jku = Some("https://attacker.example/jwks".into()))),
        ("an x5u in the header", header(&|header| header.x5u = Some("https://attacker.example/key".into()))),
        ("another key under the same name", header(&|_| {})),
        ("no kid", header(&|header| header.kid = None)),
    ];
    let kids =
        ["attacker", "../../dev/null", "' or '1'='1", "/etc/passwd", "", "a\u{0}b", &"k".repeat(10_000)]
            .map(|kid| ("a made-up kid", header(&|header| header.kid = Some(kid.to_owned()))));
    let sign = |(what, header): (&'static str, Header)| (what, attacker.sign_under(&header, &claims(signer)));
    headers.into_iter().chain(kids).map(sign).collect()
}

fn for_others(signer: &Signer) -> Vec<(&'static str, String)> {
    let now = Utc::now().timestamp();
    vec![
        ("another issuer", changed(signer, "iss", json!("elsewhere"))),
        ("no issuer", changed(signer, "iss", Value::Null)),
        ("another audience", changed(signer, "aud", json!("elsewhere"))),
        ("no audience", changed(signer, "aud", Value::Null)),
        ("from the future", changed(signer, "iat", json!(now + 600))),
        ("without an end", changed(signer, "exp", Value::Null)),
        ("an end that is no number", changed(signer, "exp", json!("never"))),
        ("nobody", changed(signer, "sub", json!("admin"))),
        ("a scope that is a list", changed(signer, "scope", json!(["orders:read"]))),
    ]
}

fn broken(signer: &Signer) -> Vec<(&'static str, String)> {
    let good = signer.sign(&claims(signer));
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("a token") };
    let mut forged = URL_SAFE_NO_PAD.decode(signature).unwrap();
    forged[0] ^= 1;
    let more = part(&signer.claims(UserId(Uuid::from_u128(1)), "orders:read configuration:write"));
    let mut tokens = vec![
        ("another signature", format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(forged))),
        ("another payload", format!("{header}.{more}.{signature}")),
        ("four parts", format!("{good}.{signature}")),
        ("no token", "abc".to_owned()),
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
    ];
    for length in (0..good.len()).step_by(7) {
        tokens.push(("truncated", good[..length].to_owned()));
    }
    tokens
}

#[tokio::test]
async fn tokens_of_the_well_known_attacks_are_refused() {
    let signer = Signer::default();
    let keys = Keys::fixed(signer.jwks());
    let attacks = [
        without_signature(&signer),
        confused(&signer),
        injected(&signer),
        for_others(&signer),
        broken(&signer),
    ];
    for (what, token) in attacks.concat() {
        let refused = keys.check(&token).await.unwrap_err();
        assert_eq!(refused.kind, ProblemType::InvalidToken, "{what}: {token}");
    }
    let caller = keys.check(&signer.sign(&claims(&signer))).await.unwrap();
    assert_eq!(caller.user_id, UserId(Uuid::from_u128(1)));
    assert!(caller.may(Permission::OrdersRead) && !caller.may(Permission::OrdersPlace));
}

#[tokio::test]
async fn a_token_is_good_until_its_end_and_not_before_its_time() {
    let signer = Signer::default();
    let clock = Clock::fixed(Utc::now());
    let keys = Keys::fixed(signer.jwks()).at(clock.clone());
    let token = signer.sign(&claims(&signer));
    assert!(keys.check(&token).await.is_ok());
    clock.advance(TimeDelta::seconds(904));
    assert!(keys.check(&token).await.is_ok(), "clocks may differ by five seconds");
    clock.advance(TimeDelta::seconds(2));
    assert_eq!(keys.check(&token).await.unwrap_err().kind, ProblemType::ExpiredToken);
    clock.advance(TimeDelta::seconds(-906 - 10));
    assert_eq!(keys.check(&token).await.unwrap_err().kind, ProblemType::InvalidToken);
}

/// Keys whose fetches are counted and held back until the test lets them go.
fn counted(signer: &Signer) -> (Keys, Arc<AtomicUsize>, Arc<Semaphore>) {
    let (fetches, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (set, count, closed) = (signer.jwks(), fetches.clone(), gate.clone());
    let keys = Keys::fetched(move || {
        let (set, count, closed) = (set.clone(), count.clone(), closed.clone());
        Box::pin(async move {
            count.fetch_add(1, Ordering::SeqCst);
            closed.acquire().await?.forget();
            Ok(set)
        })
    });
    (keys, fetches, gate)
}

#[tokio::test]
async fn a_key_that_is_not_known_yet_is_fetched_once_for_all_who_wait_for_it() {
    let signer = Signer::default();
    let (keys, fetches, gate) = counted(&signer);
    let token = signer.token(UserId(Uuid::from_u128(1)), Role::Customer);
    let checks = futures::future::join_all((0..100).map(|_| keys.check(&token)));
    let (checked, ()) = tokio::join!(checks, async { gate.add_permits(1) });
    assert!(checked.iter().all(Result::is_ok));
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn made_up_keys_cause_no_more_fetches_than_one_in_five_seconds_and_stop_nobody_else() {
    let signer = Signer::default();
    let (keys, fetches, gate) = counted(&signer);
    gate.add_permits(100);
    let good = signer.token(UserId(Uuid::from_u128(1)), Role::Customer);
    assert!(keys.check(&good).await.is_ok());
    for number in 0..1_000 {
        let made_up = Signer::new(&format!("made-up-{number}"));
        let refused = keys.check(&made_up.token(UserId(Uuid::from_u128(1)), Role::Admin)).await.unwrap_err();
        assert_eq!(refused.kind, ProblemType::InvalidToken);
        assert!(keys.check(&good).await.is_ok());
    }
    let fetched = fetches.load(Ordering::SeqCst);
    assert!(fetched <= 3, "{fetched} fetches");
}

#[tokio::test]
async fn a_key_that_was_taken_back_is_not_trusted_for_ever() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let mut both = old.jwks();
    both.keys.extend(new.jwks().keys);
    let sets = [both, new.jwks()];
    let fetches = Arc::new(AtomicUsize::new(0));
    let count = fetches.clone();
    let keys = Keys::fetched(move || {
        let fetch = count.fetch_add(1, Ordering::SeqCst);
        let set = sets[fetch.min(1)].clone();
        // The third time, and from then on, nobody answers.
        Box::pin(async move { if fetch < 2 { Ok(set) } else { anyhow::bail!("away") } })
    });
    let token = |signer: &Signer| signer.token(UserId(Uuid::from_u128(1)), Role::Customer);
    for _ in 0..100 {
        assert!(keys.check(&token(&old)).await.is_ok());
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1, "what was fetched a moment ago is not fetched again");

    let keys = keys.held_for(std::time::Duration::ZERO);
    assert!(keys.check(&token(&old)).await.is_ok(), "the request that finds them old goes on");
    while fetches.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    while keys.check(&token(&old)).await.is_ok() {
        tokio::task::yield_now().await;
    }
    while fetches.load(Ordering::SeqCst) < 3 {
        assert!(keys.check(&token(&new)).await.is_ok());
        tokio::task::yield_now().await;
    }
    assert!(keys.check(&token(&new)).await.is_ok(), "after a failure the keys of before stay");
}

#[tokio::test]
async fn keys_of_ones_own_are_looked_up_each_time() {
    let signer = Signer::default();
    let own = Arc::new(std::sync::Mutex::new(signer.jwks()));
    let look = own.clone();
    let keys = Keys::own(move || look.lock().unwrap().clone());
    let token = signer.token(UserId(Uuid::from_u128(1)), Role::Customer);
    assert!(keys.check(&token).await.is_ok());
    own.lock().unwrap().keys.clear();
    assert_eq!(keys.check(&token).await.unwrap_err().kind, ProblemType::InvalidToken);
}

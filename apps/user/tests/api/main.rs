//! `user` as its sidecar sees it: a real router on a real database.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod administrator;
mod sessions;
mod throttling;
mod users;

use std::sync::Arc;

use aws_lc_rs::signature::Ed25519KeyPair;
use chrono::{SubsecRound, Utc};
use contracts::{App as Service, Operation};
use serde_json::json;
use sidecar::configuration::Live;
use sidecar::{Address, Sidecar};
use sqlx::PgPool;
use testkit::{API_TOKEN, APP_TOKEN, Answer, Client, FakeSidecar};
use tokio_util::sync::CancellationToken;
use user::app::hashing::Hashing;
use user::app::{App, router};
use user::domain::token::SigningKey;
use web::Clock;
use web::health::Readiness;

const PASSWORD: &str = "correct horse battery";

struct Stage {
    client: Client,
    app: App,
    fake: FakeSidecar,
}

impl Stage {
    /// With the cheapest hashes there may be, and a clock that stands still at the present time.
    async fn new(db: PgPool) -> Stage {
        let fake = FakeSidecar::start().await;
        fake.set_configuration("user.argon2_memory", "8192");
        fake.set_configuration("user.argon2_iterations", "1");
        let address =
            Address { http_port: fake.http_port, grpc_port: fake.grpc_port, api_token: API_TOKEN.into() };
        let live = Live::start(&Sidecar::new(address).unwrap(), Service::User, CancellationToken::new());
        live.settled().await;
        let app = App {
            db,
            live,
            clock: Clock::fixed(Utc::now().trunc_subsecs(6)),
            signing: Arc::new(signing_key("first")),
            hashing: Hashing::default(),
        };
        let router = router(app.clone(), Readiness::always(), APP_TOKEN.into());
        Stage { client: Client::new(router).with("x-client-address", "192.0.2.1"), app, fake }
    }

    async fn register(&self, email: &str) -> Answer {
        let body = json!({"email": email, "password": PASSWORD, "name": "Ada Lovelace"});
        self.client.ask(Operation::RegisterUser, "", Some(body)).await
    }

    async fn log_in(&self, email: &str, password: &str) -> Answer {
        log_in(&self.client, email, password).await
    }

    /// A client that has logged in.
    async fn logged_in(&self, email: &str, password: &str) -> Client {
        let session = self.log_in(email, password).await;
        assert_eq!(session.status, 201, "{}", session.body);
        self.client.bearer(session.body["access_token"].as_str().unwrap())
    }
}

async fn log_in(client: &Client, email: &str, password: &str) -> Answer {
    client.ask(Operation::LogIn, "", Some(json!({"email": email, "password": password}))).await
}

fn signing_key(kid: &str) -> SigningKey {
    let pkcs8 = Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
    SigningKey::new(kid.into(), pkcs8.as_ref()).unwrap()
}

#[test]
fn a_signing_key_is_read_from_either_form_of_pkcs8() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let first = SigningKey::new("kid".into(), pair.to_pkcs8v1().unwrap().as_ref()).unwrap();
    let second = SigningKey::new("kid".into(), pair.to_pkcs8().unwrap().as_ref()).unwrap();
    assert_eq!(first.jwks(), second.jwks());
}

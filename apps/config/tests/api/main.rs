//! `config` as its sidecar sees it: a real router on a real database.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod changing;
mod reading;
mod table;

use chrono::DateTime;
use config::app::{App, router};
use contracts::permission::Role;
use contracts::{App as Service, Operation, UserId};
use serde_json::Value;
use sidecar::configuration::Live;
use sidecar::{Address, Sidecar};
use sqlx::PgPool;
use testkit::{API_TOKEN, APP_TOKEN, Answer, Client, FakeSidecar, Signer};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use web::health::Readiness;
use web::{Clock, Keys};

const NOW: &str = "2026-11-22T10:00:00Z";

struct Stage {
    client: Client,
    signer: Signer,
    administrator: UserId,
    live: Live,
    fake: FakeSidecar,
}

impl Stage {
    async fn new(db: PgPool) -> Stage {
        let fake = FakeSidecar::start().await;
        let address =
            Address { http_port: fake.http_port, grpc_port: fake.grpc_port, api_token: API_TOKEN.into() };
        let live = Live::start(&Sidecar::new(address).unwrap(), Service::Config, CancellationToken::new());
        live.settled().await;
        let clock = Clock::fixed(NOW.parse::<DateTime<chrono::Utc>>().unwrap());
        let signer = Signer::default();
        let app = App { db, live: live.clone(), clock };
        let router = router(app, Keys::fixed(signer.jwks()), Readiness::always(), APP_TOKEN.into());
        Stage { client: Client::new(router), signer, administrator: UserId(Uuid::from_u128(7)), live, fake }
    }

    fn administrator(&self) -> Client {
        self.client.bearer(&self.signer.token(self.administrator, Role::Admin))
    }

    fn customer(&self) -> Client {
        self.client.bearer(&self.signer.token(UserId(Uuid::from_u128(8)), Role::Customer))
    }

    async fn read(&self, key: &str) -> Answer {
        self.administrator().ask(Operation::ReadConfiguration, &format!("key={key}"), None).await
    }

    async fn set(&self, key: &str, tag: &str, body: Value) -> Answer {
        let client = self.administrator().with("if-match", tag);
        client.ask(Operation::SetConfiguration, &format!("key={key}"), Some(body)).await
    }

    /// Tokens that must not pass, with the problem that each is.
    fn bad_tokens(&self) -> Vec<(String, &'static str)> {
        let good = self.signer.token(self.administrator, Role::Admin);
        let (rest, signature) = good.rsplit_once('.').unwrap();
        let payload = rest.split_once('.').unwrap().1;
        let mut expired = self.signer.claims(self.administrator, "configuration:read configuration:write");
        expired["exp"] = (expired["iat"].as_i64().unwrap() - 60).into();
        let mut foreign = self.signer.claims(self.administrator, "configuration:read configuration:write");
        foreign["aud"] = "elsewhere".into();
        vec![
            (self.signer.sign(&expired), "expired-token"),
            (self.signer.sign(&foreign), "invalid-token"),
            (Signer::default().token(self.administrator, Role::Admin), "invalid-token"),
            (Signer::new("another-key").token(self.administrator, Role::Admin), "invalid-token"),
            (format!("{rest}x.{signature}"), "invalid-token"),
            // {"alg":"none","typ":"JWT"}
            (format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}."), "invalid-token"),
            ("no-token".into(), "invalid-token"),
        ]
    }
}

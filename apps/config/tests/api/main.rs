//! `config` as its sidecar sees it: a real router on a real database.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod changing;
mod files;
mod history;
mod judging;
mod migration;
mod reading;
mod replicas;
mod several;
mod table;
mod trials;

use chrono::DateTime;
use config::app::{App, router};
use contracts::permission::Role;
use contracts::{App as Service, Operation, UserId};
use serde_json::{Value, json};
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
    clock: Clock,
    app: App,
}

impl Stage {
    async fn new(db: PgPool) -> Stage {
        let fake = FakeSidecar::start().await;
        let address =
            Address { http_port: fake.http_port, grpc_port: fake.grpc_port, api_token: API_TOKEN.into() };
        let sidecar = Sidecar::new(address).unwrap();
        let live = Live::start(&sidecar, Service::Config, CancellationToken::new());
        live.settled().await;
        let clock = Clock::fixed(NOW.parse::<DateTime<chrono::Utc>>().unwrap());
        let signer = Signer::default();
        let app = App { db, sidecar, live: live.clone(), clock: clock.clone() };
        let router = router(app.clone(), Keys::fixed(signer.jwks()), Readiness::always(), APP_TOKEN.into());
        Stage {
            client: Client::new(router),
            signer,
            administrator: UserId(Uuid::from_u128(7)),
            live,
            fake,
            clock,
            app,
        }
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

    async fn query(&self, operation: Operation, query: &str) -> Answer {
        self.administrator().ask(operation, query, None).await
    }

    async fn set(&self, key: &str, tag: &str, body: Value) -> Answer {
        let client = self.administrator().with("if-match", tag);
        client.ask(Operation::SetConfiguration, &format!("key={key}"), Some(body)).await
    }

    /// Asks for a change under a key of its own.
    async fn post(&self, operation: Operation, body: Value) -> Answer {
        self.post_as(&Uuid::now_v7().to_string(), operation, body).await
    }

    async fn post_as(&self, key: &str, operation: Operation, body: Value) -> Answer {
        self.administrator().with("idempotency-key", key).ask(operation, "", Some(body)).await
    }

    /// Sets one key for everyone.
    async fn give(&self, key: &str, value: Value) -> i64 {
        let body = json!({"changes": [{"key": key, "value": value}], "reason": "a test"});
        let answer = self.post(Operation::ChangeConfiguration, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["version"].as_i64().unwrap()
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

async fn history_length(db: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from configuration_change").fetch_one(db).await.unwrap()
}

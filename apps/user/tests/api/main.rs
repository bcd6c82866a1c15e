//! `user` as its sidecar sees it: a real router on a real database.

#![expect(clippy::unwrap_used, reason = "a panic is how a test says that its own preparation failed")]

mod addresses;
mod administrator;
mod api_keys;
mod audit;
mod deletion;
mod export;
mod log_out;
mod mails;
mod passwords;
mod profile;
mod refreshing;
mod revocations;
mod roles;
mod second_factor;
mod sessions;
mod signing_keys;
mod throttling;
mod users;

use std::sync::Arc;

use aws_lc_rs::signature::Ed25519KeyPair;
use chrono::{SubsecRound, Utc};
use contracts::mail::{MailAnswer, MailQuery};
use contracts::{App as Service, Event, MailId, Operation};
use serde_json::{Value, json};
use sidecar::configuration::Live;
use sidecar::outbox::Outbox;
use sidecar::{Address, Sidecar};
use sqlx::PgPool;
use testkit::{API_TOKEN, APP_TOKEN, Answer, Client, FakeSidecar};
use tokio_util::sync::CancellationToken;
use user::app::hashing::Hashing;
use user::app::keys::SigningKeys;
use user::app::sealing::Sealing;
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
        let sidecar = Sidecar::new(address).unwrap();
        let live = Live::start(&sidecar, Service::User, CancellationToken::new());
        live.settled().await;
        let clock = Clock::fixed(Utc::now().trunc_subsecs(6));
        let sealing = Arc::new(Sealing::new(&"a secret of the tests that is long enough".into()).unwrap());
        let keys = Arc::new(SigningKeys::new(sealing.clone()));
        let pkcs8 = Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
        keys.begin(&db, "first", pkcs8.as_ref(), clock.now()).await.unwrap();
        let app = App {
            db,
            sidecar,
            outbox: Outbox::new(),
            resets: Arc::default(),
            live,
            clock,
            keys,
            sealing,
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

    /// A new account's session: its access token, refresh token and id.
    async fn session(&self, email: &str) -> Value {
        self.register(email).await;
        let session = self.log_in(email, PASSWORD).await;
        assert_eq!(session.status, 201, "{}", session.body);
        session.body
    }

    /// A new account's client.
    async fn customer(&self, email: &str) -> Client {
        self.register(email).await;
        self.logged_in(email, PASSWORD).await
    }

    /// Everything that was said so far, whether it was published or not.
    async fn said(&self) -> Vec<Event> {
        let rows: Vec<(String, Value)> = sqlx::query_as("select type, data from outbox order by time, id")
            .fetch_all(&self.app.db)
            .await
            .unwrap();
        let event = |(name, data): (String, Value)| {
            Event::decode(contracts::EventType::from_name(&name).unwrap(), data).unwrap()
        };
        rows.into_iter().map(event).collect()
    }

    /// What `notification` is given for a mail.
    async fn mail(&self, mail_id: MailId) -> MailAnswer {
        let query = serde_json::to_value(MailQuery { mail_id }).unwrap();
        let notification = self.client.with("dapr-caller-app-id", "notification");
        let answer = notification.ask(Operation::IssueMailCode, "", Some(query)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_value(answer.body).unwrap()
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
    assert_eq!(first.jwk(), second.jwk());
}

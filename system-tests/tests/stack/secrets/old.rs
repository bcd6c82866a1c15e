//! What was good before a rotation, and that it is good no more.

use aws_lc_rs::hmac;
use contracts::{App, Operation};
use stack::kafka::uses_events;
use stack::secrets::{
    PROVIDER_KEY, Vault, WEBHOOK_SECRET, database_password, kafka_password, kafka_user, login_role,
    sidecar_role,
};

use crate::house::House;
use crate::rogue::broker::{Act, tried};
use crate::rogue::database::try_connect;

/// The name of a login and its password.
type Login = (String, String);

pub struct Old {
    /// With the database that it opens.
    roles: Vec<(App, &'static str, Login)>,
    users: Vec<(App, Login)>,
    /// What a service shows its sidecar, and a sidecar its service.
    tokens: Vec<(App, String, String)>,
    provider_key: String,
    webhook_secret: String,
}

impl Old {
    /// What is good now.
    pub fn of(house: &House) -> Old {
        let vault = Vault::open(&house.instance).unwrap();
        let value = |name: &str| vault.existing(name).unwrap();
        let (mut roles, mut users) = (Vec::new(), Vec::new());
        for app in App::ALL {
            let role = sidecar_role(app);
            let password = value(&database_password(&role));
            roles.push((app, App::Config.name(), (role, password)));
            if app.has_database() {
                let role = login_role(&vault, app);
                let password = value(&database_password(&role));
                roles.push((app, app.name(), (role, password)));
            }
            if uses_events(app) {
                let user = kafka_user(&vault, app);
                let password = value(&kafka_password(&user));
                users.push((app, (user, password)));
            }
        }
        let token = |app: App, end: &str| value(&format!("token/{app}/{end}"));
        Old {
            roles,
            users,
            tokens: App::ALL.map(|app| (app, token(app, "dapr"), token(app, "app"))).into(),
            provider_key: value(PROVIDER_KEY),
            webhook_secret: value(WEBHOOK_SECRET),
        }
    }

    /// Everything that this command was to replace is refused; what took its place is not.
    pub async fn is_refused(&self, house: &House, words: &[&str]) {
        let (kind, whose) = (words[0], words.get(1));
        let meant = |word: &str, app: App| {
            kind == "all" || (kind == word && whose.is_none_or(|whose| *whose == app.name()))
        };
        for (app, database, (role, password)) in &self.roles {
            if meant("database", *app) {
                let refusal = try_connect(house, role, Some(password.as_str()), database).await.unwrap_err();
                let code = refusal.as_database_error().and_then(|error| error.code());
                assert_eq!(code.as_deref(), Some("28P01"), "{role}: {refusal}");
            }
        }
        let users: Vec<Act> = self
            .users
            .iter()
            .filter(|(app, _)| meant("kafka", *app))
            .map(|(_, (user, password))| Act::new(user, password, "list", "-"))
            .collect();
        if !users.is_empty() {
            let answers = tried(house, &users).await;
            assert!(answers.iter().all(|answer| answer == "SaslAuthenticationException"), "{answers:?}");
        }
        for (app, to_sidecar, to_service) in &self.tokens {
            if meant("tokens", *app) {
                assert_eq!(at_sidecar(house, *app, to_sidecar).await, 401, "{app}");
                assert_eq!(at_service(house, *app, to_service).await, 401, "{app}");
            }
        }
        let now = Old::of(house);
        now.is_good(house).await;
        for app in App::ALL {
            let (_, to_sidecar, to_service) = now.tokens.iter().find(|(other, ..)| *other == app).unwrap();
            assert_ne!(at_sidecar(house, app, to_sidecar).await, 401, "{app}");
            assert_ne!(at_service(house, app, to_service).await, 401, "{app}");
        }
        assert_eq!(at_processor(house, &now.provider_key).await, 200);
        assert_eq!(told(house, &now.webhook_secret).await, (200, String::new()));
        if ["all", "provider-key"].contains(&kind) {
            assert_eq!(at_processor(house, &self.provider_key).await, 401);
        }
        if ["all", "webhook-secret"].contains(&kind) {
            let refusal = (400, "/problems/invalid-signature".to_owned());
            assert_eq!(told(house, &self.webhook_secret).await, refusal);
        }
    }
}

impl Old {
    /// What is good now opens what it is for, also for whoever connects anew.
    async fn is_good(&self, house: &House) {
        for (_, database, (role, password)) in &self.roles {
            try_connect(house, role, Some(password.as_str()), database).await.unwrap();
        }
        let users = self.users.iter().map(|(_, (user, password))| Act::new(user, password, "list", "-"));
        let answers = tried(house, &users.collect::<Vec<_>>()).await;
        assert!(answers.iter().all(|answer| answer == "allowed"), "{answers:?}");
    }
}

/// What a sidecar answers who shows it this token.
async fn at_sidecar(house: &House, app: App, token: &str) -> u16 {
    let port = house.instance.ports.dapr_http(app);
    let url = format!("http://127.0.0.1:{port}/v1.0/invoke/nobody/method/nothing");
    let asked = house.http.get(url).header("dapr-api-token", token).header("x-forwarded-for", "a-test");
    asked.send().await.unwrap().status().as_u16()
}

/// What a service answers who shows it this token.
async fn at_service(house: &House, app: App, token: &str) -> u16 {
    let url = format!("http://127.0.0.1:{}/nothing", house.instance.ports.app(app));
    house.http.get(url).header("dapr-api-token", token).send().await.unwrap().status().as_u16()
}

async fn at_processor(house: &House, key: &str) -> u16 {
    let port = house.instance.ports.card_sandbox();
    let url = format!("http://127.0.0.1:{port}/v1/payment_intents?limit=1");
    house.http.get(url).bearer_auth(key).send().await.unwrap().status().as_u16()
}

/// What the shop answers to an event, of which nothing follows, under this secret.
async fn told(house: &House, secret: &str) -> (u16, String) {
    let at = chrono::Utc::now().timestamp();
    let body =
        r#"{"id":"evt_nothing","object":"event","type":"nothing.happened","created":1,"data":{"object":{}}}"#;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let code = hex::encode(hmac::sign(&key, format!("{at}.{body}").as_bytes()));
    let path = Operation::ReceiveProviderEvent.row().path.unwrap();
    let asked = house.http.post(format!("{}{path}", house.instance.gateway_url()));
    let asked = asked.header("stripe-signature", format!("t={at},v1={code}"));
    let answer = asked.header("content-type", "application/json").body(body).send().await.unwrap();
    let status = answer.status().as_u16();
    let problem: serde_json::Value = answer.json().await.unwrap();
    (status, problem["type"].as_str().unwrap_or_default().to_owned())
}

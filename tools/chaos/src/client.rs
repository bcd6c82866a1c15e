//! Requests to the public gateway, repeated under one idempotency key until they are answered, as a careful client
//! would; and a count of what was answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use contracts::Operation;
use reqwest::header::{ETAG, RETRY_AFTER};
use serde_json::{Value, json};
use tokio::sync::RwLock;
use uuid::Uuid;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The gateway as its clients see it. Clones share connections and counts.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    gateway: String,
    tally: Arc<Mutex<Tally>>,
}

/// What was answered, by operation and answer, and what had to be sent again.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    pub answers: BTreeMap<String, u64>,
    pub sent_again: u64,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Ask {
    operation: Operation,
    path: String,
    body: Option<Value>,
    if_match: Option<String>,
    key: String,
}

/// An answer that is no invitation to try again.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub etag: Option<String>,
    pub body: Value,
}

/// A signed-in user; logs in again when the token is no longer taken.
pub struct Session {
    client: Client,
    email: String,
    password: String,
    token: RwLock<String>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Session").field("email", &self.email).finish_non_exhaustive()
    }
}

impl Ask {
    /// A request for an operation with a public path, under a key of its own.
    pub fn new(operation: Operation) -> Ask {
        let path = operation.row().path.expect("invariant: only public operations are asked for");
        let key = Uuid::now_v7().to_string();
        Ask { operation, path: path.to_owned(), body: None, if_match: None, key }
    }

    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Ask {
        self.path = self.path.replace(&format!("{{{name}}}"), &value.to_string());
        self
    }

    pub fn query(mut self, query: &str) -> Ask {
        self.path.push_str(&format!("?{query}"));
        self
    }

    pub fn body(mut self, body: Value) -> Ask {
        self.body = Some(body);
        self
    }

    pub fn if_match(mut self, etag: Option<String>) -> Ask {
        self.if_match = etag;
        self
    }
}

impl Answer {
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The last part of a problem's type, e.g. `insufficient-stock`.
    pub fn problem(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default()
    }

    /// The body, of a success only.
    pub fn expect(self, what: &str) -> anyhow::Result<Value> {
        if !self.succeeded() {
            bail!("{what} was answered {}: {}", self.status, self.body);
        }
        Ok(self.body)
    }
}

impl Client {
    pub fn new(gateway: String) -> anyhow::Result<Client> {
        let http = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).no_proxy().build()?;
        Ok(Client { http, gateway, tally: Arc::default() })
    }

    pub fn tally(&self) -> Tally {
        self.tally.lock().expect("invariant: nothing panics while it holds the lock").clone()
    }

    /// Sends until it is answered, and gives up at the time named.
    pub async fn ask(&self, ask: &Ask, token: &str, until: Instant) -> anyhow::Result<Answer> {
        let mut pause = FIRST_PAUSE;
        loop {
            let failure = match self.send(ask, token).await {
                Ok((answer, wait)) => {
                    self.count(ask.operation, &answer);
                    if !matches!(answer.status, 408 | 425 | 429 | 500..=599) {
                        return Ok(answer);
                    }
                    pause = wait.unwrap_or(pause).max(FIRST_PAUSE);
                    format!("{} {}", answer.status, answer.problem())
                }
                Err(error) => format!("{error:#}"),
            };
            if Instant::now() + pause > until {
                bail!("{} was not answered in time, last: {failure}", ask.operation.name());
            }
            self.tally.lock().expect("invariant: nothing panics while it holds the lock").sent_again += 1;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Fills in the form by which a customer approves a payment; what comes of it, the order shows.
    pub async fn approve(&self, url: &str) {
        let form = self.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        let _ = form.body("outcome=approved").send().await;
    }

    async fn send(&self, ask: &Ask, token: &str) -> reqwest::Result<(Answer, Option<Duration>)> {
        let method = ask.operation.row().method.name();
        let method = reqwest::Method::from_bytes(method.as_bytes())
            .expect("invariant: the operation table names methods of HTTP");
        let mut request = self.http.request(method, format!("{}{}", self.gateway, ask.path));
        request = request.header("idempotency-key", &ask.key);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(etag) = &ask.if_match {
            request = request.header("if-match", etag);
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = |name| answer.headers().get(name)?.to_str().ok().map(str::to_owned);
        let etag = text(ETAG);
        let wait = text(RETRY_AFTER).and_then(|text| text.parse().ok()).map(Duration::from_secs);
        // A body that breaks off is no answer, whatever its status.
        let bytes = answer.bytes().await?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok((Answer { status, etag, body }, wait))
    }

    fn count(&self, operation: Operation, answer: &Answer) {
        let problem = if answer.succeeded() { String::new() } else { format!(" {}", answer.problem()) };
        let name = format!("{} {}{problem}", operation.name(), answer.status);
        let mut tally = self.tally.lock().expect("invariant: nothing panics while it holds the lock");
        *tally.answers.entry(name).or_default() += 1;
    }
}

impl Session {
    pub async fn log_in(
        client: &Client,
        email: &str,
        password: &str,
        until: Instant,
    ) -> anyhow::Result<Session> {
        let token = token(client, email, password, until).await?;
        Ok(Session {
            client: client.clone(),
            email: email.to_owned(),
            password: password.to_owned(),
            token: RwLock::new(token),
        })
    }

    /// Sends in this user's name.
    pub async fn ask(&self, ask: &Ask, until: Instant) -> anyhow::Result<Answer> {
        let token = self.token.read().await.clone();
        let answer = self.client.ask(ask, &token, until).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let fresh = self.renew(&token, until).await?;
        self.client.ask(ask, &fresh, until).await
    }

    /// Many requests may find the token refused at once; the first of them renews it for all.
    async fn renew(&self, refused: &str, until: Instant) -> anyhow::Result<String> {
        let mut held = self.token.write().await;
        if *held == refused {
            *held = token(&self.client, &self.email, &self.password, until).await?;
        }
        Ok(held.clone())
    }
}

async fn token(client: &Client, email: &str, password: &str, until: Instant) -> anyhow::Result<String> {
    let ask = Ask::new(Operation::LogIn).body(json!({"email": email, "password": password}));
    let body = client.ask(&ask, "", until).await?.expect("logging in")?;
    body["access_token"].as_str().map(str::to_owned).context("the answer to a log-in holds no token")
}

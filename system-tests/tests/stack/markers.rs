//! No secret is anywhere but where it belongs. Each is a random text that stands for nothing else, so it is its own
//! marker: the whole system runs, refuses, is attacked and crashes, and everything that it has written or said is
//! searched for every one of them.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use contracts::App;
use contracts::operation::{OPERATIONS, Row};
use futures::TryStreamExt;
use regex::bytes::Regex;
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::AssertSqlSafe;
use stack::process::Signal;
use stack::secrets::Vault;
use stack::{identity, sentry};
use uuid::Uuid;

use crate::house::{House, PASSWORD, house};

/// Values that are no secrets: names, addresses, whose turn it is.
const OPEN: [&str; 5] = ["administrator/email", "kafka/cluster_id", "signing/kid", "mail/from", "mail/url"];
/// The only table that may hold some: whom the configuration table tells of a change.
const CHANNELS: &str = "configuration_channel";
const SHORTEST: usize = 20;

/// A secret and what it is called.
pub struct Marker {
    pub name: String,
    pub value: String,
}

/// Every secret that there is now.
pub fn markers(house: &House) -> Vec<Marker> {
    let vault = Vault::open(&house.instance).unwrap();
    let mut markers: Vec<Marker> = vault
        .names()
        .filter(|name| !OPEN.contains(name) && !name.ends_with("/turn") && !name.starts_with("rotation/"))
        .map(|name| Marker { name: name.to_owned(), value: vault.existing(name).unwrap() })
        .collect();
    // What sentry signs with, and by what it knows the sidecars.
    let key = fs::read_to_string(sentry::trust_anchor(&house.instance).with_file_name("issuer.key")).unwrap();
    let lines = key.lines().filter(|line| !line.starts_with("-----") && line.len() >= SHORTEST);
    markers.extend(lines.map(|line| Marker { name: "issuer.key".to_owned(), value: line.to_owned() }));
    for app in App::ALL {
        let token = fs::read_to_string(identity::token_file(&house.instance, app)).unwrap();
        markers.push(Marker { name: format!("{app}'s token for sentry"), value: token.trim().to_owned() });
    }
    assert!(
        markers.iter().all(|marker| marker.value.len() >= SHORTEST),
        "short enough to be there by chance"
    );
    assert!(markers.len() > 50, "{} secrets", markers.len());
    markers
}

/// Looks for all of them in one pass, as they are and as the bytes of a text are shown.
struct Search<'a> {
    any: Regex,
    names: HashMap<Vec<u8>, &'a str>,
}

impl<'a> Search<'a> {
    fn of(markers: impl IntoIterator<Item = &'a Marker>) -> Search<'a> {
        let forms = |Marker { name, value }: &'a Marker| {
            [value.clone(), hex::encode(value)].map(|form| (form.into_bytes(), name.as_str()))
        };
        let names: HashMap<Vec<u8>, &str> = markers.into_iter().flat_map(forms).collect();
        let forms = names.keys().map(|form| regex::escape(str::from_utf8(form).unwrap()));
        Search { any: Regex::new(&forms.collect::<Vec<_>>().join("|")).unwrap(), names }
    }

    /// The names of those that stand in there.
    fn found(&self, text: &[u8]) -> BTreeSet<&'a str> {
        self.any.find_iter(text).map(|found| self.names[found.as_bytes()]).collect()
    }
}

#[tokio::test]
async fn no_secret_is_written_or_said_anywhere() {
    let house = house();
    let spans = Spans::start().await;
    start_telling(&house, Some(&spans.url)).await;
    let mut markers = markers(&house);
    markers.extend(live(&house).await);
    let mut said = ask_everything(&house).await;
    crash_everything(&house).await;
    said.extend(ask_everything(&house).await);
    house.settled().await;

    let mut wrong = Vec::new();
    let search = Search::of(&markers);
    for (what, text) in said.iter().chain(&metrics(&house).await) {
        wrong.extend(search.found(text.as_bytes()).iter().map(|name| format!("{what} says {name}")));
    }
    let spans = spans.taken();
    assert!(spans.len() > 10_000, "only {} bytes of spans have come", spans.len());
    wrong.extend(search.found(&spans).iter().map(|name| format!("a span holds {name}")));
    wrong.extend(written_with(&house, &markers).await);
    start_telling(&house, None).await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Every file and every table that holds one of them, and which.
pub async fn written_with(house: &House, markers: &[Marker]) -> Vec<String> {
    let (mut wrong, search) = (Vec::new(), Search::of(markers));
    for file in written(house) {
        let text = fs::read(&file).unwrap();
        let file = house.instance.short(&file);
        wrong.extend(search.found(&text).iter().map(|name| format!("{file} holds {name}")));
    }
    for app in App::ALL.into_iter().filter(|app| app.has_database()) {
        wrong.extend(in_tables(house, app, markers).await);
    }
    wrong
}

/// Starts everything again, with somebody who takes the spans or with nobody.
async fn start_telling(house: &House, spans: Option<&str>) {
    let mut command = house.instance.command(&["up"]);
    command.envs(spans.map(|url| ("OTEL_EXPORTER_OTLP_ENDPOINT", url)));
    let instance = house.instance.clone();
    let started = tokio::task::spawn_blocking(move || {
        instance.down().unwrap();
        command.status().unwrap()
    });
    assert!(started.await.unwrap().success());
}

/// Orders that end well and badly, keys and sessions; gives what was handed out meanwhile.
async fn live(house: &House) -> Vec<Marker> {
    let product = house.product(10).await;
    for card in ["pm_card_visa", "pm_card_chargeDeclined"] {
        let customer = house.customer(card).await;
        let order = house.place(&customer, &product, 1).await;
        house.ended(&customer, &order).await;
    }
    let password = format!("password-{}", Uuid::new_v4().simple());
    let email = format!("{}@example.com", Uuid::now_v7());
    let body = json!({"email": email, "password": password, "name": "Test"});
    assert_eq!(house.ask(Method::POST, "/v1/users", "", Some(body)).await.0, StatusCode::CREATED);
    let body = json!({"email": email, "password": password});
    let (_, session) = house.ask(Method::POST, "/v1/sessions", "", Some(body)).await;
    let token = session["access_token"].as_str().unwrap();
    let body =
        json!({"name": "till", "permissions": ["orders:read"], "expires_in_days": 1, "password": password});
    let (status, key) = house.ask(Method::POST, "/v1/api-keys", token, Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{key}");
    let key = key["key"].as_str().unwrap();
    assert_eq!(house.ask(Method::GET, "/v1/orders", key, None).await.0, StatusCode::OK);
    // Refused, as somebody is who has mistyped it, or guesses.
    let body = json!({"email": email, "password": PASSWORD});
    assert_eq!(house.ask(Method::POST, "/v1/sessions", "", Some(body)).await.0, StatusCode::UNAUTHORIZED);
    let body = json!({"refresh_token": session["refresh_token"]});
    assert_eq!(house.ask(Method::POST, "/v1/sessions/refresh", "", Some(body)).await.0, StatusCode::CREATED);
    [
        ("a customer's password", password.as_str()),
        ("an access token", token),
        ("a refresh token", session["refresh_token"].as_str().unwrap()),
        ("an API key", key),
    ]
    .map(|(name, value)| Marker { name: name.to_owned(), value: value.to_owned() })
    .into()
}

/// Each public operation as nobody, with a token that is none, and as the administrator, with nonsense.
async fn ask_everything(house: &House) -> Vec<(String, String)> {
    let admin = house.administrator().await;
    let mut said = Vec::new();
    // A stream has no end to wait for, and the administrator stays logged in.
    let left_out = ["watch_order", "log_out", "log_out_everywhere"];
    for row in OPERATIONS.iter().filter(|row| row.path.is_some() && !left_out.contains(&row.name)) {
        for (who, token) in [("nobody", ""), ("a stranger", "cwk_nonsense"), ("admin", admin.as_str())] {
            said.push((format!("{} to {who}", row.name), asked(house, row, token).await));
        }
    }
    for path in ["/openapi.json", "/docs", "/problems", "/healthz", "/readyz", "/metrics", "/nothing"] {
        let url = format!("{}{path}", house.instance.gateway_url());
        said.push((path.to_owned(), shown(house.http.get(url)).await));
    }
    said
}

async fn asked(house: &House, row: &Row, token: &str) -> String {
    let nobody = Uuid::now_v7().to_string();
    let path = row
        .path_parameters()
        .fold(row.path.unwrap().to_owned(), |path, name| path.replace(&format!("{{{name}}}"), &nobody));
    let method: Method = row.method.name().parse().unwrap();
    let mut request = house.http.request(method.clone(), format!("{}{path}", house.instance.gateway_url()));
    request = request.header("idempotency-key", Uuid::now_v7().to_string()).header("if-match", "\"0\"");
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    if method != Method::GET {
        request = request.json(&json!(["nonsense"]));
    }
    shown(request).await
}

/// All that is answered, with its headers.
async fn shown(request: reqwest::RequestBuilder) -> String {
    let answer = request.send().await.unwrap();
    format!("{:?} {}", answer.headers().clone(), answer.text().await.unwrap())
}

/// What each service and each sidecar tells whoever watches it.
async fn metrics(house: &House) -> Vec<(String, String)> {
    let mut told = Vec::new();
    for app in App::ALL {
        let ports = house.instance.ports;
        for (whose, port) in [("service", ports.app(app)), ("sidecar", ports.dapr_metrics(app))] {
            let text = shown(house.http.get(format!("http://127.0.0.1:{port}/metrics"))).await;
            assert!(text.len() > 1_000, "{app}'s {whose} tells nothing: {text}");
            told.push((format!("the metrics of {app}'s {whose}"), text));
        }
    }
    told
}

/// Every service and sidecar crashes with whatever it says about it; databases and the rest are killed.
async fn crash_everything(house: &House) {
    for app in App::ALL {
        house.instance.signal(app.name(), Signal::ABORT).unwrap();
        house.instance.signal(&format!("{app}-daprd"), Signal::ABORT).unwrap();
    }
    for part in ["postgres", "kafka", "card-sandbox", "sentry"] {
        house.instance.kill(part).unwrap();
    }
    house
        .until("everything is well again", async || {
            let lines = house.instance.status().await.ok()?;
            lines.iter().all(|line| line.healthy).then_some(())
        })
        .await;
    live(house).await;
}

/// Everything that was written to a file but for the secrets themselves, what PostgreSQL keeps (its tables are
/// searched), and the settings of the broker, which hold its own password.
fn written(house: &House) -> Vec<PathBuf> {
    let instance = &house.instance;
    let kept = instance.data();
    let mut folders = vec![kept.join("card-sandbox"), kept.join("kafka").join("log")];
    let closed = [instance.secrets(), kept];
    folders.extend(
        fs::read_dir(&instance.home)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir() && !closed.contains(path)),
    );
    let files: Vec<PathBuf> = folders.iter().flat_map(|folder| files(folder)).collect();
    assert!(files.len() > 40, "{} files", files.len());
    files
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.is_file())
        .collect()
}

/// Every row of every table, as text.
async fn in_tables(house: &House, app: App, markers: &[Marker]) -> Vec<String> {
    let mut database = house.database(app).await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select quote_ident(table_schema) || '.' || quote_ident(table_name) from information_schema.tables
         where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')",
    )
    .fetch_all(&mut database)
    .await
    .unwrap();
    assert!(tables.len() > 5, "{app}: {tables:?}");
    let everywhere = Search::of(markers);
    let but_channels = Search::of(markers.iter().filter(|marker| !marker.name.starts_with("channel/")));
    let (mut wrong, mut channels) = (BTreeSet::new(), BTreeSet::new());
    for table in tables {
        let search = if table.ends_with(CHANNELS) { &but_channels } else { &everywhere };
        let statement = AssertSqlSafe(format!("select held::text from {table} as held"));
        let mut rows = sqlx::query_scalar::<_, String>(statement).fetch(&mut database);
        while let Some(row) = rows.try_next().await.unwrap() {
            if table.ends_with(CHANNELS) {
                channels.extend(everywhere.found(row.as_bytes()));
            }
            let names = search.found(row.as_bytes());
            wrong.extend(names.iter().map(|name| format!("{table} of {app} holds {name}")));
        }
    }
    // Who looks finds what is there.
    assert_eq!(channels.len(), if app == App::Config { App::ALL.len() } else { 0 }, "{channels:?}");
    wrong.into_iter().collect()
}

/// Takes spans as a collector does, and keeps them as they come.
struct Spans {
    url: String,
    taken: Arc<Mutex<Vec<u8>>>,
}

impl Spans {
    async fn start() -> Spans {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(taken.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Spans { url, taken }
    }

    fn taken(&self) -> Vec<u8> {
        self.taken.lock().unwrap().clone()
    }
}

async fn take(
    State(taken): State<Arc<Mutex<Vec<u8>>>>,
    request: Request,
) -> [(&'static str, &'static str); 2] {
    let bytes = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    taken.lock().unwrap().extend_from_slice(&bytes);
    [("content-type", "application/grpc"), ("grpc-status", "0")]
}

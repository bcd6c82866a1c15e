//! A sidecar that remembers what it was asked and answers as it was told. It speaks daprd's real protocols.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use contracts::configuration::Report;
use contracts::{Envelope, Operation};
use dapr::dapr::proto::common::v1::ConfigurationItem;
use dapr::dapr::proto::runtime::v1::{
    BulkPublishRequest, BulkPublishResponse, GetConfigurationRequest, GetConfigurationResponse,
    GetSecretRequest, GetSecretResponse, SubscribeConfigurationRequest, SubscribeConfigurationResponse,
};
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast};
use tokio_stream::wrappers::BroadcastStream;
use tonic::Status;
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::API_TOKEN;

/// How long a test waits for what must happen soon.
const PATIENCE: Duration = Duration::from_secs(20);

/// A sidecar on free ports. Cheap to clone; it ends with the test's runtime.
#[derive(Clone)]
pub struct FakeSidecar {
    pub http_port: u16,
    pub grpc_port: u16,
    state: Arc<Mutex<Known>>,
    changed: Arc<Notify>,
}

/// What becomes of a bulk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Publishing {
    #[default]
    Works,
    /// Nothing is published.
    Fails,
    /// Every other bulk fails when half of it has been published.
    FailsHalfway,
}

/// An event as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Counts the calls; those of one bulk share it.
    pub bulk: usize,
    pub topic: String,
    pub partition_key: Option<String>,
    pub content_type: String,
    pub event: Envelope,
}

/// A call for another service.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub app: String,
    pub operation: String,
    pub method: Method,
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Default)]
struct Known {
    publishing: Publishing,
    bulks: usize,
    published: Vec<Published>,
    secrets: HashMap<String, HashMap<String, String>>,
    configuration: HashMap<String, ConfigurationItem>,
    version: u64,
    subscribers: Option<broadcast::Sender<SubscribeConfigurationResponse>>,
    answers: HashMap<&'static str, (u16, Value)>,
    invocations: Vec<Invocation>,
    reports: Vec<Report>,
}

impl FakeSidecar {
    /// Listens on two free ports and wants to see [`API_TOKEN`].
    pub async fn start() -> FakeSidecar {
        let http = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let grpc = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = |listener: &TcpListener| listener.local_addr().expect("a bound port").port();
        let fake = FakeSidecar {
            http_port: port(&http),
            grpc_port: port(&grpc),
            state: Arc::default(),
            changed: Arc::default(),
        };
        tokio::spawn(axum::serve(http, fake.http_router()).into_future());
        tokio::spawn(axum::serve(grpc, fake.grpc_router()).into_future());
        fake
    }

    /// Every event published so far, as often as it was published.
    pub fn published(&self) -> Vec<Envelope> {
        self.records().into_iter().map(|record| record.event).collect()
    }

    /// The same, with how each was published.
    pub fn records(&self) -> Vec<Published> {
        self.known(|known| known.published.clone())
    }

    /// Waits until so many events were published, counting each as often as it was.
    pub async fn published_at_least(&self, count: usize) -> Vec<Envelope> {
        self.until(|known| known.published.len() >= count).await;
        self.published()
    }

    /// Waits until so many more bulks were tried, whatever became of them.
    pub async fn more_bulks(&self, count: usize) {
        let wanted = self.known(|known| known.bulks) + count;
        self.until(|known| known.bulks >= wanted).await;
    }

    /// Waits until exactly so many configuration subscriptions are open.
    pub async fn subscribed(&self, count: usize) {
        let open =
            |known: &mut Known| known.subscribers.as_ref().map_or(0, broadcast::Sender::receiver_count);
        self.until(|known| open(known) == count).await;
    }

    pub fn fail_publishes(&self, fail: bool) {
        self.set_publishing(if fail { Publishing::Fails } else { Publishing::Works });
    }

    pub fn set_publishing(&self, publishing: Publishing) {
        self.known(|known| known.publishing = publishing);
    }

    pub fn set_secret(&self, name: &str, values: &[(&str, &str)]) {
        let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.known(|known| known.secrets.insert(name.to_owned(), values));
    }

    /// Sets a value under the next version and tells the subscribers.
    pub fn set_configuration(&self, key: &str, value: &str) {
        self.set_configuration_silently(key, value);
        self.wake(key);
    }

    /// The same with values for some, as JSON.
    pub fn set_configuration_scoped(&self, key: &str, value: &str, scopes: &Value) {
        let version = self.next_version();
        let metadata = HashMap::from([("scopes".to_owned(), scopes.to_string())]);
        self.put(key, ConfigurationItem { value: value.to_owned(), version, metadata });
        self.wake(key);
    }

    /// Sets a value when the subscriptions have died without a word.
    pub fn set_configuration_silently(&self, key: &str, value: &str) {
        let version = self.next_version();
        self.set_configuration_item(key, value, &version);
    }

    /// Puts exactly this into the store.
    pub fn set_configuration_item(&self, key: &str, value: &str, version: &str) {
        let (value, version) = (value.to_owned(), version.to_owned());
        self.put(key, ConfigurationItem { value, version, metadata: HashMap::new() });
    }

    /// Takes a key's row out of the store.
    pub fn remove_configuration(&self, key: &str) {
        self.known(|known| known.configuration.remove(key));
        self.wake(key);
    }

    /// Tells the subscribers what stands nowhere in the store.
    pub fn forge_word(&self, key: &str, value: &str, version: &str) {
        let (value, version) = (value.to_owned(), version.to_owned());
        self.send(key, ConfigurationItem { value, version, metadata: HashMap::new() });
    }

    fn next_version(&self) -> String {
        self.known(|known| {
            known.version += 1;
            known.version.to_string()
        })
    }

    fn put(&self, key: &str, item: ConfigurationItem) {
        self.known(|known| known.configuration.insert(key.to_owned(), item));
    }

    /// As our trigger does it: no value.
    fn wake(&self, key: &str) {
        self.send(key, ConfigurationItem { version: "1".to_owned(), ..ConfigurationItem::default() });
    }

    fn send(&self, key: &str, item: ConfigurationItem) {
        let items = HashMap::from([(key.to_owned(), item)]);
        self.known(|known| {
            if let Some(subscribers) = &known.subscribers {
                // Nobody listening is no failure.
                let _listeners =
                    subscribers.send(SubscribeConfigurationResponse { id: "1".to_owned(), items });
            }
        });
    }

    /// Ends every configuration subscription.
    pub fn end_subscriptions(&self) {
        self.known(|known| known.subscribers = None);
    }

    /// What this operation's owner answers from now on; without it the sidecar says that the owner is away.
    pub fn answer(&self, operation: Operation, status: u16, body: Value) {
        self.known(|known| known.answers.insert(operation.name(), (status, body)));
    }

    /// Every invocation so far, but for the reports that every service makes all the time.
    pub fn invocations(&self) -> Vec<Invocation> {
        self.known(|known| known.invocations.clone())
    }

    /// Waits for a report of what a service runs with that is as it should be.
    pub async fn reported(&self, as_wanted: impl Fn(&Report) -> bool) -> Report {
        self.until(|known| known.reports.iter().any(&as_wanted)).await;
        let found = self.known(|known| known.reports.iter().rev().find(|report| as_wanted(report)).cloned());
        found.expect("it was there a moment ago")
    }

    /// Waits for so many more reports.
    pub async fn more_reports(&self, count: usize) {
        let wanted = self.known(|known| known.reports.len()) + count;
        self.until(|known| known.reports.len() >= wanted).await;
    }

    fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        let found = look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_waiters();
        found
    }

    async fn until(&self, holds: impl Fn(&mut Known) -> bool) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                // Looked at without a word to those who wait, of whom this is one.
                if holds(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner)) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the sidecar was not asked in time");
    }

    fn http_router(&self) -> Router {
        Router::new()
            .route("/v1.0/healthz/outbound", get(StatusCode::NO_CONTENT))
            .route("/v1.0/invoke/{app}/method/{operation}", any(invoke))
            .with_state(self.clone())
    }

    fn grpc_router(&self) -> Router {
        let path = |method| format!("/dapr.proto.runtime.v1.Dapr/{method}");
        Router::new()
            .route(&path("BulkPublishEvent"), unary(self, FakeSidecar::publish))
            .route(&path("GetSecret"), unary(self, FakeSidecar::secret))
            .route(&path("GetConfiguration"), unary(self, FakeSidecar::configuration))
            .route(&path("SubscribeConfiguration"), post(subscribe).with_state(self.clone()))
    }

    fn publish(&self, request: BulkPublishRequest) -> Result<BulkPublishResponse, Status> {
        if !request.metadata.is_empty() {
            return Err(Status::invalid_argument("request metadata would override every partition key"));
        }
        self.known(|known| {
            known.bulks += 1;
            let fails = match known.publishing {
                Publishing::Works => false,
                Publishing::Fails => return Err(Status::internal("the broker is away")),
                Publishing::FailsHalfway => known.bulks % 2 == 1,
            };
            let taken = if fails { request.entries.len() / 2 } else { request.entries.len() };
            for entry in request.entries.into_iter().take(taken) {
                known.published.push(Published {
                    bulk: known.bulks,
                    topic: request.topic.clone(),
                    partition_key: entry.metadata.get("partitionKey").cloned(),
                    content_type: entry.content_type,
                    event: Envelope::from_slice(&entry.event)
                        .map_err(|error| Status::invalid_argument(error.to_string()))?,
                });
            }
            if fails {
                return Err(Status::internal("the broker went away"));
            }
            Ok(BulkPublishResponse::default())
        })
    }

    fn secret(&self, request: GetSecretRequest) -> Result<GetSecretResponse, Status> {
        let data = self.known(|known| known.secrets.get(&request.key).cloned());
        match data {
            Some(data) if request.store_name == "secrets" => Ok(GetSecretResponse { data }),
            Some(_) | None => Err(Status::permission_denied("access denied by policy")),
        }
    }

    fn configuration(&self, request: GetConfigurationRequest) -> Result<GetConfigurationResponse, Status> {
        let items = self.known(|known| known.configuration.clone());
        let items = items.into_iter().filter(|(key, _)| request.keys.contains(key)).collect();
        Ok(GetConfigurationResponse { items })
    }

    /// As daprd does it: the id first, then every change.
    fn words(&self) -> impl Stream<Item = Result<SubscribeConfigurationResponse, Status>> + Send + use<> {
        let words = self
            .known(|known| known.subscribers.get_or_insert_with(|| broadcast::channel(100).0).subscribe());
        let id = SubscribeConfigurationResponse { id: "1".to_owned(), items: HashMap::new() };
        let words = BroadcastStream::new(words).filter_map(|word| async move { word.ok().map(Ok) });
        stream::once(async move { Ok(id) }).chain(words)
    }
}

async fn invoke(
    State(fake): State<FakeSidecar>,
    Path((app, operation)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !shows_token(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    fake.known(|known| {
        let answer = known.answers.get(operation.as_str()).cloned();
        if operation == Operation::ReportConfiguration.name() {
            known.reports.push(serde_json::from_slice(&body).expect("a report"));
            return answer.map_or(StatusCode::NO_CONTENT, |(status, _)| code(status)).into_response();
        }
        known.invocations.push(Invocation { app, operation, method, headers, body });
        let away = serde_json::json!({ "errorCode": "ERR_DIRECT_INVOKE", "message": "the app is away" });
        let (status, body) = answer.unwrap_or((500, away));
        (code(status), axum::Json(body)).into_response()
    })
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).expect("an HTTP status")
}

/// A unary method of daprd's gRPC service; the whole service has some ninety that nobody here calls.
fn unary<Q, R>(
    fake: &FakeSidecar,
    answer: fn(&FakeSidecar, Q) -> Result<R, Status>,
) -> axum::routing::MethodRouter
where
    Q: prost::Message + Default + 'static,
    R: prost::Message + Default + 'static,
{
    let fake = fake.clone();
    post(move |request: Request<Body>| async move {
        let service = service_fn(move |request: tonic::Request<Q>| {
            let answer = allowed(&request).and_then(|()| answer(&fake, request.into_inner()));
            std::future::ready(answer.map(tonic::Response::new))
        });
        tonic::server::Grpc::new(ProstCodec::<R, Q>::default()).unary(service, request).await
    })
}

async fn subscribe(State(fake): State<FakeSidecar>, request: Request<Body>) -> Response<tonic::body::Body> {
    let service = service_fn(move |request: tonic::Request<SubscribeConfigurationRequest>| {
        std::future::ready(allowed(&request).map(|()| tonic::Response::new(fake.words())))
    });
    let codec = ProstCodec::<SubscribeConfigurationResponse, SubscribeConfigurationRequest>::default();
    tonic::server::Grpc::new(codec).server_streaming(service, request).await
}

fn allowed<Q>(request: &tonic::Request<Q>) -> Result<(), Status> {
    if shows_token(&request.metadata().clone().into_headers()) {
        Ok(())
    } else {
        Err(Status::unauthenticated("authentication error: api token missing"))
    }
}

fn shows_token(headers: &HeaderMap) -> bool {
    headers.get("dapr-api-token").is_some_and(|token| token == API_TOKEN)
}

//! The connection to this service's own sidecar, and its errors. What is said over it lives in the other rooms.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use contracts::operation::OPERATIONS;
use contracts::{App, Envelope};
use dapr::client::ApiTokenInterceptor;
use dapr::dapr::proto::runtime::v1::dapr_client::DaprClient;
use dapr::dapr::proto::runtime::v1::{BulkPublishRequest, BulkPublishRequestEntry};
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const CALL_DEADLINE: Duration = Duration::from_secs(5);
/// A request to daprd may hold 4 MiB; half of it leaves room for the frame around the events.
const LARGEST_BULK: usize = 2 * 1024 * 1024;
const PUBSUB: &str = "pubsub";

/// Where the sidecar listens, and what it wants to see.
#[derive(Debug, Clone)]
pub struct Address {
    pub http_port: u16,
    pub grpc_port: u16,
    pub api_token: SecretString,
}

/// This service's sidecar. Cheap to clone; connects when first used, and again whenever it must.
#[derive(Clone)]
pub struct Sidecar {
    pub(crate) stub: Stub,
    pub(crate) http: reqwest::Client,
    pub(crate) http_url: Arc<str>,
    /// Where each operation is asked for, in the order of the table.
    pub(crate) operations: Arc<[reqwest::Url]>,
}

pub(crate) type Stub = DaprClient<InterceptedService<Channel, ApiTokenInterceptor>>;

/// Why the sidecar did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SidecarError {
    /// Nothing can be sent to it at all.
    #[error("unusable sidecar address")]
    Address(#[source] anyhow::Error),
    /// It, or what stands behind it, cannot answer now; the same call may succeed later.
    #[error("sidecar unavailable ({code:?})")]
    Unavailable { code: Code, source: Box<Status> },
    /// It refuses the call; the same call will fail again.
    #[error("sidecar rejected the call ({code:?})")]
    Rejected { code: Code, source: Box<Status> },
    #[error("secret {secret:?} has no key {key:?}")]
    NoSuchKey { secret: String, key: String },
}

impl Sidecar {
    /// Prepares both connections; neither is made yet, so the sidecar may start later than the service.
    ///
    /// # Errors
    /// [`SidecarError::Address`] when the token cannot be a header.
    pub fn new(address: Address) -> Result<Sidecar, SidecarError> {
        let token = address.api_token.expose_secret();
        let channel = Endpoint::from_shared(format!("http://127.0.0.1:{}", address.grpc_port))
            .map_err(|error| SidecarError::Address(error.into()))?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true)
            .connect_lazy();
        let interceptor = ApiTokenInterceptor::try_new(Some(token.to_owned()))
            .map_err(|error| SidecarError::Address(anyhow::Error::new(error)))?;
        let mut header = HeaderValue::from_str(token).map_err(|error| SidecarError::Address(error.into()))?;
        header.set_sensitive(true);
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .default_headers(HeaderMap::from_iter([(crate::guard::TOKEN_HEADER, header)]))
            .build()
            .map_err(|error| SidecarError::Address(error.into()))?;
        let http_url = format!("http://127.0.0.1:{}", address.http_port);
        let operations = OPERATIONS
            .iter()
            .map(|row| format!("{http_url}/v1.0/invoke/{}/method/{}", row.owner, row.name).parse())
            .collect::<Result<_, _>>()
            .map_err(|error: <reqwest::Url as std::str::FromStr>::Err| SidecarError::Address(error.into()))?;
        Ok(Sidecar {
            stub: DaprClient::with_interceptor(channel, interceptor),
            http,
            http_url: http_url.into(),
            operations,
        })
    }

    /// Waits until the sidecar and its components can be used.
    pub async fn ready(&self) {
        let url = format!("{}/v1.0/healthz/outbound", self.http_url);
        let mut pause = Duration::from_millis(50);
        loop {
            let answer = self.http.get(&url).timeout(CONNECT_TIMEOUT).send().await;
            if answer.is_ok_and(|answer| answer.status() == reqwest::StatusCode::NO_CONTENT) {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// Publishes every event or answers with an error; then some of them may have been published all the same.
    ///
    /// # Errors
    /// When the broker has not acknowledged all of them.
    pub async fn bulk_publish(&self, topic: App, events: &[Envelope]) -> Result<(), SidecarError> {
        let mut entries = Vec::with_capacity(events.len());
        let mut bytes = 0;
        for event in events {
            let entry = entry(event);
            if bytes + entry.event.len() > LARGEST_BULK && !entries.is_empty() {
                self.publish(topic, std::mem::take(&mut entries)).await?;
                bytes = 0;
            }
            bytes += entry.event.len();
            entries.push(entry);
        }
        if entries.is_empty() { Ok(()) } else { self.publish(topic, entries).await }
    }

    async fn publish(&self, topic: App, entries: Vec<BulkPublishRequestEntry>) -> Result<(), SidecarError> {
        let request = with_deadline(BulkPublishRequest {
            pubsub_name: PUBSUB.to_owned(),
            topic: topic.name().to_owned(),
            entries,
            // Metadata of the whole request would override each entry's partition key.
            metadata: HashMap::new(),
        });
        let answer = self.stub.clone().bulk_publish_event(request).await?.into_inner();
        match answer.failed_entries.len() {
            0 => Ok(()),
            failed => Err(Status::aborted(format!("{failed} events were not published")).into()),
        }
    }
}

/// A request that is given up after the deadline of every call.
pub(crate) fn with_deadline<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_DEADLINE);
    request
}

fn entry(event: &Envelope) -> BulkPublishRequestEntry {
    BulkPublishRequestEntry {
        entry_id: event.id.to_string(),
        event: event.to_json().to_string().into_bytes(),
        content_type: "application/cloudevents+json".to_owned(),
        metadata: HashMap::from([("partitionKey".to_owned(), event.subject.to_string())]),
    }
}

impl From<Status> for SidecarError {
    fn from(status: Status) -> SidecarError {
        let code = status.code();
        let source = Box::new(status);
        match code {
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Aborted
            | Code::ResourceExhausted
            | Code::Internal
            | Code::Unknown => SidecarError::Unavailable { code, source },
            Code::Ok
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::DataLoss
            | Code::Unauthenticated => SidecarError::Rejected { code, source },
        }
    }
}

//! A gateway on a port of its own, the sidecar it speaks to, and what a test asks of both.

use std::collections::HashMap;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::DateTime;
use contracts::permission::Role;
use contracts::{Operation, UserId};
use futures::future::BoxFuture;
use gateway::app::{App, Edge, Parts, Patience, handover, listener};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sidecar::{Address, Sidecar};
use tempfile::TempDir;
use testkit::{API_TOKEN, Signer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What reached the sidecar.
#[derive(Debug, Clone)]
pub struct Seen {
    pub app: String,
    pub name: String,
    pub method: Method,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// From which end of a connection it came.
    pub peer: SocketAddr,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// What the limiter counts this request by.
    pub fn slot(&self) -> &str {
        assert_eq!(self.headers.get_all("x-forwarded-for").iter().count(), 1);
        self.header("x-forwarded-for").unwrap()
    }
}

type Behaviour = Arc<dyn Fn(Seen) -> BoxFuture<'static, Response> + Send + Sync>;

/// The sidecar: it notes what it is asked and answers as it was told.
#[derive(Clone, Default)]
pub struct Fake {
    seen: Arc<Mutex<Vec<Seen>>>,
    behaviours: Arc<Mutex<HashMap<&'static str, Behaviour>>>,
}

impl Fake {
    /// How an operation is answered from now on.
    pub fn on<F>(&self, operation: Operation, behaviour: impl Fn(Seen) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let behaviour: Behaviour = Arc::new(move |seen| Box::pin(behaviour(seen)));
        self.behaviours.lock().unwrap().insert(operation.name(), behaviour);
    }

    /// Answers with a status and a problem's name, as a service does.
    pub fn refuse(&self, operation: Operation, status: u16, name: &'static str) {
        self.on(operation, move |_| async move {
            let body = json!({"type": format!("/problems/{name}"), "title": name, "status": status});
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("content-type", "application/problem+json")], body.to_string()).into_response()
        });
    }

    /// What it was asked so far, without the gateway's own requests.
    pub fn seen(&self) -> Vec<Seen> {
        let own =
            |seen: &Seen| seen.header("x-forwarded-for") == Some("gateway") || seen.name == "record_audit";
        self.asked().into_iter().filter(|seen| !own(seen)).collect()
    }

    pub fn asked(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What it was asked of this operation.
    pub fn asked_for(&self, operation: Operation) -> Vec<Seen> {
        self.asked().into_iter().filter(|seen| seen.name == operation.name()).collect()
    }

    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.into_iter().next().unwrap()
    }

    async fn answer(self, peer: SocketAddr, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let segments: Vec<&str> = parts.uri.path().split('/').collect();
        let ["", "v1.0", "invoke", app, "method", name] = segments[..] else {
            panic!("not an invocation: {}", parts.uri);
        };
        assert_eq!(parts.headers["dapr-api-token"], API_TOKEN);
        // Nobody is there any more to be told when the body breaks off.
        let Ok(body) = body.collect().await else {
            return Response::new(Body::empty());
        };
        let seen = Seen {
            app: app.to_owned(),
            name: name.to_owned(),
            method: parts.method,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body: body.to_bytes(),
            peer,
        };
        self.seen.lock().unwrap().push(seen.clone());
        let behaviour = self.behaviours.lock().unwrap().get(name).cloned();
        match behaviour {
            Some(behaviour) => behaviour(seen).await,
            None => axum::Json(json!({"operation": name})).into_response(),
        }
    }
}

/// The gateway, served.
pub struct Gateway {
    pub address: SocketAddr,
    pub app: App,
    pub fake: Fake,
    pub signer: Signer,
    pub client: reqwest::Client,
    pub shutdown: CancellationToken,
    pub sidecar_gone: CancellationToken,
    /// Holds the socket at which the public port is handed over.
    pub handover: TempDir,
    serving: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Gateway {
    pub async fn start() -> Gateway {
        Gateway::patient(Duration::from_secs(10)).await
    }

    /// With this deadline for services.
    pub async fn patient(deadline: Duration) -> Gateway {
        Gateway::at(Edge::default(), deadline).await
    }

    /// Meeting what is outside in this way.
    pub async fn behind(edge: Edge) -> Gateway {
        Gateway::at(edge, Duration::from_secs(10)).await
    }

    async fn at(edge: Edge, deadline: Duration) -> Gateway {
        let (fake, signer, sidecar_gone) = (Fake::default(), Signer::default(), CancellationToken::new());
        let jwks = serde_json::to_value(signer.jwks()).unwrap();
        fake.on(Operation::ReadJwks, move |_| {
            let jwks = jwks.clone();
            async move { axum::Json(jwks).into_response() }
        });
        let answering = fake.clone();
        let router =
            Router::new().fallback(move |ConnectInfo(peer), request| answering.clone().answer(peer, request));
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        let listener = free_port().await;
        let sidecar_port = listener.local_addr().unwrap().port();
        let gone = sidecar_gone.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = gone.cancelled() => {}
                served = axum::serve(listener, router) => served.unwrap(),
            }
        });
        let sidecar = Sidecar::new(Address {
            http_port: sidecar_port,
            grpc_port: 1,
            api_token: API_TOKEN.to_owned().into(),
        });
        let shutdown = CancellationToken::new();
        let app = App::from(Parts {
            edge: edge.clone(),
            ending: shutdown.clone(),
            ..Parts::new(sidecar.unwrap(), Patience::Fixed(deadline))
        });
        // What was revoked is known for as long as the test lasts.
        app.revocations.heard(Instant::now() + Duration::from_secs(3_600), "1".into(), DateTime::UNIX_EPOCH);
        let listener = free_port().await;
        let address = listener.local_addr().unwrap();
        let handover = TempDir::new().unwrap();
        handover::offer(&listener, &handover.path().join("socket"), shutdown.clone()).unwrap();
        let serving = Some(serving(app.clone(), listener, edge, shutdown.clone()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Gateway { address, app, fake, signer, client, shutdown, sidecar_gone, handover, serving }
    }

    /// Another one with this socket, which is all that they share but for sidecar and state.
    pub fn successor(&self, listener: TcpListener) -> (CancellationToken, JoinHandle<anyhow::Result<()>>) {
        let shutdown = CancellationToken::new();
        (shutdown.clone(), serving(self.app.clone(), listener, Edge::default(), shutdown))
    }

    /// Waits until it has ended.
    pub async fn ended(mut self) {
        self.serving.take().unwrap().await.unwrap().unwrap();
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str, body: Value) -> reqwest::RequestBuilder {
        self.request(Method::POST, path).json(&body)
    }

    pub fn customer(&self, number: u128) -> String {
        self.signer.token(UserId(Uuid::from_u128(number)), Role::Customer)
    }

    /// A machine with an API key of this customer's.
    pub fn machine(&self, number: u128, key: u128) -> String {
        let mut claims = self.signer.claims(UserId(Uuid::from_u128(number)), "orders:read orders:place");
        claims["key"] = json!(Uuid::from_u128(key));
        self.signer.sign(&claims)
    }

    pub fn admin(&self) -> String {
        self.signer.token(UserId(Uuid::from_u128(7)), Role::Admin)
    }
}

fn serving(
    app: App,
    listener: TcpListener,
    edge: Edge,
    shutdown: CancellationToken,
) -> JoinHandle<anyhow::Result<()>> {
    let public = gateway::api::public(app);
    tokio::spawn(listener::serve(listener, public, edge, Duration::from_secs(5), shutdown))
}

async fn free_port() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

/// Status and name of a problem.
pub async fn problem(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    let text = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let body: Value = response.json().await.unwrap_or_else(|error| panic!("{status}: {error}"));
    assert_eq!(text.as_deref(), Some("application/problem+json"), "{body}");
    assert_eq!(body["status"], status);
    (status, body["type"].as_str().unwrap().strip_prefix("/problems/").unwrap().to_owned())
}

/// Waits until something is so.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "not in ten seconds: {what}");
        ticks.tick().await;
    }
}

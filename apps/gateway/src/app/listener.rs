//! The public port: HTTP/1.1 and HTTP/2 in clear text, with bounds on what a connection may do before it asks for
//! something.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use http::{HeaderValue, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::util::{MapRequest, MapResponse};

use super::connections::{Connection, Connections};
use super::edge::Edge;

/// Files that are open for other things than the connections of clients: mostly what goes on to the sidecar.
const OTHER_FILES: u64 = 3_072;
/// What was sent to a client is taken by it within this time, a part after another.
const TAKEN_WITHIN_MS: u32 = 30_000;
const LARGEST_HEAD: usize = 64 * 1024;
const MOST_HEADERS: usize = 100;
const STREAMS: u32 = 32;
/// Bodies that a connection may have waited for at once. A proxy of ours speaks for many clients on each.
const BODIES: usize = 4;
/// What a client may send of a body before it is read; a connection has so much for four of them.
const WINDOW: u32 = 64 * 1024;
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at a connection that has sent a single byte.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// When the process has no file handle left, accepting fails at once, again and again.
const AFTER_REFUSAL: Duration = Duration::from_millis(50);

/// At the end a connection in HTTP/1.1 is closed after its next answer, which says so; a silent one, about to be used
/// as it may be, after this time.
const LEAVING: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

/// Serves until shutdown; requests in hand then have `last` to end.
///
/// # Errors
/// None at present; what fails is one connection.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    edge: Edge,
    last: Duration,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let connections = Connections::new(edge.connections.min(room_for_connections()));
    let tasks = TaskTracker::new();
    let edge = Arc::new(edge);
    while let Some((stream, peer)) = shutdown.run_until_cancelled(accept(&listener)).await {
        // Only now: nobody gives way for a connection that nobody wants.
        let place = connections.admit().await;
        let serving = connection(stream, peer, router.clone(), place, edge.clone(), shutdown.clone());
        tasks.spawn(serving);
    }
    drop(listener);
    tasks.close();
    if tokio::time::timeout(last, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "requests were cut off at the end");
    }
    Ok(())
}

/// As many as the process may have files open, which it first raises as far as it is allowed to.
fn room_for_connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let files = files.unwrap_or(u64::MAX);
    usize::try_from(files.saturating_sub(OTHER_FILES).max(files / 2)).unwrap_or(usize::MAX)
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(AFTER_REFUSAL).await;
            }
        }
    }
}

/// Serves one connection until it ends, or until another needs its place more.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    place: Connection,
    edge: Arc<Edge>,
    shutdown: CancellationToken,
) {
    let protocol = tokio::select! {
        () = left(&shutdown) => None,
        () = place.cut() => None,
        first = tokio::time::timeout(edge.head_within, protocol(&stream)) => first.ok().flatten(),
    };
    let Some(protocol) = protocol else { return };
    // Small answers must not wait for more to come.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "a connection stays with delays");
    }
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(&stream, TAKEN_WITHIN_MS) {
        tracing::debug!(error = %error, "a connection may leave its answer untaken");
    }
    let ours = edge.proxies.trusts(peer.ip().to_canonical());
    let handle = place.handle(if ours { usize::try_from(STREAMS).unwrap_or(BODIES) } else { BODIES });
    let taking = handle.clone();
    let service = MapRequest::new(router, move |mut request: Request<_>| {
        handle.heard();
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(handle.clone());
        request
    });
    let ending = shutdown.clone();
    let service = MapResponse::new(service, move |mut answer: Response| {
        // HTTP/2 has its own word for it.
        if ending.is_cancelled() && protocol == Protocol::Http1 {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    });
    let builder = builder(protocol, edge.head_within);
    let serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut serving = std::pin::pin!(serving);
    let last_word = async {
        match protocol {
            Protocol::Http1 => left(&shutdown).await,
            Protocol::Http2 => shutdown.cancelled().await,
        }
    };
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = place.cut() => return,
        () = taking.untaken(edge.moved_within) => return,
        () = last_word => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a connection ended early");
    }
}

/// Some time after the end was asked for.
async fn left(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(LEAVING).await;
}

/// Which protocol the first bytes speak. The builder could tell by itself, but would wait for them for ever.
async fn protocol(stream: &TcpStream) -> Option<Protocol> {
    /// With what HTTP/2 begins, and no method of HTTP/1.1 (as PROPFIND would with less).
    const HTTP2: &[u8] = b"PRI";
    let mut first = [0; HTTP2.len()];
    loop {
        match stream.peek(&mut first).await.ok()? {
            0 => return None,
            _ if first == HTTP2 => return Some(Protocol::Http2),
            said if said < HTTP2.len() && HTTP2.starts_with(&first[..said]) => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            _ => return Some(Protocol::Http1),
        }
    }
}

fn builder(protocol: Protocol, head_within: Duration) -> Builder<TokioExecutor> {
    let mut builder = match protocol {
        Protocol::Http1 => Builder::new(TokioExecutor::new()).http1_only(),
        Protocol::Http2 => Builder::new(TokioExecutor::new()).http2_only(),
    };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head_within)
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(4 * WINDOW)
        .max_header_list_size(u32::try_from(LARGEST_HEAD).unwrap_or(u32::MAX))
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WITHIN);
    builder
}

//! The public port: HTTP/1.1 and HTTP/2 in clear text, with bounds on what a connection may do before it asks for
//! something.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Layer;

const CONNECTIONS: usize = 16_384;
/// A connection says something within this time, and then sends each request's head within it.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
const LARGEST_HEAD: usize = 64 * 1024;
const MOST_HEADERS: usize = 100;
const STREAMS: u32 = 64;
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at a connection that has sent a single byte.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// When the process has no file handle left, accepting fails at once, again and again.
const AFTER_REFUSAL: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy)]
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
    last: Duration,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let tasks = TaskTracker::new();
    while let Some((stream, peer, place)) = accept(&listener, &connections, &shutdown).await {
        let connection = connection(stream, peer, router.clone(), shutdown.clone());
        tasks.spawn(async move {
            connection.await;
            drop(place);
        });
    }
    tasks.close();
    if tokio::time::timeout(last, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "requests were cut off at the end");
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let next = async {
        let place = connections.clone().acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Some((stream, peer, place)),
                Err(error) => {
                    tracing::warn!(error = %error, "a connection could not be accepted");
                    tokio::time::sleep(AFTER_REFUSAL).await;
                }
            }
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => None,
        accepted = next => accepted,
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, shutdown: CancellationToken) {
    let protocol = tokio::select! {
        () = shutdown.cancelled() => None,
        first = tokio::time::timeout(HEAD_WITHIN, protocol(&stream)) => first.ok().flatten(),
    };
    let Some(protocol) = protocol else { return };
    // Small answers must not wait for more to come.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "a connection stays with delays");
    }
    let service = TowerToHyperService::new(axum::Extension(ConnectInfo(peer)).layer(router));
    let builder = builder(protocol);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a connection ended early");
    }
}

/// Which protocol the first two bytes speak. The builder could tell by itself, but would wait for them for ever.
async fn protocol(stream: &TcpStream) -> Option<Protocol> {
    let mut first = [0; 2];
    loop {
        match stream.peek(&mut first).await.ok()? {
            0 => return None,
            1 => tokio::time::sleep(LOOK_AGAIN).await,
            // HTTP/2 begins with `PRI`, and no method of ours with `PR`.
            _ if first == *b"PR" => return Some(Protocol::Http2),
            _ => return Some(Protocol::Http1),
        }
    }
}

fn builder(protocol: Protocol) -> Builder<TokioExecutor> {
    let mut builder = match protocol {
        Protocol::Http1 => Builder::new(TokioExecutor::new()).http1_only(),
        Protocol::Http2 => Builder::new(TokioExecutor::new()).http2_only(),
    };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(LARGEST_HEAD).unwrap_or(u32::MAX))
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WITHIN);
    builder
}

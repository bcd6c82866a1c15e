//! Reads beside connections that send nothing, or one byte a second, and come again when they are closed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use stack::Instance;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;

use super::Profile;
use super::beside::Beside;
use super::reader::{Reader, Reads};

/// They come from so many addresses, none of which is the reader's.
const ADDRESSES: u8 = 100;
/// A head that never ends.
const HEAD: &[u8] = b"GET /v1/products HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ";
const DRIP: Duration = Duration::from_secs(1);
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Between two of them, so that they come, and are closed for sending no head, over as long as the gateway waits for
/// one, and few are away at a time.
const APART: Duration = Duration::from_micros(1_500);
const OPENING: Duration = Duration::from_secs(120);
/// Handles besides those of the connections.
const OTHER_FILES: u64 = 256;

#[derive(Debug, Clone, Serialize)]
pub struct Idle {
    pub wanted: usize,
    /// The fewest that were open at once while the reads were measured.
    pub open: usize,
    /// Closed by the gateway, and opened again.
    pub closed: u64,
    pub reads: Beside,
}

#[derive(Debug, Default)]
struct Crowd {
    open: AtomicUsize,
    closed: AtomicU64,
}

pub async fn measure(instance: &Instance, reader: &Reader, profile: &Profile) -> anyhow::Result<Idle> {
    allow_files(profile.connections)?;
    let alone = reader.read_for(profile.beside).await?;
    let crowd = Arc::new(Crowd::default());
    let (leave, left) = oneshot::channel::<()>();
    let gateway = SocketAddr::from((Ipv4Addr::LOCALHOST, instance.ports.gateway()));
    let (visitors, wanted) = (crowd.clone(), profile.connections);
    // A thread of its own, so that the reads measured do not wait for it.
    let thread = std::thread::spawn(move || gather(&visitors, gateway, wanted, left));
    let began = Instant::now();
    // A few are being closed and opened again at any time.
    while crowd.open.load(Ordering::Relaxed) < wanted - wanted / 20 {
        ensure!(began.elapsed() < OPENING, "not all connections could be opened");
        ensure!(!thread.is_finished(), "the connections could not be opened");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut open = usize::MAX;
    let watching = async {
        loop {
            open = open.min(crowd.open.load(Ordering::Relaxed));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let beside = tokio::select! {
        reads = reader.read_for(profile.beside) => reads?,
        () = watching => Reads::default(),
    };
    drop(leave);
    let ended = tokio::task::spawn_blocking(move || thread.join()).await?;
    ended.map_err(|_| anyhow::anyhow!("the connections have panicked"))??;
    let closed = crowd.closed.load(Ordering::Relaxed);
    Ok(Idle { wanted, open, closed, reads: Beside::of(alone, beside)? })
}

/// Keeps all of them open until `left` is dropped.
fn gather(
    crowd: &Arc<Crowd>,
    gateway: SocketAddr,
    connections: usize,
    left: oneshot::Receiver<()>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let mut visitors = tokio::task::JoinSet::new();
        for number in 0..connections {
            visitors.spawn(visit(crowd.clone(), gateway, number));
        }
        let _ = left.await;
    });
    Ok(())
}

async fn visit(crowd: Arc<Crowd>, gateway: SocketAddr, number: usize) {
    tokio::time::sleep(APART * u32::try_from(number).unwrap_or(0)).await;
    let dripping = number.is_multiple_of(2);
    loop {
        if let Ok(stream) = connect(gateway, number).await {
            crowd.open.fetch_add(1, Ordering::Relaxed);
            if dripping {
                drip(stream).await
            } else {
                wait(stream).await
            };
            crowd.open.fetch_sub(1, Ordering::Relaxed);
            crowd.closed.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

async fn connect(gateway: SocketAddr, number: usize) -> std::io::Result<TcpStream> {
    let last = u8::try_from(number % usize::from(ADDRESSES)).unwrap_or(0) + 1;
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 1, 0, last), 0)))?;
    socket.connect(gateway).await
}

/// Until the gateway closes it.
async fn wait(mut stream: TcpStream) {
    let mut answer = [0; 512];
    while stream.read(&mut answer).await.is_ok_and(|count| count > 0) {}
}

async fn drip(stream: TcpStream) {
    let (mut reading, mut writing) = stream.into_split();
    let closed = async {
        let mut answer = [0; 512];
        while reading.read(&mut answer).await.is_ok_and(|count| count > 0) {}
    };
    let dripping = async {
        for byte in HEAD.iter().chain(std::iter::repeat(&b'a')) {
            if writing.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(DRIP).await;
        }
    };
    tokio::select! {
        () = closed => (),
        () = dripping => (),
    }
}

/// Every connection takes a handle; the usual limit of a process is lower.
fn allow_files(connections: usize) -> anyhow::Result<()> {
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let enough = limit.maximum.is_none_or(|maximum| maximum >= needed);
    ensure!(enough, "this needs {needed} open files, and {:?} are allowed (ulimit -Hn)", limit.maximum);
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: limit.maximum })
        .context("the limit of open files cannot be raised")
}

//! One gateway ends while another takes its place on the same port: no client notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::future::join_all;
use gateway::app::handover;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::rig::{Gateway, eventually};

/// How clients treat their connections.
#[derive(Debug, Clone, Copy)]
enum Habit {
    KeepThem,
    /// A new one for each request.
    NewOnes,
    Http2,
}

/// Asks again and again until it is over; the first answer that is none ends the test.
fn asking(gateway: &Gateway, habit: Habit, over: Arc<AtomicBool>, asked: Arc<AtomicUsize>) -> JoinHandle<()> {
    let builder = reqwest::Client::builder().no_proxy();
    let client = match habit {
        Habit::KeepThem => builder.build(),
        Habit::NewOnes => builder.pool_max_idle_per_host(0).build(),
        Habit::Http2 => builder.http2_prior_knowledge().build(),
    };
    let (client, url) = (client.unwrap(), gateway.url("/v1/products"));
    tokio::spawn(async move {
        while !over.load(Ordering::Relaxed) {
            let answer = client.get(&url).send().await.unwrap_or_else(|error| panic!("{habit:?}: {error:?}"));
            assert_eq!(answer.status(), 200, "{habit:?}");
            answer.bytes().await.unwrap();
            asked.fetch_add(1, Ordering::Relaxed);
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_ends_beside_another_fails_no_request() {
    let gateway = Gateway::start().await;
    let (over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<JoinHandle<()>> = [Habit::KeepThem, Habit::NewOnes, Habit::Http2]
        .into_iter()
        .flat_map(|habit| [habit; 2])
        .map(|habit| asking(&gateway, habit, over.clone(), asked.clone()))
        .collect();
    eventually("they ask", async || asked.load(Ordering::Relaxed) > 60).await;
    let (address, path) = (gateway.address, gateway.handover.path().join("socket"));
    let (end_second, second) = gateway.successor(handover::listen(address, Some(&path)).await.unwrap());
    gateway.shutdown.cancel();
    gateway.ended().await;
    let before = asked.load(Ordering::Relaxed);
    eventually("the second is asked", async || asked.load(Ordering::Relaxed) > before + 60).await;
    over.store(true, Ordering::Relaxed);
    for ended in join_all(clients).await {
        ended.unwrap();
    }
    end_second.cancel();
    second.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_silent_connection_is_answered_once_more_and_told_that_it_ends() {
    let gateway = Gateway::start().await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let request = b"GET /v1/products HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut first = vec![0; 4096];
    let read = stream.read(&mut first).await.unwrap();
    let first = String::from_utf8_lossy(&first[..read]).to_lowercase();
    assert!(first.starts_with("http/1.1 200") && !first.contains("connection: close"), "{first}");
    gateway.shutdown.cancel();
    stream.write_all(request).await.unwrap();
    let mut last = String::new();
    stream.read_to_string(&mut last).await.unwrap();
    let last = last.to_lowercase();
    assert!(last.starts_with("http/1.1 200") && last.contains("connection: close"), "{last}");
    gateway.ended().await;
}

#[tokio::test]
async fn the_port_is_taken_from_whoever_is_there_and_else_from_the_system() {
    let gateway = Gateway::start().await;
    let path = gateway.handover.path().join("socket");
    assert!(handover::listen(gateway.address, None).await.is_err(), "the port is held");
    let second = handover::listen(gateway.address, Some(&path)).await.unwrap();
    assert_eq!(second.local_addr().unwrap(), gateway.address);
    let other = "127.0.0.1:1".parse().unwrap();
    let error = handover::listen(other, Some(&path)).await.unwrap_err().to_string();
    assert!(error.starts_with("the gateway at GATEWAY_HANDOVER listens on 127.0.0.1:"), "{error}");

    // The second one is asked from here on, and what one has left that was killed is in nobody's way.
    let end = tokio_util::sync::CancellationToken::new();
    handover::offer(&second, &path, end.clone()).unwrap();
    gateway.shutdown.cancel();
    let address = gateway.address;
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("left");
    drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
    assert_eq!(handover::listen(address, Some(&path)).await.unwrap().local_addr().unwrap(), address);
    let free = "127.0.0.1:0".parse().unwrap();
    let third = handover::listen(free, Some(&left)).await.unwrap();
    assert_ne!(third.local_addr().unwrap(), address);
    handover::offer(&third, &left, end.clone()).unwrap();
    assert_eq!(
        handover::listen(free, Some(&left)).await.unwrap().local_addr().unwrap(),
        third.local_addr().unwrap()
    );
    end.cancel();
}

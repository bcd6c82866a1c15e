//! The public port is handed from one gateway to the next: they share one listening socket for a while, so whoever
//! connects meanwhile is served by either, and nobody is cut off when the first one closes its end.
//!
//! The next one asks at a Unix socket, which lies in a folder that only this user can open.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

/// Whoever is there answers at once; who does not is about to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// Listens at the address: with the socket of a gateway that is there already, or with a new one.
///
/// # Errors
/// Names address and setting when the port is held by another program, or by a gateway with another address.
pub async fn listen(address: SocketAddr, at: Option<&Path>) -> anyhow::Result<TcpListener> {
    let asked = match at.map(Path::to_owned) {
        // Whoever has ended is not there, and there is nothing to take over.
        Some(path) => tokio::task::spawn_blocking(move || taken_over(&path).ok()).await?,
        None => None,
    };
    let Some(listener) = asked else {
        return web::serve::bind(address, "GATEWAY_LISTEN").await;
    };
    let listener =
        TcpListener::from_std(listener).context("the socket that was handed over cannot be used")?;
    let handed = listener.local_addr()?;
    ensure!(
        address.port() == 0 || handed == address,
        "the gateway at GATEWAY_HANDOVER listens on {handed}, and not on {address}"
    );
    tracing::info!(address = %handed, "the public port was handed over");
    Ok(listener)
}

/// Hands the socket to whoever asks for it, until shutdown or until another gateway takes the place at this path.
///
/// # Errors
/// When there can be no socket at this path.
pub fn offer(listener: &TcpListener, path: &Path, shutdown: CancellationToken) -> anyhow::Result<()> {
    let shared = listener.as_fd().try_clone_to_owned().context("the public port cannot be shared")?;
    // Another gateway's, or what one that was killed has left: from here on it is asked for here.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error)
                .with_context(|| format!("GATEWAY_HANDOVER: cannot replace {}", path.display()));
        }
        Ok(()) | Err(_) => {}
    }
    let asked = UnixListener::bind(path)
        .with_context(|| format!("GATEWAY_HANDOVER: cannot listen at {}", path.display()))?;
    tokio::spawn(async move {
        while let Some(who) = shutdown.run_until_cancelled(asked.accept()).await {
            let given = who.and_then(|(stream, _)| give(&stream.into_std()?, &shared));
            if let Err(error) = given {
                tracing::warn!(error = %error, "the public port was not handed over");
            }
        }
    });
    Ok(())
}

fn give(to: &UnixStream, socket: &OwnedFd) -> io::Result<()> {
    let sockets = [socket.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&sockets));
    sendmsg(to, &[IoSlice::new(b"l")], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The listening socket of whoever is at this path.
fn taken_over(path: &Path) -> io::Result<std::net::TcpListener> {
    let from = UnixStream::connect(path)?;
    from.set_read_timeout(Some(PATIENCE))?;
    let mut byte = [0_u8];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(&from, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let handed = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
        _ => None,
    });
    let listener = std::net::TcpListener::from(handed.ok_or(io::ErrorKind::UnexpectedEof)?);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

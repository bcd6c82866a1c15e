//! A request's body on its way in, within the operation's bound and always with a length.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use contracts::ProblemType;
use contracts::operation::{Pace, Row};
use futures::{StreamExt, stream};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use tokio::time::Instant;
use web::Problem;

use crate::app::App;
use crate::app::connections::Handle;
use crate::app::memory::Taken;

/// A body that can be sent on.
#[derive(Debug)]
pub(super) enum Upload {
    None,
    Whole {
        bytes: Bytes,
        /// Counted until the request has been answered.
        taken: Taken,
    },
    /// Its length is known and within the bound; the rest is still coming.
    Streamed {
        length: u64,
        body: Body,
        sending: Sending,
    },
}

/// How far the sender of a streamed body has come, for whoever must say why it did not arrive.
#[derive(Debug, Clone, Default)]
pub(super) struct Sending(Arc<Mutex<Progress>>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing is wanted of the sender at present.
    #[default]
    Done,
    /// Its next part is waited for.
    Awaited,
    BrokenOff,
}

impl Sending {
    pub(super) fn progress(&self) -> Progress {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, progress: Progress) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// The body as it is sent on.
    pub(super) fn on(self, body: Body) -> reqwest::Body {
        let mut parts = body.into_data_stream();
        reqwest::Body::wrap_stream(stream::poll_fn(move |context| {
            let part = parts.poll_next_unpin(context);
            self.note(match &part {
                Poll::Pending => Progress::Awaited,
                Poll::Ready(Some(Err(_))) => Progress::BrokenOff,
                Poll::Ready(Some(Ok(_)) | None) => Progress::Done,
            });
            part
        }))
    }
}

impl Upload {
    /// How far its sender is; where it is here already, nothing more is wanted of the sender.
    pub(super) fn sending(&self) -> Sending {
        match self {
            Upload::Streamed { sending, .. } => sending.clone(),
            Upload::None | Upload::Whole { .. } => Sending::default(),
        }
    }

    /// Takes the body of a request. Small ones are read before anything else is taken for the request, so that slow
    /// senders hold nobody up; large ones are staff's, and stream.
    ///
    /// # Errors
    /// `body-too-large` by what the client says or sends, `body-too-slow` when it does not arrive, `unavailable` when
    /// there is no room for it, `unsupported-media-type` when it is compressed.
    pub(super) async fn of(
        app: &App,
        row: &Row,
        headers: &HeaderMap,
        body: Body,
        connection: Option<&Handle>,
    ) -> Result<Upload, Problem> {
        if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(
                Problem::new(ProblemType::UnsupportedMediaType).detail("the body must not be compressed")
            );
        }
        let largest = row.pace.largest_body();
        let length = match headers.get(header::CONTENT_LENGTH) {
            None => None,
            Some(value) => {
                Some(value.to_str().ok().and_then(|text| text.parse::<u64>().ok()).ok_or_else(unreadable)?)
            }
        };
        match length {
            Some(length) if usize::try_from(length).map_or(true, |length| length > largest) => {
                Err(too_large(largest))
            }
            Some(length) if length > 0 && row.pace == Pace::Bulk => {
                Ok(Upload::Streamed { length, body, sending: Sending::default() })
            }
            Some(_) | None if body.is_end_stream() => Ok(Upload::None),
            Some(_) | None => awaited(app, row, body, connection).await,
        }
    }
}

/// Reads the body in its turn among those that its connection has waited for.
async fn awaited(app: &App, row: &Row, body: Body, connection: Option<&Handle>) -> Result<Upload, Problem> {
    let within = app.edge.body_within;
    let end = Instant::now() + within;
    let _turn = match connection {
        Some(connection) => {
            let turn = tokio::time::timeout_at(end, connection.body()).await;
            Some(turn.map_err(|_elapsed| crowded(row))?)
        }
        None => None,
    };
    tokio::time::timeout_at(end, whole(app, row, body)).await.map_err(|_elapsed| too_slow(within))?
}

async fn whole(app: &App, row: &Row, mut body: Body) -> Result<Upload, Problem> {
    let largest = row.pace.largest_body();
    let (mut bytes, mut taken) = (BytesMut::new(), Taken::default());
    while let Some(frame) = body.frame().await {
        let Ok(part) = frame.map_err(|_broken| unreadable())?.into_data() else { continue };
        let size = bytes.len() + part.len();
        if size > largest {
            return Err(too_large(largest));
        }
        app.memory
            .grow(row, &mut taken, size)
            .map_err(|scarce| refused(row, "memory", scarce.to_string()))?;
        bytes.extend_from_slice(&part);
    }
    Ok(if bytes.is_empty() { Upload::None } else { Upload::Whole { bytes: bytes.freeze(), taken } })
}

fn too_large(largest: usize) -> Problem {
    Problem::new(ProblemType::BodyTooLarge)
        .detail(format!("at most {largest} bytes"))
        .with("largest", largest)
}

fn crowded(row: &Row) -> Problem {
    refused(row, "bodies", "other bodies on this connection were waited for all the while".to_owned())
}

fn refused(row: &Row, reason: &'static str, detail: String) -> Problem {
    super::forward::count_shed(row, reason);
    Problem::new(ProblemType::Unavailable).detail(detail).retry_after(1)
}

pub(super) fn too_slow(within: Duration) -> Problem {
    let detail = format!("it was waited for {} ms", within.as_millis());
    Problem::new(ProblemType::BodyTooSlow).detail(detail)
}

/// The connection has ended in the middle, or the length is none; whoever sent it will hardly read this.
pub(super) fn unreadable() -> Problem {
    Problem::new(ProblemType::MalformedJson).detail("the body cannot be read")
}

//! A request's body on its way in, within the operation's bound and always with a length.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use contracts::ProblemType;
use contracts::operation::{Pace, Row};
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use web::Problem;

/// A body is here within this time.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// A body that can be sent on.
#[derive(Debug)]
pub(super) enum Upload {
    None,
    Whole(Bytes),
    /// Its length is known and within the bound; the rest is still coming.
    Streamed {
        length: u64,
        body: Body,
    },
}

impl Upload {
    /// Takes the body of a request. Small ones are read before anything else is taken for the request, so that slow
    /// senders hold nobody up; large ones are staff's, and stream.
    ///
    /// # Errors
    /// `body-too-large` by what the client says or sends, `deadline-exceeded` when it does not arrive.
    pub(super) async fn of(row: &Row, headers: &HeaderMap, body: Body) -> Result<Upload, Problem> {
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
            Some(length) if length > 0 && row.pace == Pace::Bulk => Ok(Upload::Streamed { length, body }),
            Some(_) | None => whole(body, largest).await,
        }
    }
}

async fn whole(body: Body, largest: usize) -> Result<Upload, Problem> {
    let read = tokio::time::timeout(BODY_WITHIN, Limited::new(body, largest).collect()).await;
    let bytes = match read {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large(largest)),
        Ok(Err(_)) => return Err(unreadable()),
        Err(_elapsed) => {
            return Err(Problem::new(ProblemType::DeadlineExceeded).detail("the body did not arrive in time"));
        }
    };
    Ok(if bytes.is_empty() { Upload::None } else { Upload::Whole(bytes) })
}

fn too_large(largest: usize) -> Problem {
    Problem::new(ProblemType::BodyTooLarge)
        .detail(format!("at most {largest} bytes"))
        .with("largest", largest)
}

/// The connection has ended in the middle, or the length is none; whoever sent it will hardly read this.
fn unreadable() -> Problem {
    Problem::new(ProblemType::MalformedJson).detail("the body cannot be read")
}

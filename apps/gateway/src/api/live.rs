//! An answer that goes on: it ends when its client has gone, when the gateway ends, and when whoever listens may no
//! longer: a token that has expired or was taken back ends what it opened.

use axum::body::Body;
use axum::response::Response;
use contracts::operation::Row;
use futures::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::identify::caller;
use crate::app::App;

/// Proxies such as nginx keep nothing back of an answer that says so.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// Lets the stream go on for as long as it may.
pub(super) fn going_on(app: &App, row: &'static Row, asked: HeaderMap, answer: Response) -> Response {
    let over = over(app.clone(), row, asked);
    let mut answer = answer.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(over))));
    answer.headers_mut().extend([UNBUFFERED]);
    answer
}

/// Waits until the stream must end.
async fn over(app: App, row: &'static Row, asked: HeaderMap) {
    loop {
        tokio::select! {
            () = app.ending.cancelled() => return,
            () = tokio::time::sleep(app.edge.asked_again) => {}
        }
        // That it cannot be said at present ends nothing.
        let refused = caller(&app, row, &asked).await.err().map(|refused| refused.problem.status());
        if matches!(refused, Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) {
            return;
        }
    }
}

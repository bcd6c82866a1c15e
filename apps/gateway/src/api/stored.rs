//! What is sent again and again: kept as it is, and compressed once for all who accept that.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::executor::block_on;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::compression::CompressionLayer;

/// A text in both forms. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    plain: Bytes,
    /// None where it gains nothing.
    gzipped: Option<Bytes>,
}

impl Stored {
    /// Compresses the text, which takes a while.
    pub(super) fn new(plain: Bytes) -> Stored {
        let gzipped = gzipped(plain.clone()).filter(|gzipped| gzipped.len() < plain.len());
        Stored { plain, gzipped }
    }

    /// The form that whoever asks accepts.
    pub(super) fn answer(&self, asked: &HeaderMap) -> Response {
        let gzipped = self.gzipped.clone().filter(|_| accepts_gzip(asked));
        let coding = gzipped.as_ref().map(|_| (header::CONTENT_ENCODING, HeaderValue::from_static("gzip")));
        let mut answer = Response::new(Body::from(gzipped.unwrap_or_else(|| self.plain.clone())));
        answer.headers_mut().extend(coding);
        answer.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        answer
    }
}

/// By the same layer that compresses what is sent once.
fn gzipped(plain: Bytes) -> Option<Bytes> {
    let plain = service_fn(async |_: Request<Body>| {
        Ok::<_, std::convert::Infallible>(Response::new(Body::from(plain.clone())))
    });
    let mut asked = Request::new(Body::empty());
    asked.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    block_on(async {
        let Ok(answer) = CompressionLayer::new().gzip(true).layer(plain).oneshot(asked).await;
        let compressed = answer.headers().contains_key(header::CONTENT_ENCODING);
        let bytes = answer.into_body().collect().await.ok()?.to_bytes();
        compressed.then_some(bytes)
    })
}

/// Whether gzip is named, and not with a weight of nothing.
fn accepts_gzip(asked: &HeaderMap) -> bool {
    let lines = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let mut codings = lines.flat_map(|line| line.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        name.trim().eq_ignore_ascii_case("gzip") && weight.contains(|digit| matches!(digit, '1'..='9'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gets_the_form_that_it_accepts() {
        let stored = Stored::new(Bytes::from("LAMP".repeat(1_000)));
        let coding = |accepted: &'static str| {
            let asked = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            stored.answer(&asked).headers().get(header::CONTENT_ENCODING).cloned()
        };
        for accepted in ["gzip", "br, GZIP", "gzip;q=0.5", "gzip; q=1.0, identity;q=0"] {
            assert_eq!(coding(accepted).unwrap(), "gzip", "{accepted}");
        }
        for accepted in ["", "br", "gzip;q=0", "gzip; q=0.0", "identity", "x-gzip-not"] {
            assert_eq!(coding(accepted), None, "{accepted}");
        }
        assert!(Stored::new(Bytes::from_static(b"short")).gzipped.is_none());
    }
}

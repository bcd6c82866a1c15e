//! What a client would rather have (RFC 7240): here only how long it would wait for the end of what it begins.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

pub const PREFER: HeaderName = HeaderName::from_static("prefer");
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Nobody is waited for longer, whatever they would rather have.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// `Prefer: wait=<seconds>`, within [`LONGEST_WAIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub Duration);

impl Wait {
    /// The first wait that can be read. A preference that cannot be honoured is left alone, as the RFC has it.
    pub fn of(headers: &HeaderMap) -> Option<Wait> {
        let preferences = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let seconds = preferences.flat_map(|text| text.split(',')).find_map(seconds)?;
        let wait = Duration::from_secs(seconds).min(LONGEST_WAIT);
        (!wait.is_zero()).then_some(Wait(wait))
    }

    /// What `Preference-Applied` says of it.
    pub fn applied(self) -> HeaderValue {
        HeaderValue::from_str(&format!("wait={}", self.0.as_secs()))
            .expect("invariant: letters and digits are a header value")
    }
}

/// `wait = 10; a=b` says 10; a number that is too long for us is a long time.
fn seconds(preference: &str) -> Option<u64> {
    let (name, value) = preference.split(';').next()?.split_once('=')?;
    let value = value.trim().trim_matches('"');
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    (name.trim().eq_ignore_ascii_case("wait") && digits).then(|| value.parse().unwrap_or(u64::MAX))
}

/// [`None`] where the client would not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preferred(pub Option<Wait>);

impl<S: Send + Sync> FromRequestParts<S> for Preferred {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Preferred(Wait::of(&parts.headers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(values: &[&'static str]) -> Option<u64> {
        let values = values.iter().map(|value| (PREFER, HeaderValue::from_static(value)));
        Wait::of(&values.collect()).map(|wait| wait.0.as_secs())
    }

    #[test]
    fn the_wait_is_found_among_other_preferences_and_bounded() {
        assert_eq!(wait(&["wait=5"]), Some(5));
        assert_eq!(wait(&["respond-async, Wait = \"7\" ; a=b"]), Some(7));
        assert_eq!(wait(&["return=minimal", "wait=1"]), Some(1));
        assert_eq!(wait(&["wait=31"]), Some(30));
        assert_eq!(wait(&["wait=99999999999999999999999"]), Some(30));
    }

    #[test]
    fn what_cannot_be_read_is_no_wish() {
        for value in ["wait", "wait=", "wait=0", "wait=-1", "wait=1.5", "wait=soon", "waits=5", ""] {
            assert_eq!(wait(&[value]), None, "{value}");
        }
    }
}

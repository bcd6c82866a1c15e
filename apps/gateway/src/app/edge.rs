//! How the gateway meets what is outside: which proxies it believes, which pages of others may ask, how long it waits
//! for a body, how many connections it holds.

use std::time::Duration;

use http::HeaderValue;

use crate::domain::proxies::Proxies;

/// Set from outside; the defaults suit a gateway that clients reach directly.
#[derive(Debug, Clone)]
pub struct Edge {
    pub proxies: Proxies,
    /// The origins whose pages may read our answers (CORS); none by default.
    pub origins: Vec<HeaderValue>,
    /// A body is here within this time.
    pub body_within: Duration,
    /// A connection says something within this time, and then sends each request's head within it.
    pub head_within: Duration,
    /// An answer of which its client takes nothing, or its service sends nothing, for this long is given up.
    pub moved_within: Duration,
    pub connections: usize,
    /// How often it is asked whether the listener of a stream may still listen.
    pub asked_again: Duration,
}

impl Default for Edge {
    fn default() -> Self {
        Edge {
            proxies: Proxies::default(),
            origins: Vec::new(),
            body_within: Duration::from_secs(10),
            head_within: Duration::from_secs(15),
            moved_within: Duration::from_secs(60),
            connections: 16_384,
            asked_again: Duration::from_secs(2),
        }
    }
}

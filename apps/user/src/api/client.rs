//! Where a request comes from, as the gateway says; a client cannot set these headers.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::domain::session::device;

const CLIENT_ADDRESS: &str = "x-client-address";
const CLIENT_AGENT: &str = "x-client-agent";

/// The address that the request came from, where the gateway could tell.
pub struct ClientAddress(pub Option<IpAddr>);

/// What the client says that it is, shortened.
pub struct Device(pub String);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let header = parts.headers.get(CLIENT_ADDRESS).and_then(|value| value.to_str().ok());
        Ok(ClientAddress(header.and_then(|text| text.trim().parse().ok())))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Device {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let header = parts.headers.get(CLIENT_AGENT).and_then(|value| value.to_str().ok());
        Ok(Device(device(header)))
    }
}

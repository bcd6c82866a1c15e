//! The client of the card processor: thin, in Stripe's HTTP shape. It concludes nothing; what it cannot know it
//! calls unknown.

pub mod comparison;
mod request;
pub mod webhook;
mod wire;

use std::time::Duration;

use contracts::event::DisputeStatus;
use contracts::{Money, OrderId, PaymentId, RefundCause};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use crate::domain::method::ProviderToken;
use crate::domain::{Doubt, Intent, IntentId, RefundSeen};

pub use request::{Request, request_hash};

/// The version of the processor's API that requests and answers are written for.
pub const VERSION: &str = "2026-08-26.dahlia";
/// Objects on a page of a list.
const PAGE: u32 = 100;

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    Done(T),
    /// The bank declined.
    Declined {
        code: String,
    },
    /// The processor will not do this.
    Refused {
        code: String,
    },
    /// It may have been done, or not.
    Unknown(Doubt),
}

/// Calls one processor with one account's key.
#[derive(Debug, Clone)]
pub struct Provider {
    http: reqwest::Client,
    base: String,
    api_key: SecretString,
    /// Where customers come back to from their bank.
    return_url: Option<String>,
}

/// An intent to make.
#[derive(Debug, Clone, Copy)]
pub struct NewIntent<'a> {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub amount: Money,
    pub capture: contracts::CaptureMode,
    pub token: &'a ProviderToken,
}

/// A refund to make.
#[derive(Debug, Clone, Copy)]
pub struct NewRefund<'a> {
    pub order_id: OrderId,
    pub intent: &'a IntentId,
    pub amount: Money,
    pub cause: RefundCause,
}

/// A page of the processor's intents, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentPage {
    pub intents: Vec<Intent>,
    pub more: bool,
}

impl<T> Outcome<T> {
    /// Reads what was done; what cannot be read may still have been done.
    fn read<U>(self, read: impl FnOnce(T) -> Option<U>) -> Outcome<U> {
        match self {
            Outcome::Done(done) => read(done).map_or(Outcome::Unknown(Doubt::ServerError), Outcome::Done),
            Outcome::Declined { code } => Outcome::Declined { code },
            Outcome::Refused { code } => Outcome::Refused { code },
            Outcome::Unknown(doubt) => Outcome::Unknown(doubt),
        }
    }
}

impl Provider {
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(base: &str, api_key: SecretString) -> Result<Provider, reqwest::Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(HeaderMap::from_iter([(
                reqwest::header::HeaderName::from_static("stripe-version"),
                HeaderValue::from_static(VERSION),
            )]))
            .tcp_nodelay(true)
            .build()?;
        let base = base.trim_end_matches('/').to_owned();
        Ok(Provider { http, base, api_key, return_url: None })
    }

    /// Has customers come back here from their bank.
    #[must_use]
    pub fn returning_to(mut self, url: Option<String>) -> Provider {
        self.return_url = url;
        self
    }

    /// Makes an intent without confirming it; no money moves.
    pub async fn create_intent(&self, new: NewIntent<'_>, key: &str, timeout: Duration) -> Outcome<Intent> {
        self.intent(&Request::create_intent(new), Some(key), timeout).await
    }

    pub async fn read_intent(&self, intent: &IntentId, timeout: Duration) -> Outcome<Intent> {
        self.intent(&Request::read_intent(intent), None, timeout).await
    }

    pub async fn confirm_intent(&self, intent: &IntentId, key: &str, timeout: Duration) -> Outcome<Intent> {
        self.intent(&Request::confirm_intent(intent, self.return_url.as_deref()), Some(key), timeout).await
    }

    /// Takes what is held, or the given part of it; the rest lapses.
    pub async fn capture_intent(
        &self,
        intent: &IntentId,
        amount: Money,
        key: &str,
        timeout: Duration,
    ) -> Outcome<Intent> {
        self.intent(&Request::capture_intent(intent, amount), Some(key), timeout).await
    }

    pub async fn cancel_intent(&self, intent: &IntentId, key: &str, timeout: Duration) -> Outcome<Intent> {
        self.intent(&Request::cancel_intent(intent), Some(key), timeout).await
    }

    /// The page of all intents that begins after the given one.
    pub async fn list_intents(&self, after: Option<&IntentId>, timeout: Duration) -> Outcome<IntentPage> {
        let request = Request::list_intents(after, PAGE);
        self.send(&request, None, timeout).await.read(|page: wire::Page<wire::Intent>| {
            let intents = page.data.into_iter().map(wire::Intent::read).collect::<Option<Vec<_>>>()?;
            Some(IntentPage { intents, more: page.has_more })
        })
    }

    pub async fn create_refund(
        &self,
        new: NewRefund<'_>,
        key: &str,
        timeout: Duration,
    ) -> Outcome<RefundSeen> {
        let request = Request::create_refund(new);
        self.send(&request, Some(key), timeout).await.read(|refund: wire::Refund| Some(refund.read()))
    }

    /// The refund of this intent for this cause: one that was accepted, else the last that failed, if there was any.
    pub async fn find_refund(
        &self,
        intent: &IntentId,
        cause: RefundCause,
        timeout: Duration,
    ) -> Outcome<Option<RefundSeen>> {
        let (mut after, mut failed) = (None, None);
        loop {
            let request = Request::list_refunds(intent, after.as_deref(), PAGE);
            let page: wire::Page<wire::Refund> = match self.send(&request, None, timeout).await {
                Outcome::Done(page) => page,
                Outcome::Declined { code } => return Outcome::Declined { code },
                Outcome::Refused { code } => return Outcome::Refused { code },
                Outcome::Unknown(doubt) => return Outcome::Unknown(doubt),
            };
            after = page.data.last().map(|refund| refund.id.clone());
            for refund in page.data.into_iter().filter(|refund| refund.is_for(cause)) {
                match refund.read() {
                    accepted @ RefundSeen::Accepted { .. } => return Outcome::Done(Some(accepted)),
                    seen @ RefundSeen::Failed { .. } => failed = failed.or(Some(seen)),
                }
            }
            if !page.has_more || after.is_none() {
                return Outcome::Done(failed);
            }
        }
    }

    /// Gives a dispute up, for good.
    pub async fn close_dispute(
        &self,
        dispute_id: &str,
        key: &str,
        timeout: Duration,
    ) -> Outcome<(Money, DisputeStatus)> {
        let request = Request::close_dispute(dispute_id);
        self.send(&request, Some(key), timeout).await.read(wire::Dispute::read)
    }

    async fn intent(&self, request: &Request, key: Option<&str>, timeout: Duration) -> Outcome<Intent> {
        self.send(request, key, timeout).await.read(wire::Intent::read)
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: &Request,
        key: Option<&str>,
        timeout: Duration,
    ) -> Outcome<T> {
        let url = format!("{}{}", self.base, request.path);
        let call = match request.verb {
            request::Verb::Get => self.http.get(url).query(&request.parameters),
            request::Verb::Post => self.http.post(url).form(&request.parameters),
        };
        let call = call.bearer_auth(self.api_key.expose_secret()).timeout(timeout);
        let call = match key {
            Some(key) => call.header("idempotency-key", key),
            None => call,
        };
        let response = match call.send().await {
            Ok(response) => response,
            Err(error) => return silence(error),
        };
        let (status, stored) = (response.status(), response.headers().contains_key("idempotent-replayed"));
        let body = match response.bytes().await {
            Ok(body) => body,
            Err(error) => return silence(error),
        };
        if status.is_success() {
            return serde_json::from_slice(&body).map_or(Outcome::Unknown(Doubt::ServerError), Outcome::Done);
        }
        refusal(status, stored, &body)
    }
}

/// Whatever went wrong on the way, the request may have arrived.
fn silence<T>(error: reqwest::Error) -> Outcome<T> {
    let error = format!("{:#}", anyhow::Error::new(error.without_url()));
    tracing::warn!(error, "the provider did not answer");
    Outcome::Unknown(Doubt::Silence)
}

/// What an answer other than success means. Our own mistakes (key, pace) say nothing about the charge.
fn refusal<T>(status: StatusCode, stored: bool, body: &[u8]) -> Outcome<T> {
    let error = wire::read_error(body);
    match status {
        StatusCode::PAYMENT_REQUIRED => Outcome::Declined { code: error.code() },
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::CONFLICT
        | StatusCode::TOO_MANY_REQUESTS => Outcome::Unknown(Doubt::ServerError),
        status if status.is_client_error() && error.about_the_key() => Outcome::Unknown(Doubt::StoredError),
        status if status.is_client_error() => Outcome::Refused { code: error.code() },
        _ if stored => Outcome::Unknown(Doubt::StoredError),
        _ => Outcome::Unknown(Doubt::ServerError),
    }
}

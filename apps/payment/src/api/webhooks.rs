//! Events of the card processor: checked, stored once, and applied later by a job.

use axum::extract::State;
use axum::http::HeaderMap;
use bytes::Bytes;
use contracts::ProblemType;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{Json, Problem};

use crate::app::App;
use crate::domain::webhook::{SignatureError, check_signature};
use crate::provider::webhook;
use crate::store::webhooks;

const SIGNATURE: &str = "stripe-signature";

/// That an event was taken, whether or not it was known already.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct ProviderEventTaken {
    pub taken: bool,
}

/// An event as the card processor sends it; what is not listed is not read.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProviderEvent {
    #[schema(example = "evt_1")]
    pub id: String,
    #[serde(rename = "type")]
    #[schema(example = "payment_intent.succeeded")]
    pub kind: String,
    pub created: i64,
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

pub async fn receive_provider_event(
    State(app): State<App>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<ProviderEventTaken>, Problem> {
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    let now = app.clock.now();
    check_signature(signature, &body, app.webhook_secret.expose_secret(), now)?;
    let told = webhook::read(&body)
        .map_err(|error| Problem::new(ProblemType::MalformedJson).detail(error.to_string()))?;
    if let Some(told) = told {
        let mut db = app.db.acquire().await?;
        let first_time = webhooks::insert_event(&mut db, &told, now).await?;
        metrics::counter!("provider_events_total", "kind" => told.kind).increment(u64::from(first_time));
        app.told.notify_one();
    }
    Ok(Json(ProviderEventTaken { taken: true }))
}

impl From<SignatureError> for Problem {
    fn from(error: SignatureError) -> Problem {
        Problem::new(ProblemType::InvalidSignature).detail(error.to_string())
    }
}

//! What no real processor offers: its log, its own count of charges, and forgetting its keys.
//! These routes ask for no key: they are for tests on the same machine.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::app::till::Draft;
use crate::domain::entry::Entry;
use crate::domain::summary::{Summary, summarize};
use crate::store;

use super::error::StripeError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogFilter {
    /// Only what follows this sequence.
    after: Option<u64>,
    order_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SummaryFilter {
    order_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prune {
    #[serde(default)]
    older_than_seconds: u32,
}

/// The part of a record that the filter looks at.
#[derive(Deserialize)]
struct Head {
    sequence: u64,
    order_id: Option<String>,
}

/// The log as it is on the disk, one record a line.
pub(crate) async fn get_log(
    State(app): State<App>,
    filter: Result<Query<LogFilter>, QueryRejection>,
) -> Result<Response, StripeError> {
    let filter = query(filter)?;
    app.till.read(|_| ()).await?;
    let path = app.till.log_path();
    let lines = tokio::task::spawn_blocking(move || store::read_lines(&path))
        .await
        .ok()
        .and_then(Result::ok)
        .ok_or_else(StripeError::server)?;
    let chosen: String = lines.split_inclusive('\n').filter(|line| filter.lets_pass(line)).collect();
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], chosen).into_response())
}

pub(crate) async fn get_summary(
    State(app): State<App>,
    filter: Result<Query<SummaryFilter>, QueryRejection>,
) -> Result<Json<Summary>, StripeError> {
    let filter = query(filter)?;
    Ok(Json(app.till.read(|book| summarize(book, filter.order_id.as_deref())).await?))
}

/// Forgets idempotency keys before their day is over, as a processor may.
pub(crate) async fn prune_idempotency_keys(
    State(app): State<App>,
    filter: Result<Query<Prune>, QueryRejection>,
) -> Result<Json<Value>, StripeError> {
    let Prune { older_than_seconds } = query(filter)?;
    let now = app.now();
    let before = now - TimeDelta::seconds(older_than_seconds.into());
    let kept_before = app.till.read(|book| book.answers.len()).await?;
    let draft = Draft { order_id: None, entries: vec![Entry::KeysPruned { before }], answer: None };
    let ((), written) = app.till.write(now, |_| Ok::<_, StripeError>((draft, ())))?;
    written.on_disk().await?;
    let kept = app.till.read(|book| book.answers.len()).await?;
    Ok(Json(json!({ "kept_before": kept_before, "kept": kept })))
}

impl LogFilter {
    fn lets_pass(&self, line: &str) -> bool {
        if self.after.is_none() && self.order_id.is_none() {
            return true;
        }
        serde_json::from_str::<Head>(line).is_ok_and(|head| {
            self.after.is_none_or(|after| head.sequence > after)
                && (self.order_id.is_none() || head.order_id == self.order_id)
        })
    }
}

pub(super) fn query<T>(parsed: Result<Query<T>, QueryRejection>) -> Result<T, StripeError> {
    parsed.map(|Query(value)| value).map_err(|rejection| StripeError::invalid(rejection.body_text()))
}

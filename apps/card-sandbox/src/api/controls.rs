//! A hand on what happens by itself elsewhere: the customer's step, a slow bank, lapses, disputes, refunds that fail.
//! These routes ask for no key: they are for tests on the same machine.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::Value;

use crate::app::App;
use crate::app::till::Draft;
use crate::domain::FreshIds;
use crate::domain::book::{Book, DecideError};
use crate::domain::dispute::Outcome;
use crate::domain::entry::Entry;
use crate::domain::intent::{Intent, Resolution};
use crate::domain::view;

use super::error::StripeError;
use super::sandbox::query;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resolve {
    outcome: Resolution,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Close {
    outcome: Outcome,
}

/// Ends what an intent waits for: the customer's step, or a slow bank.
pub(crate) async fn resolve_payment_intent(
    State(app): State<App>,
    Path(id): Path<String>,
    filter: Result<Query<Resolve>, QueryRejection>,
) -> Result<Json<Value>, StripeError> {
    let Resolve { outcome } = query(filter)?;
    resolve(&app, &id, outcome).await.map(Json)
}

/// The bank holds the money no longer.
pub(crate) async fn lapse_payment_intent(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, StripeError> {
    act(&app, |book, _| book.decide_lapse(&id)).await.map(Json)
}

/// The customer disputes the charge.
pub(crate) async fn dispute_payment_intent(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, StripeError> {
    act(&app, |book, ids| book.decide_dispute(&id, ids)).await.map(Json)
}

/// The customer's bank decides.
pub(crate) async fn close_dispute(
    State(app): State<App>,
    Path(id): Path<String>,
    filter: Result<Query<Close>, QueryRejection>,
) -> Result<Json<Value>, StripeError> {
    let Close { outcome } = query(filter)?;
    act(&app, |book, _| book.decide_dispute_close(&id, outcome)).await.map(Json)
}

/// The customer's bank sends a refund back.
pub(crate) async fn fail_refund(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, StripeError> {
    act(&app, |book, _| book.decide_refund_failure(&id)).await.map(Json)
}

/// The intent as it is once the customer, or the bank, has done their part.
pub(super) async fn resolve(app: &App, id: &str, outcome: Resolution) -> Result<Value, StripeError> {
    act(app, |book, ids| book.decide_resolution(id, outcome, ids)).await
}

/// Decides and writes; gives back the object as it is afterwards.
async fn act(
    app: &App,
    decide: impl FnOnce(&Book, &FreshIds) -> Result<Entry, DecideError>,
) -> Result<Value, StripeError> {
    let ids = app.fresh_ids();
    let (seen, done) = app.write(|book, now| {
        let entry = decide(book, &ids).map_err(|error| StripeError::undecided(&error))?;
        let after = book.after(&entry, now).expect("invariant: it was decided upon this very book");
        let order_id = book.intent_of(&entry).and_then(Intent::order_id).map(str::to_owned);
        let draft = Draft { order_id, entries: vec![entry], answer: None };
        Ok::<_, StripeError>((draft, view::object(&after)))
    })?;
    done.settled().await?;
    Ok(seen)
}

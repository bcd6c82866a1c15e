//! The disputes' routes.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::Value;

use crate::app::App;
use crate::domain::command::Command;
use crate::domain::dispute::Dispute;
use crate::domain::view;

use super::call::Call;
use super::error::StripeError;
use super::list::{Listed, Page};
use super::payment_intents::finish;
use super::perform::perform;

pub(crate) async fn get_dispute(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Result<Json<Value>, StripeError> {
    call.form.finish()?;
    let found = app.till.read(|book| book.dispute(&id).map(view::dispute)).await?;
    found.map(Json).ok_or_else(|| StripeError::not_found("dispute", &id, "dispute"))
}

pub(crate) async fn list_disputes(
    State(app): State<App>,
    mut call: Call,
) -> Result<Json<Value>, StripeError> {
    let intent = call.form.take("payment_intent")?;
    let page = Page::take(&mut call.form)?;
    call.form.finish()?;
    let of_intent = |dispute: &&Dispute| intent.as_ref().is_none_or(|id| dispute.payment_intent == *id);
    app.till.read(|book| page.of(book.disputes().iter().filter(of_intent), &call.asked.path)).await?.map(Json)
}

/// The shop gives in.
pub(crate) async fn close_dispute(
    State(app): State<App>,
    Path(dispute): Path<String>,
    mut call: Call,
) -> Result<Response, StripeError> {
    finish(&mut call)?;
    perform(app, call, Command::CloseDispute { dispute }).await
}

impl Listed for Dispute {
    const NAME: &'static str = "dispute";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created_at.timestamp()
    }

    fn view(&self) -> Value {
        view::dispute(self)
    }
}

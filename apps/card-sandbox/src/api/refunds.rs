//! The refunds' routes.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::Value;

use crate::app::App;
use crate::domain::command::{Command, NewRefund};
use crate::domain::refund::Refund;
use crate::domain::view;

use super::call::Call;
use super::error::StripeError;
use super::list::{Listed, Page};
use super::payment_intents::{finish, take_amount, take_metadata};
use super::perform::perform;

pub(crate) async fn create_refund(State(app): State<App>, mut call: Call) -> Result<Response, StripeError> {
    let form = &mut call.form;
    let refund = NewRefund {
        payment_intent: form.take_required("payment_intent")?,
        amount: take_amount(form, "amount")?,
        reason: form.take_word("reason", "duplicate, fraudulent, or requested_by_customer")?,
        metadata: take_metadata(form)?,
    };
    finish(&mut call)?;
    perform(app, call, Command::Refund(refund)).await
}

pub(crate) async fn get_refund(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Result<Json<Value>, StripeError> {
    call.form.finish()?;
    let found = app.till.read(|book| book.refund(&id).map(view::refund)).await?;
    found.map(Json).ok_or_else(|| StripeError::not_found("refund", &id, "id"))
}

pub(crate) async fn list_refunds(State(app): State<App>, mut call: Call) -> Result<Json<Value>, StripeError> {
    let intent = call.form.take("payment_intent")?;
    let page = Page::take(&mut call.form)?;
    call.form.finish()?;
    let of_intent = |refund: &&Refund| intent.as_ref().is_none_or(|intent| refund.payment_intent == *intent);
    app.till
        .read(|book| {
            if let Some(id) = intent.as_ref().filter(|id| book.intent(id).is_none()) {
                return Err(StripeError::no_such("payment_intent", id, "payment_intent"));
            }
            page.of(book.refunds().iter().filter(of_intent), &call.asked.path)
        })
        .await?
        .map(Json)
}

impl Listed for Refund {
    const NAME: &'static str = "refund";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created_at.timestamp()
    }

    fn view(&self) -> Value {
        view::refund(self)
    }
}

//! The payment intents' routes.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::Value;

use crate::app::App;
use crate::domain::Metadata;
use crate::domain::card::Token;
use crate::domain::command::{Command, NewIntent};
use crate::domain::intent::{CancelReason, CaptureMethod, Intent};
use crate::domain::money::{Amount, AmountError, Currency};
use crate::domain::view;

use super::call::Call;
use super::error::StripeError;
use super::form::Form;
use super::list::{Listed, Page};
use super::perform::perform;

const METADATA_KEYS: usize = 50;
const METADATA_KEY_CHARACTERS: usize = 40;
const METADATA_VALUE_CHARACTERS: usize = 500;

pub(crate) async fn create_payment_intent(
    State(app): State<App>,
    mut call: Call,
) -> Result<Response, StripeError> {
    let form = &mut call.form;
    let intent = NewIntent {
        amount: take_amount(form, "amount")?.ok_or_else(|| StripeError::missing_parameter("amount"))?,
        currency: take_currency(form)?,
        capture_method: form
            .take_word("capture_method", "automatic or manual")?
            .unwrap_or(CaptureMethod::Automatic),
        payment_method: take_payment_method(form)?,
        metadata: take_metadata(form)?,
    };
    refuse_confirmation(form)?;
    // Cards are all there is, so these can say nothing new.
    form.ignore(&[
        "payment_method_types[]",
        "payment_method_types[0]",
        "automatic_payment_methods[enabled]",
        "automatic_payment_methods[allow_redirects]",
        "description",
    ]);
    finish(&mut call)?;
    perform(app, call, Command::Create(intent)).await
}

pub(crate) async fn confirm_payment_intent(
    State(app): State<App>,
    Path(payment_intent): Path<String>,
    mut call: Call,
) -> Result<Response, StripeError> {
    let payment_method = take_payment_method(&mut call.form)?;
    let return_url = take_return_url(&mut call.form)?;
    call.form.ignore(&["off_session"]);
    finish(&mut call)?;
    perform(app, call, Command::Confirm { payment_intent, payment_method, return_url }).await
}

pub(crate) async fn capture_payment_intent(
    State(app): State<App>,
    Path(payment_intent): Path<String>,
    mut call: Call,
) -> Result<Response, StripeError> {
    let amount = take_amount(&mut call.form, "amount_to_capture")?;
    finish(&mut call)?;
    perform(app, call, Command::Capture { payment_intent, amount }).await
}

pub(crate) async fn cancel_payment_intent(
    State(app): State<App>,
    Path(payment_intent): Path<String>,
    mut call: Call,
) -> Result<Response, StripeError> {
    let words = "duplicate, fraudulent, requested_by_customer, or abandoned";
    let reason = call.form.take_word("cancellation_reason", words)?;
    if reason == Some(CancelReason::Automatic) {
        let message = format!("Invalid cancellation_reason: must be one of {words}");
        return Err(StripeError::invalid_parameter("cancellation_reason", message));
    }
    finish(&mut call)?;
    perform(app, call, Command::Cancel { payment_intent, reason }).await
}

pub(crate) async fn get_payment_intent(
    State(app): State<App>,
    Path(id): Path<String>,
    call: Call,
) -> Result<Json<Value>, StripeError> {
    call.form.finish()?;
    let found = app.till.read(|book| book.intent(&id).map(view::payment_intent)).await?;
    found.map(Json).ok_or_else(|| StripeError::not_found("payment_intent", &id, "intent"))
}

pub(crate) async fn list_payment_intents(
    State(app): State<App>,
    mut call: Call,
) -> Result<Json<Value>, StripeError> {
    let page = Page::take(&mut call.form)?;
    call.form.finish()?;
    app.till.read(|book| page.of(book.intents().iter(), &call.asked.path)).await?.map(Json)
}

impl Listed for Intent {
    const NAME: &'static str = "payment_intent";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created_at.timestamp()
    }

    fn view(&self) -> Value {
        view::payment_intent(self)
    }
}

pub(super) fn take_amount(form: &mut Form, name: &str) -> Result<Option<Amount>, StripeError> {
    let Some(minor_units) = form.take_integer(name)? else {
        return Ok(None);
    };
    Amount::new(minor_units).map(Some).map_err(|error| match error {
        AmountError::TooSmall => StripeError::amount_too_small(name),
        AmountError::TooLarge => StripeError::amount_too_large(name),
    })
}

pub(super) fn take_metadata(form: &mut Form) -> Result<Metadata, StripeError> {
    let metadata = form.take_map("metadata");
    let fits = metadata.len() <= METADATA_KEYS
        && metadata.iter().all(|(key, value)| {
            key.chars().count() <= METADATA_KEY_CHARACTERS
                && value.chars().count() <= METADATA_VALUE_CHARACTERS
        });
    if fits {
        return Ok(metadata);
    }
    let message = "Metadata has at most 50 keys, each of at most 40 characters, with values of at most 500.";
    Err(StripeError::invalid_parameter("metadata", message))
}

/// All parameters must have been taken by now.
pub(super) fn finish(call: &mut Call) -> Result<(), StripeError> {
    std::mem::take(&mut call.form).finish()
}

fn take_currency(form: &mut Form) -> Result<Currency, StripeError> {
    let code = form.take_required("currency")?;
    Currency::try_from(code.clone()).map_err(|_| StripeError::unknown_currency(&code))
}

fn take_payment_method(form: &mut Form) -> Result<Option<Token>, StripeError> {
    let Some(name) = form.take("payment_method")? else {
        return Ok(None);
    };
    Token::find(&name).map(Some).ok_or_else(|| StripeError::no_such("PaymentMethod", &name, "payment_method"))
}

fn take_return_url(form: &mut Form) -> Result<Option<String>, StripeError> {
    let url = form.take("return_url")?;
    let known = |url: &String| ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
    if url.as_ref().is_some_and(|url| !known(url)) {
        let message = "Not a valid URL. It must begin with http:// or https://.";
        return Err(StripeError::invalid_parameter("return_url", message).with("code", "url_invalid"));
    }
    Ok(url)
}

/// An intent is confirmed by a call of its own here, so that its id is known before it is charged.
fn refuse_confirmation(form: &mut Form) -> Result<(), StripeError> {
    let wanted = form.take_word::<Value>("confirm", "true or false")?;
    if wanted.is_some_and(|wanted| wanted != "false") {
        return Err(StripeError::invalid_parameter(
            "confirm",
            "This sandbox only creates unconfirmed intents.",
        ));
    }
    Ok(())
}

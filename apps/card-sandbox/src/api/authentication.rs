//! The page on which a customer proves who they are, as a bank would show it, so that one can try it by hand.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::app::App;
use crate::domain::intent::{Intent, Resolution, State as Stage};

use super::controls;
use super::error::StripeError;

/// Nothing but the form itself may run or be loaded, and nobody may frame it.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    outcome: Resolution,
}

pub(crate) async fn show_step(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, StripeError> {
    let intent = find(&app, &id).await?;
    Ok(page(&match intent.state {
        Stage::RequiresAction { .. } => question(&intent),
        Stage::RequiresPaymentMethod { .. }
        | Stage::RequiresConfirmation { .. }
        | Stage::Processing { .. }
        | Stage::RequiresCapture { .. }
        | Stage::Succeeded { .. }
        | Stage::Canceled { .. } => nothing_to_do(&intent),
    }))
}

/// Takes what the customer chose, and sends them back to the shop where it said whither.
pub(crate) async fn take_step(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Result<Form<Step>, FormRejection>,
) -> Result<Response, StripeError> {
    let Form(Step { outcome }) = form.map_err(|rejection| StripeError::invalid(rejection.body_text()))?;
    let intent = find(&app, &id).await?;
    let Stage::RequiresAction { return_url, .. } = &intent.state else {
        return Ok(page(&nothing_to_do(&intent)));
    };
    controls::resolve(&app, &id, outcome).await?;
    Ok(match return_url {
        Some(url) => Redirect::to(url).into_response(),
        None => page(match outcome {
            Resolution::Approved => "<p>Approved. You can close this page.</p>",
            Resolution::Declined => "<p>Declined. You can close this page.</p>",
        }),
    })
}

async fn find(app: &App, id: &str) -> Result<Intent, StripeError> {
    let found = app.till.read(|book| book.intent(id).cloned()).await?;
    found.ok_or_else(|| StripeError::not_found("payment_intent", id, "intent"))
}

fn question(intent: &Intent) -> String {
    let amount = intent.currency.shown(intent.amount);
    format!(
        "<p>A shop wants to charge your test card with <strong>{amount}</strong>.</p>\
         <form method=\"post\">\
         <button name=\"outcome\" value=\"approved\">Approve</button> \
         <button name=\"outcome\" value=\"declined\">Decline</button></form>"
    )
}

fn nothing_to_do(intent: &Intent) -> String {
    format!("<p>There is nothing to do: the payment is {}.</p>", intent.status())
}

fn page(body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Card sandbox</title>\
         <style>body {{ font-family: sans-serif; max-width: 30em; margin: 4em auto }}</style></head>\
         <body><h1>Card sandbox</h1>{body}</body></html>"
    );
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response()
}

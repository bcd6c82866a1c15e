//! One call to the processor's API: who calls, with which parameters and under which key.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, header};

use crate::app::App;
use crate::app::keyring::Current;
use crate::domain::answer::{Asked, Key};

use super::IDEMPOTENCY_KEY;
use super::error::StripeError;
use super::form::Form;

const BODY_BYTES: usize = 64 * 1024;
const KEY_CHARACTERS: usize = 255;
/// Whichever key it is called with, there is one account, and so one set of idempotency keys.
const ACCOUNT: &str = "acct_sandbox";

/// Set by the router for every request.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub String);

#[derive(Debug)]
pub(crate) struct Call {
    pub form: Form,
    pub key: Option<Key>,
    pub asked: Asked,
}

impl FromRequest<App> for Call {
    type Rejection = StripeError;

    async fn from_request(request: Request, app: &App) -> Result<Call, StripeError> {
        authenticate(request.headers(), &app.keyring.current())?;
        let path = request.uri().path().to_owned();
        let request_id = request.extensions().get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
        if request.method() == Method::GET {
            let form = Form::parse(request.uri().query().unwrap_or_default().as_bytes())?;
            let asked = Asked { path, fingerprint: form.fingerprint(), request_id };
            return Ok(Call { form, key: None, asked });
        }
        check_content_type(request.headers())?;
        let key = idempotency_key(request.headers())?;
        let body = to_bytes(request.into_body(), BODY_BYTES)
            .await
            .map_err(|_| StripeError::invalid("The request's body is too large or did not arrive."))?;
        let form = Form::parse(&body)?;
        let asked = Asked { path, fingerprint: form.fingerprint(), request_id };
        Ok(Call { form, key, asked })
    }
}

fn authenticate(headers: &HeaderMap, keyring: &Current) -> Result<(), StripeError> {
    let given = headers.get(header::AUTHORIZATION).ok_or_else(|| {
        StripeError::unauthorized(
            "You did not provide an API key. Set the Authorization header to 'Bearer YOUR_KEY'.",
        )
    })?;
    let key = given.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
    let accepted = key.is_some_and(|key| keyring.takes(key.trim()));
    if accepted { Ok(()) } else { Err(StripeError::unauthorized("Invalid API Key provided.")) }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), StripeError> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let form = given.as_bytes().starts_with(b"application/x-www-form-urlencoded");
    if form {
        return Ok(());
    }
    Err(StripeError::invalid(
        "Invalid request (check that your POST content type is application/x-www-form-urlencoded).",
    ))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<Key>, StripeError> {
    let Some(given) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = given.to_str().map_err(|_| StripeError::bad_key("Idempotency keys must be plain text."))?;
    if key.is_empty() || key.len() > KEY_CHARACTERS {
        return Err(StripeError::bad_key("Idempotency keys must have between 1 and 255 characters."));
    }
    Ok(Some(Key { account: ACCOUNT.to_owned(), key: key.to_owned() }))
}

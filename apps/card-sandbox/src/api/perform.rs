//! How every command is done: once under its key, decided, written, answered, unless its card brings a fault.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};

use crate::app::till::{Claim, Claimed, Draft};
use crate::app::{App, Done};
use crate::domain::FreshIds;
use crate::domain::answer::{Answer, StoredAnswer};
use crate::domain::book::{Book, DecideError, Plan};
use crate::domain::card::{Effect, Fault, Reply};
use crate::domain::command::Command;
use crate::domain::entry::Entry;
use crate::domain::fold::Object;
use crate::domain::intent::{Intent, State};
use crate::domain::view;

use super::call::Call;
use super::error::StripeError;

const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const ORIGINAL_REQUEST: HeaderName = HeaderName::from_static("original-request");

/// How a command that was carried out ends for its caller.
enum Ending {
    Answer(Answer),
    /// The answer is stored, but the caller does not get it.
    Lost(Reply),
    /// Nothing was done and nothing will be said; the key stays in use as long as the caller waits.
    Stuck(Reply),
    /// It will be done later, and nothing will be said.
    Late,
}

pub(crate) async fn perform(app: App, call: Call, command: Command) -> Result<Response, StripeError> {
    let claim = match app.till.claim(call.key.as_ref(), &call.asked, app.now()) {
        Ok(Claimed::Fresh(claim)) => claim,
        Ok(Claimed::Before(stored)) => {
            app.till.read(|_| ()).await?;
            return Ok(replay(*stored));
        }
        Err(error) => return Err((error, call.key.as_ref().map_or("", |key| key.key.as_str())).into()),
    };
    match execute(&app, &call, &command)? {
        (Ending::Answer(answer), done) => {
            done.settled().await?;
            Ok(respond(answer))
        }
        (Ending::Lost(reply), done) => {
            done.settled().await?;
            drop(claim);
            Ok(withhold(&app, reply).await)
        }
        (Ending::Stuck(reply), done) => {
            done.settled().await?;
            let response = withhold(&app, reply).await;
            drop(claim);
            Ok(response)
        }
        (Ending::Late, done) => {
            tokio::spawn(execute_late(app.clone(), call, command, claim));
            done.settled().await?;
            Ok(withhold(&app, Reply::Silence).await)
        }
    }
}

/// Looks up, decides and writes; the caller's key, if any, is claimed.
fn execute(app: &App, call: &Call, command: &Command) -> Result<(Ending, Done), StripeError> {
    let ids = app.fresh_ids();
    app.write(|book, now| {
        let (entries, answer, ending) = decide(book, command, &ids, now)?;
        let answer = answer.zip(call.key.clone()).map(|(answer, key)| StoredAnswer {
            key,
            asked: call.asked.clone(),
            answer,
        });
        Ok((Draft { order_id: book.order_of(command), entries, answer }, ending))
    })
}

/// Carries out a command that was long on its way. Nobody waits for what comes of it.
async fn execute_late(app: App, call: Call, command: Command, claim: Claim) {
    tokio::time::sleep(app.late_after).await;
    let result = match execute(&app, &call, &command) {
        Ok((_, done)) => done.settled().await.map_err(StripeError::from),
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        tracing::warn!(error = ?error, "a late request came to nothing");
    }
    drop(claim);
}

/// What to write, what to keep under the key, and how it ends for the caller.
fn decide(
    book: &Book,
    command: &Command,
    ids: &FreshIds,
    now: DateTime<Utc>,
) -> Result<(Vec<Entry>, Option<Answer>, Ending), StripeError> {
    let plan = match book.decide(command, ids) {
        Ok(plan) => plan,
        Err(DecideError::NoSuchIntent(id)) => return Err(no_such_intent(command, &id)),
        Err(error @ (DecideError::NoSuchRefund(_) | DecideError::NoSuchDispute(_))) => {
            return Err(StripeError::undecided(&error));
        }
        Err(DecideError::Refused(refusal)) => {
            let (act, subject) = (command.act(), command.subject().to_owned());
            let entry = Entry::Refused { act, message: refusal.to_string(), subject };
            let answer = StripeError::refused(&refusal, book.intent(command.subject())).into_answer();
            return Ok((vec![entry], Some(answer.clone()), Ending::Answer(answer)));
        }
    };
    let object = book.after(&plan.entry, now).expect("invariant: it was decided upon this very book");
    let (answer, ending) = ending_of(&plan, answer_with(&object), book.intent(command.subject()));
    Ok((entries_of(plan, command), answer, ending))
}

fn ending_of(plan: &Plan, truth: Answer, intent: Option<&Intent>) -> (Option<Answer>, Ending) {
    let Some(Fault { effect, reply, .. }) = plan.fault else {
        return (Some(truth.clone()), Ending::Answer(truth));
    };
    match (effect, reply) {
        (
            Effect::Late,
            Reply::Silence | Reply::HangUp | Reply::ServerError | Reply::Declined | Reply::Refused,
        ) => (None, Ending::Late),
        (Effect::Done | Effect::Nothing, Reply::ServerError | Reply::Declined | Reply::Refused) => {
            let answer = StripeError::struck(reply, intent).into_answer();
            (Some(answer.clone()), Ending::Answer(answer))
        }
        (Effect::Done, Reply::Silence | Reply::HangUp) => (Some(truth), Ending::Lost(reply)),
        (Effect::Nothing, Reply::Silence | Reply::HangUp) => (None, Ending::Stuck(reply)),
    }
}

fn entries_of(plan: Plan, command: &Command) -> Vec<Entry> {
    let done = plan.takes_effect();
    let struck = plan.fault.map(|fault| Entry::Faulted { subject: command.subject().to_owned(), fault });
    done.then_some(plan.entry).into_iter().chain(struck).collect()
}

fn answer_with(object: &Object) -> Answer {
    match object {
        Object::Intent(
            intent @ Intent { state: State::RequiresPaymentMethod { failure: Some(failure) }, .. },
        ) => StripeError::declined(intent, failure).into_answer(),
        Object::Intent(intent) => Answer { status: 200, body: view::payment_intent(intent) },
        Object::Refund(refund) => Answer { status: 200, body: view::refund(refund) },
        Object::Dispute(dispute) => Answer { status: 200, body: view::dispute(dispute) },
        Object::None => StripeError::server().into_answer(),
    }
}

fn no_such_intent(command: &Command, id: &str) -> StripeError {
    match command {
        Command::Refund(_) => StripeError::no_such("payment_intent", id, "payment_intent"),
        Command::Create(_)
        | Command::Confirm { .. }
        | Command::Capture { .. }
        | Command::Cancel { .. }
        | Command::CloseDispute { .. } => StripeError::not_found("payment_intent", id, "intent"),
    }
}

fn respond(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(answer.body)).into_response()
}

fn replay(stored: StoredAnswer) -> Response {
    let mut response = respond(stored.answer);
    let headers = response.headers_mut();
    headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    if let Ok(request_id) = HeaderValue::from_str(&stored.asked.request_id) {
        headers.insert(ORIGINAL_REQUEST, request_id);
    }
    response
}

/// Says nothing: for as long as the caller waits, or at once and for good.
async fn withhold(app: &App, reply: Reply) -> Response {
    match reply {
        Reply::Silence => app.stopped().await,
        Reply::HangUp | Reply::ServerError | Reply::Declined | Reply::Refused => {}
    }
    // A body that fails at its first byte closes the connection before the head is sent.
    let nothing = futures::stream::once(async { Err::<String, _>(std::io::Error::other("hung up")) });
    Body::from_stream(nothing).into_response()
}

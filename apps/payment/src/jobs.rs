//! Timed work: the calls to the provider, ends that are missed, what was not delivered, what has expired.
//!
//! A worker's turn is three short steps: the act is marked as sent and committed, the call is made outside any
//! transaction, the answer is applied and committed. A worker that dies in between leaves the payment marked until
//! its time is over; then its outcome counts as unknown. Several workers and several replicas may run.

pub mod comparison;
pub mod forgetting;
pub mod webhooks;

use std::time::Duration;

use chrono::TimeDelta;
use contracts::{OrderId, PaymentId};
use sidecar::fail_point;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::effect::{Act, Call};
use crate::domain::{Answer, Input};
use crate::events;
use crate::provider::{NewIntent, NewRefund, Outcome};
use crate::store::payments::Waiting;
use crate::store::{methods, payments};

/// Payments that one replica works on at once.
const WORKERS: usize = 16;
/// How soon work is seen that nobody was woken for: back-offs, and what a dead replica left.
const POLL: Duration = Duration::from_millis(250);
/// How much longer than the call itself its answer is waited for.
const MARGIN: TimeDelta = TimeDelta::seconds(5);
/// A row that cannot be read is tried again so much later.
const POSTPONED: TimeDelta = TimeDelta::minutes(5);
/// A worker that cannot reach the database waits this long.
const RETRY: Duration = Duration::from_secs(1);

/// A payment whose call was committed as sent and is to be made.
#[derive(Debug)]
pub struct Claimed {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub call: Call,
}

/// What a worker's turn was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing waits for now.
    Idle,
    /// A payment went on.
    Worked,
}

/// Runs until shutdown; a call in hand is finished.
pub async fn run(app: App, shutdown: CancellationToken) {
    let workers = (0..WORKERS).map(|_| work(app.clone(), shutdown.clone()));
    tokio::join!(
        futures::future::join_all(workers),
        poll(app.clone(), shutdown.clone()),
        webhooks::run(app.clone(), shutdown.clone()),
        comparison::run(app.clone(), shutdown.clone()),
        forgetting::run(app.clone(), shutdown.clone()),
        sidecar::events::redeliver_job(
            contracts::App::Payment,
            app.db.clone(),
            app.clone(),
            events::handle,
            shutdown.clone()
        ),
        sidecar::housekeeping::run(app.db.clone(), shutdown.clone()),
        web::idempotency::housekeeping(app.db, shutdown),
    );
}

async fn poll(app: App, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(POLL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => app.work.notify_one(),
        }
    }
}

async fn work(app: App, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = app.work.notified() => {}
        }
        while !shutdown.is_cancelled() {
            match work_once(&app).await {
                Ok(Turn::Worked) => {}
                Ok(Turn::Idle) => break,
                Err(error) => {
                    tracing::warn!(error = format!("{error:#}"), "a payment could not be worked on");
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = tokio::time::sleep(RETRY) => break,
                    }
                }
            }
        }
    }
}

/// One turn: a payment that waits is taken one step further.
///
/// # Errors
/// When the database fails. A call that was made by then is taken up again as one of unknown outcome.
pub async fn work_once(app: &App) -> anyhow::Result<Turn> {
    let Some(claimed) = claim(app).await? else {
        return Ok(Turn::Idle);
    };
    // Where one waits there may be more, for a worker that was not woken.
    app.work.notify_one();
    let Some(claimed) = claimed else {
        return Ok(Turn::Worked);
    };
    let answer = ask(app, &claimed).await?;
    pass(&claimed.call, "before_answer");
    apply(app, &claimed, answer).await?;
    pass(&claimed.call, "after_answer");
    Ok(Turn::Worked)
}

/// Takes the payment that has waited longest; inside is the call to make, if its step needs one.
///
/// # Errors
/// When the database fails.
pub async fn claim(app: &App) -> Result<Option<Option<Claimed>>, sqlx::Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let stored = match payments::lock_waiting_payment(&mut tx, now).await? {
        None => return Ok(None),
        Some(Waiting::Whole(stored)) => stored,
        Some(Waiting::Broken { order_id, error }) => {
            let error = format!("{error:#}");
            tracing::error!(order.id = %order_id, error, "the row of a payment cannot be read");
            payments::postpone_payment(&mut tx, order_id, now + POSTPONED).await?;
            tx.commit().await?;
            return Ok(Some(None));
        }
    };
    let patience = TimeDelta::from_std(app.provider_timeout()).unwrap_or(TimeDelta::MAX) + MARGIN;
    let (payment, events, effects) = stored.payment.react(Input::Timer { patience }, now);
    let call = events::keep(&mut tx, &payment, &stored.cause, events, effects, now).await?;
    call.iter().for_each(|call| pass(call, "before_sent"));
    tx.commit().await?;
    call.iter().for_each(|call| pass(call, "after_sent"));
    app.outbox.wake();
    Ok(Some(call.map(|call| Claimed { order_id: payment.order_id, payment_id: payment.id, call })))
}

/// A place around a call at which a test may end the process.
fn pass(call: &Call, place: &str) {
    fail_point(format_args!("payment.{}.{place}", call.act.name()));
}

/// Makes the call.
///
/// # Errors
/// When what the call needs cannot be read from the database.
pub async fn ask(app: &App, claimed: &Claimed) -> anyhow::Result<Answer> {
    let started = std::time::Instant::now();
    let answer = make(app, claimed).await?;
    metrics::histogram!("provider_call_duration_seconds", "act" => claimed.call.act.name())
        .record(started.elapsed());
    match &answer {
        Answer::Unknown(doubt) => tracing::warn!(
            order.id = %claimed.order_id,
            provider.act = claimed.call.act.name(),
            provider.doubt = ?doubt,
            "the provider's answer is unknown"
        ),
        Answer::Intent(_)
        | Answer::Refund { .. }
        | Answer::Dispute { .. }
        | Answer::Declined { .. }
        | Answer::Refused { .. } => {
            tracing::info!(
                order.id = %claimed.order_id,
                provider.act = claimed.call.act.name(),
                "the provider answered"
            )
        }
    }
    Ok(answer)
}

async fn make(app: &App, claimed: &Claimed) -> anyhow::Result<Answer> {
    let (provider, timeout) = (&app.provider, app.provider_timeout());
    let key = claimed.call.key.as_deref().unwrap_or_default();
    Ok(match &claimed.call.act {
        Act::Create { amount, capture, method } => {
            let token = methods::find_token(&mut *app.db.acquire().await?, *method).await?;
            let Some(token) = token else {
                return Ok(Answer::Refused { code: "payment_method_gone".to_owned() });
            };
            let new = NewIntent {
                order_id: claimed.order_id,
                payment_id: claimed.payment_id,
                amount: *amount,
                capture: *capture,
                token: &token,
            };
            answer(provider.create_intent(new, key, timeout).await, Answer::Intent)
        }
        Act::Confirm { intent } => {
            answer(provider.confirm_intent(intent, key, timeout).await, Answer::Intent)
        }
        Act::Capture { intent, amount } => {
            answer(provider.capture_intent(intent, *amount, key, timeout).await, Answer::Intent)
        }
        Act::Cancel { intent } => answer(provider.cancel_intent(intent, key, timeout).await, Answer::Intent),
        Act::Read { intent } => answer(provider.read_intent(intent, timeout).await, Answer::Intent),
        Act::Refund { intent, amount, cause } => {
            let new = NewRefund { order_id: claimed.order_id, intent, amount: *amount, cause: *cause };
            answer(provider.create_refund(new, key, timeout).await, |refund| Answer::Refund {
                cause: *cause,
                seen: Some(refund),
            })
        }
        Act::FindRefund { intent, cause } => {
            answer(provider.find_refund(intent, *cause, timeout).await, |seen| Answer::Refund {
                cause: *cause,
                seen,
            })
        }
        Act::CloseDispute { dispute_id } => {
            answer(provider.close_dispute(dispute_id, key, timeout).await, |(amount, status)| {
                Answer::Dispute { dispute_id: dispute_id.clone(), amount, status }
            })
        }
    })
}

fn answer<T>(outcome: Outcome<T>, done: impl FnOnce(T) -> Answer) -> Answer {
    match outcome {
        Outcome::Done(value) => done(value),
        Outcome::Declined { code } => Answer::Declined { code },
        Outcome::Refused { code } => Answer::Refused { code },
        Outcome::Unknown(doubt) => Answer::Unknown(doubt),
    }
}

/// Applies what came of the call.
///
/// # Errors
/// When the database fails; then the answer is lost, and the provider is asked again.
pub async fn apply(app: &App, claimed: &Claimed, answer: Answer) -> anyhow::Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let stored = payments::lock_payment(&mut tx, claimed.order_id).await?;
    let stored = stored.ok_or_else(|| anyhow::anyhow!("the payment of {} is gone", claimed.order_id))?;
    let input = Input::Answered { ticket: claimed.call.ticket, answer };
    let (payment, events, effects) = stored.payment.react(input, now);
    events::keep(&mut tx, &payment, &stored.cause, events, effects, now).await?;
    tx.commit().await?;
    app.wake();
    Ok(())
}

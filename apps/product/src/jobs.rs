//! Timed work: reservations whose end is overdue, what was not delivered, what has expired.

use std::time::Duration;

use contracts::OrderId;
use sidecar::events::EventError;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::reservation::{GRACE, Input, REMINDER};
use crate::events;
use crate::store::reservation::list_overdue;

/// How often reservations are looked through; a reminder may come this much later.
const SWEEP: Duration = Duration::from_secs(5);
/// Reservations reported in one round of a sweep.
const BATCH: i64 = 200;

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    tokio::join!(
        sweep(app.clone(), shutdown.clone()),
        sidecar::events::redeliver_job(
            contracts::App::Product,
            app.db.clone(),
            app.clone(),
            events::handle,
            shutdown.clone()
        ),
        sidecar::housekeeping::run(app.db.clone(), shutdown.clone()),
        web::idempotency::housekeeping(app.db, shutdown),
    );
}

async fn sweep(app: App, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match report_overdue(&app).await {
            Ok(0) => {}
            Ok(reported) => {
                tracing::warn!(reported, "reservations have heard of no end after their deadline")
            }
            Err(error) => tracing::warn!(error = %error, "overdue reservations could not be reported"),
        }
    }
}

/// Reminds `order` of every reservation that waits for an end for too long; says how many.
///
/// # Errors
/// When the database fails; the next sweep goes on.
pub async fn report_overdue(app: &App) -> Result<usize, EventError> {
    let now = app.clock.now();
    let overdue = {
        let mut db = app.db.acquire().await?;
        list_overdue(&mut db, now - GRACE, now - REMINDER, BATCH).await?
    };
    for order_id in &overdue {
        report(app, *order_id).await?;
    }
    Ok(overdue.len())
}

async fn report(app: &App, order_id: OrderId) -> Result<(), EventError> {
    let mut tx = app.db.begin().await?;
    events::advance(&mut tx, order_id, Input::TimePassed, "deadline", app.clock.now()).await?;
    tx.commit().await?;
    app.outbox.wake();
    Ok(())
}

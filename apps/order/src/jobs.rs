//! Timed work: orders past their deadline, what was not delivered, what has expired, what is watched, and who is
//! to be forgotten.

pub mod books;
pub mod forgetting;
pub mod watching;

use std::time::Duration;

use contracts::OrderId;
use sidecar::fail_points;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::Input;
use crate::events;
use crate::store::orders;

/// One sweep: an order ends at the latest this long after its deadline.
pub const SWEEP: Duration = Duration::from_secs(1);
/// Orders ended in one round of a sweep.
const BATCH: i64 = 200;

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    tokio::join!(
        sweep(app.clone(), shutdown.clone()),
        sidecar::events::redeliver_job(
            contracts::App::Order,
            app.db.clone(),
            app.clone(),
            events::handle,
            shutdown.clone()
        ),
        books::run(app.clone(), shutdown.clone()),
        forgetting::run(app.clone(), shutdown.clone()),
        watching::run(app.clone(), shutdown.clone()),
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
        if let Err(error) = expire_overdue(&app).await {
            tracing::warn!(error = %error, "orders past their deadline could not be ended");
        }
    }
}

/// Ends every order whose deadline has passed; says how many.
///
/// # Errors
/// When the database fails; the next sweep goes on.
pub async fn expire_overdue(app: &App) -> Result<usize, sqlx::Error> {
    let mut ended = 0;
    loop {
        let overdue = orders::list_overdue(&mut *app.db.acquire().await?, app.clock.now(), BATCH).await?;
        for order_id in &overdue {
            expire(app, *order_id).await?;
        }
        ended += overdue.len();
        if overdue.is_empty() {
            return Ok(ended);
        }
    }
}

async fn expire(app: &App, order_id: OrderId) -> Result<(), sqlx::Error> {
    let mut tx = app.db.begin().await?;
    if let Some(order) = orders::lock_order(&mut tx, order_id).await? {
        let now = app.clock.now();
        let before = order.order;
        let (after, said) = before.clone().react(&Input::Sweep, now);
        if !said.is_empty() {
            events::save(&mut tx, &before, &after, said, now, "deadline").await?;
        }
    }
    fail_points::commit(tx, contracts::App::Order, "sweep").await?;
    app.outbox.wake();
    app.watches.changed(order_id);
    Ok(())
}

//! The one reader for everybody who watches an order on this replica. While nobody does, it asks for nothing.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::store::timeline;

/// What another replica did is seen within this.
const LOOK: Duration = Duration::from_millis(100);
/// Between two looks, however much is going on.
const REST: Duration = Duration::from_millis(20);
/// After a look that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs until shutdown; then nobody watches any more.
pub async fn run(app: App, shutdown: CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = look_on(&app) => {}
    }
    app.watches.end();
}

async fn look_on(app: &App) {
    loop {
        let looked = look(app).await;
        let pause = match looked {
            Ok(0) => {
                app.watches.wanted().await;
                continue;
            }
            Ok(_) => REST,
            Err(error) => {
                tracing::warn!(error = %error, "orders that are watched could not be looked at");
                PAUSE
            }
        };
        tokio::time::sleep(pause).await;
        // Whoever wants to know at once does not wait for the next look.
        let _ = tokio::time::timeout(LOOK, app.watches.wanted()).await;
    }
}

/// Tells whoever watches an order how it stands; says how many orders that are.
///
/// # Errors
/// When the database fails.
pub async fn look(app: &App) -> Result<usize, sqlx::Error> {
    let orders = app.watches.orders();
    if orders.is_empty() {
        return Ok(0);
    }
    let standings = timeline::list_standings(&mut *app.db.acquire().await?, &orders).await?;
    app.watches.tell(standings);
    Ok(orders.len())
}

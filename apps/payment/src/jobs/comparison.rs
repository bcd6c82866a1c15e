//! Compares the card processor's own list with ours, applies what was missed, and notes what does not agree.
//!
//! The lists are gone through page by page. Only what does not agree by them is looked at closely: read anew at the
//! processor, applied, and compared under the payment's lock.

mod examine;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::configuration::PAYMENT_COMPARISON_INTERVAL;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::App;
use crate::domain::comparison::{Listed, compare};
use crate::domain::{IntentId, Payment};
use crate::provider::Outcome;
use crate::provider::comparison::Which;
use crate::store::comparison::{self, Lease};
use crate::store::{payments, webhooks};

/// What was made so long before the last comparison is compared once more.
const OVERLAP: TimeDelta = TimeDelta::hours(1);
/// Refunds fail, and charges are disputed, long after they were made.
const LONG_OVERLAP: TimeDelta = TimeDelta::days(30);
/// Nobody else begins while a comparison shows a sign of life within this time.
const LEASE: TimeDelta = TimeDelta::minutes(2);
/// How soon the job sees that its time has come.
const POLL: Duration = Duration::from_secs(5);
/// After a failure.
const RETRY: Duration = Duration::from_secs(30);
/// Intents that are read one by one; the others have their turn the next time.
const READ_ONE_BY_ONE: i64 = 500;

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    pub began_at: DateTime<Utc>,
    pub intents: u64,
    pub refunds: u64,
    pub disputes: u64,
    pub healed: u64,
    pub cancelled: u64,
    pub open: u64,
}

/// A comparison that is being made.
struct Run<'a> {
    app: &'a App,
    lease: Lease,
    compared: Compared,
    /// To be looked at closely.
    suspects: BTreeSet<IntentId>,
}

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    let mut pause = POLL;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = match run_if_due(&app).await {
            Ok(()) => POLL,
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the provider's list could not be compared");
                RETRY
            }
        };
    }
}

async fn run_if_due(app: &App) -> anyhow::Result<()> {
    let compared_at = comparison::find_compared_at(&mut *app.db.acquire().await?).await?;
    let interval = app.live.get(&PAYMENT_COMPARISON_INTERVAL);
    // What seems to lie ahead has just been.
    let age = compared_at.map(|at| (app.clock.now() - at).to_std().unwrap_or_default());
    if let Some(age) = age {
        metrics::gauge!("payment_comparison_age_seconds")
            .set(u32::try_from(age.as_secs()).unwrap_or_default());
    }
    if age.is_none_or(|age| age >= interval) {
        run_once(app).await?;
    }
    Ok(())
}

/// One comparison, from the last one on; none while another is being made.
///
/// # Errors
/// When the processor or the database cannot be reached; what was applied by then stays.
pub async fn run_once(app: &App) -> anyhow::Result<Option<Compared>> {
    let now = app.clock.now();
    let lease =
        comparison::take_lease(&mut *app.db.acquire().await?, Uuid::now_v7(), now, now + LEASE).await?;
    let Some(lease) = lease else {
        return Ok(None);
    };
    let compared =
        Compared { began_at: now, intents: 0, refunds: 0, disputes: 0, healed: 0, cancelled: 0, open: 0 };
    let mut run = Run { app, lease, compared, suspects: BTreeSet::new() };
    let result = run.whole().await;
    let ended = result.is_ok().then_some(now);
    comparison::end_lease(&mut *app.db.acquire().await?, lease, ended).await?;
    result.map(|()| Some(run.compared))
}

impl Run<'_> {
    async fn whole(&mut self) -> anyhow::Result<()> {
        let since = self.lease.compared_at.map(|at| at - OVERLAP);
        let long_since = self.lease.compared_at.map(|at| at - LONG_OVERLAP);
        self.refunds(long_since).await?;
        self.disputes(long_since).await?;
        self.intents(since).await?;
        let unseen = {
            let mut db = self.app.db.acquire().await?;
            comparison::list_unseen(&mut db, since, self.compared.began_at, READ_ONE_BY_ONE).await?
        };
        self.suspects.extend(unseen);
        for intent in std::mem::take(&mut self.suspects) {
            self.examine(&intent).await?;
            self.stay().await?;
        }
        let open = comparison::count_discrepancies(&mut *self.app.db.acquire().await?).await?;
        self.compared.open = u64::try_from(open).unwrap_or_default();
        metrics::gauge!("payment_discrepancies_open").set(u32::try_from(open).unwrap_or(u32::MAX));
        tracing::info!(
            provider.intents = self.compared.intents,
            provider.healed = self.compared.healed,
            provider.open = self.compared.open,
            "compared the provider's list with ours"
        );
        Ok(())
    }

    async fn refunds(&mut self, since: Option<DateTime<Utc>>) -> anyhow::Result<()> {
        let (app, mut after) = (self.app, None);
        loop {
            let page =
                app.provider.list_refunds(Which::Since(since), after.as_deref(), app.provider_timeout());
            let page = done(page.await)?;
            let mut db = app.db.acquire().await?;
            self.suspects.extend(comparison::upsert_refunds(&mut db, &page.items, app.clock.now()).await?);
            drop(db);
            self.compared.refunds += count(&page.items);
            self.stay().await?;
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn disputes(&mut self, since: Option<DateTime<Utc>>) -> anyhow::Result<()> {
        let (app, mut after) = (self.app, None);
        loop {
            let page =
                app.provider.list_disputes(Which::Since(since), after.as_deref(), app.provider_timeout());
            let page = done(page.await)?;
            self.compared.disputes += count(&page.items);
            let mut db = app.db.acquire().await?;
            for dispute in page.items {
                let Some(intent) = dispute.intent else { continue };
                let payment = find_payment(&mut db, &intent).await?;
                let known = payment.and_then(|payment| payment.disputes.get(&dispute.id).cloned());
                if known.map(|known| known.status()) != dispute.status {
                    self.suspects.insert(intent);
                }
            }
            drop(db);
            self.stay().await?;
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn intents(&mut self, since: Option<DateTime<Utc>>) -> anyhow::Result<()> {
        let (app, mut after) = (self.app, None);
        loop {
            let page =
                app.provider.list_charges(Which::Since(since), after.as_deref(), app.provider_timeout());
            let page = done(page.await)?;
            self.look_at(&page.items).await?;
            self.compared.intents += count(&page.items);
            metrics::counter!("payment_comparison_intents_total").increment(count(&page.items));
            self.stay().await?;
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Suspects what does not agree by the list alone.
    async fn look_at(&mut self, page: &[Listed]) -> anyhow::Result<()> {
        let now = self.app.clock.now();
        let mut db = self.app.db.acquire().await?;
        comparison::upsert_charges(&mut db, page, now).await?;
        let ids: Vec<IntentId> = page.iter().map(|listed| listed.id.clone()).collect();
        let refunded: BTreeMap<_, _> = comparison::list_refunded(&mut db, &ids).await?.into_iter().collect();
        for listed in page {
            let payment = match listed.order_id {
                Some(order_id) => {
                    payments::find_payment(&mut db, order_id).await?.map(|stored| stored.payment)
                }
                None => find_payment(&mut db, &listed.id).await?,
            };
            let refunded = refunded.get(&listed.id).copied().unwrap_or_default();
            if !compare(payment.as_ref(), listed, refunded, now).is_empty() {
                self.suspects.insert(listed.id.clone());
            }
        }
        Ok(())
    }

    /// Keeps the turn.
    async fn stay(&self) -> anyhow::Result<()> {
        let until = self.app.clock.now() + LEASE;
        let mut db = self.app.db.acquire().await?;
        anyhow::ensure!(
            comparison::extend_lease(&mut db, self.lease, until).await?,
            "somebody else has begun to compare"
        );
        Ok(())
    }
}

async fn find_payment(
    db: &mut sqlx::PgConnection,
    intent: &IntentId,
) -> Result<Option<Payment>, sqlx::Error> {
    match webhooks::find_order_of_intent(db, intent).await? {
        Some(order_id) => Ok(payments::find_payment(db, order_id).await?.map(|stored| stored.payment)),
        None => Ok(None),
    }
}

fn done<T>(outcome: Outcome<T>) -> anyhow::Result<T> {
    match outcome {
        Outcome::Done(done) => Ok(done),
        Outcome::Declined { code } | Outcome::Refused { code } => {
            anyhow::bail!("the provider refuses: {code}")
        }
        Outcome::Unknown(doubt) => anyhow::bail!("the provider does not answer: {doubt:?}"),
    }
}

fn count<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

//! One intent, looked at closely.

use contracts::{OrderId, PaymentId};
use uuid::Uuid;

use super::{Run, done};
use crate::app::App;
use crate::domain::comparison::{Finding, Kind, Snapshot, compare};
use crate::domain::effect::{Act, Effect, Receipt, ReceiptKind, ReceiptState};
use crate::domain::{IntentId, IntentStatus, Payment};
use crate::events;
use crate::jobs::webhooks::take_in;
use crate::provider::Outcome;
use crate::provider::comparison::Which;
use crate::store::payments;
use crate::store::{comparison, webhooks};

/// What causes are called that no event of anybody's is.
const CAUSE: &str = "comparison";

/// An unused intent of an order, to be cancelled.
struct Stray {
    order_id: OrderId,
    payment_id: PaymentId,
    intent: IntentId,
}

impl Run<'_> {
    /// Reads the intent anew, applies what was missed, and notes what still does not agree.
    pub(super) async fn examine(&mut self, intent: &IntentId) -> anyhow::Result<()> {
        let app = self.app;
        let Some(snapshot) = take_snapshot(app, intent).await? else {
            return self.note_missing(intent).await;
        };
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        comparison::upsert_refunds(&mut tx, &snapshot.refunds, now).await?;
        comparison::upsert_charges(&mut tx, std::slice::from_ref(&snapshot.listed), now).await?;
        let named = match snapshot.listed.order_id {
            Some(order_id) => Some(order_id),
            None => webhooks::find_order_of_intent(&mut tx, intent).await?,
        };
        let stored = match named {
            Some(order_id) => payments::lock_payment(&mut tx, order_id).await?,
            None => None,
        };
        let payment = match stored {
            Some(stored) => {
                let (before, inputs) = (stored.payment.clone(), snapshot.inputs(&stored.payment));
                let after = take_in(&mut tx, stored, inputs, CAUSE, now).await?;
                self.compared.healed += u64::from(after != before);
                Some(after)
            }
            None => None,
        };
        let findings = compare(payment.as_ref(), &snapshot.listed, snapshot.refunded(), now);
        let kinds: Vec<Kind> = findings.iter().map(|finding| finding.kind).collect();
        comparison::resolve_discrepancies(&mut tx, intent, &kinds, now).await?;
        for finding in &findings {
            comparison::upsert_discrepancy(&mut tx, Uuid::now_v7(), named, intent, finding, now).await?;
        }
        tx.commit().await?;
        app.wake();
        match payment.filter(|_| kinds.contains(&Kind::StrayIntent)) {
            Some(payment) => self.cancel_stray(&payment, intent).await,
            None => Ok(()),
        }
    }

    /// The processor knows nothing of an intent that it has made for us.
    async fn note_missing(&mut self, intent: &IntentId) -> anyhow::Result<()> {
        let now = self.app.clock.now();
        let mut tx = self.app.db.begin().await?;
        let order_id = webhooks::find_order_of_intent(&mut tx, intent).await?;
        let finding = Finding { kind: Kind::Missing, detail: "the provider does not know it".to_owned() };
        comparison::resolve_discrepancies(&mut tx, intent, &[Kind::Missing], now).await?;
        comparison::upsert_discrepancy(&mut tx, Uuid::now_v7(), order_id, intent, &finding, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Cancels an intent that nobody will ever confirm, with receipts like any other act.
    async fn cancel_stray(&mut self, payment: &Payment, intent: &IntentId) -> anyhow::Result<()> {
        let app = self.app;
        let stray = Stray { order_id: payment.order_id, payment_id: payment.id, intent: intent.clone() };
        stray.note(app, &[ReceiptState::Planned, ReceiptState::Sent]).await?;
        let answer = app.provider.cancel_intent(intent, &stray.key(), app.provider_timeout()).await;
        let state = match &answer {
            Outcome::Done(seen) if seen.status == IntentStatus::Canceled => ReceiptState::Confirmed,
            Outcome::Done(_) | Outcome::Unknown(_) => ReceiptState::Unknown,
            Outcome::Declined { .. } | Outcome::Refused { .. } => ReceiptState::Failed,
        };
        stray.note(app, &[state]).await?;
        if state == ReceiptState::Confirmed {
            self.compared.cancelled += 1;
            let now = app.clock.now();
            comparison::resolve_discrepancies(&mut *app.db.acquire().await?, intent, &[], now).await?;
        }
        Ok(())
    }
}

impl Stray {
    fn key(&self) -> String {
        format!("{}-stray-{}", self.payment_id, self.intent.0)
    }

    async fn note(&self, app: &App, states: &[ReceiptState]) -> anyhow::Result<()> {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let stored = payments::lock_payment(&mut tx, self.order_id).await?;
        let stored = stored.ok_or_else(|| anyhow::anyhow!("the payment of {} is gone", self.order_id))?;
        let receipts = states.iter().map(|state| {
            Effect::Receipt(Receipt {
                kind: ReceiptKind::Void,
                state: *state,
                key: self.key(),
                attempt: 1,
                act: Act::Cancel { intent: self.intent.clone() },
                reference: Some(self.intent.0.clone()),
            })
        });
        events::keep(&mut tx, &stored.payment, &stored.cause, Vec::new(), receipts.collect(), now).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// All that the processor says of the intent; nothing when it does not know it.
async fn take_snapshot(app: &App, intent: &IntentId) -> anyhow::Result<Option<Snapshot>> {
    let (provider, timeout) = (&app.provider, app.provider_timeout());
    let listed = match provider.read_charge(intent, timeout).await {
        Outcome::Refused { .. } => return Ok(None),
        other => done(other)?,
    };
    let (mut refunds, mut disputes) = (Vec::new(), Vec::new());
    let mut after = None;
    loop {
        let page = done(provider.list_refunds(Which::Of(intent), after.as_deref(), timeout).await)?;
        refunds.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    loop {
        let page = done(provider.list_disputes(Which::Of(intent), after.as_deref(), timeout).await)?;
        disputes.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(Some(Snapshot { listed, refunds, disputes }));
        }
    }
}

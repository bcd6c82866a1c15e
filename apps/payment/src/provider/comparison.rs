//! The processor's own lists: intents, refunds and disputes, newest first.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::request::CAUSE;
use super::{Outcome, PAGE, Provider, wire};
use crate::domain::IntentId;
use crate::domain::comparison::{Listed, ListedDispute, ListedRefund};
use crate::provider::Request;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// What was made since then, or all.
    Since(Option<DateTime<Utc>>),
    /// What belongs to this intent.
    Of(&'a IntentId),
}

/// One page, and after what the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPage<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// What all objects have, by the processor's names.
#[derive(Debug, Deserialize)]
struct Head {
    id: String,
    created: i64,
    status: Option<String>,
    #[serde(default)]
    amount: i64,
    #[serde(default)]
    amount_received: i64,
    #[serde(default)]
    currency: String,
    payment_intent: Option<String>,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

impl Provider {
    pub async fn list_charges(
        &self,
        which: Which<'_>,
        after: Option<&str>,
        timeout: Duration,
    ) -> Outcome<ListedPage<Listed>> {
        self.list("/v1/payment_intents", which, after, timeout).await.read(|page| read_page(page, listed))
    }

    pub async fn list_refunds(
        &self,
        which: Which<'_>,
        after: Option<&str>,
        timeout: Duration,
    ) -> Outcome<ListedPage<ListedRefund>> {
        self.list("/v1/refunds", which, after, timeout).await.read(|page| read_page(page, listed_refund))
    }

    pub async fn list_disputes(
        &self,
        which: Which<'_>,
        after: Option<&str>,
        timeout: Duration,
    ) -> Outcome<ListedPage<ListedDispute>> {
        self.list("/v1/disputes", which, after, timeout).await.read(|page| read_page(page, listed_dispute))
    }

    /// One intent as a line of the list.
    pub async fn read_charge(&self, intent: &IntentId, timeout: Duration) -> Outcome<Listed> {
        let request = Request::read_intent(intent);
        self.send(&request, None, timeout).await.read(|object: Value| listed(&object))
    }

    async fn list(
        &self,
        path: &str,
        which: Which<'_>,
        after: Option<&str>,
        timeout: Duration,
    ) -> Outcome<wire::Page<Value>> {
        let mut parameters = vec![("limit", PAGE.to_string())];
        match which {
            Which::Since(since) => {
                parameters.extend(since.map(|since| ("created[gte]", since.timestamp().to_string())));
            }
            Which::Of(intent) => parameters.push(("payment_intent", intent.0.clone())),
        }
        parameters.extend(after.map(|after| ("starting_after", after.to_owned())));
        self.send(&Request::list(path, parameters), None, timeout).await
    }
}

fn read_page<T>(page: wire::Page<Value>, read: impl Fn(&Value) -> Option<T>) -> Option<ListedPage<T>> {
    let last = page.data.last().and_then(|object| object["id"].as_str()).map(str::to_owned);
    let items = page.data.iter().map(read).collect::<Option<Vec<_>>>()?;
    Some(ListedPage { items, next: last.filter(|_| page.has_more) })
}

fn listed(object: &Value) -> Option<Listed> {
    let head = Head::deserialize(object).ok()?;
    let status = wire::Intent::deserialize(object).ok()?.read().map(|intent| intent.status);
    Some(Listed {
        order_id: head.metadata.get("order_id").and_then(|id| id.parse().ok()),
        id: IntentId(head.id),
        status,
        status_name: head.status?,
        captured: head.amount_received,
        currency: head.currency.to_ascii_uppercase(),
        made_at: DateTime::from_timestamp(head.created, 0)?,
    })
}

fn listed_refund(object: &Value) -> Option<ListedRefund> {
    let head = Head::deserialize(object).ok()?;
    Some(ListedRefund {
        cause: head.metadata.get(CAUSE).and_then(|cause| cause.parse().ok()),
        id: head.id,
        intent: head.payment_intent.map(IntentId),
        amount: head.amount,
        money: wire::money(head.amount, &head.currency),
        seen: wire::Refund::deserialize(object).ok()?.read(),
        status_name: head.status.unwrap_or_default(),
    })
}

fn listed_dispute(object: &Value) -> Option<ListedDispute> {
    let head = Head::deserialize(object).ok()?;
    let (amount, status) = wire::Dispute::deserialize(object).ok()?.read().unzip();
    Some(ListedDispute { id: head.id, intent: head.payment_intent.map(IntentId), amount, status })
}

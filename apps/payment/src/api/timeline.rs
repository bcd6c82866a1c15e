//! What `payment` has to tell of an order: what it did with the money, what was done at the card processor, and what
//! staff decided. No personal data, no link, no token.

use axum::extract::State;
use contracts::receipt::ReceiptLine;
use contracts::timeline::{EntryKind, TimelineEntry, TimelinePart, TimelineQuery};
use contracts::{App as Service, EventType, Operation};
use serde_json::{Value, json};
use web::{Json, Problem};

use crate::app::App;
use crate::domain::Record;
use crate::store::payments::Trail;
use crate::store::records::RecordShown;
use crate::store::resolutions::ResolutionShown;
use crate::store::{receipts, records, resolutions};

pub async fn read_payment_timeline(
    State(app): State<App>,
    Json(query): Json<TimelineQuery>,
) -> Result<Json<TimelinePart>, Problem> {
    let mut tx = app.snapshot().await?;
    let decided = resolutions::list_resolutions(&mut tx, query.order_id).await?;
    let done = receipts::list_traced_receipts(&mut tx, query.order_id).await?;
    let recorded = records::list_records(&mut tx, query.order_id).await?;
    tx.commit().await?;
    let mut entries: Vec<_> = decided.into_iter().map(command).collect();
    entries.extend(done.into_iter().map(receipt));
    entries.extend(recorded.into_iter().map(effect));
    // Stable, so that of one moment what was asked comes first, then what was done, then what followed.
    entries.sort_by_key(|entry| entry.at);
    Ok(Json(TimelinePart { entries }))
}

fn command(shown: ResolutionShown) -> TimelineEntry {
    TimelineEntry {
        at: shown.at,
        kind: EntryKind::Command,
        name: Operation::ResolvePayment.row().name.to_owned(),
        who: shown.resolved_by.to_string(),
        cause: shown.causation_id,
        trace_id: shown.traceparent.as_deref().and_then(trace_id),
        detail: json!({
            "action": shown.action, "refund": shown.cause, "dispute_id": shown.dispute_id, "reason": shown.reason,
        }),
    }
}

fn receipt((line, trail): (ReceiptLine, Trail)) -> TimelineEntry {
    let repeated = line.attempt > 1 && line.state == "planned";
    TimelineEntry {
        at: line.at,
        kind: if repeated { EntryKind::Retried } else { EntryKind::Receipt },
        name: format!("{}_{}", line.kind, line.state),
        who: own_name(),
        cause: trail.causation_id,
        trace_id: trail.traceparent.as_deref().and_then(trace_id),
        detail: json!({
            "sequence": line.sequence, "key": line.key, "attempt": line.attempt, "reference": line.provider_reference,
        }),
    }
}

fn effect(shown: RecordShown) -> TimelineEntry {
    let (kind, event) = match &shown.record {
        Record::ActionRequired => (EntryKind::Decided, Some(EventType::PaymentActionRequired)),
        Record::Authorised { .. } => (EntryKind::Effect, Some(EventType::PaymentAuthorised)),
        Record::Captured { .. } => (EntryKind::Effect, Some(EventType::PaymentCaptured)),
        Record::Due { .. } => (EntryKind::Decided, Some(EventType::PaymentDue)),
        Record::Voided => (EntryKind::Effect, Some(EventType::PaymentVoided)),
        Record::Declined { .. } => (EntryKind::Decided, Some(EventType::PaymentDeclined)),
        Record::Refunded { .. } => (EntryKind::Effect, Some(EventType::PaymentRefunded)),
        Record::RefundFailed { .. } | Record::RefundReturned { .. } => {
            (EntryKind::Decided, Some(EventType::PaymentRefundFailed))
        }
        Record::RefundSettled { .. } => (EntryKind::Effect, Some(EventType::PaymentRefunded)),
        Record::Disputed { .. } => (EntryKind::Effect, Some(EventType::PaymentDisputed)),
        Record::Lapsed => (EntryKind::Effect, None),
    };
    let name = event.map_or_else(|| shown.record.kind().to_owned(), |event| event.name().to_owned());
    TimelineEntry {
        at: shown.at,
        kind,
        name,
        who: own_name(),
        cause: shown.cause.causation_id,
        trace_id: shown.cause.traceparent.as_deref().and_then(trace_id),
        detail: detail(&shown.record),
    }
}

fn detail(record: &Record) -> Value {
    let mut detail = json!({});
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            detail[name] = value;
        }
    };
    put("amount", json!(record.amount()));
    put("refusal", json!(record.refusal()));
    put("refund", json!(record.cause()));
    put("round", json!(record.due().map(|(round, _)| round)));
    put("reason", json!(record.due().map(|(_, reason)| reason)));
    put("dispute_id", json!(record.dispute().map(|(id, _)| id)));
    put("status", json!(record.dispute().map(|(_, status)| status)));
    detail
}

fn own_name() -> String {
    Service::Payment.name().to_owned()
}

/// The trace's id, the second part of a W3C `traceparent`.
fn trace_id(traceparent: &str) -> Option<String> {
    traceparent.split('-').nth(1).filter(|id| id.len() == 32).map(str::to_owned)
}

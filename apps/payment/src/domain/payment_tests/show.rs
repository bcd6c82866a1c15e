//! States, events and effects in few words, for the snapshot.

use contracts::{Event, Refusal};

use super::now;
use crate::domain::effect::{Act, Effect, Posting};
use crate::domain::{Attempt, Charge, Payment, Record, Step};

pub(super) fn payment(payment: &Payment) -> String {
    let mut facts = Vec::new();
    if let Some(due) = &payment.due {
        facts.push(format!("due {}", due.total.amount()));
    }
    if payment.stock_reserved {
        facts.push("reserved".to_owned());
    }
    facts.extend(payment.end.map(|end| format!("{end:?}").to_lowercase()));
    facts.extend(payment.overdue.map(|overdue| {
        format!("end awaited until {}s ({} reports)", (overdue.at - now()).num_seconds(), overdue.reports)
    }));
    facts.push(format!("{} calls", payment.calls));
    format!("{} [{}]", charge(&payment.charge), facts.join(", "))
}

pub(super) fn charge(charge: &Charge) -> String {
    let name = match charge {
        Charge::Waiting => "waiting".to_owned(),
        Charge::Creating { .. } => "creating".to_owned(),
        Charge::Confirming { .. } => "confirming".to_owned(),
        Charge::Cancelling { refusal: said, doubted, .. } => {
            let said = said.as_ref().map_or("void".to_owned(), refusal);
            let doubted =
                doubted.map_or(String::new(), |tried| format!(", charge {} in doubt", tried.number));
            format!("cancelling ({said}{doubted})")
        }
        Charge::Authorised { .. } => "authorised".to_owned(),
        Charge::Free => "free".to_owned(),
        Charge::Captured { .. } => "captured".to_owned(),
        Charge::Refunding { .. } => "refunding".to_owned(),
        Charge::Refunded { .. } => "refunded".to_owned(),
        Charge::RefundFailed { .. } => "refund failed".to_owned(),
        Charge::Closed { intent: None } => "closed".to_owned(),
        Charge::Closed { intent: Some(_) } => "closed (intent cancelled)".to_owned(),
    };
    charge.attempt().map_or(name.clone(), |act| format!("{name} {}", attempt(act)))
}

fn attempt(attempt: Attempt) -> String {
    let step = match attempt.step {
        Step::Planned => "planned".to_owned(),
        Step::Sent => "sent".to_owned(),
        Step::Doubtful(doubt) => format!("doubtful:{doubt:?}"),
        Step::Asked(doubt) => format!("asked:{doubt:?}"),
    };
    let at = (attempt.at - now()).num_milliseconds();
    format!("{step} #{} key {} at {at}ms", attempt.number, attempt.generation)
}

pub(super) fn refusal(refusal: &Refusal) -> String {
    match refusal {
        Refusal::PaymentDeclined { code } => format!("declined:{code}"),
        other => format!("{:?}", other.problem_type()),
    }
}

pub(super) fn event(event: &Event) -> String {
    match event {
        Event::PaymentDeclined(said) => format!("payment.declined({})", refusal(&said.refusal)),
        Event::PaymentCaptured(said) => format!("payment.captured({})", said.amount.amount()),
        other => other.event_type().name().trim_end_matches(".v1").to_owned(),
    }
}

pub(super) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Call(call) => {
            let key = call.key.as_deref().map_or("no key", |key| &key[37..]);
            format!(
                "call {} {key}{}",
                call.ticket,
                if let Act::Read { .. } = call.act { " (read)" } else { "" }
            )
        }
        Effect::Receipt(receipt) => {
            format!("receipt {}:{} #{}", receipt.kind.name(), receipt.state.name(), receipt.attempt)
        }
        Effect::Posting(Posting::Capture { amount }) => format!("post capture {}", amount.amount()),
        Effect::Posting(Posting::Refund { amount, .. }) => format!("post refund {}", amount.amount()),
        Effect::Record(Record::Declined { refusal: why }) => format!("record declined({})", refusal(why)),
        Effect::Record(record) => format!("record {}", record.kind()),
    }
}

//! States, events and effects in few words, for the snapshot.

use contracts::{Event, RefundCause, Refusal};

use super::now;
use crate::domain::effect::{Act, Effect, Posting};
use crate::domain::{
    Attempt, Charge, DisputeStage, Doubted, End, Payment, Record, Refund, RefundStage, Step,
};

pub(super) fn payment(payment: &Payment) -> String {
    let mut facts = Vec::new();
    if let Some(due) = &payment.due {
        facts.push(format!("due {}", due.total.amount()));
    }
    if payment.stock_reserved {
        facts.push("reserved".to_owned());
    }
    facts.extend(payment.wish.map(|wish| format!("wish {} round {}", wish.amount.amount(), wish.round)));
    facts.extend(payment.end.map(|end| match end {
        End::Confirmed => "confirmed".to_owned(),
        End::Rejected => "rejected".to_owned(),
        End::Cancelled { refunds_requested } => format!("cancelled but {}", refunds_requested.amount()),
        End::Expired => "expired".to_owned(),
    }));
    facts.extend(payment.refunds.iter().map(|(cause, refund)| self::refund(*cause, refund)));
    facts.extend(payment.disputes.iter().map(|(id, dispute)| match dispute.stage {
        DisputeStage::Open => format!("{id} open"),
        DisputeStage::Accepting { attempt: act } => format!("{id} accepting {}", attempt(act)),
        DisputeStage::Won => format!("{id} won"),
        DisputeStage::Lost => format!("{id} lost"),
    }));
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
            let doubted = match doubted {
                Some(Doubted::Charge(tried)) => format!(", charge {} in doubt", tried.number),
                Some(Doubted::Capture { tried, .. }) => format!(", capture {} in doubt", tried.number),
                None => String::new(),
            };
            format!("cancelling ({said}{doubted})")
        }
        Charge::ActionRequired { .. } => "action required".to_owned(),
        Charge::Authorised { .. } => "authorised".to_owned(),
        Charge::Capturing { amount, round, refused, .. } => {
            let refused = refused.as_ref().map_or(String::new(), |code| format!(", refused:{code}"));
            format!("capturing ({} round {round}{refused})", amount.amount())
        }
        Charge::Due { amount, round, generation, reason, .. } => {
            format!("due ({} round {round} after key {generation}: {})", amount.amount(), reason.code())
        }
        Charge::Free { intent: None } => "free".to_owned(),
        Charge::Free { intent: Some(_) } => "free (intent cancelled)".to_owned(),
        Charge::Captured { .. } => "captured".to_owned(),
        Charge::Closed { intent: None } => "closed".to_owned(),
        Charge::Closed { intent: Some(_) } => "closed (intent cancelled)".to_owned(),
    };
    charge.attempt().map_or(name.clone(), |act| format!("{name} {}", attempt(act)))
}

fn refund(cause: RefundCause, refund: &Refund) -> String {
    let stage = match &refund.stage {
        RefundStage::InHand { attempt: act } => format!("in hand {}", attempt(*act)),
        RefundStage::Failed { why } => format!("failed:{}", why.name()),
        other => other.name().to_owned(),
    };
    let failed = if refund.failed.is_empty() { String::new() } else { format!(" after {:?}", refund.failed) };
    format!("refund {} {}: {stage}{failed}", self::cause(cause), refund.amount.amount())
}

/// A cause without its long id.
fn cause(cause: RefundCause) -> String {
    cause.to_string().split(':').next().unwrap_or_default().to_owned()
}

fn attempt(attempt: Attempt) -> String {
    let step = match attempt.step {
        Step::Planned => "planned".to_owned(),
        Step::Sent { ticket } => format!("sent({ticket})"),
        Step::Doubtful(doubt) => format!("doubtful:{doubt:?}"),
        Step::Asked { ticket, doubt } => format!("asked({ticket}):{doubt:?}"),
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
        Event::PaymentDue(said) => format!("payment.due(round {}, {})", said.round, said.reason),
        Event::PaymentRefunded(said) => {
            format!("payment.refunded({} {})", cause(said.cause), said.amount.amount())
        }
        Event::PaymentRefundFailed(said) => format!("payment.refund_failed({})", cause(said.cause)),
        Event::PaymentDisputed(said) => format!("payment.disputed({:?})", said.status),
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
        Effect::Posting(posting) => format!("post {}", self::posting(posting)),
        Effect::Record(Record::Declined { refusal: why }) => format!("record declined({})", refusal(why)),
        Effect::Record(record) => format!("record {}", record.kind()),
    }
}

fn posting(posting: &Posting) -> String {
    match posting {
        Posting::Capture { amount } => format!("capture {}", amount.amount()),
        Posting::Refund { amount, cause: why, number } => {
            format!("refund {} {} #{number}", cause(*why), amount.amount())
        }
        Posting::RefundReturned { amount, cause: why, number } => {
            format!("refund returned {} {} #{number}", cause(*why), amount.amount())
        }
        Posting::Settlement { amount, cause: why } => {
            format!("settlement {} {}", cause(*why), amount.amount())
        }
        Posting::DisputeOpened { amount, .. } => format!("dispute opened {}", amount.amount()),
        Posting::DisputeWon { amount, .. } => format!("dispute won {}", amount.amount()),
        Posting::DisputeLost { amount, .. } => format!("dispute lost {}", amount.amount()),
    }
}

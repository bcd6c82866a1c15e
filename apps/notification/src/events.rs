//! What `notification` hears from the others.

use contracts::{App as Service, Envelope, Event, MailId, MessageId, UserId};
use sidecar::events::EventError;
use sidecar::inbox;
use sqlx::PgConnection;
use uuid::Uuid;
use web::request::traceparent;

use crate::app::App;
use crate::domain::accounts::{AccountTelling, account_telling};
use crate::domain::mail::MailKind;
use crate::domain::{Channel, Language, Letter, Message, Telling, telling};
use crate::store::{self, Occasion, accounts, mails};

/// What follows from an event.
enum Heard {
    Order(Telling),
    Account(AccountTelling),
    Mail { id: MailId, user_id: UserId, kind: MailKind },
    Deleted(UserId),
}

/// Handles one event; each at least once, its effect exactly once.
pub async fn handle(app: App, envelope: Envelope) -> Result<(), EventError> {
    let event_type = envelope.event.event_type();
    let heard = hear(&envelope.event)
        .ok_or_else(|| EventError::Drop(format!("there is nothing to tell of {}", event_type.name())))?;
    let mut tx = app.db.begin().await?;
    if inbox::first_time(&mut tx, &envelope).await? {
        match heard {
            Heard::Order(told) => write(&mut tx, &app, &envelope, told).await?,
            Heard::Account(told) => write_of_account(&mut tx, &app, &envelope, told).await?,
            Heard::Mail { id, user_id, kind } => {
                let cause = envelope.id.to_string();
                mails::insert_mail(&mut tx, id, user_id, kind, &cause, app.clock.now()).await?;
            }
            Heard::Deleted(user_id) => {
                accounts::insert_forgotten(&mut tx, user_id, app.clock.now()).await?;
                accounts::update_illegible(&mut tx, user_id).await?;
            }
        }
    }
    inbox::commit(tx, Service::Notification, &envelope).await?;
    app.mails.notify_one();
    Ok(())
}

fn hear(event: &Event) -> Option<Heard> {
    match event {
        Event::UserVerificationRequested(said) => {
            Some(Heard::Mail { id: said.mail_id, user_id: said.user_id, kind: MailKind::Verification })
        }
        Event::UserResetRequested(said) => {
            Some(Heard::Mail { id: said.mail_id, user_id: said.user_id, kind: MailKind::Reset })
        }
        Event::UserDeleted(said) => Some(Heard::Deleted(said.user_id)),
        other => telling(other, Language::En)
            .map(Heard::Order)
            .or_else(|| account_telling(other, Language::En).map(Heard::Account)),
    }
}

/// A message is told once for order, kind, cause and channel: a second event that says the same writes nothing.
async fn write(
    tx: &mut PgConnection,
    app: &App,
    envelope: &Envelope,
    told: Telling,
) -> Result<(), EventError> {
    let Telling { order_id, customer_id, cause, letter } = told;
    if letter.kind.moot_after_end() && store::told_of_end(tx, order_id).await? {
        return Ok(());
    }
    let message = message(tx, app, customer_id, letter).await?;
    let as_it_is = (Channel::Mailbox, Language::En);
    store::insert_message(tx, order_id, &message, cause, as_it_is, &occasion(envelope)).await?;
    Ok(())
}

async fn write_of_account(
    tx: &mut PgConnection,
    app: &App,
    envelope: &Envelope,
    told: AccountTelling,
) -> Result<(), EventError> {
    let AccountTelling { customer_id, cause, letter } = told;
    let message = message(tx, app, customer_id, letter).await?;
    let as_it_is = (Channel::Mailbox, Language::En);
    accounts::insert_account_message(tx, &message, cause, as_it_is, &occasion(envelope)).await?;
    Ok(())
}

/// To whom nothing can be told any more, nothing is; that it was told stays in the books.
async fn message(
    tx: &mut PgConnection,
    app: &App,
    customer_id: UserId,
    letter: Letter,
) -> Result<Message, sqlx::Error> {
    let forgotten = accounts::find_forgotten(tx, customer_id).await?;
    let letter = if forgotten { letter.illegible() } else { letter };
    let (id, created_at) = (MessageId(Uuid::now_v7()), app.clock.now());
    Ok(Message { id, customer_id, order_id: None, letter, created_at })
}

fn occasion(envelope: &Envelope) -> Occasion {
    Occasion {
        caused_by: envelope.id.to_string(),
        trace_id: traceparent().and_then(|text| text.split('-').nth(1).map(str::to_owned)),
    }
}

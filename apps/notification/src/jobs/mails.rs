//! Sending mails with one-time codes. The code is asked for when the mail is written and lives no longer than that.
//!
//! A mail may be sent twice when whoever sends it dies at the wrong moment; either code is good.

use std::time::Duration;

use contracts::Operation;
use contracts::mail::{MailAnswer, MailQuery};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::app::mailer::SendError;
use crate::domain::Language;
use crate::domain::mail::{Outcome, write};
use crate::store::mails::{self, DueMail};

/// How soon a mail is seen that nobody was woken for.
const POLL: Duration = Duration::from_secs(2);

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    loop {
        if let Err(error) = send_due(&app).await {
            tracing::warn!(error = %error, "mails wait a little longer");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = app.mails.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Tries every mail that is due; says how many these were.
///
/// # Errors
/// When the database fails.
pub async fn send_due(app: &App) -> Result<usize, sqlx::Error> {
    let mut tried = 0;
    while let Some(mail) = begin(app).await? {
        tried += 1;
        let Some(outcome) = attempt(app, mail).await else { continue };
        mails::update_settled(&mut *app.db.acquire().await?, mail.id, outcome, app.clock.now()).await?;
        metrics::counter!("mails_total", "kind" => mail.kind.name(), "outcome" => outcome.name())
            .increment(1);
    }
    Ok(tried)
}

/// Takes a mail in hand, and fixes when it is tried again if nothing comes of it.
async fn begin(app: &App) -> Result<Option<DueMail>, sqlx::Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let Some((mail, attempts)) = mails::lock_due_mail(&mut tx, now).await? else { return Ok(None) };
    mails::update_attempted(&mut tx, mail.id, attempts, now).await?;
    tx.commit().await?;
    Ok(Some(mail))
}

/// None when it is to be tried again.
async fn attempt(app: &App, mail: DueMail) -> Option<Outcome> {
    let query = MailQuery { mail_id: mail.id };
    let answer: MailAnswer = match app.sidecar.invoke(Operation::IssueMailCode, Some(&query)).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(mail.id = %mail.id, error = %error, "user gives no code for a mail; it is tried again");
            return None;
        }
    };
    let Some(code) = answer.mail else { return Some(Outcome::Moot) };
    match app.mailer.send(mail.id, write(mail.kind, &code, Language::En)).await {
        Ok(()) => Some(Outcome::Sent),
        Err(SendError::Refused) => {
            tracing::warn!(mail.id = %mail.id, "a mail is refused for good");
            Some(Outcome::Refused)
        }
        Err(SendError::Away) => {
            tracing::warn!(mail.id = %mail.id, "a mail could not be sent; it is tried again");
            None
        }
    }
}

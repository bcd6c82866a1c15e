//! Looking up whether those who asked for a new password have an account. It is done here and not while they wait,
//! so that neither the answer nor its time tells them.

use std::time::Duration;

use contracts::event::UserResetRequested;
use contracts::{MailId, UserId};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::app::App;
use crate::domain::Email;
use crate::domain::mail::Purpose;
use crate::events::say;
use crate::store::{self, mails};

/// What another replica left is found after this long.
const POLL: Duration = Duration::from_secs(5);

/// Runs until shutdown.
pub async fn run(app: App, shutdown: CancellationToken) {
    loop {
        if let Err(error) = answer_all(&app).await {
            tracing::warn!(error = %error, "those who asked for a new password wait a little longer");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = app.resets.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Answers everybody who waits; says how many mails follow.
///
/// # Errors
/// When the database fails; whoever was not answered still waits.
pub async fn answer_all(app: &App) -> Result<usize, sqlx::Error> {
    let mut mails = 0;
    while let Some(mailed) = answer_one(app).await? {
        mails += usize::from(mailed);
    }
    Ok(mails)
}

/// None when nobody waits; else whether a mail follows.
async fn answer_one(app: &App) -> Result<Option<bool>, sqlx::Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let Some(request) = mails::lock_reset_request(&mut tx).await? else { return Ok(None) };
    mails::delete_reset_request(&mut tx, request.id).await?;
    let mut mailed = false;
    if let Ok(email) = Email::try_from(request.email)
        && let Some(account) = store::find_credentials(&mut tx, &email).await?
    {
        let user_id = UserId(account.user_id);
        let last = mails::lock_last_mail(&mut tx, user_id, Purpose::Reset).await?;
        if Purpose::Reset.wait(last, now).is_none() {
            let mail_id = MailId(Uuid::now_v7());
            mails::insert_mail(&mut tx, mail_id, user_id, Purpose::Reset, now).await?;
            say(&mut tx, user_id, UserResetRequested { user_id, mail_id }, None, now).await?;
            mailed = true;
        }
    }
    tx.commit().await?;
    if mailed {
        app.outbox.wake();
    }
    Ok(Some(mailed))
}

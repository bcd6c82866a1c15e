//! Checking the second factor of a log-in, and the password of whoever changes it.

use std::net::IpAddr;

use argon2::password_hash::generate_salt;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::{ProblemType, UserId};
use sqlx::{Connection, PgConnection};
use web::Problem;

use crate::app::hashing::cost;
use crate::app::{App, random};
use crate::domain::Password;
use crate::domain::password::{self, Checked};
use crate::domain::second_factor::{Code, RECOVERY_BYTES, RECOVERY_CODES, hash, recovery_code, step_of};
use crate::domain::throttle::{Acquaintance, WINDOW, origin};
use crate::store::second_factor as store;
use crate::store::sessions::find_known_place;

/// Wrong codes, or passwords, within the window: whoever tries them has the account's password, or its session.
const MOST_TRIES: i32 = 10;
/// The same within a day, for whoever comes back after each window.
const MOST_TRIES_A_DAY: i32 = 100;
const DAY: TimeDelta = TimeDelta::days(1);

/// Asks for the code where the account has a second factor: true when it was shown, false where there is none. A code
/// is used up whatever becomes of the log-in, so this is a transaction of its own. Wrong codes are counted for each
/// address that the owner logged in from before, and for all others together: whoever has found the password closes
/// the account to strangers and not to its owner.
///
/// # Errors
/// `second-factor-required` without a code, `wrong-credentials` with a wrong one, `rate-limited` after too many.
pub async fn check(
    app: &App,
    user_id: UserId,
    code: Option<&Code>,
    address: Option<IpAddr>,
    now: DateTime<Utc>,
) -> Result<bool, Problem> {
    let mut db = app.db.acquire().await?;
    let confirmed = store::find_totp(&mut db, user_id).await?.filter(|row| row.confirmed_at.is_some());
    let Some(totp) = confirmed else { return Ok(false) };
    let Some(code) = code else {
        return Err(Problem::new(ProblemType::SecondFactorRequired)
            .detail("send it again with the present code of the authenticator app as `code`"));
    };
    let origin = origin(address);
    let (recent, daily) = match find_known_place(&mut db, user_id, &origin).await? {
        Acquaintance::Known => (format!("second factor {user_id} from {origin}"), known_daily(user_id)),
        Acquaintance::Stranger => (subject(user_id), daily(user_id)),
    };
    count_try(&mut db, &recent, now).await?;
    count_daily(&mut db, &daily, now).await?;
    let secret = app.sealing.open(&purpose(user_id), &totp.sealed).map_err(anyhow::Error::from)?;
    if !take(&mut db, user_id, &secret, code, now).await? {
        return Err(Problem::new(ProblemType::WrongCredentials)
            .detail("the code is wrong, was used before, or its time is over"));
    }
    store::delete_tries(&mut db, &recent).await?;
    store::delete_tries(&mut db, &daily).await?;
    Ok(true)
}

/// Uses a code up, if it is one.
async fn take(
    db: &mut PgConnection,
    user_id: UserId,
    secret: &[u8],
    code: &Code,
    now: DateTime<Utc>,
) -> Result<bool, Problem> {
    match code {
        Code::Time(digits) => match step_of(secret, digits, now).map_err(anyhow::Error::from)? {
            Some(step) => Ok(store::update_last_step(db, user_id, step).await?),
            None => Ok(false),
        },
        Code::Recovery(hash) => Ok(store::update_recovery_code_used(db, user_id, hash, now).await?),
    }
}

/// Checks the password of somebody who is logged in, before what guards the account is changed: a token that was
/// found must not be enough for it.
///
/// # Errors
/// `wrong-credentials`, `rate-limited` after too many wrong ones, `unavailable` when no hash can be made now.
pub async fn prove(
    app: &App,
    user_id: UserId,
    password: Password,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let place = app.hashing.place().await?;
    // Not counted with codes: a right password would take back what wrong codes have counted.
    let subject = format!("password of {user_id}");
    let stored = {
        let mut db = app.db.acquire().await?;
        count_try(&mut db, &subject, now).await?;
        store::find_password_hash(&mut db, user_id).await?
    };
    let (cost, salt) = (cost(&app.live), generate_salt());
    let checked = place.run(move || password::check(&password, stored.as_deref(), cost, &salt)).await?;
    match checked {
        Checked::Right { .. } => {
            store::delete_tries(&mut *app.db.acquire().await?, &subject).await?;
            Ok(())
        }
        Checked::Wrong => Err(Problem::new(ProblemType::WrongCredentials).detail("the password is wrong")),
    }
}

/// Counted before it is looked at, and taken back when it was right.
async fn count_try(db: &mut PgConnection, subject: &str, now: DateTime<Utc>) -> Result<(), Problem> {
    let tries = store::insert_try(db, subject, now, now - WINDOW).await?;
    if tries <= MOST_TRIES { Ok(()) } else { Err(too_many(WINDOW)) }
}

/// Counters are forgotten once they began longer ago than the window, so one of a day begins that much later.
async fn count_daily(db: &mut PgConnection, subject: &str, now: DateTime<Utc>) -> Result<(), Problem> {
    let tries = store::insert_try(db, subject, now + DAY - WINDOW, now - WINDOW).await?;
    if tries <= MOST_TRIES_A_DAY { Ok(()) } else { Err(too_many(DAY)) }
}

fn too_many(span: TimeDelta) -> Problem {
    Problem::new(ProblemType::RateLimited)
        .detail("too many codes or passwords were wrong; wait before you try again")
        .retry_after(u32::try_from(span.num_seconds()).unwrap_or(u32::MAX))
}

/// What the wrong codes that strangers show for an account are counted under.
fn subject(user_id: UserId) -> String {
    format!("second factor {user_id}")
}

/// The same for a day.
fn daily(user_id: UserId) -> String {
    format!("second factor {user_id} within a day")
}

/// Of all addresses together that are known: each mail for a new password makes another one.
fn known_daily(user_id: UserId) -> String {
    format!("second factor {user_id} from known addresses within a day")
}

/// What an account's shared secret is sealed for.
pub fn purpose(user_id: UserId) -> String {
    format!("totp {user_id}")
}

/// Takes the first code of a secret that was just given out, and gives the recovery codes.
///
/// # Errors
/// `conflict` when there is nothing to confirm, `wrong-credentials` with a wrong code, `rate-limited` after too many.
pub async fn confirm(
    app: &App,
    user_id: UserId,
    code: &Code,
    now: DateTime<Utc>,
) -> Result<Vec<String>, Problem> {
    let nothing = || Problem::new(ProblemType::Conflict).detail("there is no second factor to confirm");
    let mut db = app.db.acquire().await?;
    let totp = store::find_totp(&mut db, user_id).await?.filter(|totp| totp.confirmed_at.is_none());
    let totp = totp.ok_or_else(nothing)?;
    // Counted whatever becomes of the rest.
    count_try(&mut db, &subject(user_id), now).await?;
    let secret = app.sealing.open(&purpose(user_id), &totp.sealed).map_err(anyhow::Error::from)?;
    let mut tx = db.begin().await?;
    if !take(&mut tx, user_id, &secret, code, now).await? {
        return Err(Problem::new(ProblemType::WrongCredentials).detail("the code is wrong"));
    }
    if !store::update_confirmed(&mut tx, user_id, now).await? {
        return Err(nothing());
    }
    let codes = recovery_codes()?;
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| hash(&code.replace('-', ""))).collect();
    store::insert_recovery_codes(&mut tx, user_id, &hashes).await?;
    store::delete_tries(&mut tx, &subject(user_id)).await?;
    tx.commit().await?;
    Ok(codes)
}

fn recovery_codes() -> anyhow::Result<Vec<String>> {
    (0..RECOVERY_CODES)
        .map(|_| {
            let mut random = [0; RECOVERY_BYTES];
            random.copy_from_slice(&random::bits()?[..RECOVERY_BYTES]);
            Ok(recovery_code(random))
        })
        .collect()
}

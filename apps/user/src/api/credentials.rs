//! Showing a password: the same work and the same answer whether the account exists or not, and only so often.

use std::net::IpAddr;

use argon2::password_hash::generate_salt;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::{ProblemType, UserId};
use sqlx::PgConnection;
use web::Problem;

use crate::app::App;
use crate::app::hashing::cost;
use crate::domain::password::{self, Checked};
use crate::domain::throttle::{self, Acquaintance, Subjects, WINDOW};
use crate::domain::{Email, Name, Password};
use crate::store::{self, sessions};

/// Somebody has shown the account's password.
pub struct Proved {
    pub user_id: UserId,
    /// As it is kept now; whoever goes on makes sure that it is still the one.
    pub password_hash: String,
    subjects: Subjects,
}

/// Checks a password. Who fails too often has to wait.
///
/// # Errors
/// `wrong-credentials`; `rate-limited`; `unavailable` when too many are at it.
pub async fn prove(
    app: &App,
    email: &Email,
    password: Password,
    address: Option<IpAddr>,
) -> Result<Proved, Problem> {
    let subjects = Subjects::new(email, address);
    // Looked up once a place is held, so that no more guesses than places can pass the counter at once.
    let place = app.hashing.place().await?;
    admit(app, email, &subjects).await?;
    let credentials = store::find_credentials(&mut *app.db.acquire().await?, email).await?;

    let stored = credentials.as_ref().map(|credentials| credentials.password_hash.clone());
    let (cost, salt) = (cost(&app.live), generate_salt());
    let checked = place.run(move || password::check(&password, stored.as_deref(), cost, &salt)).await?;

    let mut tx = app.db.begin().await?;
    let (Some(credentials), Checked::Right { anew }) = (credentials, checked) else {
        let now = app.clock.now();
        store::insert_failure(&mut tx, &subjects, now, now - WINDOW).await?;
        tx.commit().await?;
        return Err(Problem::new(ProblemType::WrongCredentials));
    };
    if let Some(hash) = &anew
        && !store::update_password_hash(&mut tx, &credentials, hash).await?
    {
        // By another log-in perhaps, with the same password: it is not wrong, but it must be looked at again.
        return Err(Problem::unavailable(anyhow::anyhow!("the password's hash was replaced meanwhile")));
    }
    tx.commit().await?;
    Ok(Proved {
        user_id: UserId(credentials.user_id),
        password_hash: anew.unwrap_or(credentials.password_hash),
        subjects,
    })
}

impl Proved {
    /// Its owner was here: earlier failures from here are forgiven, and the address stays open.
    pub async fn forgive(&self, tx: &mut PgConnection, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
        store::delete_failures(tx, &self.subjects).await?;
        sessions::upsert_known_address(tx, self.user_id, &self.subjects.address, now).await
    }
}

/// Whether another attempt may be made now.
async fn admit(app: &App, email: &Email, subjects: &Subjects) -> Result<(), Problem> {
    let mut db = app.db.acquire().await?;
    let counted = store::find_counted(&mut db, subjects).await?;
    let known = sessions::find_known_address(&mut db, email, &subjects.address).await?;
    let from = if known { Acquaintance::Known } else { Acquaintance::Stranger };
    match throttle::wait(counted, from, app.clock.now()) {
        None => Ok(()),
        Some(wait) => Err(too_many("too many log-ins failed; wait before you try again", wait)),
    }
}

/// The refusal of whoever has to wait. Rounded up: after that many seconds the wait is over.
pub fn too_many(detail: &str, wait: TimeDelta) -> Problem {
    let seconds = u32::try_from((wait + TimeDelta::milliseconds(999)).num_seconds()).unwrap_or(u32::MAX);
    Problem::new(ProblemType::RateLimited).detail(detail).retry_after(seconds)
}

/// Hashes a password that somebody chooses.
///
/// # Errors
/// `common-password` when it is among those that are guessed first; `unavailable` when too many are at it.
pub async fn choose(app: &App, password: Password, email: &Email, name: &Name) -> Result<String, Problem> {
    password::check_choice(&password, email, name)
        .map_err(|error| Problem::new(ProblemType::CommonPassword).detail(error.to_string()))?;
    let (cost, salt) = (cost(&app.live), generate_salt());
    app.hashing.place().await?.run(move || password::hash(&password, cost, &salt)).await
}

//! Giving out access tokens: what the user may at this moment, signed.

use chrono::{DateTime, Utc};
use contracts::configuration::USER_STAFF_SECOND_FACTOR;
use contracts::{ProblemType, UserId};
use sqlx::PgConnection;
use uuid::Uuid;
use web::Problem;

use crate::app::App;
use crate::domain::token::{self, Bearer, StaffRule};
use crate::store::roles::find_standing;

/// Whose session a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    pub user_id: UserId,
    pub session_id: Option<Uuid>,
    /// Whether the session began with a second factor.
    pub second_factor: bool,
}

/// A token that was just signed.
#[derive(Clone)]
pub struct Issued {
    pub access_token: String,
    /// Seconds until it is no longer taken.
    pub expires_in: i64,
}

/// Signs a token for a session, with the permissions that the user has now.
///
/// # Errors
/// `invalid-token` when there is no such account; otherwise when the database fails or there is no key to sign with.
pub async fn issue(
    app: &App,
    db: &mut PgConnection,
    holder: Holder,
    now: DateTime<Utc>,
) -> Result<Issued, Problem> {
    let bearer = Bearer::Session { id: holder.session_id, second_factor: holder.second_factor };
    issue_to(app, db, holder.user_id, &bearer, now).await
}

/// The same for whoever bears it, a machine perhaps.
///
/// # Errors
/// Those of [`issue`].
pub async fn issue_to(
    app: &App,
    db: &mut PgConnection,
    user_id: UserId,
    bearer: &Bearer,
    now: DateTime<Utc>,
) -> Result<Issued, Problem> {
    let standing = find_standing(db, user_id).await?;
    let standing = standing.ok_or_else(|| Problem::new(ProblemType::InvalidToken))?;
    let claims = token::claims(user_id, &standing, bearer, staff_rule(app), now, Uuid::now_v7());
    let access_token = app.keys.sign(&claims, now)?;
    Ok(Issued { access_token, expires_in: claims.exp - claims.iat })
}

/// Whether staff must have shown a second factor, as the live configuration says; until it was read, they must.
pub fn staff_rule(app: &App) -> StaffRule {
    match app.live.get(&USER_STAFF_SECOND_FACTOR) {
        false if app.live.was_read() => StaffRule::Password,
        false | true => StaffRule::SecondFactor,
    }
}

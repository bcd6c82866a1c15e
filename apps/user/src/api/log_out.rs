//! Where somebody is logged in, and logging out: here, there, everywhere.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use contracts::{ProblemType, SessionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Caller, Json, List, Page, Problem, Query};

use crate::app::App;
use crate::domain::session::EndReason;
use crate::store::sessions::{self, OpenSession, Which};

const LARGEST_PAGE: u64 = 100;

/// One log-in on one device.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ListedSession {
    pub id: SessionId,
    /// What the client says that it is.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")]
    pub device: String,
    /// Whether it began with a second factor.
    pub second_factor: bool,
    /// Whether it is the one that asks.
    pub current: bool,
    pub created_at: DateTime<Utc>,
    /// When its refresh token was used last.
    pub last_used_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionPath {
    session_id: SessionId,
}

impl ListedSession {
    pub fn new(session: OpenSession, caller: &Caller) -> ListedSession {
        ListedSession {
            id: SessionId(session.id),
            current: caller.session_id == Some(session.id),
            device: session.device,
            second_factor: session.second_factor,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
        }
    }
}

pub(super) async fn list_sessions(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<List<ListedSession>>, Problem> {
    let limit = page.limit(LARGEST_PAGE)?;
    let before = page.after::<Uuid>()?.unwrap_or(Uuid::max());
    let mut db = app.db.acquire().await?;
    let rows = sessions::list_sessions(&mut db, caller.user_id, before, app.clock.now(), limit + 1).await?;
    let items = rows.into_iter().map(|session| ListedSession::new(session, &caller)).collect();
    Ok(Json(List::from_rows(items, limit, |session: &ListedSession| session.id)))
}

/// Somebody else's session is not found.
pub(super) async fn end_session(
    State(app): State<App>,
    caller: Caller,
    Query(path): Query<SessionPath>,
) -> Result<StatusCode, Problem> {
    match end(&app, &caller, Which::One(path.session_id)).await? {
        0 => Err(Problem::not_found()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

/// Again is no failure: who wants to be logged out is.
pub(super) async fn log_out(State(app): State<App>, caller: Caller) -> Result<StatusCode, Problem> {
    let Some(id) = caller.session_id else {
        return Err(Problem::new(ProblemType::Conflict).detail("this token belongs to no session"));
    };
    end(&app, &caller, Which::One(SessionId(id))).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn log_out_everywhere(
    State(app): State<App>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    end(&app, &caller, Which::All).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end(app: &App, caller: &Caller, which: Which) -> Result<u64, Problem> {
    caller.person()?;
    let mut tx = app.db.begin().await?;
    let (user_id, now) = (caller.user_id, app.clock.now());
    let ended = sessions::update_ended(&mut tx, user_id, which, EndReason::LoggedOut, now).await?;
    tx.commit().await?;
    Ok(ended)
}

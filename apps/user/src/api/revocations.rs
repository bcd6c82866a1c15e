//! The feed of revocations, for the replicas of the gateway.

use axum::extract::State;
use contracts::identity::{ReadRevocations, Revocation, Revocations};
use contracts::{ProblemType, UserId};
use uuid::Uuid;
use web::{Json, Problem};

use crate::app::App;
use crate::domain::token::LIFETIME;
use crate::store::revocations::{self, Position, find_horizon, list_revocations};

/// Lines of one answer.
const MOST_LINES: i64 = 5_000;

/// What was revoked after the cursor, as far as a token of before may still live.
pub(super) async fn read_revocations(
    State(app): State<App>,
    Json(request): Json<ReadRevocations>,
) -> Result<Json<Revocations>, Problem> {
    let mut db = app.db.acquire().await?;
    // Looked up before the lines: whatever commits in between is read once more, and nothing is passed over.
    let (oldest, upcoming) = find_horizon(&mut db).await?;
    let asked = request.cursor.as_deref().map(position).transpose()?;
    // A position ahead of this database was given out by another one, before it was restored perhaps.
    let after = asked.filter(|after| after.transaction < upcoming.max(oldest + 1)).unwrap_or(START);
    let since = app.clock.now() - revocations::kept_for(LIFETIME);
    let lines = list_revocations(&mut db, after, since, MOST_LINES).await?;
    let full = i64::try_from(lines.len()).unwrap_or(i64::MAX) >= MOST_LINES;
    let next = lines.last().filter(|_| full).map(|line| text(line.position));
    let items = lines.iter().map(line).collect::<Result<_, _>>()?;
    // The oldest open transaction may yet commit lines of its own, so the next reading begins with it.
    let resume = text(Position { transaction: oldest, id: Uuid::nil() });
    Ok(Json(Revocations { items, next, resume }))
}

const START: Position = Position { transaction: 0, id: Uuid::nil() };

fn line(line: &revocations::Revocation) -> Result<Revocation, Problem> {
    let (id, at) = (line.subject, line.at);
    match (line.kind.as_str(), line.generation) {
        ("session", None) => Ok(Revocation::Session { id, at }),
        ("key", None) => Ok(Revocation::Key { id, at }),
        ("user", Some(generation)) => Ok(Revocation::User { id: UserId(id), generation, at }),
        (kind, _) => Err(anyhow::anyhow!("a revocation of the kind {kind} cannot be told").into()),
    }
}

fn text(position: Position) -> String {
    format!("{}.{}", position.transaction, position.id)
}

fn position(text: &str) -> Result<Position, Problem> {
    text.split_once('.')
        .and_then(|(transaction, id)| {
            Some(Position { transaction: transaction.parse().ok()?, id: id.parse().ok()? })
        })
        .ok_or_else(|| Problem::new(ProblemType::InvalidCursor))
}

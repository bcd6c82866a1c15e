//! The books: checked on request, and what the last check found.

use axum::extract::State;
use contracts::{Operation, ProblemType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{Api, Json, Problem};

use crate::app::App;
use crate::domain::books::Report;
use crate::domain::books::report::Scope;
use crate::domain::books::turn::Turn;
use crate::jobs::books::{Wanted, check};
use crate::store::books::kept;

/// Which check is wanted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckBooks {
    pub scope: Scope,
    /// Where a check of everything goes on: the `next_cursor` of the report before.
    pub cursor: Option<String>,
}

pub fn mount(api: Api<App>) -> Api<App> {
    api.operation(Operation::CheckBooks, check_books, |about| {
        about.body::<CheckBooks>().answer::<Report>(200).problems(&[ProblemType::InvalidCursor])
    })
    .operation(Operation::ReadBooks, read_books, |about| {
        about.answer::<Report>(200).problems(&[ProblemType::NotFound])
    })
}

pub async fn check_books(
    State(app): State<App>,
    Json(asked): Json<CheckBooks>,
) -> Result<Json<Report>, Problem> {
    let wanted = match (asked.scope, asked.cursor) {
        (Scope::Changed, None) => Wanted::Changed,
        (Scope::All, None) => Wanted::All(Turn::START),
        (Scope::All, Some(cursor)) => match cursor.parse() {
            Ok(turn) => Wanted::All(turn),
            Err(_) => return Err(Problem::new(ProblemType::InvalidCursor)),
        },
        (Scope::Changed, Some(_)) => {
            return Err(
                Problem::new(ProblemType::InvalidCursor).detail("only a check of everything has pages")
            );
        }
    };
    let report = check(&app, wanted).await?;
    let busy = || Problem::new(ProblemType::Unavailable).detail("another check is running").retry_after(2);
    report.map(Json).ok_or_else(busy)
}

pub async fn read_books(State(app): State<App>) -> Result<Json<Report>, Problem> {
    let last = kept::find_last_check(&mut *app.db.acquire().await?).await?;
    let none = || Problem::not_found().detail("the books have not been checked yet");
    last.map(|last| Json(last.report)).ok_or_else(none)
}

//! What became of the orders with a value that is tried, and of the others; `config` asks.

use axum::extract::State;
use contracts::ProblemType;
use contracts::configuration::{Groups, ReadOrderGroups};
use futures::TryStreamExt;
use web::{Json, Problem};

use crate::app::App;
use crate::domain::groups::Counting;
use crate::store::groups::list_ended;

pub async fn read_order_groups(
    State(app): State<App>,
    Json(asked): Json<ReadOrderGroups>,
) -> Result<Json<Groups>, Problem> {
    let invalid = |detail| Problem::new(ProblemType::InvalidField).detail(detail);
    if !(1..=99).contains(&asked.percent) {
        return Err(invalid("percent is 1 to 99"));
    }
    let version = i64::try_from(asked.version).map_err(|_| invalid("there is no such version"))?;
    let mut counting = Counting::of(&asked.key, asked.percent);
    let mut db = app.db.acquire().await?;
    let mut ended = list_ended(&mut db, version);
    while let Some(order) = ended.try_next().await? {
        counting.count(&order);
        if counting.enough() {
            break;
        }
    }
    Ok(Json(counting.groups()))
}

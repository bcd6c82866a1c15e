//! Reservations: what is known of each order, and what is held for it.

use chrono::{DateTime, Utc};
use contracts::{OrderId, ProductId, Refusal};
use serde_json::Value;
use sqlx::PgConnection;

use super::{exactly, unreadable};
use crate::domain::reservation::{FinalEnd, Reservation, State, Waiting};
use crate::domain::stock::Held;

/// Locks the order's row, and makes it first when nothing was heard of the order.
pub async fn lock_reservation(
    tx: &mut PgConnection,
    order_id: OrderId,
    now: DateTime<Utc>,
) -> Result<Reservation, sqlx::Error> {
    // An update that changes nothing is how the conflicting row is locked and returned by the same statement.
    let row = sqlx::query_as!(
        ReservationRow,
        "insert into reservation (order_id, state, heard_at, changed_at) values ($1, 'unheard', $2, $2)
         on conflict on constraint reservation_pkey do update set heard_at = reservation.heard_at
         returning state, deadline, reported_at, refusal, final_end",
        order_id.0,
        now
    )
    .fetch_one(&mut *tx)
    .await?;
    let held = if row.holds() { list_lines(tx, order_id).await? } else { Vec::new() };
    Ok(Reservation { order_id, state: row.state(held)? })
}

/// Writes the state of a reservation that is locked; its lines were written by the claim.
pub async fn update_reservation(
    tx: &mut PgConnection,
    reservation: &Reservation,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let row = ReservationRow::of(&reservation.state);
    let updated = sqlx::query!(
        "update reservation
         set state = $2, deadline = $3, reported_at = $4, refusal = $5, final_end = $6, changed_at = $7
         where order_id = $1",
        reservation.order_id.0,
        row.state,
        row.deadline,
        row.reported_at,
        row.refusal,
        row.final_end,
        now
    )
    .execute(tx)
    .await?;
    exactly(1, updated.rows_affected(), "reservation")
}

/// Orders whose deadline has passed and that were not reported since, the longest overdue first.
pub async fn list_overdue(
    db: &mut PgConnection,
    deadline_before: DateTime<Utc>,
    reported_before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<OrderId>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        "select order_id from reservation
         where deadline <= $1 and (reported_at is null or reported_at <= $2)
         order by deadline
         limit $3",
        deadline_before,
        reported_before,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(OrderId).collect())
}

async fn list_lines(db: &mut PgConnection, order_id: OrderId) -> Result<Vec<Held>, sqlx::Error> {
    let rows = sqlx::query!(
        "select product_id, quantity from reservation_line where order_id = $1 order by product_id",
        order_id.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Held { product_id: ProductId(row.product_id), pieces: row.quantity })
        .collect())
}

#[derive(Default)]
struct ReservationRow {
    state: String,
    deadline: Option<DateTime<Utc>>,
    reported_at: Option<DateTime<Utc>>,
    refusal: Option<Value>,
    final_end: Option<String>,
}

impl ReservationRow {
    fn of(state: &State) -> ReservationRow {
        let named = |name: &str| ReservationRow { state: name.to_owned(), ..ReservationRow::default() };
        let waiting = |name: &str, waiting: &Waiting| ReservationRow {
            deadline: Some(waiting.deadline),
            reported_at: waiting.reported_at,
            ..named(name)
        };
        match state {
            State::Unheard => named("unheard"),
            State::Awaited => named("awaited"),
            State::Refused { refusal, waiting: since } => ReservationRow {
                refusal: Some(
                    serde_json::to_value(refusal).expect("invariant: a refusal is strings and integers"),
                ),
                ..waiting("refused", since)
            },
            State::Reserved { waiting: since, .. } => waiting("reserved", since),
            State::Allocated { .. } => named("allocated"),
            State::Ended { end } => {
                ReservationRow { final_end: Some(end.name().to_owned()), ..named("ended") }
            }
        }
    }

    fn holds(&self) -> bool {
        matches!(self.state.as_str(), "reserved" | "allocated")
    }

    fn state(self, held: Vec<Held>) -> Result<State, sqlx::Error> {
        let waiting = self.deadline.map(|deadline| Waiting { deadline, reported_at: self.reported_at });
        let waiting = || waiting.ok_or_else(|| unreadable("deadline"));
        match self.state.as_str() {
            "unheard" => Ok(State::Unheard),
            "awaited" => Ok(State::Awaited),
            "refused" => Ok(State::Refused { refusal: refusal(self.refusal)?, waiting: waiting()? }),
            "reserved" => Ok(State::Reserved { held, waiting: waiting()? }),
            "allocated" => Ok(State::Allocated { held }),
            "ended" => {
                let end = self.final_end.as_deref().and_then(FinalEnd::from_name);
                Ok(State::Ended { end: end.ok_or_else(|| unreadable("final end"))? })
            }
            _ => Err(unreadable("state of a reservation")),
        }
    }
}

fn refusal(stored: Option<Value>) -> Result<Refusal, sqlx::Error> {
    stored.and_then(|json| serde_json::from_value(json).ok()).ok_or_else(|| unreadable("refusal"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn every_state_comes_back_as_it_was_stored() {
        let waiting = Waiting { deadline: DateTime::UNIX_EPOCH, reported_at: Some(DateTime::UNIX_EPOCH) };
        let held = vec![Held { product_id: ProductId(Uuid::nil()), pieces: 3 }];
        for state in [
            State::Unheard,
            State::Awaited,
            State::Refused { refusal: Refusal::TooLate, waiting },
            State::Reserved { held: held.clone(), waiting },
            State::Allocated { held: held.clone() },
            State::Ended { end: FinalEnd::Expired },
        ] {
            assert_eq!(ReservationRow::of(&state).state(held.clone()).unwrap(), state);
        }
        let unknown = ReservationRow { state: "lost".into(), ..ReservationRow::default() };
        assert!(unknown.state(held).is_err());
    }
}

//! Reservations: what is known of each order, and what is held for it.

use chrono::{DateTime, Utc};
use contracts::{OrderId, ProductId, Refusal};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Occasion, exactly, unreadable};
use crate::domain::reservation::{Allocation, FinalEnd, PartKind, Parts, Reservation, State, Told, Waiting};
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
    let claimed = if row.holds() { list_lines(tx, order_id).await? } else { Vec::new() };
    let parts = if row.confirmed() { list_parts(tx, order_id).await? } else { Parts::default() };
    Ok(Reservation { order_id, state: row.state(claimed, parts)? })
}

/// What an order is answered, once; kept for its timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Reserved,
    Refused(Refusal),
}

/// Writes the state of a reservation that is locked, what was answered if this is when, and when it changed if it
/// did; its lines were written by the claim.
pub async fn update_reservation(
    tx: &mut PgConnection,
    reservation: &Reservation,
    answer: Option<Answer>,
    changed_at: Option<DateTime<Utc>>,
    occasion: &Occasion,
) -> Result<(), sqlx::Error> {
    let row = ReservationRow::of(&reservation.state);
    let answered_refusal = answer.as_ref().and_then(Answer::refusal).map(json);
    let updated = sqlx::query!(
        "update reservation
         set state = $2, deadline = $3, reported_at = $4, refusal = $5, final_end = $6,
             changed_at = coalesce($12, changed_at),
             answered_at = case when $8 then $7 else answered_at end,
             answered_for = case when $8 then $9 else answered_for end,
             answered_trace = case when $8 then $10 else answered_trace end,
             answered_refusal = case when $8 then $11 else answered_refusal end
         where order_id = $1",
        reservation.order_id.0,
        row.state,
        row.deadline,
        row.reported_at,
        row.refusal,
        row.final_end,
        occasion.at,
        answer.is_some(),
        occasion.caused_by,
        occasion.trace_id,
        answered_refusal,
        changed_at
    )
    .execute(tx)
    .await?;
    exactly(1, updated.rows_affected(), "reservation")
}

/// Notes what was told of parts of an order, which nobody has noted before.
pub async fn insert_parts(
    tx: &mut PgConnection,
    order_id: OrderId,
    told: &[Told],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let rows = || told.iter().flat_map(|told| told.pieces.iter().map(move |held| (told, held)));
    let kinds: Vec<String> = rows().map(|(told, _)| told.kind.name().to_owned()).collect();
    let causes: Vec<Uuid> = rows().map(|(told, _)| told.id).collect();
    let products: Vec<Uuid> = rows().map(|(_, held)| held.product_id.0).collect();
    let pieces: Vec<i64> = rows().map(|(_, held)| held.pieces).collect();
    let inserted = sqlx::query!(
        "insert into reservation_part (order_id, kind, cause_id, product_id, quantity, told_at)
         select $1, kind, cause_id, product_id, quantity, $6
         from unnest($2::text[], $3::uuid[], $4::uuid[], $5::bigint[])
             as told (kind, cause_id, product_id, quantity)",
        order_id.0,
        &kinds,
        &causes,
        &products,
        &pieces,
        now
    )
    .execute(tx)
    .await?;
    exactly(pieces.len(), inserted.rows_affected(), "parts")
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

async fn list_parts(db: &mut PgConnection, order_id: OrderId) -> Result<Parts, sqlx::Error> {
    let rows = sqlx::query!(
        "select kind, cause_id, product_id, quantity from reservation_part
         where order_id = $1
         order by kind, cause_id, product_id",
        order_id.0
    )
    .fetch_all(db)
    .await?;
    let mut parts = Parts::default();
    for same in rows.chunk_by(|a, b| (&a.kind, a.cause_id) == (&b.kind, b.cause_id)) {
        let kind = PartKind::from_name(&same[0].kind).ok_or_else(|| unreadable("kind of a part"))?;
        let held = |product_id, pieces| Held { product_id: ProductId(product_id), pieces };
        let pieces = same.iter().map(|row| held(row.product_id, row.quantity)).collect();
        parts = parts.with(Told { kind, id: same[0].cause_id, pieces });
    }
    Ok(parts)
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
            State::Awaited { .. } => named("awaited"),
            State::Refused { refusal, waiting: since } => {
                ReservationRow { refusal: Some(json(refusal)), ..waiting("refused", since) }
            }
            State::Reserved { waiting: since, .. } => waiting("reserved", since),
            State::Allocated(_) => named("allocated"),
            State::Ended { end } => {
                ReservationRow { final_end: Some(end.name().to_owned()), ..named("ended") }
            }
        }
    }

    fn holds(&self) -> bool {
        matches!(self.state.as_str(), "reserved" | "allocated")
    }

    /// Whether parts of the order may have been told of, and matter.
    fn confirmed(&self) -> bool {
        matches!(self.state.as_str(), "awaited" | "allocated")
    }

    fn state(self, claimed: Vec<Held>, parts: Parts) -> Result<State, sqlx::Error> {
        let waiting = self.deadline.map(|deadline| Waiting { deadline, reported_at: self.reported_at });
        let waiting = || waiting.ok_or_else(|| unreadable("deadline"));
        match self.state.as_str() {
            "unheard" => Ok(State::Unheard),
            "awaited" => Ok(State::Awaited { parts }),
            "refused" => Ok(State::Refused { refusal: refusal(self.refusal)?, waiting: waiting()? }),
            "reserved" => Ok(State::Reserved { held: claimed, waiting: waiting()? }),
            "allocated" => Ok(State::Allocated(Allocation { claimed, parts })),
            "ended" => {
                let end = self.final_end.as_deref().and_then(FinalEnd::from_name);
                Ok(State::Ended { end: end.ok_or_else(|| unreadable("final end"))? })
            }
            _ => Err(unreadable("state of a reservation")),
        }
    }
}

impl Answer {
    const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Answer::Reserved => None,
            Answer::Refused(refusal) => Some(refusal),
        }
    }
}

fn json(refusal: &Refusal) -> Value {
    serde_json::to_value(refusal).expect("invariant: a refusal is strings and integers")
}

fn refusal(stored: Option<Value>) -> Result<Refusal, sqlx::Error> {
    stored.and_then(|json| serde_json::from_value(json).ok()).ok_or_else(|| unreadable("refusal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_comes_back_as_it_was_stored() {
        let waiting = Waiting { deadline: DateTime::UNIX_EPOCH, reported_at: Some(DateTime::UNIX_EPOCH) };
        let held = vec![Held { product_id: ProductId(Uuid::nil()), pieces: 3 }];
        let told = Told { kind: PartKind::Shipped, id: Uuid::nil(), pieces: held.clone() };
        let parts = Parts::default().with(told);
        for state in [
            State::Unheard,
            State::Awaited { parts: parts.clone() },
            State::Refused { refusal: Refusal::TooLate, waiting },
            State::Reserved { held: held.clone(), waiting },
            State::Allocated(Allocation { claimed: held.clone(), parts: parts.clone() }),
            State::Ended { end: FinalEnd::Cancelled },
        ] {
            assert_eq!(ReservationRow::of(&state).state(held.clone(), parts.clone()).unwrap(), state);
        }
        let unknown = ReservationRow { state: "lost".into(), ..ReservationRow::default() };
        assert!(unknown.state(held, parts).is_err());
    }
}

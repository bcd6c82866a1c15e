//! The double-entry ledger. The database refuses an entry that does not balance.

use chrono::{DateTime, Utc};
use contracts::{Money, OrderId, RefundCause};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::effect::Posting;

/// An entry with its two postings.
#[derive(Debug)]
struct Entry {
    kind: &'static str,
    /// Why the money moved; with the kind unique for each order.
    cause: String,
    debit: &'static str,
    credit: &'static str,
    amount: Money,
}

/// Books a movement of money. What the provider owes us stands against what was sold.
pub async fn insert_entry(
    tx: &mut PgConnection,
    id: Uuid,
    order_id: OrderId,
    posting: &Posting,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let Entry { kind, cause, debit, credit, amount } = Entry::of(posting);
    sqlx::query!(
        "insert into ledger_entry (id, order_id, kind, cause, at) values ($1, $2, $3, $4, $5)",
        id,
        order_id.0,
        kind,
        cause,
        now
    )
    .execute(&mut *tx)
    .await?;
    insert_postings(tx, id, debit, credit, amount).await
}

async fn insert_postings(
    tx: &mut PgConnection,
    entry: Uuid,
    debit: &str,
    credit: &str,
    amount: Money,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into ledger_posting (entry_id, number, account, amount, currency)
         values ($1, 1, $2, $4::bigint, $5), ($1, 2, $3, -$4::bigint, $5)",
        entry,
        debit,
        credit,
        amount.amount(),
        amount.currency().code()
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl Entry {
    fn of(posting: &Posting) -> Entry {
        let dispute = |kind, id: &String, debit, credit, amount: &Money| Entry {
            kind,
            cause: id.clone(),
            debit,
            credit,
            amount: *amount,
        };
        match posting {
            Posting::Capture { amount } => Entry {
                kind: "capture",
                cause: "charge".to_owned(),
                debit: "provider",
                credit: "sales",
                amount: *amount,
            },
            Posting::Refund { amount, cause, number } => Entry {
                kind: "refund",
                cause: numbered(*cause, *number),
                debit: "sales",
                credit: "provider",
                amount: *amount,
            },
            Posting::RefundReturned { amount, cause, number } => Entry {
                kind: "refund_returned",
                cause: numbered(*cause, *number),
                debit: "provider",
                credit: "sales",
                amount: *amount,
            },
            Posting::Settlement { amount, cause } => Entry {
                kind: "settlement",
                cause: cause.to_string(),
                debit: "sales",
                credit: "elsewhere",
                amount: *amount,
            },
            Posting::DisputeOpened { amount, dispute_id } => {
                dispute("dispute_opened", dispute_id, "disputes", "provider", amount)
            }
            Posting::DisputeWon { amount, dispute_id } => {
                dispute("dispute_won", dispute_id, "provider", "disputes", amount)
            }
            Posting::DisputeLost { amount, dispute_id } => {
                dispute("dispute_lost", dispute_id, "losses", "disputes", amount)
            }
        }
    }
}

/// The first refund of a cause goes by its name alone, so that there is one at most.
fn numbered(cause: RefundCause, number: u32) -> String {
    match number {
        1 => cause.to_string(),
        later => format!("{cause}#{later}"),
    }
}

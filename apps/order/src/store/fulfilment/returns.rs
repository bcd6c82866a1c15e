//! Returns: what is to come back, and what came.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contracts::event::Part;
use contracts::{OrderId, ProductId, Quantity, ReturnId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{columns, parts, unreadable};
use crate::domain::order::{Pieces, Return, ReturnState};

struct ReturnRow {
    id: Uuid,
    order_id: Uuid,
    requested_at: DateTime<Utc>,
    received_at: Option<DateTime<Utc>>,
    products: Vec<Uuid>,
    quantities: Vec<i32>,
    restocked: Vec<i32>,
    unusable: Vec<i32>,
}

pub async fn list_returns(
    db: &mut PgConnection,
    order_ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Return>>, sqlx::Error> {
    let rows = sqlx::query_as!(
        ReturnRow,
        r#"select asked.id, asked.order_id, requested_at, received_at,
             array_agg(line.product_id order by line.product_id) as "products!",
             array_agg(line.quantity order by line.product_id) as "quantities!",
             array_agg(coalesce(receipt.restocked, 0) order by line.product_id) as "restocked!",
             array_agg(coalesce(receipt.unusable, 0) order by line.product_id) as "unusable!"
         from return_request asked join return_line line on line.return_id = asked.id
         left join return_receipt_line receipt
             on receipt.return_id = line.return_id and receipt.product_id = line.product_id
         where asked.order_id = any($1) group by asked.id order by requested_at, asked.id"#,
        order_ids
    )
    .fetch_all(db)
    .await?;
    let mut returns: HashMap<Uuid, Vec<Return>> = HashMap::new();
    for row in rows {
        returns.entry(row.order_id).or_default().push(Return::try_from(row)?);
    }
    Ok(returns)
}

pub async fn insert_return(
    tx: &mut PgConnection,
    order_id: OrderId,
    asked: &Return,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into return_request (id, order_id, requested_at) values ($1, $2, $3)",
        asked.id.0,
        order_id.0,
        asked.requested_at
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn insert_lines(
    tx: &mut PgConnection,
    order_id: OrderId,
    asked: &Return,
) -> Result<(), sqlx::Error> {
    let (products, quantities) = columns(&asked.parts)?;
    sqlx::query!(
        "insert into return_line (return_id, order_id, product_id, quantity)
         select $1, $2, part.product_id, part.quantity
         from unnest($3::uuid[], $4::int[]) as part (product_id, quantity)",
        asked.id.0,
        order_id.0,
        &products,
        &quantities
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn update_return(tx: &mut PgConnection, came: &Return) -> Result<(), sqlx::Error> {
    let received_at = match &came.state {
        ReturnState::Requested => None,
        ReturnState::Received { at, .. } => Some(*at),
    };
    let updated =
        sqlx::query!("update return_request set received_at = $2 where id = $1", came.id.0, received_at)
            .execute(tx)
            .await?;
    match updated.rows_affected() {
        1 => Ok(()),
        _ => Err(sqlx::Error::RowNotFound),
    }
}

pub async fn insert_receipt_lines(tx: &mut PgConnection, came: &Return) -> Result<(), sqlx::Error> {
    let (mut products, mut restocked, mut unusable) = (Vec::new(), Vec::new(), Vec::new());
    if let ReturnState::Received { restocked: good, unusable: bad, .. } = &came.state {
        let (good, bad) = (Pieces::of(good), Pieces::of(bad));
        let pieces = |pieces: u32| i32::try_from(pieces).map_err(|_| unreadable("quantity"));
        for (product_id, _) in came.received().iter() {
            products.push(product_id.0);
            restocked.push(pieces(good.get(product_id))?);
            unusable.push(pieces(bad.get(product_id))?);
        }
    }
    sqlx::query!(
        "insert into return_receipt_line (return_id, product_id, restocked, unusable)
         select $1, part.product_id, part.restocked, part.unusable
         from unnest($2::uuid[], $3::int[], $4::int[]) as part (product_id, restocked, unusable)",
        came.id.0,
        &products,
        &restocked,
        &unusable
    )
    .execute(tx)
    .await?;
    Ok(())
}

impl TryFrom<ReturnRow> for Return {
    type Error = sqlx::Error;

    fn try_from(row: ReturnRow) -> Result<Return, sqlx::Error> {
        let state = match row.received_at {
            None => ReturnState::Requested,
            Some(at) => ReturnState::Received {
                at,
                restocked: some(&row.products, &row.restocked)?,
                unusable: some(&row.products, &row.unusable)?,
            },
        };
        let parts = parts(&row.products, &row.quantities)?;
        Ok(Return { id: ReturnId(row.id), parts, requested_at: row.requested_at, state })
    }
}

/// The parts of which there is something.
fn some(products: &[Uuid], pieces: &[i32]) -> Result<Vec<Part>, sqlx::Error> {
    products
        .iter()
        .zip(pieces)
        .filter(|(_, pieces)| **pieces != 0)
        .map(|(product, pieces)| {
            let quantity = Quantity::new((*pieces).into()).map_err(|_| unreadable("quantity"))?;
            Ok(Part { product_id: ProductId(*product), quantity })
        })
        .collect()
}

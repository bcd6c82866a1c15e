//! Customers' payment methods. The token is read by one function only, for the provider.

use chrono::{DateTime, Utc};
use contracts::{PaymentMethodId, UserId};
use sqlx::PgConnection;

use super::illegal;
use crate::domain::method::ProviderToken;

/// A payment method as its owner may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodShown {
    pub id: PaymentMethodId,
    pub brand: Option<String>,
    pub created_at: DateTime<Utc>,
}

pub async fn insert_method(
    tx: &mut PgConnection,
    id: PaymentMethodId,
    customer: UserId,
    token: &ProviderToken,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into payment_method (id, customer_id, provider_token, brand, created_at) values ($1, $2, $3, $4, $5)",
        id.0,
        customer.0,
        token.expose(),
        token.brand(),
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The customer's methods, newest first, after the given one.
pub async fn list_methods(
    db: &mut PgConnection,
    customer: UserId,
    after: Option<PaymentMethodId>,
    limit: i64,
) -> Result<Vec<MethodShown>, sqlx::Error> {
    sqlx::query_as!(
        MethodShown,
        "select id, brand, created_at from payment_method
         where customer_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3",
        customer.0,
        after.map(|id| id.0),
        limit
    )
    .fetch_all(db)
    .await
}

/// Whose method it is; nobody's when it is forgotten.
pub async fn find_owner(tx: &mut PgConnection, id: PaymentMethodId) -> Result<Option<UserId>, sqlx::Error> {
    let owner = sqlx::query_scalar!(
        "select customer_id from payment_method where id = $1 and forgotten_at is null",
        id.0
    )
    .fetch_optional(tx)
    .await?;
    Ok(owner.map(UserId))
}

pub async fn find_token(
    db: &mut PgConnection,
    id: PaymentMethodId,
) -> Result<Option<ProviderToken>, sqlx::Error> {
    let token = sqlx::query_scalar!("select provider_token from payment_method where id = $1", id.0)
        .fetch_optional(db)
        .await?;
    token
        .map(|token| ProviderToken::new(&token).map_err(|_| illegal("payment_method", "it holds no token")))
        .transpose()
}

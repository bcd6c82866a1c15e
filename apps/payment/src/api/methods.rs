//! Payment methods: the provider's token goes in, our id comes out.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use contracts::{Operation, PaymentMethodId, ProblemType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::idempotency::{self, Claim};
use web::{Caller, IdempotencyKey, Json, List, Page, Problem, Query};

use crate::app::App;
use crate::domain::method::{ProviderToken, TokenError};
use crate::store::methods::{self, MethodShown};

const LARGEST_PAGE: u64 = 100;

/// What a customer gives to pay with.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPaymentMethod {
    /// The card processor's token for the card; never a card number.
    #[schema(max_length = 255, pattern = "^(pm|tok|card)_[A-Za-z0-9_]+$", example = "pm_card_visa")]
    pub provider_token: String,
}

/// A way to pay, without what it stands for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PaymentMethodView {
    pub id: PaymentMethodId,
    /// The card's brand, where it is known.
    #[schema(example = "visa")]
    pub label: Option<String>,
    pub created_at: DateTime<Utc>,
}

pub async fn add_payment_method(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(request): Json<AddPaymentMethod>,
) -> Result<Response, Problem> {
    let operation = Operation::AddPaymentMethod;
    let token = ProviderToken::new(&request.provider_token)?;
    let hash = idempotency::hash(&request)?;
    let mut tx = app.db.begin().await?;
    match idempotency::claim(&mut tx, caller.user_id, operation, &key, &hash).await? {
        Claim::Replay(answer) => return Ok(answer.into_response()),
        Claim::New => {}
    }
    let (id, now) = (PaymentMethodId(Uuid::now_v7()), app.clock.now());
    methods::insert_method(&mut tx, id, caller.user_id, &token, now).await?;
    let view = PaymentMethodView { id, label: token.brand().map(str::to_owned), created_at: now };
    idempotency::store(&mut tx, caller.user_id, operation, &key, StatusCode::CREATED, &view).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

pub async fn list_payment_methods(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<List<PaymentMethodView>>, Problem> {
    let limit = page.limit(LARGEST_PAGE)?;
    let after = page.after::<PaymentMethodId>()?;
    let mut db = app.db.acquire().await?;
    let methods = methods::list_methods(&mut db, caller.user_id, after, limit + 1).await?;
    let items = methods.into_iter().map(PaymentMethodView::from).collect();
    Ok(Json(List::from_rows(items, limit, |method: &PaymentMethodView| method.id)))
}

impl From<MethodShown> for PaymentMethodView {
    fn from(method: MethodShown) -> PaymentMethodView {
        PaymentMethodView { id: method.id, label: method.brand, created_at: method.created_at }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Problem {
        Problem::new(ProblemType::InvalidField).detail(format!("provider_token: {error}"))
    }
}

//! What the other services may ask about products.

use axum::extract::State;
use contracts::{Money, ProblemType, ProductId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{Json, Problem};

use crate::app::App;
use crate::store::product::{Told, list_told};

/// The most products of one question.
const MOST_PRODUCTS: usize = 500;

/// Which products; unknown ones are missing in the answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindProducts {
    #[schema(max_items = 500)]
    pub product_ids: Vec<ProductId>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FoundProducts {
    pub products: Vec<FoundProduct>,
}

/// What product.changed says, as it is now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FoundProduct {
    pub product_id: ProductId,
    pub sku: String,
    pub name: String,
    pub price: Money,
    pub stock_controlled: bool,
    pub archived: bool,
    /// That of the product's last event: whoever keeps what it was told keeps what has the higher one.
    pub sequence: i64,
}

pub async fn find_products(
    State(app): State<App>,
    Json(request): Json<FindProducts>,
) -> Result<Json<FoundProducts>, Problem> {
    let asked = request.product_ids.len();
    if asked > MOST_PRODUCTS {
        let detail = format!("{asked} products asked for, {MOST_PRODUCTS} are the most");
        return Err(Problem::new(ProblemType::InvalidField).detail(detail));
    }
    let mut db = app.db.acquire().await?;
    let products = list_told(&mut db, &request.product_ids).await?;
    Ok(Json(FoundProducts { products: products.into_iter().map(FoundProduct::from).collect() }))
}

impl From<Told> for FoundProduct {
    fn from(told: Told) -> FoundProduct {
        let Told { product, sequence } = told;
        FoundProduct {
            product_id: product.id,
            sku: product.sku.as_str().to_owned(),
            name: product.name.as_str().to_owned(),
            price: product.price,
            stock_controlled: product.stock_controlled,
            archived: product.archived(),
            sequence,
        }
    }
}

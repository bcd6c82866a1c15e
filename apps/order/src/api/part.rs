//! Pieces as clients name them, and texts within their bounds.

use contracts::event::Part;
use contracts::{ProblemType, ProductId, Quantity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::Problem;

/// Pieces of one product of the order; a product that is named twice counts twice.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinePart {
    pub product_id: ProductId,
    pub quantity: Quantity,
}

pub fn parts(named: &[LinePart]) -> Vec<Part> {
    named.iter().map(|part| Part { product_id: part.product_id, quantity: part.quantity }).collect()
}

/// The text, if it says something and is not too long.
///
/// # Errors
/// `invalid-field` names the bounds.
pub fn checked_text<'a>(field: &str, text: &'a str, longest: usize) -> Result<&'a str, Problem> {
    if text.trim().is_empty() || text.chars().count() > longest {
        let detail = format!("{field} takes 1 to {longest} characters");
        return Err(Problem::new(ProblemType::InvalidField).detail(detail));
    }
    Ok(text)
}

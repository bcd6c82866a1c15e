//! Why an order was refused, in the same words before and after it was placed.

use serde::{Deserialize, Serialize};

use crate::{Money, ProblemType, ProductId};

/// A business refusal: said by `product` or `payment` in an event, or by `order` in its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Refusal {
    /// Less is available than the order asks for.
    InsufficientStock {
        product_id: ProductId,
        requested: u32,
        available: u32,
    },
    ProductArchived {
        product_id: ProductId,
    },
    UnknownProduct {
        product_id: ProductId,
    },
    /// The price is no longer what the order was placed at.
    PriceChanged {
        product_id: ProductId,
        expected: Money,
        actual: Money,
    },
    /// The order reached the service after its `charge_by`.
    TooLate,
    /// The card was declined; `code` is the provider's.
    PaymentDeclined {
        code: String,
    },
    /// The payment method is unknown or another customer's.
    PaymentMethodUnknown,
    /// The provider wants the customer to confirm the payment, and that was not done in time.
    AuthenticationRequired,
}

impl Refusal {
    /// The problem type under which a client knows this refusal.
    pub const fn problem_type(&self) -> ProblemType {
        match self {
            Refusal::InsufficientStock { .. } => ProblemType::InsufficientStock,
            Refusal::ProductArchived { .. } => ProblemType::ProductArchived,
            Refusal::UnknownProduct { .. } => ProblemType::UnknownProduct,
            Refusal::PriceChanged { .. } => ProblemType::PriceChanged,
            Refusal::TooLate => ProblemType::TooLate,
            Refusal::PaymentDeclined { .. } => ProblemType::PaymentDeclined,
            Refusal::PaymentMethodUnknown => ProblemType::PaymentMethodUnknown,
            Refusal::AuthenticationRequired => ProblemType::AuthenticationRequired,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_json_type_is_the_name_of_its_problem() {
        let refusal = Refusal::PaymentDeclined { code: "card_declined".into() };
        let json = serde_json::to_value(&refusal).unwrap();
        assert_eq!(json["type"], refusal.problem_type().name());
        assert_eq!(serde_json::to_value(Refusal::TooLate).unwrap()["type"], ProblemType::TooLate.name());
    }
}

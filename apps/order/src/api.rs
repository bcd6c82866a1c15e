//! What can be asked of `order` over HTTP.

mod place;
mod read;
mod view;

use contracts::{Operation, ProblemType};
use web::{Api, List, Page};

use crate::app::App;
use crate::store::timeline::TimelineEntry;

pub use place::PlaceOrder;
pub(crate) use place::trace_id;
pub use view::{OrderSummary, OrderView};

/// Mounts every operation of `order`.
pub fn mount(api: Api<App>) -> Api<App> {
    api.operation(Operation::PlaceOrder, place::place_order, |about| {
        about.body::<PlaceOrder>().answer::<OrderView>(201).idempotent().problems(&[
            ProblemType::UnknownProduct,
            ProblemType::ProductArchived,
            ProblemType::PriceChanged,
            ProblemType::TotalChanged,
            ProblemType::CurrencyMismatch,
            ProblemType::QuantityOutOfRange,
            ProblemType::AmountOutOfRange,
            ProblemType::TooManyLines,
        ])
    })
    .operation(Operation::ListOrders, read::list_orders, |about| {
        about.query::<Page>().answer::<List<OrderSummary>>(200)
    })
    .operation(Operation::ReadOrder, read::read_order, |about| about.answer::<OrderView>(200))
    .operation(Operation::ReadTimeline, read::read_timeline, |about| about.answer::<List<TimelineEntry>>(200))
}

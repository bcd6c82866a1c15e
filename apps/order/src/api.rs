//! What can be asked of `order` over HTTP.

mod books;
mod cancel;
mod command;
mod groups;
mod hold;
mod part;
mod place;
mod read;
mod returns;
mod ship;
mod timeline;
mod view;
mod watch;

use contracts::{Operation, ProblemType};
use web::{Api, List};

use crate::app::App;

pub use cancel::{AddNote, CancelOrder};
pub use place::PlaceOrder;
pub(crate) use place::trace_id;
pub use returns::{ReceiveReturn, RefundReturn, RequestReturn};
pub use ship::ShipOrder;
pub use timeline::Timeline;
pub use view::{OrderSummary, OrderView};

/// Mounts every operation of `order`.
pub fn mount(api: Api<App>) -> Api<App> {
    mount_returns(mount_fulfilment(mount_orders(api)))
}

fn mount_orders(api: Api<App>) -> Api<App> {
    books::mount(api)
        .operation(Operation::PlaceOrder, place::place_order, |about| {
            about.body::<PlaceOrder>().answer::<OrderView>(201).idempotent().waits().problems(&[
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
            about.query::<read::OrdersPage>().answer::<List<OrderSummary>>(200)
        })
        .operation(Operation::ReadOrderGroups, groups::read_order_groups, |about| about)
        .operation(Operation::ReadOrder, read::read_order, |about| about.answer::<OrderView>(200))
        .operation(Operation::ReadTimeline, timeline::read_timeline, |about| about.answer::<Timeline>(200))
        .operation(Operation::WatchOrder, watch::watch_order, |about| about.events())
        .operation(Operation::AddNote, cancel::add_note, |about| {
            about.body::<AddNote>().answer::<OrderView>(201).idempotent().conditional_when_sent()
        })
}

fn mount_fulfilment(api: Api<App>) -> Api<App> {
    api.operation(Operation::CancelOrder, cancel::cancel_order, |about| {
        about.body::<CancelOrder>().answer::<OrderView>(201).idempotent().conditional_when_sent().problems(&[
            ProblemType::OnlyWhole,
            ProblemType::NotCancellable,
            ProblemType::QuantityExceeded,
            ProblemType::QuantityOutOfRange,
        ])
    })
    .operation(Operation::ShipOrder, ship::ship_order, |about| {
        about.body::<ShipOrder>().answer::<OrderView>(201).idempotent().conditional().problems(&[
            ProblemType::InvalidTransition,
            ProblemType::QuantityExceeded,
            ProblemType::QuantityOutOfRange,
        ])
    })
    .operation(Operation::DeliverParcel, ship::deliver_parcel, |about| {
        about.answer::<OrderView>(200).idempotent().conditional().problems(&[ProblemType::InvalidTransition])
    })
    .operation(Operation::RequestCapture, ship::request_capture, |about| {
        about.answer::<OrderView>(201).idempotent().conditional().problems(&[ProblemType::InvalidTransition])
    })
}

fn mount_returns(api: Api<App>) -> Api<App> {
    api.operation(Operation::RequestReturn, returns::request_return, |about| {
        about.body::<RequestReturn>().answer::<OrderView>(201).idempotent().conditional_when_sent().problems(
            &[
                ProblemType::InvalidTransition,
                ProblemType::ReturnWindowClosed,
                ProblemType::QuantityExceeded,
                ProblemType::QuantityOutOfRange,
            ],
        )
    })
    .operation(Operation::ReceiveReturn, returns::receive_return, |about| {
        about.body::<ReceiveReturn>().answer::<OrderView>(200).idempotent().conditional().problems(&[
            ProblemType::InvalidTransition,
            ProblemType::QuantityExceeded,
            ProblemType::QuantityOutOfRange,
        ])
    })
    .operation(Operation::RefundReturn, returns::refund_return, |about| {
        about.body::<RefundReturn>().answer::<OrderView>(201).idempotent().conditional().problems(&[
            ProblemType::InvalidTransition,
            ProblemType::RefundExceeded,
            ProblemType::CurrencyMismatch,
            ProblemType::AmountOutOfRange,
        ])
    })
}

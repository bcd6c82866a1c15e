//! What can be asked of `product` over HTTP.

mod catalogue;
mod facts;
mod find;
mod import;
mod stock;
mod view;

use contracts::{Operation, ProblemType};
use web::{Api, List, Page};

use crate::app::App;

pub use catalogue::{CatalogueQuery, ChangeProduct, CreateProduct};
pub use find::{FindProducts, FoundProducts};
pub use import::{ImportProducts, ImportedProducts};
pub use stock::RecordMovement;
pub use view::{MovementView, ProductView, StockView};

/// Mounts every operation of `product`.
pub fn mount(api: Api<App>) -> Api<App> {
    let api = mount_catalogue(api);
    let api = mount_stock(api);
    api.operation(Operation::FindProducts, find::find_products, |about| {
        about.body::<FindProducts>().answer::<FoundProducts>(200)
    })
    .operation(Operation::ReadStockFacts, facts::read_stock_facts, |about| about)
    .operation(Operation::ReadStockTimeline, facts::read_stock_timeline, |about| about)
}

fn mount_catalogue(api: Api<App>) -> Api<App> {
    api.operation(Operation::CreateProduct, catalogue::create_product, |about| {
        about
            .body::<CreateProduct>()
            .answer::<ProductView>(201)
            .idempotent()
            .problems(&[ProblemType::SkuTaken, ProblemType::AmountOutOfRange])
    })
    .operation(Operation::ChangeProduct, catalogue::change_product, |about| {
        about
            .body::<ChangeProduct>()
            .answer::<ProductView>(200)
            .conditional()
            .problems(&[ProblemType::ProductArchived, ProblemType::AmountOutOfRange])
    })
    .operation(Operation::ArchiveProduct, catalogue::archive_product, |about| {
        about.answer::<ProductView>(200).conditional()
    })
    .operation(Operation::ReadProduct, catalogue::read_product, |about| about.answer::<ProductView>(200))
    .operation(Operation::ListProducts, catalogue::list_products, |about| {
        about.query::<CatalogueQuery>().answer::<List<ProductView>>(200)
    })
    .operation(Operation::ImportProducts, import::import_products, |about| {
        about
            .body::<ImportProducts>()
            .answer::<ImportedProducts>(200)
            .idempotent()
            .problems(&[ProblemType::InvalidRows, ProblemType::SkuTaken])
    })
}

fn mount_stock(api: Api<App>) -> Api<App> {
    api.operation(Operation::RecordMovement, stock::record_movement, |about| {
        about.body::<RecordMovement>().answer::<MovementView>(201).idempotent().problems(&[
            ProblemType::InsufficientStock,
            ProblemType::QuantityOutOfRange,
            ProblemType::Conflict,
        ])
    })
    .operation(Operation::ListMovements, stock::list_movements, |about| {
        about.query::<Page>().answer::<List<MovementView>>(200)
    })
    .operation(Operation::ListStock, stock::list_stock, |about| {
        about.query::<Page>().answer::<List<StockView>>(200)
    })
}

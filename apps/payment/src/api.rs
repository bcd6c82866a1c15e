//! What can be asked of `payment` over HTTP.

mod methods;
mod payments;

use contracts::Operation;
use web::{Api, List, Page};

use crate::app::App;
pub use methods::{AddPaymentMethod, PaymentMethodView};
pub use payments::{PaymentStatus, PaymentView, ReceiptView};

/// Mounts every operation of `payment`.
pub fn mount(api: Api<App>) -> Api<App> {
    api.operation(Operation::AddPaymentMethod, methods::add_payment_method, |about| {
        about.body::<AddPaymentMethod>().answer::<PaymentMethodView>(201).idempotent()
    })
    .operation(Operation::ListPaymentMethods, methods::list_payment_methods, |about| {
        about.query::<Page>().answer::<List<PaymentMethodView>>(200)
    })
    .operation(Operation::ListPayments, payments::list_payments, |about| {
        about.answer::<List<PaymentView>>(200)
    })
}

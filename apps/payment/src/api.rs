//! What can be asked of `payment` over HTTP.

mod comparison;
mod facts;
mod issues;
mod methods;
mod payments;
mod receipts;
mod resolutions;
mod timeline;
mod webhooks;

use contracts::receipt::ReceiptChain;
use contracts::{Operation, ProblemType};
use web::{Api, List, Page};

use crate::app::App;
pub use comparison::{ComparisonView, DiscrepancyView};
pub use issues::PaymentIssueView;
pub use methods::{AddPaymentMethod, PaymentMethodView};
pub use payments::{PaymentStatus, PaymentView, ReceiptView, RefundView};
pub use resolutions::{ResolutionView, ResolvePayment};
pub use webhooks::{ProviderEvent, ProviderEventTaken};

/// Mounts every operation of `payment`.
pub fn mount(api: Api<App>) -> Api<App> {
    let api = mount_provider(mount_methods(api));
    api.operation(Operation::ListPayments, payments::list_payments, |about| {
        about.answer::<List<PaymentView>>(200)
    })
    .operation(Operation::ListPaymentIssues, issues::list_payment_issues, |about| {
        about.query::<Page>().answer::<List<PaymentIssueView>>(200)
    })
    .operation(Operation::ResolvePayment, resolutions::resolve_payment, |about| {
        about
            .body::<ResolvePayment>()
            .answer::<ResolutionView>(201)
            .idempotent()
            .problems(&[ProblemType::InvalidTransition])
    })
    .operation(Operation::VerifyReceipts, receipts::verify_receipts, |about| {
        about.answer::<ReceiptChain>(200)
    })
    .operation(Operation::ReadPaymentFacts, facts::read_payment_facts, |about| about)
    .operation(Operation::ReadPaymentTimeline, timeline::read_payment_timeline, |about| about)
}

/// What the card processor tells, and what it is asked beside the saga.
fn mount_provider(api: Api<App>) -> Api<App> {
    api.operation(Operation::ReceiveProviderEvent, webhooks::receive_provider_event, |about| {
        about
            .body::<ProviderEvent>()
            .answer::<ProviderEventTaken>(200)
            .problems(&[ProblemType::InvalidSignature])
    })
    .operation(Operation::ComparePayments, comparison::compare_payments, |about| {
        about.answer::<ComparisonView>(200).problems(&[ProblemType::Conflict])
    })
}

fn mount_methods(api: Api<App>) -> Api<App> {
    api.operation(Operation::AddPaymentMethod, methods::add_payment_method, |about| {
        about.body::<AddPaymentMethod>().answer::<PaymentMethodView>(201).idempotent()
    })
    .operation(Operation::ListPaymentMethods, methods::list_payment_methods, |about| {
        about.query::<Page>().answer::<List<PaymentMethodView>>(200)
    })
}

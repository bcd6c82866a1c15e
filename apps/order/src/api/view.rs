//! Orders as clients see them.

mod parts;

use chrono::{DateTime, Utc};
use contracts::operation::Access;
use contracts::{Money, OrderId, PaymentMethodId, Permission, Refusal, Terms, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::Caller;

use crate::domain::order::Dispute;
use crate::domain::{Action, Address, End, Fulfilment, OrderStatus, PaymentStatus};
use crate::store::orders::StoredOrder;
pub use parts::{CancellationView, DueView, LineView, ParcelView, RefundView, ReturnView};

/// An order with everything about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderView {
    #[serde(flatten)]
    pub summary: OrderSummary,
    pub lines: Vec<LineView>,
    pub payment_method_id: PaymentMethodId,
    pub delivery_address: Address,
    pub terms: Terms,
    /// What was taken, once it was.
    pub captured: Option<Money>,
    /// What has gone back.
    pub refunded: Money,
    /// The capture that failed, while staff have to decide.
    pub payment_due: Option<DueView>,
    pub parcels: Vec<ParcelView>,
    pub cancellations: Vec<CancellationView>,
    pub returns: Vec<ReturnView>,
    pub refunds: Vec<RefundView>,
    pub disputes: Vec<Dispute>,
    /// What the caller can ask for as the order stands.
    pub available_actions: Vec<Action>,
}

/// An order as it stands in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderSummary {
    pub id: OrderId,
    /// What people call it.
    #[schema(example = "7K3M-9QXT")]
    pub number: String,
    pub customer_id: UserId,
    pub status: OrderStatus,
    /// Why it was rejected, when it was.
    pub rejection: Option<Refusal>,
    pub stock_status: StockStatus,
    pub payment_status: PaymentStatus,
    /// The card processor refuses a refund; staff have to decide.
    pub refund_failed: bool,
    /// The customer's bank disputes the charge.
    pub disputed: bool,
    pub fulfilment_status: Fulfilment,
    pub total: Money,
    /// The client's own words for it.
    pub reference: Option<String>,
    pub placed_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StockStatus {
    Awaited,
    Reserved,
    Rejected,
}

impl From<&StoredOrder> for OrderSummary {
    fn from(stored: &StoredOrder) -> OrderSummary {
        let order = &stored.order;
        let saga = &order.saga;
        let rejection = match &saga.end {
            Some(End::Rejected { refusal, .. }) => Some(refusal.clone()),
            Some(End::Confirmed { .. } | End::Expired { .. } | End::Cancelled { .. }) | None => None,
        };
        OrderSummary {
            id: saga.order_id,
            number: saga.number.clone(),
            customer_id: saga.customer_id,
            status: order.status(),
            rejection,
            stock_status: stock_status(stored),
            payment_status: order.payment_status(),
            refund_failed: order.refund_failed(),
            disputed: order.disputed(),
            fulfilment_status: order.fulfilment(),
            total: saga.total,
            reference: stored.reference.clone(),
            placed_at: stored.placed_at,
            ended_at: saga.end.as_ref().map(End::at),
        }
    }
}

impl OrderView {
    pub fn new(stored: &StoredOrder, caller: &Caller, now: DateTime<Utc>) -> OrderView {
        let order = &stored.order;
        OrderView {
            summary: OrderSummary::from(stored),
            lines: stored.lines.iter().map(|line| LineView::new(line, order)).collect(),
            payment_method_id: stored.payment_method_id,
            delivery_address: stored.delivery_address.clone(),
            terms: order.terms.clone(),
            captured: order.capture.captured,
            refunded: order.refunded(),
            payment_due: order.payment_due().map(DueView::from),
            parcels: order.parcels.iter().map(ParcelView::from).collect(),
            cancellations: order.cancellations.iter().map(CancellationView::from).collect(),
            returns: order.returns.iter().map(ReturnView::from).collect(),
            refunds: order.refunds.iter().map(RefundView::from).collect(),
            disputes: order.disputes.clone(),
            available_actions: actions(stored, caller, now),
        }
    }
}

/// What the order allows and the caller may.
fn actions(stored: &StoredOrder, caller: &Caller, now: DateTime<Utc>) -> Vec<Action> {
    let own = stored.order.saga.customer_id == caller.user_id || caller.may(Permission::OrdersManage);
    let permitted = |action: &Action| match action.operation().row().access {
        Access::Permitted(permission) => caller.may(permission),
        Access::Anonymous | Access::Internal => false,
    };
    let whose = |action: &Action| match action {
        Action::CancelOrder | Action::RequestReturn => own,
        Action::ShipOrder
        | Action::DeliverParcel
        | Action::ReceiveReturn
        | Action::RefundReturn
        | Action::RequestCapture => true,
    };
    let allowed = stored.order.available_actions(now).into_iter();
    allowed.filter(|action| permitted(action) && whose(action)).collect()
}

fn stock_status(stored: &StoredOrder) -> StockStatus {
    let facts = &stored.order.saga.facts;
    if facts.stock_refusal.is_some() {
        StockStatus::Rejected
    } else if facts.stock_reserved.is_some() {
        StockStatus::Reserved
    } else {
        StockStatus::Awaited
    }
}

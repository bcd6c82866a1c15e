//! Which points are walked, and by which order.

use crate::drive::Drive;

/// A point with the order that comes by.
pub struct Point {
    pub name: &'static str,
    pub drive: Drive,
    pub walk: Walk,
}

/// When it is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    Always,
    InFull,
}

const fn always(name: &'static str, drive: Drive) -> Point {
    Point { name, drive, walk: Walk::Always }
}

const fn full(name: &'static str, drive: Drive) -> Point {
    Point { name, drive, walk: Walk::InFull }
}

use Drive::{Bought, Cancelled, Declined, Expired, RefundUnanswered, Returned, ShippedLater, Unanswered};

/// In the order in which an order comes by; neighbours are of different services, so that a supervisor does not come to
/// think that one cannot run.
pub const POINTS: &[Point] = &[
    full("order.place_order.before_commit", Bought),
    full("product.order.placed.v1.before_commit", Bought),
    full("payment.order.placed.v1.before_commit", Bought),
    always("order.place_order.after_commit", Bought),
    always("product.order.placed.v1.before_ack", Bought),
    full("payment.order.placed.v1.before_ack", Bought),
    full("order.relay.before_publish", Bought),
    full("product.relay.before_publish", Bought),
    full("payment.relay.before_publish", Bought),
    always("order.relay.after_publish", Bought),
    full("product.relay.after_publish", Bought),
    full("payment.relay.after_publish", Bought),
    full("order.relay.after_mark", Bought),
    full("product.relay.after_mark", Bought),
    full("payment.relay.after_mark", Bought),
    full("order.stock.reserved.v1.before_commit", Bought),
    full("product.order.placed.v1.after_commit", Bought),
    full("payment.stock.reserved.v1.after_commit", Bought),
    full("notification.order.confirmed.v1.before_commit", Bought),
    full("payment.create.before_sent", Bought),
    full("order.stock.reserved.v1.before_ack", Bought),
    full("payment.create.before_answer", Bought),
    full("notification.order.confirmed.v1.before_ack", Bought),
    always("payment.confirm.after_sent", Bought),
    full("order.payment.captured.v1.before_commit", Bought),
    always("payment.confirm.before_answer", Bought),
    full("product.order.confirmed.v1.before_commit", Bought),
    full("payment.confirm.after_answer", Bought),
    full("order.payment.captured.v1.before_ack", Bought),
    full("product.order.confirmed.v1.before_ack", Bought),
    full("payment.read.before_answer", Unanswered),
    full("order.payment.declined.v1.before_commit", Declined),
    full("payment.cancel.before_answer", Declined),
    full("product.order.rejected.v1.before_commit", Declined),
    full("order.cancel_order.before_commit", Cancelled),
    full("product.order.cancelled.v1.before_commit", Cancelled),
    full("payment.order.cancelled.v1.before_ack", Cancelled),
    full("order.cancel_order.after_commit", Cancelled),
    always("payment.refund.before_answer", Cancelled),
    full("order.payment.refunded.v1.before_commit", Cancelled),
    full("payment.refund.after_answer", Cancelled),
    full("product.order.cancelled.v1.before_ack", Cancelled),
    full("payment.find_refund.before_answer", RefundUnanswered),
    full("order.ship_order.before_commit", ShippedLater),
    full("payment.order.capture_requested.v1.before_commit", ShippedLater),
    full("product.order.shipped.v1.before_commit", ShippedLater),
    full("payment.capture.before_answer", ShippedLater),
    full("order.payment.captured.v1.after_commit", ShippedLater),
    full("product.order.shipped.v1.before_ack", ShippedLater),
    full("payment.capture.after_sent", ShippedLater),
    full("order.deliver_parcel.after_commit", ShippedLater),
    full("product.order.return_received.v1.before_commit", Returned),
    full("order.receive_return.before_commit", Returned),
    full("payment.order.refund_requested.v1.before_commit", Returned),
    full("product.order.return_received.v1.before_ack", Returned),
    full("order.refund_return.after_commit", Returned),
    full("product.order.expired.v1.before_commit", Expired),
    full("order.sweep.before_commit", Expired),
    full("product.order.expired.v1.before_ack", Expired),
    full("order.sweep.after_commit", Expired),
];

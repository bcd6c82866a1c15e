//! The money of one order: what the processor holds, what our records say, and what the order is worth.

use std::collections::BTreeMap;

use contracts::{RefundCause, Refusal};
use order::domain::End;
use order::domain::order::Order;
use payment::domain::effect::ReceiptState;
use payment::domain::{Act, Charge, IntentStatus, Record, RefundStage};

use super::Holds;
use crate::world::World;
use crate::world::people::confirmed;

impl World<'_> {
    /// 5: at most one effective charge, and the processor's list is ours.
    pub(super) fn check_provider(&self, place: usize) -> Holds {
        let intents = || self.provider.intents.iter().filter(|held| held.order == place);
        let charges: u32 = intents().map(|held| held.charges).sum();
        if charges > 1 {
            return Err(format!("was charged {charges} times"));
        }
        let (taken, back) = (
            intents().map(|held| held.received()).sum::<i64>(),
            intents().map(|held| held.refunded()).sum::<i64>(),
        );
        let (captured, refunded, _) = self.recorded(place);
        if (taken, back) != (captured, refunded) {
            return Err(format!(
                "the processor took {taken} and gave back {back}; our records say {captured} and {refunded}"
            ));
        }
        if back > taken {
            return Err(format!("{back} went back of {taken}"));
        }
        Ok(())
    }

    /// A charge of which the outcome was not known is never given up for it: declined is what was refused.
    pub(super) fn check_refusal(&self, place: usize, order: &Order) -> Holds {
        let declined = match &order.saga.end {
            Some(End::Rejected { refusal, .. }) => matches!(refusal, Refusal::PaymentDeclined { .. }),
            Some(End::Confirmed { .. } | End::Expired { .. } | End::Cancelled { .. }) | None => false,
        };
        if declined && !self.provider.refused.contains(&place) {
            return Err(format!("was declined, and nobody refused the charge: {:?}", order.saga.end));
        }
        Ok(())
    }

    /// What the records add up to: captured, given back through the processor, given back otherwise.
    fn recorded(&self, place: usize) -> (i64, i64, i64) {
        let (mut captured, mut refunded, mut settled) = (0, 0, 0);
        for record in &self.payments.rows[place].records {
            match record {
                Record::Captured { amount } => captured += amount.amount(),
                Record::Refunded { amount, .. } => refunded += amount.amount(),
                Record::RefundReturned { amount, .. } => refunded -= amount.amount(),
                Record::RefundSettled { amount, .. } => settled += amount.amount(),
                Record::ActionRequired
                | Record::Authorised { .. }
                | Record::Lapsed
                | Record::Due { .. }
                | Record::Voided
                | Record::Declined { .. }
                | Record::RefundFailed { .. }
                | Record::Disputed { .. } => {}
            }
        }
        (captured, refunded, settled)
    }

    /// 4 and 9: what was captured, is still to be captured and went back adds up to what the order is worth.
    pub(super) fn check_money(&self, place: usize, order: &Order) -> Holds {
        let payment = &self.payments.rows[place].payment;
        let lines = order.lines.iter().map(|line| line.unit_price.amount() * i64::from(line.quantity.get()));
        let total = order.saga.total.amount();
        if lines.sum::<i64>() != total {
            return Err(format!("its lines do not add up to its total {total}"));
        }
        let captures = |record: &&Record| matches!(record, Record::Captured { .. });
        if self.payments.rows[place].records.iter().filter(captures).count() > 1 {
            return Err("was captured twice".to_owned());
        }
        let (captured, refunded, settled) = self.recorded(place);
        let owed: i64 = payment
            .refunds
            .values()
            .filter(|refund| match &refund.stage {
                RefundStage::Waiting | RefundStage::InHand { .. } | RefundStage::Failed { .. } => true,
                RefundStage::Made { .. } | RefundStage::Settled | RefundStage::Moot => false,
            })
            .map(|refund| refund.amount.amount())
            .sum();
        if payment.unknown() {
            return Err(format!("its payment is still unknown: {:?}", payment.charge));
        }
        if !confirmed(order) {
            return self.check_undone(place, captured - refunded - settled - owed);
        }
        let cancelled: i64 = order.cancellations.iter().map(|cancelled| cancelled.amount.amount()).sum();
        let returned: i64 = order
            .refunds
            .iter()
            .filter(|refund| matches!(refund.cause, RefundCause::Return(_)))
            .map(|refund| refund.amount.amount())
            .sum();
        let was_captured = self.payments.rows[place].records.iter().any(|record| captures(&record));
        let to_capture = match (was_captured, &order.capture.requested) {
            (true, _) => 0,
            (false, Some(requested)) => requested.amount.amount(),
            (false, None) => total - cancelled,
        };
        let (have, should) =
            (captured + to_capture - refunded - settled - owed, total - cancelled - returned);
        if have != should {
            return Err(format!(
                "{captured} captured + {to_capture} to capture - {refunded} refunded - {settled} settled - {owed} \
                 owed is not {total} total - {cancelled} cancelled - {returned} returned"
            ));
        }
        Ok(())
    }

    /// Of another end nothing is held, and nothing captured that did not go back or is owed.
    fn check_undone(&self, place: usize, kept: i64) -> Holds {
        let held = self.provider.intents.iter().filter(|held| held.order == place).find(|held| {
            matches!(held.status, IntentStatus::RequiresCapture { .. } | IntentStatus::Processing)
        });
        if held.is_some() {
            return Err("has ended, and its money is still held".to_owned());
        }
        if kept != 0 {
            return Err(format!("has ended, and {kept} was kept"));
        }
        match &self.payments.rows[place].payment.charge {
            Charge::Closed { .. } | Charge::Free { .. } | Charge::Captured { .. } => Ok(()),
            open @ (Charge::Waiting
            | Charge::Creating { .. }
            | Charge::Confirming { .. }
            | Charge::ActionRequired { .. }
            | Charge::Cancelling { .. }
            | Charge::Authorised { .. }
            | Charge::Capturing { .. }
            | Charge::Due { .. }) => Err(format!("has ended, and its charge is {open:?}")),
        }
    }

    /// Every effect outside that was begun has an outcome that is known.
    pub(super) fn check_receipts(&self, place: usize) -> Holds {
        let mut last = BTreeMap::new();
        for receipt in &self.payments.rows[place].receipts {
            last.insert((receipt.kind.name(), about(&receipt.act)), receipt.state);
        }
        let open = last.into_iter().find(|(_, state)| match state {
            ReceiptState::Sent | ReceiptState::Unknown => true,
            // What was planned and never sent had no effect.
            ReceiptState::Planned | ReceiptState::Confirmed | ReceiptState::Failed => false,
        });
        match open {
            None => Ok(()),
            Some(((kind, about), state)) => {
                Err(format!("the last receipt of {kind} {about} is {}", state.name()))
            }
        }
    }
}

/// What a receipt of one kind tells apart: a refund by its cause, a dispute by its name.
fn about(act: &Act) -> String {
    match act {
        Act::Refund { cause, .. } | Act::FindRefund { cause, .. } => cause.to_string(),
        Act::CloseDispute { dispute_id } => dispute_id.clone(),
        Act::Create { .. }
        | Act::Confirm { .. }
        | Act::Capture { .. }
        | Act::Cancel { .. }
        | Act::Read { .. } => String::new(),
    }
}

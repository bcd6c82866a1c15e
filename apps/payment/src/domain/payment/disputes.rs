//! What the customer's bank disputes. While a dispute is open the provider holds the money, and no refund is sent.

use contracts::Money;
use contracts::event::{DisputeStatus, PaymentDisputed};

use super::task::Task;
use super::{Out, Payment};
use crate::domain::effect::{Effect, Posting, ReceiptState};
use crate::domain::{Dispute, DisputeStage, Record};

impl Payment {
    /// Applies what the provider says of a dispute; one that is closed stays as it is.
    pub(super) fn apply_dispute(
        &mut self,
        dispute_id: String,
        amount: Money,
        status: DisputeStatus,
        out: &mut Out,
    ) {
        let known = self.disputes.get(&dispute_id).map(|dispute| (dispute.amount, dispute.status()));
        let amount = known.map_or(amount, |(amount, _)| amount);
        match (known.map(|(_, status)| status), status) {
            (None, _) => {
                let dispute_id = dispute_id.clone();
                out.effects.push(Effect::Posting(Posting::DisputeOpened { amount, dispute_id }));
            }
            (Some(DisputeStatus::Open), DisputeStatus::Won | DisputeStatus::Lost) => {}
            (Some(DisputeStatus::Open), DisputeStatus::Open)
            | (Some(DisputeStatus::Won | DisputeStatus::Lost), _) => return,
        }
        let stage = self.close_dispute(&dispute_id, amount, status, out);
        self.disputes.insert(dispute_id.clone(), Dispute { amount, stage });
        out.effects.push(Effect::Record(Record::Disputed { dispute_id: dispute_id.clone(), amount, status }));
        let said =
            PaymentDisputed { order_id: self.order_id, payment_id: self.id, dispute_id, amount, status };
        out.events.push(said.into());
    }

    fn close_dispute(
        &self,
        dispute_id: &str,
        amount: Money,
        status: DisputeStatus,
        out: &mut Out,
    ) -> DisputeStage {
        let task = Task::Dispute(dispute_id.to_owned());
        let accepting = self.attempt(&task).is_some();
        let dispute_id = dispute_id.to_owned();
        let (stage, posting, receipt) = match status {
            DisputeStatus::Open => return DisputeStage::Open,
            DisputeStatus::Won => {
                (DisputeStage::Won, Posting::DisputeWon { amount, dispute_id }, ReceiptState::Failed)
            }
            DisputeStatus::Lost => {
                (DisputeStage::Lost, Posting::DisputeLost { amount, dispute_id }, ReceiptState::Confirmed)
            }
        };
        if accepting {
            self.note_receipt(&task, receipt, None, out);
        }
        out.effects.push(Effect::Posting(posting));
        stage
    }

    pub(super) fn in_dispute(&self) -> bool {
        self.disputes.values().any(|dispute| dispute.status() == DisputeStatus::Open)
    }

    /// What the customer has by way of their bank.
    pub(super) fn lost_to_disputes(&self) -> i64 {
        let lost = self.disputes.values().filter(|dispute| dispute.status() == DisputeStatus::Lost);
        lost.map(|dispute| dispute.amount.amount()).sum()
    }
}

//! Charges that the customer's bank disputes. The provider takes the money back when one is opened.

use contracts::Money;
use contracts::event::DisputeStatus;

use super::Attempt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    pub amount: Money,
    pub stage: DisputeStage,
}

/// How far a dispute is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeStage {
    Open,
    /// Staff accept it, which the provider is being told.
    Accepting {
        attempt: Attempt,
    },
    Won,
    Lost,
}

impl Dispute {
    pub fn status(&self) -> DisputeStatus {
        match self.stage {
            DisputeStage::Open | DisputeStage::Accepting { .. } => DisputeStatus::Open,
            DisputeStage::Won => DisputeStatus::Won,
            DisputeStage::Lost => DisputeStatus::Lost,
        }
    }

    pub fn attempt(&self) -> Option<Attempt> {
        match self.stage {
            DisputeStage::Accepting { attempt } => Some(attempt),
            DisputeStage::Open | DisputeStage::Won | DisputeStage::Lost => None,
        }
    }
}

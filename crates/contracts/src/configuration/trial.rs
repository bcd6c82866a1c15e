//! The two groups of a trial, which `order` counts from its own rows for `config` to compare.

use serde::{Deserialize, Serialize};

/// Which orders are asked for: those that were placed since the trial's version was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadOrderGroups {
    /// The key by whose name the orders are divided.
    pub key: String,
    /// So many of a hundred orders have the value that is tried.
    pub percent: u8,
    /// The trial's; what was placed under an earlier one belongs to neither group.
    pub version: u64,
}

/// What became of the orders of a trial that were placed before the first that has no end yet, in two parts of the
/// orders that are equally large: of a trial on 10 %, the tried and another 10 %.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// Those with the value that is tried.
    pub tried: Group,
    pub others: Group,
}

/// What became of the orders of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// However they ended.
    pub orders: u32,
    /// Refused by stock or payment.
    pub refused: u32,
    /// Expired.
    pub failed: u32,
    /// From placing to confirmation in milliseconds, of the first [`Group::MOST`] by placing.
    pub confirmed_in: Vec<u64>,
}

impl Group {
    /// More than these tell nothing new: counting ends when both groups have so many orders.
    pub const MOST: u32 = 1_000;
}

//! What applies to one order for its life: resolved once when it is placed, carried in `order.placed`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// When the money is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaptureMode {
    /// With the authorisation.
    AtOnce,
    /// Once, for the whole remaining total, before the first parcel leaves.
    BeforeShipping,
}

/// Fixed when the order is placed; no service reads a live value for a running order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Terms {
    /// Stock is reserved and a charge started only before this.
    pub charge_by: DateTime<Utc>,
    /// What has not ended by then expires.
    pub deadline: DateTime<Utc>,
    pub capture: CaptureMode,
    /// Days after delivery within which a return may be asked for.
    pub return_window_days: u32,
    /// The configuration's version that these terms were resolved from.
    pub configuration_version: u64,
}

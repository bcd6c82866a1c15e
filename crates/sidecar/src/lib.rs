//! The only code that speaks to Dapr: publishing through the outbox, events through the inbox, configuration,
//! secrets and invocation. It knows nothing of any service's business.

mod client;
pub mod configuration;
pub mod database;
pub mod events;
pub mod fail_points;
pub mod gaps;
pub mod guard;
pub mod housekeeping;
pub mod inbox;
mod invocation;
pub mod outbox;
mod secrets;

pub use client::{Address, Sidecar, SidecarError};
pub use fail_points::fail_point;
pub use invocation::InvokeError;
pub use secrets::Secret;

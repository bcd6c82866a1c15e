//! HTTP conventions that every service shares: problems, extractors, mounting by operation, tokens, idempotency,
//! pages, entity tags, telemetry and serving. Knows nothing of Dapr.

pub mod api;
pub mod auth;
pub mod clock;
pub mod cursor;
pub mod describe;
pub mod environment;
pub mod etag;
pub mod extract;
pub mod health;
pub mod idempotency;
pub mod prefer;
pub mod problem;
pub mod request;
pub mod serve;
pub mod telemetry;

pub use api::Api;
pub use auth::{Caller, Keys};
pub use clock::Clock;
pub use cursor::{Cursor, List, Page};
pub use environment::Environment;
pub use etag::{ETag, IfMatch};
pub use extract::{Json, Query};
pub use idempotency::IdempotencyKey;
pub use problem::Problem;

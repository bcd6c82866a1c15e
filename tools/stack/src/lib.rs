//! Runs the whole system on one machine: secrets, PostgreSQL, Kafka, sentry, the card sandbox, the services
//! with their sidecars, and a supervisor around each. The binary is a thin shell over these modules.

pub mod app;
pub mod bare;
pub mod daprd;
pub mod dev;
pub mod down;
pub mod first_order;
pub mod health;
pub mod hold;
pub mod identity;
pub mod instance;
pub mod kafka;
pub mod keep;
pub mod links;
pub mod listeners;
pub mod logs;
pub mod part;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod progress;
pub mod provision;
pub mod relief;
pub mod render;
pub mod roles;
pub mod rotate;
pub mod run_file;
pub mod say;
pub mod seat;
pub mod secrets;
pub mod sentry;
pub mod status;
pub mod stop;
pub mod supervisor;
pub mod trial;
pub mod up;

pub use instance::Instance;

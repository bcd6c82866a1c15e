//! Operations on accounts and sessions, and on what staff and machines need.

mod accounts;
mod addresses;
mod api_keys;
mod audit;
mod client;
mod credentials;
mod deletion;
mod export;
mod log_out;
mod mails;
mod me;
mod passwords;
mod profile;
mod revocations;
pub(crate) mod roles;
mod second_factor;
mod sessions;
mod signing_keys;
mod staff;
mod users;

use contracts::ProblemType;
use web::{Api, Problem};

use crate::app::App;

pub fn mount(api: Api<App>) -> Api<App> {
    staff::mount(accounts::mount(api))
}

/// The answer to a token whose account was deleted, where the gateway has not yet heard of it.
fn gone() -> Problem {
    Problem::new(ProblemType::RevokedToken).detail("the account was deleted")
}

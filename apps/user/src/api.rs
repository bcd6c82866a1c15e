//! Operations on accounts and sessions.

mod sessions;
mod users;

use contracts::{Operation, ProblemType};
use web::Api;

use crate::app::App;

pub fn mount(api: Api<App>) -> Api<App> {
    api.operation(Operation::RegisterUser, users::register_user, |operation| {
        operation
            .body::<users::RegisterUser>()
            .answer::<users::UserView>(201)
            .problems(&[ProblemType::EmailTaken])
    })
    .operation(Operation::ReadMe, users::read_me, |operation| operation.answer::<users::MeView>(200))
    .operation(Operation::LogIn, sessions::log_in, |operation| {
        operation
            .body::<sessions::LogIn>()
            .answer::<sessions::SessionView>(201)
            .problems(&[ProblemType::WrongCredentials])
    })
    .operation(Operation::ReadJwks, sessions::read_jwks, |operation| {
        operation.answer::<sessions::JwksView>(200)
    })
}

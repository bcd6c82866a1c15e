//! Which handler answers which operation on accounts, sessions, passwords and addresses.

use contracts::{Operation, ProblemType};
use web::{Api, List, Page};

use super::{addresses, deletion, export, log_out, mails, passwords, profile, sessions, users};
use crate::app::App;

pub fn mount(api: Api<App>) -> Api<App> {
    let api = mount_sessions(api);
    let api = mount_passwords(api);
    let api = mount_addresses(api);
    api.operation(Operation::RegisterUser, users::register_user, |about| {
        about
            .body::<users::RegisterUser>()
            .answer::<users::UserView>(201)
            .problems(&[ProblemType::EmailTaken, ProblemType::CommonPassword])
    })
    .operation(Operation::ReadProfile, profile::read_profile, |about| {
        about.answer::<profile::ProfileView>(200)
    })
    .operation(Operation::ChangeProfile, profile::change_profile, |about| {
        about.body::<profile::ChangeProfile>().answer::<profile::ProfileView>(200).conditional()
    })
    .operation(Operation::ExportAccount, export::export_account, |about| about.answer::<export::Export>(200))
    .operation(Operation::DeleteAccount, deletion::delete_account, |about| {
        about.body::<deletion::DeleteAccount>().done(204).problems(&[
            ProblemType::WrongCredentials,
            ProblemType::LastAdministrator,
            ProblemType::Conflict,
        ])
    })
}

fn mount_sessions(api: Api<App>) -> Api<App> {
    api.operation(Operation::LogIn, sessions::log_in, |about| {
        about
            .body::<sessions::LogIn>()
            .answer::<sessions::SessionView>(201)
            .problems(&[ProblemType::WrongCredentials, ProblemType::SecondFactorRequired])
    })
    .operation(Operation::RefreshSession, sessions::refresh_session, |about| {
        about
            .body::<sessions::RefreshSession>()
            .answer::<sessions::SessionView>(201)
            .problems(&[ProblemType::InvalidRefreshToken])
    })
    .operation(Operation::ListSessions, log_out::list_sessions, |about| {
        about.query::<Page>().answer::<List<log_out::ListedSession>>(200)
    })
    .operation(Operation::EndSession, log_out::end_session, |about| about.done(204))
    .operation(Operation::LogOut, log_out::log_out, |about| {
        about.done(204).problems(&[ProblemType::Conflict])
    })
    .operation(Operation::LogOutEverywhere, log_out::log_out_everywhere, |about| about.done(204))
}

fn mount_passwords(api: Api<App>) -> Api<App> {
    api.operation(Operation::ChangePassword, passwords::change_password, |about| {
        about.body::<passwords::ChangePassword>().done(204).problems(&[
            ProblemType::WrongCredentials,
            ProblemType::CommonPassword,
            ProblemType::Conflict,
        ])
    })
    .operation(Operation::RequestReset, passwords::request_reset, |about| {
        about.body::<passwords::RequestReset>().done(202)
    })
    .operation(Operation::ConfirmReset, passwords::confirm_reset, |about| {
        about
            .body::<passwords::ConfirmReset>()
            .done(204)
            .problems(&[ProblemType::InvalidCode, ProblemType::CommonPassword])
    })
    .operation(Operation::RequestVerification, mails::request_verification, |about| {
        about.done(202).problems(&[ProblemType::Conflict])
    })
    .operation(Operation::ConfirmEmail, mails::confirm_email, |about| {
        about.body::<mails::ConfirmEmail>().done(204).problems(&[ProblemType::InvalidCode])
    })
    .operation(Operation::IssueMailCode, mails::issue_mail_code, |about| about)
}

fn mount_addresses(api: Api<App>) -> Api<App> {
    api.operation(Operation::ListAddresses, addresses::list_addresses, |about| {
        about.query::<Page>().answer::<List<addresses::AddressView>>(200)
    })
    .operation(Operation::AddAddress, addresses::add_address, |about| {
        about
            .body::<crate::domain::address::WrittenAddress>()
            .answer::<addresses::AddressView>(201)
            .idempotent()
            .problems(&[ProblemType::TooManyAddresses])
    })
    .operation(Operation::ReadAddress, addresses::read_address, |about| {
        about.answer::<addresses::AddressView>(200)
    })
    .operation(Operation::ChangeAddress, addresses::change_address, |about| {
        about
            .body::<crate::domain::address::WrittenAddress>()
            .answer::<addresses::AddressView>(200)
            .conditional()
    })
    .operation(Operation::RemoveAddress, addresses::remove_address, |about| {
        about.done(204).conditional_when_sent()
    })
}

//! What staff and machines need, mounted.

use contracts::{Operation, ProblemType};
use web::{Api, List, Page};

use super::{api_keys, audit, me, revocations, roles, second_factor, signing_keys};
use crate::app::App;

pub fn mount(api: Api<App>) -> Api<App> {
    machines(second_factors(role_operations(api)))
        .operation(Operation::ReadMe, me::read_me, |operation| operation.answer::<me::MeView>(200))
        .operation(Operation::ReadJwks, signing_keys::read_jwks, |operation| {
            operation.answer::<signing_keys::JwksView>(200)
        })
        .operation(Operation::ListSigningKeys, signing_keys::list_signing_keys, |operation| {
            operation.answer::<List<signing_keys::SigningKeyView>>(200)
        })
        .operation(Operation::RotateSigningKeys, signing_keys::rotate_signing_keys, |operation| {
            operation.answer::<signing_keys::SigningKeyView>(201)
        })
        .operation(Operation::ListAudit, audit::list_audit, |operation| {
            operation.query::<audit::AuditQuery>().answer::<List<audit::AuditView>>(200)
        })
        .operation(Operation::RecordAudit, audit::record_audit, |operation| operation)
        .operation(Operation::ReadRevocations, revocations::read_revocations, |operation| operation)
}

fn role_operations(api: Api<App>) -> Api<App> {
    api.operation(Operation::ListPermissions, roles::list_permissions, |operation| {
        operation.answer::<List<roles::PermissionView>>(200)
    })
    .operation(Operation::ListRoles, roles::list_roles, |operation| {
        operation.answer::<List<roles::RoleView>>(200)
    })
    .operation(Operation::ReadRole, roles::read_role, |operation| operation.answer::<roles::RoleView>(200))
    .operation(Operation::CreateRole, roles::create_role, |operation| {
        operation
            .body::<roles::CreateRole>()
            .answer::<roles::RoleView>(201)
            .problems(&[ProblemType::Conflict])
    })
    .operation(Operation::ChangeRole, roles::change_role, |operation| {
        operation
            .conditional()
            .body::<roles::ChangeRole>()
            .answer::<roles::RoleView>(200)
            .problems(&[ProblemType::Conflict])
    })
    .operation(Operation::ListRoleHolders, roles::list_role_holders, |operation| {
        operation.query::<Page>().answer::<List<roles::HolderView>>(200)
    })
    .operation(Operation::ListUserRoles, roles::list_user_roles, |operation| {
        operation.answer::<roles::UserRolesView>(200)
    })
    .operation(Operation::GrantRole, roles::grant_role, |operation| {
        operation.answer::<roles::UserRolesView>(200)
    })
    .operation(Operation::WithdrawRole, roles::withdraw_role, |operation| {
        operation.answer::<roles::UserRolesView>(200).problems(&[ProblemType::LastAdministrator])
    })
}

fn second_factors(api: Api<App>) -> Api<App> {
    api.operation(Operation::EnrolTotp, second_factor::enrol_totp, |operation| {
        operation.body::<second_factor::EnrolTotp>().answer::<second_factor::EnrolmentView>(201).problems(&[
            ProblemType::WrongCredentials,
            ProblemType::Conflict,
            ProblemType::NotFound,
        ])
    })
    .operation(Operation::ConfirmTotp, second_factor::confirm_totp, |operation| {
        operation
            .body::<second_factor::ConfirmTotp>()
            .answer::<second_factor::RecoveryCodesView>(200)
            .problems(&[ProblemType::WrongCredentials, ProblemType::Conflict])
    })
    .operation(Operation::DisableTotp, second_factor::disable_totp, |operation| {
        operation
            .body::<second_factor::DisableTotp>()
            .done(204)
            .problems(&[ProblemType::WrongCredentials, ProblemType::Conflict])
    })
}

fn machines(api: Api<App>) -> Api<App> {
    api.operation(Operation::CreateApiKey, api_keys::create_api_key, |operation| {
        operation.body::<api_keys::CreateApiKey>().answer::<api_keys::CreatedApiKeyView>(201).problems(&[
            ProblemType::WrongCredentials,
            ProblemType::Conflict,
            ProblemType::NotFound,
        ])
    })
    .operation(Operation::ListApiKeys, api_keys::list_api_keys, |operation| {
        operation.query::<Page>().answer::<List<api_keys::ApiKeyView>>(200)
    })
    .operation(Operation::RevokeApiKey, api_keys::revoke_api_key, |operation| operation.done(204))
    .operation(Operation::ExchangeApiKey, api_keys::exchange_api_key, |operation| operation)
}

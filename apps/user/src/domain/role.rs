//! Roles: named sets of permissions, and who may give them to whom.

use std::collections::BTreeSet;

use contracts::Permission;
use contracts::permission::Role;
use serde::Deserialize;

/// What a role is called: 2 to 40 of `a-z 0-9 _ -`, a letter first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct RoleName(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role's name has 2 to 40 of a-z, 0-9, _ and -, a letter first")]
pub struct NameError;

/// A role as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRecord {
    pub name: RoleName,
    pub description: String,
    pub permissions: BTreeSet<Permission>,
    /// Grows with each change.
    pub version: i64,
}

/// What somebody is at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Grows when all earlier tokens are taken back.
    pub generation: i64,
    pub roles: Vec<RoleName>,
    pub permissions: BTreeSet<Permission>,
}

/// What this role brings is more than the one who would give, take or change it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody grants, withdraws or changes what they do not hold, and you lack {}", .0.name())]
pub struct NotHeld(pub Permission);

impl RoleName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether its permissions are the code's, and so cannot be changed.
    pub fn fixed(&self) -> Option<Role> {
        [Role::Customer, Role::Admin].into_iter().find(|role| role.name() == self.0)
    }
}

impl From<Role> for RoleName {
    fn from(role: Role) -> RoleName {
        RoleName(role.name().to_owned())
    }
}

impl TryFrom<String> for RoleName {
    type Error = NameError;

    fn try_from(text: String) -> Result<RoleName, NameError> {
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let fits = (2..=40).contains(&text.len())
            && text.bytes().all(plain)
            && text.starts_with(|first: char| first.is_ascii_lowercase());
        if fits { Ok(RoleName(text)) } else { Err(NameError) }
    }
}

/// What a role allows: the code's word for the fixed ones, otherwise what is stored. A name that this release does
/// not know allows nothing.
pub fn permissions(name: &RoleName, stored: &[String]) -> BTreeSet<Permission> {
    match name.fixed() {
        Some(role) => role.permissions().iter().copied().collect(),
        None => stored.iter().filter_map(|name| Permission::from_name(name)).collect(),
    }
}

/// Whoever lacks one of these permissions may not hand them on, take them away, or change who has them.
///
/// # Errors
/// The first one that is lacking.
pub fn holds_all<'a>(
    held: &BTreeSet<Permission>,
    concerned: impl IntoIterator<Item = &'a Permission>,
) -> Result<(), NotHeld> {
    match concerned.into_iter().find(|permission| !held.contains(permission)) {
        None => Ok(()),
        Some(lacking) => Err(NotHeld(*lacking)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RoleName {
        RoleName::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_name_can_stand_in_a_path() {
        for good in ["admin", "night-shift", "a1", "warehouse_2"] {
            assert_eq!(name(good).as_str(), good);
        }
        for bad in ["", "a", "Admin", "1a", "a b", "a/b", "ä1", &"a".repeat(41)] {
            assert!(RoleName::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_customers_and_administrators_may_do_cannot_be_stored_otherwise() {
        let stored = ["orders:read_any".to_owned(), "no:such".to_owned()];
        assert_eq!(permissions(&name("admin"), &stored).len(), Permission::ALL.len());
        assert!(!permissions(&name("customer"), &stored).contains(&Permission::OrdersReadAny));
        assert_eq!(permissions(&name("support"), &stored), BTreeSet::from([Permission::OrdersReadAny]));
    }

    #[test]
    fn who_lacks_one_permission_of_many_is_told_which() {
        let held = BTreeSet::from([Permission::RolesGrant, Permission::OrdersReadAny]);
        assert_eq!(holds_all(&held, &[Permission::OrdersReadAny]), Ok(()));
        let refused = holds_all(&held, &[Permission::OrdersReadAny, Permission::OrdersManage]).unwrap_err();
        assert_eq!(refused, NotHeld(Permission::OrdersManage));
        assert!(refused.to_string().ends_with("you lack orders:manage"));
    }
}

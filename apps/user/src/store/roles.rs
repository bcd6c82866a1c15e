//! SQL: roles, what they allow, and who has them.

use chrono::{DateTime, Utc};
use contracts::UserId;
use contracts::permission::Role;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::role::{self, NameError, RoleName, RoleRecord, Standing};

/// What refuses that the last administrator goes.
pub const ADMINISTRATOR_KEPT: &str = "role_administrator_kept";

struct RoleRow {
    name: String,
    description: String,
    version: i64,
    permissions: Vec<String>,
}

impl TryFrom<RoleRow> for RoleRecord {
    type Error = sqlx::Error;

    fn try_from(row: RoleRow) -> Result<RoleRecord, sqlx::Error> {
        let name = role_name(row.name)?;
        let permissions = role::permissions(&name, &row.permissions);
        Ok(RoleRecord { name, description: row.description, permissions, version: row.version })
    }
}

struct StandingRow {
    generation: i64,
    role: Option<String>,
    permissions: Vec<String>,
}

/// Somebody who has a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    pub user_id: UserId,
    pub granted_at: DateTime<Utc>,
}

fn role_name(text: String) -> Result<RoleName, sqlx::Error> {
    RoleName::try_from(text).map_err(|error: NameError| sqlx::Error::Decode(Box::new(error)))
}

pub async fn list_roles(db: &mut PgConnection) -> Result<Vec<RoleRecord>, sqlx::Error> {
    sqlx::query_as!(
        RoleRow,
        r#"select name, description, version,
             array(select permission from role_permission where role = role.name) as "permissions!"
           from role order by name"#
    )
    .fetch_all(db)
    .await?
    .into_iter()
    .map(RoleRecord::try_from)
    .collect()
}

pub async fn find_role(db: &mut PgConnection, name: &RoleName) -> Result<Option<RoleRecord>, sqlx::Error> {
    sqlx::query_as!(
        RoleRow,
        r#"select name, description, version,
             array(select permission from role_permission where role = role.name) as "permissions!"
           from role where name = $1"#,
        name.as_str()
    )
    .fetch_optional(db)
    .await?
    .map(RoleRecord::try_from)
    .transpose()
}

/// Nobody else changes or grants the role until the transaction ends.
pub async fn lock_role(tx: &mut PgConnection, name: &RoleName) -> Result<Option<RoleRecord>, sqlx::Error> {
    sqlx::query!("select name from role where name = $1 for no key update", name.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    // What the one before changed is seen by a statement that begins after it.
    find_role(tx, name).await
}

/// False when there is one of this name.
pub async fn insert_role_record(tx: &mut PgConnection, record: &RoleRecord) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into role (name, description, version) values ($1, $2, $3)
         on conflict on constraint role_pkey do nothing",
        record.name.as_str(),
        record.description,
        record.version
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub async fn update_role_record(tx: &mut PgConnection, record: &RoleRecord) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update role set description = $2, version = $3 where name = $1",
        record.name.as_str(),
        record.description,
        record.version
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What the role allows from now on, and nothing else.
pub async fn update_role_permissions(tx: &mut PgConnection, record: &RoleRecord) -> Result<(), sqlx::Error> {
    let permissions: Vec<String> =
        record.permissions.iter().map(|permission| permission.name().to_owned()).collect();
    sqlx::query!(
        "with gone as (
             delete from role_permission where role = $1 and permission <> all($2)
         )
         insert into role_permission (role, permission) select $1, unnest($2::text[])
         on conflict on constraint role_permission_pkey do nothing",
        record.name.as_str(),
        &permissions
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What the user is at this moment, in one look; none where there is no account.
pub async fn find_standing(db: &mut PgConnection, user_id: UserId) -> Result<Option<Standing>, sqlx::Error> {
    let rows = sqlx::query_as!(
        StandingRow,
        r#"select account.token_generation as generation, user_role.role as "role?",
             array(select permission from role_permission where role = user_role.role) as "permissions!"
           from account left join user_role on user_role.user_id = account.id
           where account.id = $1 and account.deleted_at is null order by user_role.role"#,
        user_id.0
    )
    .fetch_all(db)
    .await?;
    let mut standing = None;
    for row in rows {
        let standing = standing.get_or_insert_with(|| Standing {
            generation: row.generation,
            roles: Vec::new(),
            permissions: std::collections::BTreeSet::new(),
        });
        if let Some(name) = row.role {
            let name = role_name(name)?;
            standing.permissions.extend(role::permissions(&name, &row.permissions));
            standing.roles.push(name);
        }
    }
    Ok(standing)
}

/// The account is not deleted until the transaction ends; none when there is none, or no longer.
pub async fn lock_holder(tx: &mut PgConnection, user_id: UserId) -> Result<Option<()>, sqlx::Error> {
    let row = sqlx::query_scalar!(
        "select id from account where id = $1 and deleted_at is null for key share",
        user_id.0
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(drop))
}

/// False when the user has the role already. The foreign keys refuse a user or a role that is none.
pub async fn insert_user_role(
    tx: &mut PgConnection,
    user_id: UserId,
    role: &RoleName,
    granted_at: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into user_role (user_id, role, granted_at) values ($1, $2, $3)
         on conflict on constraint user_role_pkey do nothing",
        user_id.0,
        role.as_str(),
        granted_at
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// False when the user has no such role. The constraint [`ADMINISTRATOR_KEPT`] refuses the last administrator.
pub async fn delete_user_role(
    tx: &mut PgConnection,
    user_id: UserId,
    role: &RoleName,
) -> Result<bool, sqlx::Error> {
    let deleted =
        sqlx::query!("delete from user_role where user_id = $1 and role = $2", user_id.0, role.as_str())
            .execute(tx)
            .await?;
    Ok(deleted.rows_affected() == 1)
}

/// For an account that goes. The constraint [`ADMINISTRATOR_KEPT`] refuses the last administrator.
pub async fn delete_user_roles(tx: &mut PgConnection, user_id: UserId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from user_role where user_id = $1", user_id.0).execute(tx).await?;
    Ok(())
}

/// Everybody who has the role, by their id.
pub async fn list_holders(
    db: &mut PgConnection,
    role: &RoleName,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Holder>, sqlx::Error> {
    let rows = sqlx::query!(
        "select user_id, granted_at from user_role
         where role = $1 and user_id > coalesce($2, '00000000-0000-0000-0000-000000000000'::uuid)
         order by user_id limit $3",
        role.as_str(),
        after,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Holder { user_id: UserId(row.user_id), granted_at: row.granted_at })
        .collect())
}

/// Everybody whose tokens say what the role allows.
pub async fn list_holder_ids(tx: &mut PgConnection, role: &RoleName) -> Result<Vec<UserId>, sqlx::Error> {
    let ids =
        sqlx::query_scalar!("select user_id from user_role where role = $1 order by user_id", role.as_str())
            .fetch_all(tx)
            .await?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// Nobody else gives out a role until the transaction ends.
pub async fn lock_roles(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("lock table user_role in share row exclusive mode").execute(tx).await?;
    Ok(())
}

/// Whether anybody has the role.
pub async fn find_holder(db: &mut PgConnection, role: Role) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"select exists (select from user_role where role = $1) as "held!""#, role.name())
        .fetch_one(db)
        .await
}

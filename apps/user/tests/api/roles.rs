//! Roles: nobody hands on what they do not hold, and an administrator is left.

use contracts::permission::Role;
use contracts::{Operation, Permission};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{Answer, Client};

use crate::{PASSWORD, Stage};

/// A user with these roles, put there by hand, and logged in.
pub async fn holder(stage: &Stage, email: &str, roles: &[&str]) -> (Client, String) {
    let registered = stage.register(email).await;
    assert_eq!(registered.status, 201, "{}", registered.body);
    let id = registered.body["id"].as_str().unwrap().to_owned();
    for role in roles {
        sqlx::query("insert into user_role (user_id, role, granted_at) values ($1::uuid, $2, now())")
            .bind(&id)
            .bind(role)
            .execute(&stage.app.db)
            .await
            .unwrap();
    }
    (stage.logged_in(email, PASSWORD).await, id)
}

async fn grant(client: &Client, user: &str, role: &str) -> Answer {
    client.ask(Operation::GrantRole, &format!("user_id={user}&role={role}"), None).await
}

async fn withdraw(client: &Client, user: &str, role: &str) -> Answer {
    client.ask(Operation::WithdrawRole, &format!("user_id={user}&role={role}"), None).await
}

async fn create(client: &Client, name: &str, permissions: &[&str]) -> Answer {
    let body = json!({"name": name, "description": "For a test", "permissions": permissions});
    client.ask(Operation::CreateRole, "", Some(body)).await
}

async fn revoked(stage: &Stage) -> Vec<(String, i64)> {
    sqlx::query_as(
        "select subject::text, generation from revocation where kind = 'user' order by transaction, id",
    )
    .fetch_all(&stage.app.db)
    .await
    .unwrap()
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn the_roles_that_there_are_from_the_start_are_those_of_the_catalogue(db: PgPool) {
    let stage = Stage::new(db).await;
    let (admin, _) = holder(&stage, "root@example.org", &["admin"]).await;
    let listed = admin.ask(Operation::ListRoles, "", None).await;
    let listed = listed.body["items"].as_array().unwrap().clone();
    assert_eq!(listed.len(), Role::ALL.len());
    for role in Role::ALL {
        let view = listed.iter().find(|view| view["name"] == role.name()).unwrap();
        let mut expected: Vec<Permission> = role.permissions().to_vec();
        expected.sort_unstable();
        let expected: Vec<&str> = expected.into_iter().map(Permission::name).collect();
        assert_eq!(view["permissions"], json!(expected), "{}", role.name());
        assert_eq!(view["fixed"], json!(matches!(role, Role::Customer | Role::Admin)));
    }
    let permissions = admin.ask(Operation::ListPermissions, "", None).await;
    let permissions = permissions.body["items"].as_array().unwrap();
    assert_eq!(permissions.len(), Permission::ALL.len());
    assert!(permissions.contains(&json!({
        "name": "roles:grant", "meaning": "Grant and withdraw roles", "staff": true,
    })));
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn who_is_granted_a_role_has_its_permissions_with_the_next_token_and_no_longer_with_the_old_one(
    db: PgPool,
) {
    let stage = Stage::new(db).await;
    let (admin, _) = holder(&stage, "root@example.org", &["admin"]).await;
    let (ada, id) = holder(&stage, "ada@example.org", &[]).await;
    let granted = grant(&admin, &id, "support").await;
    assert_eq!(granted.status, 200, "{}", granted.body);
    assert_eq!(granted.body["roles"], json!(["customer", "support"]));
    assert_eq!(grant(&admin, &id, "support").await.status, 200, "twice changes nothing");
    assert_eq!(revoked(&stage).await, [(id.clone(), 1)]);

    let me = ada.ask(Operation::ReadMe, "", None).await;
    assert!(
        !me.body["permissions"].as_array().unwrap().contains(&json!("orders:read_any")),
        "its token is old"
    );
    let anew = stage.logged_in("ada@example.org", PASSWORD).await;
    let me = anew.ask(Operation::ReadMe, "", None).await;
    assert!(me.body["permissions"].as_array().unwrap().contains(&json!("orders:read_any")));

    let withdrawn = withdraw(&admin, &id, "support").await;
    assert_eq!(withdrawn.body["roles"], json!(["customer"]));
    assert_eq!(withdraw(&admin, &id, "support").await.status, 200, "twice changes nothing");
    assert_eq!(revoked(&stage).await.len(), 2);
    let me = anew.ask(Operation::ReadMe, "", None).await;
    assert!(
        !me.body["permissions"].as_array().unwrap().contains(&json!("orders:read_any")),
        "what is so now"
    );
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn nobody_hands_on_takes_away_or_changes_what_they_do_not_hold(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (admin, admin_id) = holder(&stage, "root@example.org", &["admin"]).await;
    let lead = ["roles:read", "roles:write", "roles:grant", "orders:manage"];
    assert_eq!(create(&admin, "lead", &lead).await.status, 201);
    let (eve, eve_id) = holder(&stage, "eve@example.org", &["lead"]).await;

    let refused = grant(&eve, &eve_id, "admin").await;
    assert_eq!(refused.problem(), "forbidden");
    assert!(refused.body["detail"].as_str().unwrap().contains("you lack"), "{}", refused.body);
    assert_eq!(grant(&eve, &eve_id, "finance").await.problem(), "forbidden");
    assert_eq!(withdraw(&eve, &admin_id, "admin").await.problem(), "forbidden");
    assert_eq!(create(&eve, "mine", &["payments:refund"]).await.problem(), "forbidden");
    let change = |permissions: Value| json!({"description": "Changed", "permissions": permissions});
    let if_match = |client: &Client, version: &str| client.with("if-match", version);
    for permissions in [json!(["orders:read_any", "orders:manage", "audit:read"]), json!([])] {
        let refused = if_match(&eve, "\"1\"")
            .ask(Operation::ChangeRole, "role=support", Some(change(permissions)))
            .await;
        assert_eq!(refused.problem(), "forbidden", "neither to it nor from it");
    }
    assert_eq!(create(&eve, "packers", &["orders:manage"]).await.status, 201);
    assert_eq!(grant(&eve, &eve_id, "packers").await.status, 200);

    // A token of before says more than its owner is now.
    assert_eq!(withdraw(&admin, &eve_id, "lead").await.status, 200);
    assert_eq!(grant(&eve, &eve_id, "packers").await.problem(), "forbidden");
    let held: Vec<String> =
        sqlx::query_scalar("select role from user_role where user_id = $1::uuid order by role")
            .bind(&eve_id)
            .fetch_all(&db)
            .await
            .unwrap();
    assert_eq!(held, ["customer", "packers"]);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_changed_role_counts_for_all_who_have_it(db: PgPool) {
    let stage = Stage::new(db).await;
    let (admin, _) = holder(&stage, "root@example.org", &["admin"]).await;
    let (_, one) = holder(&stage, "one@example.org", &["support"]).await;
    let (_, two) = holder(&stage, "two@example.org", &["support"]).await;
    holder(&stage, "three@example.org", &["finance"]).await;
    let body =
        json!({"description": "Answers questions", "permissions": ["orders:read_any", "orders:read_any"]});
    let ask = |etag: &str| {
        let admin = admin.with("if-match", etag);
        let body = body.clone();
        async move { admin.ask(Operation::ChangeRole, "role=support", Some(body)).await }
    };
    let read = admin.ask(Operation::ReadRole, "role=support", None).await;
    assert_eq!(read.headers["etag"], "\"1\"");
    let changed = ask("\"1\"").await;
    assert_eq!((changed.status.as_u16(), &changed.headers["etag"]), (200, &"\"2\"".parse().unwrap()));
    assert_eq!(changed.body["permissions"], json!(["orders:read_any"]));
    assert_eq!(ask("\"1\"").await.problem(), "precondition-failed");
    let without = admin.ask(Operation::ChangeRole, "role=support", Some(body.clone())).await;
    assert_eq!(without.problem(), "precondition-required");
    let mut subjects: Vec<String> = revoked(&stage).await.into_iter().map(|(subject, _)| subject).collect();
    subjects.sort_unstable();
    let mut holders = vec![one, two];
    holders.sort_unstable();
    assert_eq!(subjects, holders);

    for fixed in ["admin", "customer"] {
        let refused = admin
            .with("if-match", "\"1\"")
            .ask(Operation::ChangeRole, &format!("role={fixed}"), Some(body.clone()))
            .await;
        assert_eq!(refused.problem(), "conflict", "{fixed}");
    }
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn the_last_administrator_stays(db: PgPool) {
    let stage = Stage::new(db).await;
    let (admin, id) = holder(&stage, "root@example.org", &["admin"]).await;
    assert_eq!(withdraw(&admin, &id, "admin").await.problem(), "last-administrator");
    let (_, other) = holder(&stage, "ada@example.org", &[]).await;
    assert_eq!(grant(&admin, &other, "admin").await.status, 200);
    let anew = stage.logged_in("root@example.org", PASSWORD).await;
    assert_eq!(withdraw(&anew, &id, "admin").await.status, 200);
    let ada = stage.logged_in("ada@example.org", PASSWORD).await;
    assert_eq!(withdraw(&ada, &other, "admin").await.problem(), "last-administrator");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn of_administrators_who_withdraw_each_other_at_the_same_time_one_is_left(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let mut admins = Vec::new();
    for number in 0..6 {
        admins.push(holder(&stage, &format!("root{number}@example.org"), &["admin"]).await);
    }
    // Each takes the role from the next one and from itself, all at once.
    let tasks = admins.iter().enumerate().map(|(number, (client, id))| {
        let next = &admins[(number + 1) % admins.len()].1;
        async move { (withdraw(client, next, "admin").await, withdraw(client, id, "admin").await) }
    });
    for (first, second) in futures::future::join_all(tasks).await {
        for answer in [first, second] {
            let refused = answer.status != 200;
            assert!(
                !refused || ["forbidden", "last-administrator"].contains(&answer.problem()),
                "{}",
                answer.body
            );
        }
    }
    let left: i64 = sqlx::query_scalar("select count(*) from user_role where role = 'admin'")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(left, 1);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn not_even_the_database_lets_the_last_administrator_go(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    for number in 0..4 {
        holder(&stage, &format!("root{number}@example.org"), &["admin"]).await;
    }
    let ids: Vec<uuid::Uuid> = sqlx::query_scalar("select user_id from user_role where role = 'admin'")
        .fetch_all(&db)
        .await
        .unwrap();
    let gone = futures::future::join_all(ids.iter().map(|id| {
        sqlx::query("delete from user_role where user_id = $1 and role = 'admin'").bind(id).execute(&db)
    }))
    .await;
    let refused: Vec<_> = gone.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 1);
    let constraint = refused[0].as_database_error().unwrap().constraint().map(str::to_owned);
    assert_eq!(constraint.as_deref(), Some("role_administrator_kept"));
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn holders_are_listed_page_by_page(db: PgPool) {
    let stage = Stage::new(db).await;
    let (admin, _) = holder(&stage, "root@example.org", &["admin"]).await;
    let (_, one) = holder(&stage, "one@example.org", &["support"]).await;
    let (_, two) = holder(&stage, "two@example.org", &["support"]).await;
    let first = admin.ask(Operation::ListRoleHolders, "role=support&limit=1", None).await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second =
        admin.ask(Operation::ListRoleHolders, &format!("role=support&limit=1&cursor={cursor}"), None).await;
    assert_eq!(second.body["next_cursor"], Value::Null);
    let listed = [&first, &second].map(|page| page.body["items"][0]["user_id"].as_str().unwrap().to_owned());
    let mut expected = [one, two];
    expected.sort_unstable();
    assert_eq!(listed, expected);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn what_does_not_exist_or_cannot_be_read_is_refused_by_name(db: PgPool) {
    let stage = Stage::new(db).await;
    let (admin, id) = holder(&stage, "root@example.org", &["admin"]).await;
    for role in ["nobody", "No-Name", "x"] {
        assert_eq!(grant(&admin, &id, role).await.problem(), "not-found", "{role}");
        let query = format!("role={role}");
        assert_eq!(admin.ask(Operation::ReadRole, &query, None).await.problem(), "not-found");
        assert_eq!(admin.ask(Operation::ListRoleHolders, &query, None).await.problem(), "not-found");
    }
    let nobody = uuid::Uuid::from_u128(1).to_string();
    assert_eq!(grant(&admin, &nobody, "support").await.problem(), "not-found");
    assert_eq!(withdraw(&admin, &nobody, "support").await.problem(), "not-found");
    let roles = admin.ask(Operation::ListUserRoles, &format!("user_id={nobody}"), None).await;
    assert_eq!(roles.problem(), "not-found");
    assert_eq!(create(&admin, "support", &[]).await.problem(), "conflict");
    assert_eq!(create(&admin, "Support", &[]).await.problem(), "invalid-field");
    assert_eq!(create(&admin, "shift", &["no:such"]).await.problem(), "invalid-field");
    let (customer, _) = holder(&stage, "ada@example.org", &[]).await;
    for operation in [Operation::ListRoles, Operation::ListPermissions] {
        assert_eq!(customer.ask(operation, "", None).await.problem(), "forbidden");
    }
    assert_eq!(grant(&customer, &id, "support").await.problem(), "forbidden");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn nobody_who_is_gone_is_granted_anything(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (admin, _) = holder(&stage, "root@example.org", &["admin"]).await;
    for (number, role) in ["support", "admin", "support", "admin", "finance", "admin"].iter().enumerate() {
        let (client, id) = holder(&stage, &format!("ada{number}@example.org"), &["admin"]).await;
        let body = json!({"password": PASSWORD});
        let (granted, deleted, withdrawn) = tokio::join!(
            grant(&admin, &id, role),
            client.ask(Operation::DeleteAccount, "", Some(body)),
            withdraw(&admin, &id, "admin"),
        );
        assert!(withdrawn.status == 200 || withdrawn.problem() == "not-found", "{}", withdrawn.body);
        assert_eq!(deleted.status, 204, "{}", deleted.body);
        assert!(granted.status == 200 || granted.problem() == "not-found", "{}", granted.body);
        assert_eq!(grant(&admin, &id, role).await.problem(), "not-found");
        assert_eq!(withdraw(&admin, &id, role).await.problem(), "not-found");
        let user = format!("user_id={id}");
        assert_eq!(admin.ask(Operation::ListUserRoles, &user, None).await.problem(), "not-found");
        let left: i64 = sqlx::query_scalar("select count(*) from user_role where user_id = $1::uuid")
            .bind(&id)
            .fetch_one(&db)
            .await
            .unwrap();
        assert_eq!(left, 0);
    }
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn another_description_takes_nobodys_tokens_back(db: PgPool) {
    let stage = Stage::new(db).await;
    let (admin, _) = holder(&stage, "root@example.org", &["admin"]).await;
    holder(&stage, "one@example.org", &["catalogue"]).await;
    let body = json!({
        "description": "Keeps the shelves", "permissions": ["products:write", "stock:read", "stock:write"],
    });
    let changed =
        admin.with("if-match", "\"1\"").ask(Operation::ChangeRole, "role=catalogue", Some(body)).await;
    assert_eq!((changed.status.as_u16(), &changed.body["description"]), (200, &json!("Keeps the shelves")));
    assert_eq!(revoked(&stage).await, []);
}

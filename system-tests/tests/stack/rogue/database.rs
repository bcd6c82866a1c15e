//! A stranger straight at PostgreSQL.

use contracts::App;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, PgConnection};
use stack::secrets::{login_roles, sidecar_role};

use crate::house::{House, house};

/// Not the password, and not even a user.
const REFUSED: [&str; 2] = ["28P01", "28000"];

pub async fn try_connect(
    house: &House,
    user: &str,
    password: Option<&str>,
    database: &str,
) -> sqlx::Result<PgConnection> {
    let mut options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(house.instance.ports.postgres())
        .username(user)
        .database(database)
        .ssl_mode(PgSslMode::Disable);
    if let Some(password) = password {
        options = options.password(password);
    }
    options.connect().await
}

fn users() -> Vec<String> {
    let mut users = ["postgres", "root", "rogue", "configuration_reader"].map(str::to_owned).to_vec();
    users.extend(App::ALL.map(sidecar_role));
    for app in App::ALL.into_iter().filter(|app| app.has_database()) {
        users.extend(login_roles(app));
        users.extend([format!("{app}_owner"), format!("{app}_app")]);
    }
    users
}

#[tokio::test]
async fn nobody_gets_in_without_a_password() {
    let house = house();
    for user in users() {
        for password in [None, Some(""), Some("postgres"), Some(user.as_str())] {
            for database in ["postgres", "order"] {
                let refusal = try_connect(&house, &user, password, database).await.unwrap_err();
                let code = refusal.as_database_error().and_then(|error| error.code());
                // Without a password the client itself gives up when it is asked for one.
                let refused = code.map_or(password.is_none(), |code| REFUSED.contains(&code.as_ref()));
                assert!(refused, "{user} with {password:?} to {database}: {refusal}");
            }
        }
    }
}

#[tokio::test]
async fn each_role_opens_the_one_database_of_its_service() {
    let house = house();
    let mut expected: Vec<(String, String)> = App::ALL
        .into_iter()
        .filter(|app| app.has_database())
        .flat_map(|app| login_roles(app).map(|role| (role, app.name().to_owned())))
        .collect();
    expected.extend(App::ALL.map(|app| (sidecar_role(app), "config".to_owned())));
    expected.sort();
    let statement = "select r.rolname::text, d.datname::text from pg_roles r cross join pg_database d
        where r.rolcanlogin and not r.rolsuper and d.datallowconn
          and has_database_privilege(r.rolname, d.datname, 'connect')
        order by 1, 2";
    let mut connection = house.database(App::Order).await;
    let mut found: Vec<(String, String)> =
        sqlx::query_as(statement).fetch_all(&mut connection).await.unwrap();
    found.sort();
    assert_eq!(found, expected);

    // And so it is when one tries, with the right password.
    let password = house.instance.secret("postgres/payment_a").unwrap();
    try_connect(&house, "payment_a", Some(&password), "payment").await.unwrap();
    for database in ["order", "user", "config", "postgres", "template1"] {
        let refusal = try_connect(&house, "payment_a", Some(&password), database).await.unwrap_err();
        let code = refusal.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
        assert_eq!(code.as_deref(), Some("42501"), "{database}: {refusal}");
    }
}

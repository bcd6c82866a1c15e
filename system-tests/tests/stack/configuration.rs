//! A change is in force in every service without a restart: told at once, found by a poll when the database was away,
//! and never brought in by a word that somebody else spoke.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use contracts::App;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, PgConnection};
use stack::health;
use stack::process::Signal;
use stack::secrets::{database_password, notify_channel, sidecar_role};

use crate::books::desk;
use crate::house::{House, house};

/// A key of each service with two values that disturb nobody.
const KEYS: [(&str, [&str; 2]); 7] = [
    ("gateway.deadline", ["\"10s\"", "\"11s\""]),
    ("config.largest_value", ["1024", "1025"]),
    ("user.signing_key_age", ["\"90d\"", "\"91d\""]),
    ("product.largest_page", ["200", "201"]),
    ("order.largest_page", ["100", "101"]),
    ("payment.comparison_interval", ["\"1d\"", "\"2d\""]),
    ("notification.largest_page", ["100", "101"]),
];
const ROUNDS: usize = 25;

#[tokio::test]
async fn a_changed_deadline_applies_to_the_next_order() {
    let house = house();
    house.configure("order.deadline", "10m").await;
    assert_eq!(time_of_an_order(&house).await, 600);
    house.configure("order.deadline", "15m").await;
}

#[tokio::test]
async fn an_order_limit_is_in_force_after_one_command() {
    let house = house();
    let customer = house.customer("pm_card_visa").await;
    let products = [house.product(10).await, house.product(10).await];
    let lines = products.map(|product| json!({"product_id": product, "quantity": 1}));
    let two_lines = json!({
        "lines": lines,
        "payment_method_id": customer.payment_method,
        "delivery_address": {"name": "Test", "line1": "1 Street", "city": "London", "postcode": "N1", "country": "GB"},
    });
    let commands: [(&[&str], u16); 2] = [
        (&["config", "set", "order.most_lines=1", "--reason", "a system test"], 422),
        (&["config", "reset", "order.most_lines", "--reason", "a system test"], 201),
    ];
    for (command, expected) in commands {
        let (said, well) = desk(&house, command);
        assert!(well, "{said}");
        let began = Instant::now();
        house
            .until("orders are placed by it", async || {
                let placed =
                    house.ask(Method::POST, "/v1/orders", &customer.token, Some(two_lines.clone())).await;
                (placed.0 == expected).then_some(())
            })
            .await;
        eprintln!("{command:?}: orders are placed by it within {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn one_change_is_one_version_and_in_force_in_every_service() {
    let house = house();
    let admin = house.administrator().await;
    let told = join_all(App::ALL.map(|app| told(&house, app))).await;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let version = change_every_service(&house, &admin).await;
        times.push(in_force(&house, version).await);
    }
    times.sort();
    // A poll may come first now and then; who lives by polls alone has a dead subscription.
    for (app, before) in App::ALL.into_iter().zip(told) {
        let after = self::told(&house, app).await;
        assert!(after - before > ROUNDS as u64 / 2, "{app} was told of {} changes", after - before);
    }
    let (usual, longest) = (times[ROUNDS / 2], times[ROUNDS - 1]);
    eprintln!("in force in seven services after {usual:?} as a rule, {longest:?} at most ({ROUNDS} changes)");
}

#[tokio::test]
async fn the_change_after_a_restart_of_the_database_arrives() {
    let house = house();
    let admin = house.administrator().await;
    house.instance.kill("postgres").unwrap();
    // It is asked for again until the database takes it.
    let version = change_every_service(&house, &admin).await;
    let found = in_force(&house, version).await;
    // By then whoever lost its subscription has another.
    let version = change_every_service(&house, &admin).await;
    let told = in_force(&house, version).await;
    eprintln!(
        "in force {found:?} after the first change since a restart of PostgreSQL, {told:?} after the next"
    );
}

#[tokio::test]
async fn a_forged_word_brings_in_no_value_and_at_worst_a_sidecar_starts_again() {
    let house = house();
    let admin = house.administrator().await;
    in_force(&house, change_every_service(&house, &admin).await).await;
    // Somebody who has taken over a sidecar of `payment` with all that it knows.
    let mut forger = sidecar(&house, App::Payment).await;
    let own = house.instance.secret(&notify_channel(App::Payment)).unwrap();
    let seen: Vec<String> = sqlx::query_scalar("select coalesce(query, '') from pg_stat_activity")
        .fetch_all(&mut forger)
        .await
        .unwrap();
    for app in App::ALL.into_iter().filter(|app| *app != App::Payment) {
        let channel = house.instance.secret(&notify_channel(app)).unwrap();
        assert!(
            !seen.iter().any(|query| query.contains(&channel)),
            "payment's sidecar learns {app}'s channel"
        );
    }
    // One channel has become known all the same.
    let known = house.instance.secret(&notify_channel(App::Order)).unwrap();
    for channel in ["config", "configuration", own.as_str(), known.as_str()] {
        for key in ["order.deadline", "payment.provider_timeout"] {
            let item = json!({"key": key, "value": "6s", "version": "999999", "metadata": {}});
            speak(&mut forger, channel, &json!({"table": "configuration", "action": "UPDATE", "data": item}))
                .await;
        }
    }
    in_force(&house, change_every_service(&house, &admin).await).await;
    assert_eq!(time_of_an_order(&house).await, 900, "the forged deadline is in force");

    let before = house.instance.process("order-daprd").unwrap().id();
    speak(&mut forger, &known, &json!({"data": {"key": null}})).await;
    house
        .until("the sidecar has started again", async || {
            let now = house.instance.process("order-daprd").ok()?.id();
            (now != before).then_some(())
        })
        .await;
    assert_eq!(time_of_an_order(&house).await, 900);
    in_force(&house, change_every_service(&house, &admin).await).await;
}

/// A row that was put there by hand, as no operation would: the service goes on with what it has and says so.
#[tokio::test]
async fn a_table_that_was_edited_by_hand_stops_nobody() {
    let house = house();
    let admin = house.administrator().await;
    in_force(&house, change_every_service(&house, &admin).await).await;
    let sidecar = house.instance.process("order-daprd").unwrap().id();
    let mut table = house.database(App::Config).await;
    for edit in [
        "update configuration set value = 'soon' where key = 'order.largest_page'",
        "update configuration set metadata = '{\"scopes\": \"none\", \"colour\": \"blue\"}',
             version = (version::bigint + 1)::text where key = 'order.largest_page'",
        "update configuration set value = '5000', version = (version::bigint + 1)::text
             where key = 'order.largest_page'",
    ] {
        let refused = refusals(&house, App::Order).await;
        sqlx::query(edit).execute(&mut table).await.unwrap();
        house
            .until("the row is refused", async || {
                (refusals(&house, App::Order).await > refused).then_some(())
            })
            .await;
    }
    assert_eq!(house.instance.process("order-daprd").unwrap().id(), sidecar, "the sidecar runs on");
    assert_eq!(time_of_an_order(&house).await, 900);
    // Who starts on such a table begins with the default.
    start_anew(&house, &["order", "order-daprd"]).await;
    assert_eq!(time_of_an_order(&house).await, 900);
    // The next change comes after what was written by hand.
    in_force(&house, change_every_service(&house, &admin).await).await;
}

#[tokio::test]
async fn a_service_starts_while_config_does_not_answer() {
    let house = house();
    let admin = house.administrator().await;
    let parts = ["config", "config-daprd"];
    let signal = |signal: Signal| parts.map(|part| house.instance.signal(part, signal).unwrap());
    signal(Signal::STOP);
    start_anew(&house, &["order", "order-daprd"]).await;
    assert_eq!(time_of_an_order(&house).await, 900);
    signal(Signal::CONT);
    in_force(&house, change_every_service(&house, &admin).await).await;
}

#[tokio::test]
async fn a_service_that_starts_while_the_database_is_away_works_when_it_is_back() {
    let house = house();
    let admin = house.administrator().await;
    house.instance.signal_all("postgres", Signal::STOP).unwrap();
    let parts = ["order", "order-daprd"];
    let before = parts.map(|part| house.instance.process(part).unwrap().id());
    for part in parts {
        house.instance.kill(part).unwrap();
    }
    house
        .until("both were started again", async || {
            let now = parts.map(|part| house.instance.process(part).ok().map(|process| process.id()));
            now.iter()
                .zip(&before)
                .all(|(now, before)| now.as_ref().is_some_and(|now| now != before))
                .then_some(())
        })
        .await;
    house.instance.signal_all("postgres", Signal::CONT).unwrap();
    in_force(&house, change_every_service(&house, &admin).await).await;
    assert_eq!(time_of_an_order(&house).await, 900);
}

/// What each replica says of itself is shown, and nothing but keys is among it.
#[tokio::test]
async fn every_service_says_what_it_runs_with() {
    let house = house();
    let admin = house.administrator().await;
    let version = change_every_service(&house, &admin).await;
    let shown = house
        .until("every service reports that it runs with the change", async || {
            let (_, shown) = house.ask(Method::GET, "/v1/config/effective", &admin, None).await;
            let replicas = shown["replicas"].as_array()?;
            let current =
                replicas.iter().all(|replica| replica["current"] == true && replica["read"] == true);
            let done =
                current && shown["silent"].as_array()?.is_empty() && shown["version"].as_u64()? >= version;
            done.then_some(shown)
        })
        .await;
    for replica in shown["replicas"].as_array().unwrap() {
        for key in replica["values"].as_object().unwrap().keys() {
            let reader = contracts::configuration::find(key).map(|key| key.reader.name());
            assert_eq!(reader, replica["service"].as_str(), "{key}");
        }
    }
}

/// Changes a key of each service in one go, and gives the version of that.
async fn change_every_service(house: &House, admin: &str) -> u64 {
    let (status, present) = house.ask(Method::GET, "/v1/config", admin, None).await;
    assert_eq!(status, 200, "{present}");
    let present = present["items"].as_array().unwrap();
    let changes: Vec<Value> = KEYS
        .iter()
        .map(|(key, values)| {
            let [one, other] = values.map(|text| serde_json::from_str::<Value>(text).unwrap());
            let now = present.iter().find(|item| item["key"] == *key).unwrap();
            let value = if now["value"] == one { other } else { one };
            json!({"key": key, "value": value, "scopes": []})
        })
        .collect();
    let body = json!({"changes": changes, "reason": "a system test"});
    let (status, answer) = house.ask(Method::POST, "/v1/config/changes", admin, Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    answer["version"].as_u64().unwrap()
}

/// Waits until every service runs with this version, and says how long it took.
async fn in_force(house: &House, version: u64) -> Duration {
    let began = Instant::now();
    let waits = App::ALL.into_iter().map(|app| async move {
        while gauge(house, app, "configuration_version").await != Some(version) {
            assert!(began.elapsed() < Duration::from_secs(180), "{app} does not run with version {version}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    join_all(waits).await;
    began.elapsed()
}

/// Kills parts, and waits until they work again.
async fn start_anew(house: &House, parts: &[&str]) {
    for part in parts {
        house.instance.kill(part).unwrap();
    }
    house
        .until("they work again", async || {
            let healthy = join_all(parts.iter().map(|part| health::healthy(&house.instance, part))).await;
            healthy.iter().all(|healthy| *healthy).then_some(())
        })
        .await;
}

/// Of how many changes a service was told by its subscription.
async fn told(house: &House, app: App) -> u64 {
    let name = format!(r#"configuration_changes_total{{app="{app}",by="subscription"}}"#);
    gauge(house, app, &name).await.unwrap_or_default()
}

/// How often a service has met a value that it did not take.
async fn refusals(house: &House, app: App) -> u64 {
    gauge(house, app, "configuration_refused_total").await.unwrap_or_default()
}

/// The first value of this metric.
async fn gauge(house: &House, app: App, name: &str) -> Option<u64> {
    let url = format!("http://127.0.0.1:{}/metrics", house.instance.ports.app(app));
    let text = house.http.get(url).send().await.ok()?.text().await.ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// How many seconds a new order has until its deadline.
async fn time_of_an_order(house: &House) -> i64 {
    let product = house.product(1).await;
    let customer = house.customer("pm_card_visa").await;
    let order = house.place(&customer, &product, 1).await;
    let order = house.ended(&customer, &order).await;
    let at = |value: &Value| value.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    (at(&order["terms"]["deadline"]) - at(&order["placed_at"])).num_seconds()
}

/// A connection with all that an app's sidecar knows.
pub async fn sidecar(house: &House, app: App) -> PgConnection {
    let role = sidecar_role(app);
    PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(house.instance.ports.postgres())
        .username(&role)
        .password(&house.instance.secret(&database_password(&role)).unwrap())
        .database(App::Config.name())
        .ssl_mode(PgSslMode::Disable)
        .connect()
        .await
        .unwrap()
}

async fn speak(forger: &mut PgConnection, channel: &str, word: &Value) {
    let notify = sqlx::query("select pg_notify($1, $2)").bind(channel).bind(word.to_string());
    notify.execute(forger).await.unwrap();
}

//! A year of a real shop's orders, undisturbed and while every service in turn is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contracts::App;
use replay::{Credentials, Options};

use crate::house::{House, house};

const INVOICES: i64 = 392;
/// Long enough for a service to come back before the next one goes.
const BETWEEN_KILLS: Duration = Duration::from_millis(2_500);

async fn replay_all(house: &House) {
    let administrator = Credentials {
        email: house.instance.secret("administrator/email").unwrap(),
        password: house.instance.secret("administrator/password").unwrap(),
    };
    let report = replay::run(Options::new(house.instance.gateway_url(), administrator)).await.unwrap();
    println!("{report}");
    assert!(report.passed(), "{:?}", report.failures().collect::<Vec<_>>());
}

/// What must hold of the books after `INVOICES` orders of the file, however they went there.
async fn books_hold(house: &House) {
    house.settled().await;
    let replayed = "select count(*) from orders where reference like 'invoice %' and end_kind = 'confirmed'";
    assert_eq!(house.count(App::Order, replayed).await, INVOICES);
    let told = "select count(*) from message where kind like '%confirmed%'";
    // Some were cancelled after that, by other tests.
    let confirmed = "select count(distinct order_id) from timeline_entry
        where kind = 'decided' and name = 'order.confirmed.v1'";
    let confirmed = house.count(App::Order, confirmed).await;
    assert_eq!(house.count(App::Notification, told).await, confirmed, "one mailbox entry each");
    let wrong_stock = "select count(*) from stock where on_hand - reserved - allocated < 0
        or (product_id, on_hand, reserved, allocated) not in (select product_id, sum(on_hand_delta)::bigint,
            sum(reserved_delta)::bigint, sum(allocated_delta)::bigint from movement group by product_id)
        and (on_hand, reserved, allocated) <> (0, 0, 0)";
    assert_eq!(house.count(App::Product, wrong_stock).await, 0, "stock is the sum of its movements");
    let unbalanced = "select count(*) from (select entry_id from ledger_posting group by entry_id, currency
        having sum(amount) <> 0) as entry";
    assert_eq!(house.count(App::Payment, unbalanced).await, 0, "each ledger entry is balanced");
    let log: serde_json::Value = house
        .http
        .get(format!("http://127.0.0.1:{}/_sandbox/summary", house.instance.ports.card_sandbox()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let charged = log["orders"].as_object().unwrap();
    let paid: Vec<String> =
        sqlx::query_scalar("select id::text from orders where end_kind = 'confirmed' and total > 0")
            .fetch_all(&mut house.database(App::Order).await)
            .await
            .unwrap();
    for order in &paid {
        assert_eq!(charged[order]["effective_charges"], 1, "{order} is confirmed");
    }
    for (order, summary) in charged {
        assert!(summary["effective_charges"].as_i64().unwrap() <= 1, "{order} was charged twice: {summary}");
    }
}

#[tokio::test]
async fn a_year_of_orders_is_confirmed_and_its_sums_are_right() {
    let house = house();
    let failed = house.failed_events().await;
    replay_all(&house).await;
    books_hold(&house).await;
    assert_eq!(house.failed_events().await, failed, "nothing in a dead-letter topic");
    // A second run places nothing twice.
    replay_all(&house).await;
    books_hold(&house).await;
}

#[tokio::test]
async fn a_year_of_orders_is_confirmed_while_every_secret_is_replaced() {
    let house = house();
    house.instance.reset().unwrap();
    house.instance.up().unwrap();
    let instance = house.instance.clone();
    let rotation = tokio::task::spawn_blocking(move || instance.rotate(&["all"]).unwrap());
    // The same orders again and again, of which each is placed once, until the last secret is another one.
    replay_all(&house).await;
    while !rotation.is_finished() {
        replay_all(&house).await;
    }
    rotation.await.unwrap();
    books_hold(&house).await;
    for app in App::ALL.into_iter().filter(|app| app.has_database()) {
        let waiting = house.count(app, "select count(*) from failed_event where handled_at is null").await;
        assert_eq!(waiting, 0, "{app}");
    }
}

#[tokio::test]
async fn a_year_of_orders_survives_the_killing_of_every_service() {
    let house = house();
    house.instance.reset().unwrap();
    house.instance.up().unwrap();
    let killer = Killer::start(&house);
    replay_all(&house).await;
    assert!(killer.stop().await >= App::ALL.len());
    books_hold(&house).await;
    // What could not be delivered while a service was away has been handled since; nothing was refused.
    for app in App::ALL.into_iter().filter(|app| app.has_database()) {
        let waiting = house.count(app, "select count(*) from failed_event where handled_at is null").await;
        assert_eq!(waiting, 0, "{app}");
    }
}

/// Kills one service after another for as long as it lives, each at least once.
struct Killer {
    over: Arc<AtomicBool>,
    kills: Option<tokio::task::JoinHandle<usize>>,
}

impl Killer {
    fn start(house: &House) -> Killer {
        let (instance, over) = (house.instance.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = over.clone();
        let kills = tokio::task::spawn_blocking(move || {
            let mut kills = 0;
            for app in App::ALL.into_iter().cycle() {
                if stopped.load(Ordering::Relaxed) && kills >= App::ALL.len() {
                    break;
                }
                if instance.kill(app.name()).is_ok() {
                    kills += 1;
                    println!("killed {app}");
                }
                std::thread::sleep(BETWEEN_KILLS);
            }
            kills
        });
        Killer { over, kills: Some(kills) }
    }

    /// Lets it kill whoever has not been killed, and says how many kills there were.
    async fn stop(mut self) -> usize {
        self.over.store(true, Ordering::Relaxed);
        self.kills.take().unwrap().await.unwrap()
    }
}

impl Drop for Killer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

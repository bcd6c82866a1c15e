//! What the stack must cope with: killed parts, a restart with data in place, a killed `up`, an order nobody can pay.

use std::process::{Command, Stdio};
use std::time::Duration;

use contracts::App;
use stack::process::Signal;

use crate::house::{House, house};

async fn an_order_is_confirmed(house: &House) {
    let product = house.product(5).await;
    let customer = house.customer("pm_card_visa").await;
    let order = house.place(&customer, &product, 2).await;
    let order = house.ended(&customer, &order).await;
    assert_eq!(order["status"], "confirmed", "{order}");
}

#[tokio::test]
async fn the_database_and_the_broker_come_back_after_kill_9() {
    let house = house();
    for part in ["postgres", "kafka"] {
        house.instance.kill(part).unwrap();
        an_order_is_confirmed(&house).await;
    }
    house.settled().await;
}

#[tokio::test]
async fn every_sidecar_comes_back_after_kill_9() {
    let house = house();
    for app in App::ALL {
        house.instance.kill(&format!("{app}-daprd")).unwrap();
    }
    an_order_is_confirmed(&house).await;
    house.settled().await;
}

#[tokio::test]
async fn a_restart_finds_its_data_and_a_killed_up_is_repaired() {
    let house = house();
    let before = house.count(App::Order, "select count(*) from orders").await;
    house.instance.down().unwrap();
    assert_eq!(left_behind(&house), Vec::<String>::new());

    let mut killed = up(&house);
    std::thread::sleep(Duration::from_secs(8));
    killed.kill().unwrap();
    killed.wait().unwrap();
    house.instance.up().unwrap();
    // Each start places an order of its own.
    assert!(house.count(App::Order, "select count(*) from orders").await > before);
    an_order_is_confirmed(&house).await;

    let mut killed = {
        house.instance.down().unwrap();
        up(&house)
    };
    std::thread::sleep(Duration::from_secs(5));
    killed.kill().unwrap();
    killed.wait().unwrap();
    house.instance.down().unwrap();
    assert_eq!(left_behind(&house), Vec::<String>::new());
    house.instance.up().unwrap();
}

fn up(house: &House) -> std::process::Child {
    Command::new(house.instance.programs.join("stack"))
        .arg("up")
        .env("CARTWRIGHT_HOME", &house.instance.home)
        .env("CARTWRIGHT_PORT_OFFSET", house.instance.ports.offset.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Processes that still carry this instance's mark.
fn left_behind(house: &House) -> Vec<String> {
    let mark = house.instance.mark();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            std::fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes()))
        })
        .map(|pid| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default())
        .collect()
}

#[tokio::test]
async fn refusals_give_everything_back() {
    let house = house();
    let product = house.product(3).await;
    let poor = house.customer("pm_card_chargeDeclined").await;
    let order = house.place(&poor, &product, 3).await;
    let order = house.ended(&poor, &order).await;
    assert_eq!(
        (&order["status"], &order["rejection"]["type"]),
        (&"rejected".into(), &"payment-declined".into())
    );

    house.settled().await;
    let rich = house.customer("pm_card_visa").await;
    let all = house.place(&rich, &product, 3).await;
    assert_eq!(house.ended(&rich, &all).await["status"], "confirmed");
    let more = house.place(&rich, &product, 1).await;
    let more = house.ended(&rich, &more).await;
    assert_eq!(more["rejection"]["type"], "insufficient-stock", "{more}");
    house.settled().await;
    let open = "select count(*) from stock where reserved <> 0";
    assert_eq!(house.count(App::Product, open).await, 0);
}

#[tokio::test]
async fn a_charge_that_was_never_answered_is_found_and_made_once() {
    let house = house();
    let product = house.product(1).await;
    let customer = house.customer("pm_charge_no_answer").await;
    let order = house.place(&customer, &product, 1).await;
    assert_eq!(house.ended(&customer, &order).await["status"], "confirmed");
    let summary: serde_json::Value = house
        .http
        .get(format!("http://127.0.0.1:{}/_sandbox/summary", house.instance.ports.card_sandbox()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(summary["orders"][&order]["effective_charges"], 1, "{summary}");
}

#[tokio::test]
async fn an_order_that_nobody_can_pay_expires_and_its_stock_comes_back() {
    let house = house();
    let product = house.product(2).await;
    let customer = house.customer("pm_card_visa").await;
    house.configure("order.deadline", "8s").await;
    house.instance.signal("payment", Signal::STOP).unwrap();
    let order = house.place(&customer, &product, 2).await;
    let order = house.ended(&customer, &order).await;
    house.instance.signal("payment", Signal::CONT).unwrap();
    assert_eq!(order["status"], "expired", "{order}");
    house.configure("order.deadline", "15m").await;
    house.settled().await;
    let back = "select count(*) from stock where reserved <> 0";
    assert_eq!(house.count(App::Product, back).await, 0);
}

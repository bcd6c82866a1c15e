//! The books on the running system: green after orders of every kind, and red, by the statement that is meant for it,
//! for every fault that is seeded into the data past the services.

use std::process::Command;

use contracts::App;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::house::{Customer, House, house};

/// Done to a service's database as its superuser, and undone. `:order`, `:product` and `:stranger` stand for ids.
struct Fault {
    name: &'static str,
    app: App,
    seed: &'static str,
    undo: &'static str,
    /// The statement that it violates, by its number, and no other.
    statement: u64,
    /// What the report must name.
    named: &'static str,
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "a lost movement",
        app: App::Product,
        seed: "create table seeded as select * from movement where order_id = :order and kind = 'allocated';
               delete from movement where order_id = :order and kind = 'allocated'",
        undo: "insert into movement overriding system value select * from seeded; drop table seeded",
        statement: 1,
        named: ":product",
    },
    Fault {
        name: "stock that nobody has booked",
        app: App::Product,
        seed: "update stock set on_hand = on_hand + 1 where product_id = :product",
        undo: "update stock set on_hand = on_hand - 1 where product_id = :product",
        statement: 1,
        named: ":product",
    },
    Fault {
        name: "an order that ended long after its deadline",
        app: App::Order,
        seed: "update timeline_entry set at = at + interval '1 hour'
               where order_id = :order and kind = 'decided' and name = 'order.confirmed.v1'",
        undo: "update timeline_entry set at = at - interval '1 hour'
               where order_id = :order and kind = 'decided' and name = 'order.confirmed.v1'",
        statement: 2,
        named: ":order",
    },
    Fault {
        name: "an answer to another request",
        app: App::Order,
        seed: "update idempotency set request_hash = decode(repeat('00', 32), 'hex')
               where operation = 'place_order' and key = (select idempotency_key from orders where id = :order)",
        undo: "update idempotency set request_hash = orders.request_hash from orders
               where orders.id = :order and operation = 'place_order' and key = orders.idempotency_key",
        statement: 3,
        named: ":order",
    },
    Fault {
        name: "a second capture",
        app: App::Payment,
        seed: "insert into payment_event (order_id, number, kind, amount, currency, at)
               select order_id, max(number) + 1, 'captured', 0, 'GBP', min(at) from payment_event
               where order_id = :order group by order_id",
        undo: "delete from payment_event where order_id = :order and kind = 'captured' and amount = 0",
        statement: 4,
        named: ":order",
    },
    Fault {
        name: "a doubled charge in the card processor's log",
        app: App::Payment,
        seed: "insert into provider_charge
                   (intent_id, order_id, status, captured, refunded, currency, made_at, seen_at)
               select 'pi_doubled', order_id, status, captured, refunded, currency, made_at, seen_at
               from provider_charge where order_id = :order",
        undo: "delete from provider_charge where intent_id = 'pi_doubled'",
        statement: 5,
        named: ":order",
    },
    Fault {
        name: "a turn that does not exist",
        app: App::Order,
        seed: "insert into timeline_entry (order_id, at, kind, name, who, detail)
               select id, placed_at, 'decided', 'order.placed.v1', 'seeded', '{}' from orders where id = :order",
        undo: "delete from timeline_entry where order_id = :order and who = 'seeded'",
        statement: 6,
        named: ":order",
    },
    Fault {
        name: "a missing event",
        app: App::Order,
        seed: "create table seeded as select * from outbox where subject = :order and type = 'order.placed.v1';
               delete from outbox where subject = :order and type = 'order.placed.v1'",
        undo: "insert into outbox select * from seeded; drop table seeded",
        statement: 7,
        named: ":order",
    },
    Fault {
        name: "a product that changed without a word",
        app: App::Product,
        seed: "update product set version = version + 1 where id = :product",
        undo: "update product set version = version - 1 where id = :product",
        statement: 7,
        named: ":product",
    },
    // As if published long ago: what is missed is sent again, but not what lies so far back.
    Fault {
        name: "an event that never arrived",
        app: App::Order,
        seed: "insert into outbox (id, shard, subject, sequence, type, data, time, published_at)
               select gen_random_uuid(), shard, subject, sequence + 1, type, data, time - interval '1 hour',
                   time - interval '1 hour'
               from outbox where subject = :order and type = 'order.confirmed.v1';
               update outbox_head set sequence = sequence + 1 where subject = :order",
        undo: "delete from outbox where subject = :order
                   and sequence = (select sequence from outbox_head where subject = :order);
               update outbox_head set sequence = sequence - 1 where subject = :order",
        statement: 8,
        named: ":order",
    },
    Fault {
        name: "a posting that was altered",
        app: App::Payment,
        seed: "update ledger_posting set amount = amount + 1 where amount > 0
               and entry_id = (select id from ledger_entry where order_id = :order and kind = 'capture')",
        undo: "update ledger_posting set amount = amount - 1 where amount > 0
               and entry_id = (select id from ledger_entry where order_id = :order and kind = 'capture')",
        statement: 9,
        named: ":order",
    },
    Fault {
        name: "a broken chain of receipts",
        app: App::Payment,
        seed: "update receipt set attempt = attempt + 1 where order_id = :order and sequence = 2",
        undo: "update receipt set attempt = attempt - 1 where order_id = :order and sequence = 2",
        statement: 9,
        named: "receipt 2",
    },
    Fault {
        name: "an orphaned reservation",
        app: App::Product,
        seed: "insert into reservation (order_id, state, deadline, heard_at, changed_at)
               values (:stranger, 'reserved', now() + interval '1 day', now(), now());
               insert into reservation_line (order_id, product_id, quantity) values (:stranger, :product, 1);
               insert into movement
                   (product_id, kind, on_hand_delta, reserved_delta, allocated_delta, order_id, at)
               values (:product, 'reserved', 0, 1, 0, :stranger, now());
               update stock set reserved = reserved + 1 where product_id = :product",
        undo: "update stock set reserved = reserved - 1 where product_id = :product;
               delete from movement where order_id = :stranger;
               delete from reservation_line where order_id = :stranger;
               delete from reservation where order_id = :stranger",
        statement: 10,
        named: ":stranger",
    },
    Fault {
        name: "a duplicate message",
        app: App::Notification,
        seed: "alter table message drop constraint message_once_key;
               insert into message (id, customer_id, order_id, kind, cause, channel, language, subject, body, created_at)
               select gen_random_uuid(), customer_id, order_id, kind, cause, channel, language, 'seeded', body, created_at
               from message where order_id = :order and kind = 'order_confirmed'",
        undo: "delete from message where order_id = :order and subject = 'seeded';
               alter table message add constraint message_once_key unique (order_id, kind, cause, channel)",
        statement: 10,
        named: ":order",
    },
];

/// What the faults are seeded into.
struct Subject {
    order: String,
    product: String,
    stranger: String,
}

impl Subject {
    fn named(&self, text: &str) -> String {
        text.replace(":order", &self.order)
            .replace(":product", &self.product)
            .replace(":stranger", &self.stranger)
    }

    async fn execute(&self, house: &House, app: App, statements: &str) {
        let quoted = statements
            .replace(":order", &format!("'{}'", self.order))
            .replace(":product", &format!("'{}'", self.product))
            .replace(":stranger", &format!("'{}'", self.stranger));
        // Several statements sent as one are one transaction.
        house.database(app).await.execute(sqlx::raw_sql(AssertSqlSafe(quoted))).await.unwrap();
    }
}

/// Everything, page by page; the last page names all that is known to be wrong.
async fn check(house: &House, token: &str, scope: &str) -> Value {
    let mut cursor = Value::Null;
    loop {
        let body = json!({"scope": scope, "cursor": cursor});
        let (status, report) = house.ask(Method::POST, "/v1/books/checks", token, Some(body)).await;
        assert_eq!(status, StatusCode::OK, "{report}");
        if report["next_cursor"].is_null() {
            return report;
        }
        cursor = report["next_cursor"].clone();
    }
}

fn violated(report: &Value) -> Vec<u64> {
    let statements = report["statements"].as_array().unwrap().iter();
    let violated = statements.filter(|statement| statement["violated"].as_u64() > Some(0));
    violated.map(|statement| statement["number"].as_u64().unwrap()).collect()
}

async fn green(house: &House, token: &str, after: &str) {
    house
        .until(&format!("the books are green after {after}"), async || {
            let report = check(house, token, "all").await;
            report["green"].as_bool().unwrap().then_some(())
        })
        .await;
}

/// What `desk` says, and whether it was content.
pub fn desk(house: &House, arguments: &[&str]) -> (String, bool) {
    let output = Command::new(house.instance.programs.join("desk"))
        .args(arguments)
        .env("CARTWRIGHT_HOME", &house.instance.home)
        .env("CARTWRIGHT_GATEWAY", house.instance.gateway_url())
        .output()
        .unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (text, output.status.success())
}

async fn ended(house: &House, customer: &Customer, order: &str, status: &str) {
    let order = house.ended(customer, order).await;
    assert_eq!(order["status"], status, "{order}");
}

/// Orders that end in every way that needs no waiting; gives the one that was confirmed.
async fn orders_of_every_kind(house: &House) -> Subject {
    let product = house.product(50).await;
    let customer = house.customer("pm_card_visa").await;
    let poor = house.customer("pm_card_chargeDeclined").await;
    let confirmed = house.place(&customer, &product, 2).await;
    let short = house.place(&customer, &product, 500).await;
    let declined = house.place(&poor, &product, 1).await;
    let cancelled = house.place(&customer, &product, 3).await;
    ended(house, &customer, &confirmed, "confirmed").await;
    ended(house, &customer, &short, "rejected").await;
    ended(house, &poor, &declined, "rejected").await;
    ended(house, &customer, &cancelled, "confirmed").await;
    let path = format!("/v1/orders/{cancelled}/cancellations");
    let (status, answer) = house.ask(Method::POST, &path, &customer.token, Some(json!({}))).await;
    assert!(status.is_success(), "{status} {answer}");
    Subject { order: confirmed, product, stranger: Uuid::now_v7().to_string() }
}

#[tokio::test]
async fn every_fault_in_the_data_is_named_and_undone_is_green_again() {
    let house = house();
    let token = house.administrator().await;
    // An order has come to rest its deadline and a sweep after its last change.
    house.configure("order.deadline", "10s").await;
    let subject = orders_of_every_kind(&house).await;
    house.configure("order.deadline", "15m").await;
    house.settled().await;
    let (status, answer) = house.ask(Method::POST, "/v1/payment-comparisons", &token, Some(json!({}))).await;
    assert!(status.is_success(), "{status} {answer}");
    green(&house, &token, "orders of every kind").await;

    for fault in FAULTS {
        subject.execute(&house, fault.app, fault.seed).await;
        let report = house
            .until(&format!("{} is found", fault.name), async || {
                let report = check(&house, &token, "all").await;
                (!violated(&report).is_empty()).then_some(report)
            })
            .await;
        subject.execute(&house, fault.app, fault.undo).await;
        assert_eq!(violated(&report), [fault.statement], "{}: {report:#}", fault.name);
        let named = subject.named(fault.named);
        let violations =
            report["statements"][usize::try_from(fault.statement - 1).unwrap()]["violations"].to_string();
        assert!(violations.contains(&named), "{}: {named} is not in {violations}", fault.name);
        green(&house, &token, fault.name).await;
    }
}

#[tokio::test]
async fn whoever_operates_the_shop_reads_the_books_at_the_desk() {
    let house = house();
    let subject = orders_of_every_kind(&house).await;
    house.settled().await;
    green(&house, &house.administrator().await, "orders of every kind").await;
    let (text, content) = desk(&house, &["books", "--all"]);
    assert!(content && text.contains("the books agree"), "{text}");

    let (text, content) = desk(&house, &["verify", &subject.order]);
    assert!(content && text.contains("a whole chain"), "{text}");
    let broken = "update receipt set attempt = attempt + 1 where order_id = :order and sequence = 1";
    subject.execute(&house, App::Payment, broken).await;
    let (text, content) = desk(&house, &["verify", &subject.order]);
    let mended = "update receipt set attempt = attempt - 1 where order_id = :order and sequence = 1";
    subject.execute(&house, App::Payment, mended).await;
    assert!(!content && text.contains("the chain breaks at receipt 1"), "{text}");

    let (text, content) = desk(&house, &["timeline", &subject.order]);
    assert!(content && text.contains("order.confirmed.v1"), "{text}");
    for arguments in [&["issues"][..], &["failed", "list"]] {
        let (text, content) = desk(&house, arguments);
        assert!(content, "{arguments:?}: {text}");
    }
}

#[tokio::test]
async fn a_service_that_is_away_makes_the_books_say_so() {
    let house = house();
    let token = house.administrator().await;
    house.instance.signal("payment", stack::process::Signal::STOP).unwrap();
    let away = house
        .until("payment is named", async || {
            let report = check(&house, &token, "changed").await;
            (report["unreachable"] == json!(["payment"])).then_some(report)
        })
        .await;
    house.instance.signal("payment", stack::process::Signal::CONT).unwrap();
    assert_eq!(away["green"], false);
    green(&house, &token, "the return of payment").await;
    // For the gateway too, not only for `order`.
    house.customer("pm_card_visa").await;
}

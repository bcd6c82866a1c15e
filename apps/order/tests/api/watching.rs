//! Live events and held answers: every line once and in order, whichever replica it reached, within bounds.

use axum::body::{Body, BodyDataStream};
use axum::http::Response;
use contracts::event::StockReserved;
use contracts::permission::Role;
use contracts::{Operation, OrderId, UserId};
use futures::StreamExt;
use futures::future::join_all;
use order::app::watches::{Purpose, Watches};
use order::app::{App, router};
use order::jobs::watching;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{APP_TOKEN, Client};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;
use web::Keys;
use web::health::Readiness;

use crate::house::{House, captured, order};

/// A stream of events as a client reads it.
struct Listener {
    body: BodyDataStream,
    text: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Told {
    id: Option<String>,
    event: String,
    data: Value,
}

impl Listener {
    fn new(response: Response<Body>) -> Listener {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        Listener { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event with data; none when the stream has ended.
    async fn next(&mut self) -> Option<Told> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(|value| value.trim().to_owned())
                };
                if let Some(data) = field("data:") {
                    let event = field("event:").unwrap();
                    return Some(Told {
                        id: field("id:"),
                        event,
                        data: serde_json::from_str(&data).unwrap(),
                    });
                }
            }
            let part = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&part).unwrap());
        }
    }

    /// What is told until the order stands so: numbers and names of the lines.
    async fn until(&mut self, status: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let told = self.next().await.unwrap();
            match told.event.as_str() {
                "entry" => {
                    lines.push(format!("{} {}", told.id.unwrap(), told.data["name"].as_str().unwrap()))
                }
                "order" if told.data["status"] == status => return lines,
                "order" => assert_eq!(told.id, None),
                other => panic!("{other} is no event of ours"),
            }
        }
    }
}

/// Somebody reads for the watchers of this replica until the guard is dropped.
fn reading(app: &App) -> DropGuard {
    let shutdown = CancellationToken::new();
    tokio::spawn(watching::run(app.clone(), shutdown.clone()));
    shutdown.drop_guard()
}

fn of(id: OrderId) -> String {
    format!("order_id={id}")
}

async fn open(client: &Client, id: OrderId) -> Listener {
    Listener::new(client.open(Operation::WatchOrder, &of(id)).await)
}

async fn confirm(house: &House, id: OrderId) {
    house.hear(StockReserved { order_id: id }.into(), 1).await;
    house.hear(captured(id, 9000), 1).await;
}

/// Another replica on the same database, for the same callers.
fn replica(house: &House) -> (App, Client) {
    let app = App { watches: Watches::default(), ..house.app.clone() };
    let keys = Keys::fixed(house.signer.jwks());
    let router = router(app.clone(), keys, Readiness::always(), APP_TOKEN.to_owned().into());
    let token = house.signer.token(house.ada, Role::Customer);
    (app, Client::new(router).bearer(&token))
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn what_has_happened_comes_first_and_then_what_happens(db: PgPool) {
    let house = House::new(db).await;
    let _reader = reading(&house.app);
    let id = house.placed("a").await;
    let mut listener = open(&house.client, id).await;
    assert_eq!(listener.until("placed").await, ["1 place_order"]);
    confirm(&house, id).await;
    let lines = listener.until("confirmed").await;
    assert_eq!(lines, ["2 stock.reserved.v1", "3 payment.captured.v1", "4 order.confirmed.v1"]);

    // Whoever comes later, or again, gets the rest.
    let mut late = open(&house.client, id).await;
    assert_eq!(late.until("confirmed").await.len(), 4);
    let mut again = open(&house.client.with("last-event-id", "2"), id).await;
    assert_eq!(again.until("confirmed").await, ["3 payment.captured.v1", "4 order.confirmed.v1"]);
    let mut seen_all = open(&house.client.with("last-event-id", "4"), id).await;
    assert_eq!(seen_all.until("confirmed").await, [""; 0]);
    for other in ["5", "-1", "99999999999999999999", "a"] {
        let mut stranger = open(&house.client.with("last-event-id", other), id).await;
        assert_eq!(stranger.until("confirmed").await.len(), 4, "{other}");
    }
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn it_is_told_whichever_replica_the_event_reaches(db: PgPool) {
    let house = House::new(db).await;
    let (other, client) = replica(&house);
    let _reader = reading(&other);
    let id = house.placed("a").await;
    let mut listener = open(&client, id).await;
    assert_eq!(listener.until("placed").await, ["1 place_order"]);
    confirm(&house, id).await;
    assert_eq!(listener.until("confirmed").await.len(), 3);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn no_line_is_missed_or_told_twice_while_many_write(db: PgPool) {
    let house = House::new(db).await;
    let _reader = reading(&house.app);
    let id = house.placed("a").await;
    let mut listener = open(&house.client, id).await;
    // Each is refused, and says so on the timeline.
    let other = json!({"parts": [{"product_id": Uuid::nil(), "quantity": 1}]});
    let refusals = join_all((0..40).map(|_| house.wish(Operation::CancelOrder, id, other.clone())));
    tokio::join!(refusals, confirm(&house, id));
    house.managed(Operation::AddNote, "", id, json!({"text": "The end."})).await;
    let written: i64 = sqlx::query_scalar("select count(*) from timeline_entry where order_id = $1")
        .bind(id.0)
        .fetch_one(&house.app.db)
        .await
        .unwrap();
    let mut numbers = Vec::new();
    // The note itself is for staff.
    while numbers.len() < usize::try_from(written - 1).unwrap() {
        numbers.extend(listener.next().await.unwrap().id);
    }
    let expected: Vec<String> = (1..written).map(|number| number.to_string()).collect();
    assert_eq!(numbers, expected);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn staff_see_notes_and_nobody_sees_another_customers_order(db: PgPool) {
    let house = House::new(db).await;
    let _reader = reading(&house.app);
    let id = house.placed("a").await;
    house.managed(Operation::AddNote, "", id, json!({"text": "The customer called."})).await;
    let mut own = open(&house.client, id).await;
    assert_eq!(own.until("placed").await, ["1 place_order"]);
    let mut staff = open(&house.staff(), id).await;
    assert_eq!(staff.until("placed").await, ["1 place_order", "2 add_note"]);
    confirm(&house, id).await;
    assert_eq!(own.until("confirmed").await[0], "3 stock.reserved.v1");

    let bob = house.client.bearer(&house.signer.token(UserId(Uuid::now_v7()), Role::Customer));
    let answer = bob.ask(Operation::WatchOrder, &of(id), None).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"));
    let answer = house.client.ask(Operation::WatchOrder, &of(OrderId(Uuid::nil())), None).await;
    assert_eq!(answer.problem(), "not-found");
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn streams_are_bounded_for_each_caller_and_end_when_they_are_left(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    let mut open_ones = Vec::new();
    for _ in 0..Purpose::Stream.most_of_one() {
        open_ones.push(open(&house.client, id).await);
    }
    let answer = house.client.ask(Operation::WatchOrder, &of(id), None).await;
    assert_eq!(answer.headers["retry-after"], "5");
    assert_eq!((answer.status.as_u16(), answer.problem()), (429, "rate-limited"));
    // Others go on, and so does he elsewhere.
    open_ones.push(open(&house.staff(), id).await);
    assert_eq!(house.place("b", order()).await.status, 201);
    open_ones.clear();
    assert_eq!(house.app.watches.orders(), []);
    open_ones.push(open(&house.client, id).await);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_replica_holds_so_many_streams_and_no_more(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    let callers = (0..).map(|number| UserId(Uuid::from_u128(number)));
    let watches: Vec<_> = callers
        .take(Purpose::Stream.most())
        .map(|caller| house.app.watches.watch(caller, id, Purpose::Stream))
        .collect();
    assert!(watches.iter().all(Result::is_ok));
    let answer = house.client.ask(Operation::WatchOrder, &of(id), None).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (503, "unavailable"));
    drop(watches);
    open(&house.client, id).await;
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn at_the_end_streams_and_waits_end_too(db: PgPool) {
    let house = House::new(db).await;
    let reader = reading(&house.app);
    let id = house.placed("a").await;
    let mut listener = open(&house.client, id).await;
    listener.until("placed").await;
    drop(reader);
    assert_eq!(listener.next().await, None);
    let answer = house.client.ask(Operation::WatchOrder, &of(id), None).await;
    assert_eq!(answer.problem(), "unavailable");
    let answer = place(&house, "b", "wait=30").await;
    assert_eq!((answer.status.as_u16(), answer.headers.get("preference-applied")), (201, None));
}

async fn place(house: &House, key: &str, prefer: &str) -> testkit::Answer {
    let client = house.client.with("idempotency-key", key).with("prefer", prefer);
    client.ask(Operation::PlaceOrder, "", Some(order())).await
}

/// The order that comes next, once it is there.
async fn next_order(house: &House, after: i64) -> OrderId {
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(5));
    loop {
        if house.count("orders").await > after {
            let newest = sqlx::query_scalar("select id from orders order by id desc limit 1");
            return OrderId(newest.fetch_one(&house.app.db).await.unwrap());
        }
        ticks.tick().await;
    }
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn an_answer_waits_for_the_end_of_its_order(db: PgPool) {
    let house = House::new(db).await;
    let _reader = reading(&house.app);
    let confirming = async {
        let id = next_order(&house, 0).await;
        confirm(&house, id).await;
        id
    };
    let (answer, id) = tokio::join!(place(&house, "a", "respond-async, wait=30"), confirming);
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!((&answer.body["id"], &answer.body["status"]), (&json!(id), &json!("confirmed")));
    assert_eq!(answer.headers["preference-applied"], "wait=30");
    assert_eq!(answer.headers["etag"].to_str().unwrap(), house.etag(id).await);

    // The same again, once with and once without the wish.
    let again = place(&house, "a", "wait=5").await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(
        (&again.body["status"], &again.headers["preference-applied"]),
        (&json!("confirmed"), &"wait=5".parse().unwrap())
    );
    let first = place(&house, "a", "").await;
    assert_eq!(
        (&first.body["status"], &first.headers["etag"]),
        (&json!("placed"), &"\"1\"".parse().unwrap())
    );
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn whoever_waits_in_vain_gets_the_order_as_it_is(db: PgPool) {
    let house = House::new(db).await;
    let _reader = reading(&house.app);
    let answer = place(&house, "a", "wait=1").await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (201, &json!("placed")));
    assert_eq!(answer.headers["preference-applied"], "wait=1");
    assert_eq!(house.app.watches.orders(), []);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn where_there_is_no_room_to_wait_the_answer_goes_out_at_once(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    let waits: Vec<_> = (0..Purpose::Wait.most_of_one())
        .map(|_| house.app.watches.watch(house.ada, id, Purpose::Wait).unwrap())
        .collect();
    let answer = place(&house, "b", "wait=30").await;
    assert_eq!((answer.status.as_u16(), answer.headers.get("preference-applied")), (201, None));
    drop(waits);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_repeated_answer_has_the_etag_of_the_first(db: PgPool) {
    let house = House::new(db).await;
    let id = house.placed("a").await;
    let again = house.place("a", order()).await;
    assert_eq!(
        (&again.headers["idempotent-replayed"], &again.headers["etag"]),
        (&"true".parse().unwrap(), &"\"1\"".parse().unwrap())
    );

    let cancel = house.client.with("idempotency-key", "cancel");
    let first = cancel.ask(Operation::CancelOrder, &of(id), Some(json!({}))).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let again = cancel.ask(Operation::CancelOrder, &of(id), Some(json!({}))).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.headers["etag"], first.headers["etag"]);
}

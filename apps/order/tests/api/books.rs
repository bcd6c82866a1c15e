//! The books as they are asked for: what the others tell is made up, what `order` knows is real.

use chrono::TimeDelta;
use contracts::facts::{
    Deltas, HandledEvents, Head, LevelFacts, MessageFacts, PaymentFacts, PaymentsFacts, PublishedEvent,
    PublishedEvents, ReservationFacts, ReservedLine, StockFacts, ToldEnd,
};
use contracts::permission::Role;
use contracts::{App as Service, Currency, EventId, EventType, Operation, OrderId, UserId};
use order::domain::books::{Report, Statement};
use order::jobs::books::{Wanted, check};
use order::store::books::kept;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::Answer;
use uuid::Uuid;

use crate::house::{House, now, product};

/// What the others tell of one confirmed order.
struct Others {
    stock: StockFacts,
    payments: PaymentsFacts,
    messages: MessageFacts,
}

impl Others {
    fn agreeing(order_id: OrderId) -> Others {
        let line = ReservedLine {
            product_id: product(1),
            claimed: 24,
            released: 0,
            shipped: 0,
            restocked: 0,
            moved: Deltas { on_hand: 0, reserved: 0, allocated: 24 },
        };
        let level = Deltas { on_hand: 100, reserved: 0, allocated: 24 };
        let reservation =
            ReservationFacts { order_id, state: "allocated".into(), lines: vec![line], changed_at: now() };
        let level = LevelFacts { product_id: product(1), version: 0, level, moved: level, held: level };
        let payment = PaymentFacts {
            order_id,
            stage: "captured".into(),
            currency: Some(Currency::Gbp),
            unknown: false,
            authorised_open: false,
            due: false,
            dispute_open: false,
            captures: 1,
            captured: 9_000,
            refunded: 0,
            refunds: Vec::new(),
            ledger_captured: 9_000,
            ledger_refunded: 0,
            unbalanced: Vec::new(),
            provider: None,
            broken_receipt: None,
            changed_at: now(),
        };
        Others {
            stock: StockFacts { reservations: vec![reservation], levels: vec![level] },
            payments: PaymentsFacts { payments: vec![payment], compared_at: None },
            messages: MessageFacts {
                repeated: Vec::new(),
                ends: vec![ToldEnd { order_id, end: "confirmed".into() }],
            },
        }
    }

    async fn tell(&self, house: &House, order_id: OrderId) {
        let answer = |operation, body: Value| house.sidecar.answer(operation, 200, body);
        answer(Operation::ReadStockFacts, json!(self.stock));
        answer(Operation::ReadPaymentFacts, json!(self.payments));
        answer(Operation::ReadMessageFacts, json!(self.messages));
        for (operation, publisher) in [
            (Operation::ListPublishedProduct, Service::Product),
            (Operation::ListPublishedPayment, Service::Payment),
        ] {
            answer(operation, json!(published(house, order_id, publisher).await));
        }
        let handled = HandledEvents { handled: events_of(house, order_id).await, ..HandledEvents::default() };
        for operation in [
            Operation::CheckHandledProduct,
            Operation::CheckHandledPayment,
            Operation::CheckHandledNotification,
        ] {
            answer(operation, json!(handled));
        }
    }
}

/// The events that the order's timeline has heard of this publisher, as if it had said them and nothing else.
async fn published(house: &House, order_id: OrderId, publisher: Service) -> PublishedEvents {
    let heard: Vec<(String, String)> = sqlx::query_as(
        "select name, cause from timeline_entry where order_id = $1 and kind = 'heard' order by id",
    )
    .bind(order_id.0)
    .fetch_all(&house.app.db)
    .await
    .unwrap();
    let of_publisher = heard
        .into_iter()
        .filter(|(name, _)| EventType::from_name(name).unwrap().row().publisher == publisher);
    let events: Vec<PublishedEvent> = of_publisher
        .zip(1..)
        .map(|((event_type, id), sequence)| PublishedEvent {
            id: id.parse().unwrap(),
            event_type,
            subject: order_id.0,
            sequence,
            time: now(),
            published_at: Some(now()),
        })
        .collect();
    let head = Head { subject: order_id.0, sequence: i64::try_from(events.len()).unwrap() };
    PublishedEvents { events, heads: vec![head] }
}

/// Its own events, and those that it has heard.
async fn events_of(house: &House, order_id: OrderId) -> Vec<EventId> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select id from outbox where subject = $1
         union all select cause::uuid from timeline_entry where order_id = $1 and kind = 'heard'",
    )
    .bind(order_id.0)
    .fetch_all(&house.app.db)
    .await
    .unwrap();
    ids.into_iter().map(EventId).collect()
}

/// A confirmed order with which everything is well, long ago, and its relay's work done.
async fn settled(house: &House) -> (OrderId, Others) {
    let order_id = house.confirmed("a").await;
    sqlx::query("update outbox set published_at = time").execute(&house.app.db).await.unwrap();
    let others = Others::agreeing(order_id);
    others.tell(house, order_id).await;
    house.app.clock.advance(TimeDelta::hours(2));
    (order_id, others)
}

async fn checked(house: &House, wanted: Wanted) -> Report {
    check(&house.app, wanted).await.unwrap().unwrap()
}

fn red(report: &Report) -> Vec<Statement> {
    let red = report.statements.iter().filter(|statement| statement.violated > 0);
    red.map(|statement| statement.statement).collect()
}

async fn ask(house: &House, operation: Operation, body: Option<impl Serialize>) -> Answer {
    house.staff().ask(operation, "", body.map(|body| json!(body))).await
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn books_in_order_are_green_and_every_replica_can_show_them(db: PgPool) {
    let house = House::new(db).await;
    let (order_id, _) = settled(&house).await;
    assert_eq!(ask(&house, Operation::ReadBooks, None::<()>).await.status, 404);
    kept::insert_left_out(&mut house.app.db.acquire().await.unwrap(), &[order_id.0], &[now()]).await.unwrap();
    let answer = ask(&house, Operation::CheckBooks, Some(json!({"scope": "changed"}))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        (&answer.body["green"], &answer.body["checked"]["orders"]),
        (&json!(true), &json!(1)),
        "{}",
        answer.body
    );
    assert_eq!(answer.body["sums"][0]["captured"], 9_000);
    assert_eq!(ask(&house, Operation::ReadBooks, None::<()>).await.body, answer.body);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn what_is_wrong_stays_red_until_it_is_right_and_everything_has_its_turn(db: PgPool) {
    let house = House::new(db).await;
    let (order_id, mut others) = settled(&house).await;
    others.stock.levels[0].moved.on_hand -= 1;
    others.payments.payments[0].broken_receipt = Some(2);
    others.tell(&house, order_id).await;
    let answer = ask(&house, Operation::CheckBooks, Some(json!({"scope": "all"}))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let violations = &answer.body["statements"];
    assert_eq!(violations[0]["violations"][0]["product_id"], json!(product(1)));
    assert_eq!(violations[8]["violations"][0]["order_id"], json!(order_id));
    // Nothing of it has changed since, and still both are looked at each time.
    assert_eq!(red(&checked(&house, Wanted::Changed).await), [Statement::Stock, Statement::Sums]);
    Others::agreeing(order_id).tell(&house, order_id).await;
    let report = checked(&house, Wanted::Changed).await;
    assert!(report.green && red(&report).is_empty(), "{report:?}");
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_service_that_is_away_is_named_and_nothing_is_taken_back(db: PgPool) {
    let house = House::new(db).await;
    let (order_id, mut others) = settled(&house).await;
    others.payments.payments[0].captures = 2;
    others.tell(&house, order_id).await;
    let answer = ask(&house, Operation::CheckBooks, Some(json!({"scope": "all"}))).await;
    assert_eq!(answer.body["statements"][3]["violated"], 1, "{}", answer.body);
    house.sidecar.answer(Operation::ReadPaymentFacts, 500, json!({}));
    let report = checked(&house, Wanted::Changed).await;
    assert_eq!((report.green, &report.unreachable), (false, &vec!["payment".to_owned()]));
    assert_eq!(red(&report), [Statement::Money]);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn what_is_young_is_left_out_and_looked_at_until_it_has_come_to_rest(db: PgPool) {
    let house = House::new(db).await;
    let order_id = house.confirmed("a").await;
    let mut others = Others::agreeing(order_id);
    others.payments.payments[0].unknown = true;
    others.tell(&house, order_id).await;
    sqlx::query("update outbox set published_at = time").execute(&house.app.db).await.unwrap();
    others.tell(&house, order_id).await;
    let report = checked(&house, Wanted::Changed).await;
    assert_eq!((report.green, report.checked.left_out), (true, 1));
    assert_eq!(report.oldest_left_out.unwrap().order_id, order_id);

    house.app.clock.advance(TimeDelta::hours(2));
    let report = checked(&house, Wanted::Changed).await;
    assert_eq!((red(&report), report.checked.left_out), (vec![Statement::Money], 0));
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn what_others_hold_for_an_order_that_does_not_exist_is_found(db: PgPool) {
    let house = House::new(db).await;
    let (order_id, mut others) = settled(&house).await;
    let stranger = OrderId(Uuid::now_v7());
    others.stock.reservations[0].order_id = stranger;
    others.tell(&house, order_id).await;
    let report = check(&house.app, Wanted::All("reservations".parse().unwrap())).await.unwrap().unwrap();
    assert_eq!(red(&report), [Statement::Undone]);
    assert_eq!(report.statements[9].violations[0].order_id, Some(stranger));
    // It is gone, and so are the pages on which it could be met.
    Others::agreeing(order_id).tell(&house, order_id).await;
    let report = check(&house.app, Wanted::All("orders".parse().unwrap())).await.unwrap().unwrap();
    assert_eq!(red(&report), []);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn an_answer_without_its_order_is_found(db: PgPool) {
    let house = House::new(db).await;
    settled(&house).await;
    sqlx::query(
        "insert into idempotency (caller, operation, key, request_hash, status, body, created_at)
         select caller, operation, 'lost', request_hash, status,
             (body::jsonb || '{\"id\": \"01930000-0000-7000-8000-000000000001\"}')::text, $1 from idempotency",
    )
    .bind(house.app.clock.now())
    .execute(&house.app.db)
    .await
    .unwrap();
    let report = checked(&house, Wanted::Changed).await;
    assert_eq!(red(&report), [Statement::Ends]);
    assert_eq!(report.statements[1].violations[0].what, "an order was answered with 201 and does not exist");
    sqlx::query("delete from idempotency where key = 'lost'").execute(&house.app.db).await.unwrap();
    assert!(checked(&house, Wanted::Changed).await.green);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn one_replica_checks_at_a_time(db: PgPool) {
    let house = House::new(db).await;
    let mut other = house.app.db.acquire().await.unwrap();
    assert!(kept::lock_checks(&mut other).await.unwrap());
    assert_eq!(check(&house.app, Wanted::InTime).await.unwrap(), None);
    drop(other.detach());
    house.sidecar.answer(Operation::ReadStockFacts, 200, json!(StockFacts::default()));
    house.sidecar.answer(Operation::ReadPaymentFacts, 200, json!(PaymentsFacts::default()));
    house.sidecar.answer(Operation::ListPublishedProduct, 200, json!(PublishedEvents::default()));
    assert!(check(&house.app, Wanted::Changed).await.unwrap().unwrap().green);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn the_time_of_presence_goes_on_until_it_is_interrupted(db: PgPool) {
    let mut db = db.acquire().await.unwrap();
    for second in [0, 1, 2, 9, 10] {
        let at = now() + TimeDelta::seconds(second);
        kept::note_awake(&mut db, at, at - TimeDelta::seconds(3)).await.unwrap();
    }
    let awake = kept::list_awake(&mut db, now()).await.unwrap();
    let spans: Vec<(i64, i64)> = awake
        .iter()
        .map(|span| ((span.from - now()).num_seconds(), (span.until - now()).num_seconds()))
        .collect();
    assert_eq!(spans, [(0, 2), (9, 10)]);
}

#[sqlx::test(migrator = "order::app::MIGRATOR")]
async fn a_bad_request_is_refused_by_name(db: PgPool) {
    let house = House::new(db).await;
    for (body, problem) in [
        (json!({"scope": "all", "cursor": "elsewhere"}), "invalid-cursor"),
        (json!({"scope": "changed", "cursor": "orders"}), "invalid-cursor"),
        (json!({"scope": "some"}), "invalid-field"),
        (json!({"scope": "all", "page": 1}), "unknown-field"),
    ] {
        assert_eq!(ask(&house, Operation::CheckBooks, Some(body)).await.problem(), problem);
    }
    let customer = house.signer.token(UserId(Uuid::now_v7()), Role::Customer);
    let answer = house.client.bearer(&customer).ask(Operation::ReadBooks, "", None).await;
    assert_eq!(answer.problem(), "forbidden");
}

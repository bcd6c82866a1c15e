//! Who may ask, and that no one is shown what is another's.

use contracts::operation::{Access, owned_by};
use contracts::permission::Role;
use contracts::{App, Operation, UserId};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, envelope, rejected, reserved};

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn every_route_wants_a_token_with_its_permission(db: PgPool) {
    let house = House::new(db).await;
    for row in owned_by(App::Payment).filter(|row| matches!(row.access, Access::Permitted(_))) {
        let ask = async |client: testkit::Client| {
            client.ask(row.operation, "", Some(json!({}))).await.problem().to_owned()
        };
        assert_eq!(ask(house.client.without("authorization")).await, "unauthenticated", "{}", row.name);
        assert_eq!(ask(house.client.bearer("x.y.z")).await, "invalid-token", "{}", row.name);
        let powerless = house.signer.sign(&house.signer.claims(house.ada, "orders:place"));
        assert_eq!(ask(house.client.bearer(&powerless)).await, "forbidden", "{}", row.name);
    }
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn anothers_payment_is_not_found_and_staff_sees_it(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_visa").await;
    let query = format!("order_id={}", order.order_id);
    let bearing = |role| house.client.bearer(&house.signer.token(UserId(Uuid::now_v7()), role));
    let bob = bearing(Role::Customer).ask(Operation::ListPayments, &query, None).await;
    assert_eq!(bob.problem(), "not-found");
    let staff = bearing(Role::Admin).ask(Operation::ListPayments, &query, None).await;
    assert_eq!(staff.body["items"][0]["status"], "captured");
    let unknown = format!("order_id={}", Uuid::now_v7());
    assert_eq!(house.client.ask(Operation::ListPayments, &unknown, None).await.problem(), "not-found");
    assert_eq!(
        house.client.ask(Operation::ListPayments, "order_id=7", None).await.problem(),
        "invalid-parameter"
    );
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn a_payment_whose_customer_is_not_known_yet_is_for_staff_alone(db: PgPool) {
    let house = House::new(db).await;
    let order = house.order("pm_card_visa").await;
    house.hear(reserved(&order)).await;
    let query = format!("order_id={}", order.order_id);
    assert_eq!(house.client.ask(Operation::ListPayments, &query, None).await.problem(), "not-found");
    let staff = house.client.bearer(&house.signer.token(UserId(Uuid::now_v7()), Role::Admin));
    let answer = staff.ask(Operation::ListPayments, &query, None).await;
    assert_eq!(answer.body["items"][0]["status"], "waiting");
    assert_eq!(answer.body["items"][0]["due"], json!(null));
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn only_the_own_sidecar_gets_in_and_events_never_come_by_invocation(db: PgPool) {
    let house = House::new(db).await;
    let order = house.order("pm_card_visa").await;
    let body = envelope(rejected(&order).into(), house.now()).to_json().to_string();
    let without = house.client.without("dapr-api-token").without("dapr-caller-app-id");
    assert_eq!(without.send("POST", "/events/order", Some(body.clone())).await.status, 401);
    assert_eq!(house.client.send("POST", "/events/order", Some(body)).await.status, 403);
    assert_eq!(house.count("payment").await, 0);
}

//! What staff, administrators and whoever operates this ask for.

use contracts::App;
use reqwest::Method;
use serde_json::json;
use sqlx::query_scalar;
use uuid::Uuid;

use super::account::text;
use super::recorder::{Ask, Recorder};

pub async fn tell(recorder: &mut Recorder<'_>) {
    let admin = recorder.house.administrator().await;
    catalogue(recorder, &admin).await;
    configuration(recorder, &admin).await;
    roles(recorder, &admin).await;
    machines(recorder, &admin).await;
    failed_events(recorder, &admin).await;
}

async fn catalogue(recorder: &mut Recorder<'_>, admin: &str) {
    let sku = || format!("lamp-{}", Uuid::now_v7());
    let price = json!({"amount": 1999, "currency": "GBP"});
    let body = json!({"sku": sku(), "name": "Reading lamp", "price": price, "stock_controlled": true});
    let product = recorder.tell(Ask::new("create_product").by(admin).once().body(body)).await.body;
    let id = text(&product, "id");
    let row =
        json!({"sku": sku(), "name": "Desk lamp", "price": price, "stock_controlled": true, "received": 24});
    recorder.tell(Ask::new("import_products").by(admin).once().body(json!({"rows": [row]}))).await;
    recorder.tell(Ask::new("list_products").query("limit", 20)).await;
    let read = recorder.tell(Ask::new("read_product").of("product_id", &id)).await;
    let change = Ask::new("change_product").by(admin).of("product_id", &id).seen(&read.etag);
    recorder.tell(change.body(json!({"name": "Reading lamp, brass"}))).await;
    let received = json!({"kind": "received", "quantity": 24, "reason": "delivery note 4711"});
    recorder.tell(Ask::new("record_movement").by(admin).of("product_id", &id).once().body(received)).await;
    recorder.tell(Ask::new("list_movements").by(admin).of("product_id", &id).query("limit", 20)).await;
    recorder.tell(Ask::new("list_stock").by(admin).query("limit", 20)).await;
    let read = recorder.ask(&Ask::new("read_product").of("product_id", &id)).await;
    recorder.tell(Ask::new("archive_product").by(admin).of("product_id", &id).seen(&read.etag)).await;
}

async fn configuration(recorder: &mut Recorder<'_>, admin: &str) {
    recorder.tell(Ask::new("list_configuration").by(admin)).await;
    let key = "order.return_window";
    let read = recorder.tell(Ask::new("read_configuration").by(admin).of("key", key)).await;
    let body = json!({"value": read.body["value"], "reason": "as it was agreed"});
    recorder.tell(Ask::new("set_configuration").by(admin).of("key", key).seen(&read.etag).body(body)).await;

    // What they are, and for the rest what would be: other tests are going on.
    let changes = json!([{"key": "notification.largest_page", "value": 100}, {"key": "product.largest_page", "value": 200}]);
    let body = json!({"changes": changes, "reason": "one size for all lists", "dry_run": false});
    recorder.tell(Ask::new("change_configuration").by(admin).once().body(body)).await;
    recorder.tell(Ask::new("list_configuration_changes").by(admin).query("limit", 20)).await;
    recorder.tell(Ask::new("compare_configuration").by(admin).query("from", 0)).await;
    let body = json!({"version": 0, "reason": "it was better before", "dry_run": true});
    recorder.tell(Ask::new("roll_back_configuration").by(admin).once().body(body)).await;
    recorder.tell(Ask::new("export_configuration").by(admin)).await;
    let file = "notification.largest_page = 50\n";
    let body = json!({"file": file, "reason": "as in the other shop", "dry_run": true});
    recorder.tell(Ask::new("import_configuration").by(admin).once().body(body)).await;
    recorder.tell(Ask::new("read_effective_configuration").by(admin)).await;
    trial(recorder, admin).await;
}

/// One more day for one order of a hundred, for as long as it takes to look at it.
async fn trial(recorder: &mut Recorder<'_>, admin: &str) {
    let key = "order.return_window";
    let read = recorder.ask(&Ask::new("read_configuration").by(admin).of("key", key)).await;
    let value = read.body["value"].as_u64().unwrap() + 1;
    let body = json!({"key": key, "value": value, "percent": 1, "for": "1h", "reason": "do more come back?"});
    let begun = recorder.tell(Ask::new("start_trial").by(admin).once().body(body)).await.body;
    let version = begun["version"].to_string();
    recorder.tell(Ask::new("read_trial").by(admin).of("version", &version)).await;
    let body = json!({"outcome": "take_back", "reason": "the holidays are over"});
    recorder.tell(Ask::new("end_trial").by(admin).of("version", &version).once().body(body)).await;
    recorder.tell(Ask::new("list_trials").by(admin).query("limit", 20)).await;
}

async fn roles(recorder: &mut Recorder<'_>, admin: &str) {
    recorder.tell(Ask::new("list_permissions").by(admin)).await;
    let name = format!("night-{}", &Uuid::new_v4().simple().to_string()[..8]);
    let body = json!({"name": name, "description": "Ships what was packed by day", "permissions": ["orders:manage"]});
    recorder.tell(Ask::new("create_role").by(admin).body(body)).await;
    recorder.tell(Ask::new("list_roles").by(admin)).await;
    let read = recorder.tell(Ask::new("read_role").by(admin).of("role", &name)).await;
    let body = json!({"description": "Ships and looks", "permissions": ["orders:manage", "orders:read_any"]});
    recorder.tell(Ask::new("change_role").by(admin).of("role", &name).seen(&read.etag).body(body)).await;

    let email = format!("{}@example.com", Uuid::now_v7());
    let body = json!({"email": email, "password": "nine small services in a row", "name": "Grace Hopper"});
    let (_, user) = recorder.house.ask(Method::POST, "/v1/users", "", Some(body)).await;
    let user = text(&user, "id");
    recorder.tell(Ask::new("grant_role").by(admin).of("user_id", &user).of("role", &name)).await;
    recorder.tell(Ask::new("list_user_roles").by(admin).of("user_id", &user)).await;
    recorder.tell(Ask::new("list_role_holders").by(admin).of("role", &name).query("limit", 20)).await;
    recorder.tell(Ask::new("withdraw_role").by(admin).of("user_id", &user).of("role", &name)).await;
    recorder.tell(Ask::new("list_audit").by(admin).query("limit", 20)).await;
}

async fn machines(recorder: &mut Recorder<'_>, admin: &str) {
    let name = format!("warehouse scanner {}", Uuid::now_v7());
    let (email, password) = (format!("{}@example.com", Uuid::now_v7()), "ten small services in a row");
    let body = json!({"email": email, "password": password, "name": "Grace Hopper"});
    recorder.house.ask(Method::POST, "/v1/users", "", Some(body)).await;
    let owner = recorder.house.log_in(&email, password).await;
    let body =
        json!({"name": name, "permissions": ["orders:read"], "expires_in_days": 90, "password": password});
    let created = recorder.tell(Ask::new("create_api_key").by(&owner).body(body)).await.body;
    recorder.tell(Ask::new("list_api_keys").by(&owner).query("limit", 20)).await;
    recorder.tell(Ask::new("revoke_api_key").by(&owner).of("api_key_id", text(&created, "id"))).await;
    recorder.tell(Ask::new("rotate_signing_keys").by(admin)).await;
    recorder.tell(Ask::new("list_signing_keys").by(admin)).await;
}

/// One failed event for each act, put where a handler that gives up would put it.
async fn failed_events(recorder: &mut Recorder<'_>, admin: &str) {
    for (app, list, read, redrive, discard) in [
        (
            App::Product,
            "list_failed_product",
            "read_failed_product",
            "redrive_failed_product",
            "discard_failed_product",
        ),
        (
            App::Order,
            "list_failed_order",
            "read_failed_order",
            "redrive_failed_order",
            "discard_failed_order",
        ),
        (
            App::Payment,
            "list_failed_payment",
            "read_failed_payment",
            "redrive_failed_payment",
            "discard_failed_payment",
        ),
        (
            App::Notification,
            "list_failed_notification",
            "read_failed_notification",
            "redrive_failed_notification",
            "discard_failed_notification",
        ),
    ] {
        let (one, other) = (failed(recorder, app).await, failed(recorder, app).await);
        recorder.tell(Ask::new(list).by(admin).query("state", "open").query("limit", 20)).await;
        recorder.tell(Ask::new(read).by(admin).of("failed_event_id", &one)).await;
        let body = |id: &str| json!({"ids": [id], "reason": "sent by a test"});
        recorder.tell(Ask::new(redrive).by(admin).once().body(body(&one))).await;
        recorder.tell(Ask::new(discard).by(admin).once().body(body(&other))).await;
        recorder.ask(&Ask::new(discard).by(admin).once().body(body(&one))).await;
    }
}

async fn failed(recorder: &Recorder<'_>, app: App) -> String {
    let statement = "insert into failed_event
             (id, topic, identity, payload, reason, error, attempts, first_at, last_at, next_at)
         values ($1, 'order', $1::text, 'this is no event', 'refused', 'it is no event', 1, now(), now(), now())
         returning id";
    let id: Uuid = query_scalar(statement)
        .bind(Uuid::now_v7())
        .fetch_one(&mut recorder.house.database(app).await)
        .await
        .unwrap();
    id.to_string()
}

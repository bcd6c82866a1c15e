//! Who may do what, through the public door: every operation, as nobody and in every role, on what is one's own and
//! on what is somebody else's.
//!
//! What is expected follows from the tables in `contracts`; whose things an operation is about stands here.

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::Permission;
use contracts::operation::{Access, OPERATIONS, Row};
use contracts::permission::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::house::{Customer, House, house};

/// Whose things an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Nobody's in particular, or the caller's own by its nature.
    Nobodys,
    /// The path names a thing of a customer; others need this permission to get to it, or never do.
    Somebodys(Option<Permission>),
}

use Whose::{Nobodys, Somebodys};

/// One line for each public operation; without one it fails.
fn whose(name: &str) -> Option<Whose> {
    Some(match name {
        "read_order" | "read_timeline" | "watch_order" => Somebodys(Some(Permission::OrdersReadAny)),
        "cancel_order" | "request_return" => Somebodys(Some(Permission::OrdersManage)),
        "list_payments" => Somebodys(Some(Permission::PaymentsReadAny)),
        "read_address" | "change_address" | "remove_address" | "end_session" | "revoke_api_key" => {
            Somebodys(None)
        }
        "register_user"
        | "log_in"
        | "refresh_session"
        | "list_sessions"
        | "log_out"
        | "log_out_everywhere"
        | "request_verification"
        | "confirm_email"
        | "request_reset"
        | "confirm_reset"
        | "change_password"
        | "read_profile"
        | "change_profile"
        | "list_addresses"
        | "add_address"
        | "export_account"
        | "delete_account"
        | "read_me"
        | "read_jwks"
        | "list_permissions"
        | "list_roles"
        | "read_role"
        | "create_role"
        | "change_role"
        | "list_role_holders"
        | "list_user_roles"
        | "grant_role"
        | "withdraw_role"
        | "enrol_totp"
        | "confirm_totp"
        | "disable_totp"
        | "create_api_key"
        | "list_api_keys"
        | "list_signing_keys"
        | "rotate_signing_keys"
        | "list_audit" => Nobodys,
        "create_product" | "import_products" | "list_products" | "read_product" | "change_product"
        | "archive_product" | "record_movement" | "list_movements" | "list_stock" => Nobodys,
        "place_order" | "list_orders" | "ship_order" | "deliver_parcel" | "receive_return"
        | "refund_return" | "request_capture" | "add_note" | "check_books" | "read_books" => Nobodys,
        "add_payment_method"
        | "list_payment_methods"
        | "receive_provider_event"
        | "list_payment_issues"
        | "resolve_payment"
        | "compare_payments"
        | "verify_receipts" => Nobodys,
        "list_messages"
        | "list_configuration"
        | "change_configuration"
        | "list_configuration_changes"
        | "compare_configuration"
        | "roll_back_configuration"
        | "export_configuration"
        | "import_configuration"
        | "read_effective_configuration"
        | "read_configuration"
        | "set_configuration"
        | "start_trial"
        | "list_trials"
        | "read_trial"
        | "end_trial" => Nobodys,
        "list_failed_product"
        | "read_failed_product"
        | "redrive_failed_product"
        | "discard_failed_product"
        | "list_failed_order"
        | "read_failed_order"
        | "redrive_failed_order"
        | "discard_failed_order"
        | "list_failed_payment"
        | "read_failed_payment"
        | "redrive_failed_payment"
        | "discard_failed_payment"
        | "list_failed_notification"
        | "read_failed_notification"
        | "redrive_failed_notification"
        | "discard_failed_notification" => Nobodys,
        _ => return None,
    })
}

/// Somebody with what is theirs, by the names of the path parameters.
struct Person {
    email: String,
    token: String,
    things: BTreeMap<&'static str, String>,
}

/// What ends sessions, or keys.
const ENDING: [&str; 3] = ["log_out", "log_out_everywhere", "rotate_signing_keys"];

const PASSWORD: &str = "a long enough password";

#[tokio::test]
async fn every_operation_in_every_role_on_ones_own_and_on_anothers() {
    let house = house();
    let missing: Vec<&str> = public().map(|row| row.name).filter(|name| whose(name).is_none()).collect();
    assert!(missing.is_empty(), "these stand in no line of `whose`: {missing:?}");
    let product = house.product(1_000).await;
    let stranger = person(&house, Role::Customer, &product).await;
    let mut wrong = Vec::new();
    for row in public() {
        let answer = ask(&house, row, None, &stranger.things).await;
        check(row, "nobody", answer, expected_of_nobody(row), &mut wrong);
    }
    for role in Role::ALL {
        let own = person(&house, role, &product).await;
        // What ends the session comes last.
        let (ending, others): (Vec<&Row>, Vec<&Row>) = public().partition(|row| ENDING.contains(&row.name));
        for row in others.into_iter().chain(ending) {
            // Somebody else's first: what is one's own may be gone afterwards.
            for (things, is_own) in [(&stranger.things, false), (&own.things, true)] {
                let token = match row.name {
                    "log_out" | "rotate_signing_keys" => house.log_in(&own.email, PASSWORD).await,
                    _ => own.token.clone(),
                };
                let answer = ask(&house, row, Some(&token), things).await;
                let who =
                    format!("{} on {} own", role.name(), if is_own { "their" } else { "nothing of their" });
                check(row, &who, answer, expected(row, role, is_own), &mut wrong);
                if row.name == "log_out_everywhere" {
                    break;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn public() -> impl Iterator<Item = &'static Row> {
    OPERATIONS.iter().filter(|row| row.path.is_some())
}

/// How far a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gets {
    /// Refused for having no token.
    Nowhere,
    /// Refused for lack of a permission.
    ToTheDoor,
    /// Told that there is no such thing.
    PastIt,
    /// Answered by what it asks for, were it only that something in the request is wrong.
    Through,
}

fn expected_of_nobody(row: &Row) -> Gets {
    match row.access {
        Access::Anonymous => Gets::Through,
        Access::Permitted(_) => Gets::Nowhere,
        Access::Internal => unreachable!("internal operations have no public path"),
    }
}

fn expected(row: &Row, role: Role, is_own: bool) -> Gets {
    // Whoever has a role of staff is a customer as well.
    let may = |permission: Permission| {
        role.permissions().contains(&permission) || Role::Customer.permissions().contains(&permission)
    };
    match row.access {
        Access::Permitted(permission) if !may(permission) => Gets::ToTheDoor,
        Access::Permitted(_) | Access::Anonymous | Access::Internal => match whose(row.name) {
            Some(Somebodys(any)) if !is_own && !any.is_some_and(may) => Gets::PastIt,
            Some(Somebodys(_) | Nobodys) | None => Gets::Through,
        },
    }
}

fn check(
    row: &Row,
    who: &str,
    (status, answer): (StatusCode, Value),
    expected: Gets,
    wrong: &mut Vec<String>,
) {
    let problem =
        answer["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/")).unwrap_or_default();
    let gets = match problem {
        "unauthenticated" | "invalid-token" | "expired-token" | "revoked-token" => Gets::Nowhere,
        "forbidden" => Gets::ToTheDoor,
        // Where nobody's things are asked for, the thing named may be missing altogether.
        "not-found" if whose(row.name) != Some(Nobodys) => Gets::PastIt,
        _ => Gets::Through,
    };
    if gets != expected || status.is_server_error() {
        wrong.push(format!("{} as {who}: {status} {problem}, expected {expected:?}: {answer}", row.name));
    }
}

/// Sends what is right by its form, so that nothing but who asks decides.
async fn ask(
    house: &House,
    row: &Row,
    token: Option<&str>,
    things: &BTreeMap<&'static str, String>,
) -> (StatusCode, Value) {
    let path = row.path_parameters().fold(row.path.unwrap().to_owned(), |path, name| {
        let value = things.get(name).unwrap_or_else(|| panic!("{}: nothing is known of {name}", row.name));
        path.replace(&format!("{{{name}}}"), value)
    });
    let method: Method = row.method.name().parse().unwrap();
    if row.name == "watch_order" {
        return watch(house, &path, token).await;
    }
    let product = &things["product_id"];
    let body = match row.name {
        "cancel_order" => Some(json!({"reason": "a test"})),
        "request_return" => {
            Some(json!({"parts": [{"product_id": product, "quantity": 1}], "reason": "a test"}))
        }
        "change_address" => Some(address()),
        // Refused, after all that is decided here, for a body that is none of theirs.
        _ if method != Method::GET && method != Method::DELETE => Some(json!([])),
        _ => None,
    };
    send(house, method, &path, token, body).await
}

/// A limit of seconds is waited out; one of minutes is an answer, and comes after all that is decided here.
async fn send(
    house: &House,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let (url, key) = (format!("{}{path}", house.instance.gateway_url()), Uuid::now_v7().to_string());
    for _ in 0..100 {
        let mut request = house.http.request(method.clone(), &url).header("idempotency-key", &key);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        // One that was never given out: whose it is comes before which version of it.
        if path.contains("/addresses/") && method == Method::PUT {
            request = request.header("if-match", "\"0\"");
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let wait =
            answer.headers().get("retry-after").and_then(|wait| wait.to_str().ok()?.parse::<u32>().ok());
        if !matches!(status.as_u16(), 429 | 503) || wait.is_none_or(|seconds| seconds > 5) {
            return (status, answer.json().await.unwrap_or_default());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{path}: turned away a hundred times")
}

/// A stream has no end to wait for.
async fn watch(house: &House, path: &str, token: Option<&str>) -> (StatusCode, Value) {
    let url = format!("{}{path}", house.instance.gateway_url());
    let mut request = house.http.get(url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let body = if status.is_success() { Value::Null } else { answer.json().await.unwrap() };
    (status, body)
}

fn address() -> Value {
    json!({"name": "Test", "line1": "1 Street", "city": "London", "postcode": "N1", "country": "GB"})
}

/// A customer with an order, an address, a second session and an API key, and with a role besides.
async fn person(house: &House, role: Role, product: &str) -> Person {
    let email = format!("{}@example.com", Uuid::now_v7());
    let body = json!({"email": email, "password": PASSWORD, "name": "Test"});
    let user = created(house, "/v1/users", "", body).await;
    if role != Role::Customer {
        let token = house.administrator().await;
        let path = format!("/v1/users/{user}/roles/{}", role.name());
        let (status, answer) = house.ask(Method::PUT, &path, &token, None).await;
        assert!(status.is_success(), "{status} {answer}");
    }
    // Another device, which can be logged out from here.
    house.log_in(&email, PASSWORD).await;
    let token = house.log_in(&email, PASSWORD).await;
    let payment_method =
        created(house, "/v1/payment-methods", &token, json!({"provider_token": "pm_card_visa"})).await;
    let customer = Customer { token: token.clone(), payment_method };
    let order = house.place(&customer, product, 2).await;
    house.ended(&customer, &order).await;
    let key =
        json!({"name": "test", "permissions": ["orders:read"], "expires_in_days": 1, "password": PASSWORD});
    let (_, sessions) = house.ask(Method::GET, "/v1/sessions", &token, None).await;
    let session = sessions["items"].as_array().unwrap().iter().find(|session| session["current"] == false);
    let things = BTreeMap::from([
        ("user_id", user),
        ("order_id", order),
        ("address_id", created(house, "/v1/me/addresses", &token, address()).await),
        ("session_id", session.unwrap()["id"].as_str().unwrap().to_owned()),
        ("api_key_id", created(house, "/v1/api-keys", &token, key).await),
        ("product_id", product.to_owned()),
        // One that there is not: whoever's roles change has to log in again.
        ("role", "no-such-role".to_owned()),
        ("key", "order.deadline".to_owned()),
        ("version", "1".to_owned()),
        ("parcel_id", Uuid::now_v7().to_string()),
        ("return_id", Uuid::now_v7().to_string()),
        ("failed_event_id", Uuid::now_v7().to_string()),
    ]);
    Person { email, token, things }
}

/// Creates something and gives its id.
async fn created(house: &House, path: &str, token: &str, body: Value) -> String {
    let (status, answer) = house.ask(Method::POST, path, token, Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{path}: {answer}");
    answer["id"].as_str().unwrap().to_owned()
}

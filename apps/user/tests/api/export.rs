//! Everything that is kept about somebody.

use contracts::{Operation, Permission};
use serde_json::json;
use sqlx::PgPool;

use crate::Stage;
use crate::api_keys::create;
use crate::roles::holder;

const ELSEWHERE: [Operation; 3] =
    [Operation::ListOrders, Operation::ListPaymentMethods, Operation::ListMessages];

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn it_holds_what_is_here_and_what_the_others_show_to_a_customer(db: PgPool) {
    let stage = Stage::new(db).await;
    let session = stage.session("ada@example.org").await;
    let token = session["access_token"].as_str().unwrap();
    for operation in ELSEWHERE {
        stage.fake.answer(operation, 200, json!({"items": [{"of": operation.name()}], "next_cursor": null}));
    }
    let client = stage.client.bearer(token);
    create(&client, "scanner", &["orders:read"]).await;
    let export = client.ask(Operation::ExportAccount, "", None).await;
    assert_eq!(export.status, 200, "{}", export.body);
    assert_eq!(export.headers["content-disposition"], "attachment; filename=\"account.json\"");
    assert_eq!(export.body["profile"]["email"], "ada@example.org");
    assert_eq!(export.body["roles"], json!(["customer"]));
    assert_eq!(export.body["second_factor"], json!(false));
    assert_eq!(export.body["api_keys"][0]["name"], "scanner");
    assert!(!export.body.to_string().contains("cwk_"));
    assert_eq!(export.body["sessions"][0]["id"], session["session_id"]);
    assert_eq!(export.body["orders"]["items"], json!([{"of": "list_orders"}]));
    assert_eq!(export.body["payment_methods"]["path"], "/v1/payment-methods");
    assert_eq!(export.body["messages"]["items"], json!([{"of": "list_messages"}]));
    assert_eq!(shown_to(&stage).await, 3);
}

/// Who the others were asked by: a customer, whatever the caller's roles are. Says how often they were asked.
async fn shown_to(stage: &Stage) -> usize {
    let keys = web::Keys::fixed(stage.app.keys.jwks()).at(stage.app.clock.clone());
    let asked = stage.fake.invocations();
    for asked in &asked {
        let token = asked.headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let shown = keys.check(token).await.unwrap();
        assert!(shown.may(Permission::OrdersRead), "{}", asked.operation);
        let more = shown.permissions().iter().find(|permission| permission.of_staff());
        assert_eq!(more, None, "{}", asked.operation);
    }
    asked.len()
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn staff_export_what_is_theirs_and_not_what_is_everybodys(db: PgPool) {
    let stage = Stage::new(db).await;
    for operation in ELSEWHERE {
        stage.fake.answer(operation, 200, json!({"items": [], "next_cursor": null}));
    }
    for (email, role) in [("grace@example.org", "support"), ("root@example.org", "admin")] {
        let (client, _) = holder(&stage, email, &[role]).await;
        assert_eq!(client.ask(Operation::ExportAccount, "", None).await.status, 200, "{role}");
    }
    assert_eq!(shown_to(&stage).await, 6);
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn it_is_whole_or_not_at_all(db: PgPool) {
    let stage = Stage::new(db).await;
    let client = stage.customer("ada@example.org").await;
    assert_eq!(client.ask(Operation::ExportAccount, "", None).await.problem(), "unavailable");
    for operation in ELSEWHERE {
        stage.fake.answer(operation, 200, json!({"items": [], "next_cursor": null}));
    }
    stage.fake.answer(Operation::ListMessages, 403, json!({}));
    assert_eq!(client.ask(Operation::ExportAccount, "", None).await.problem(), "forbidden");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_list_without_an_end_is_cut_off_and_says_where_it_goes_on(db: PgPool) {
    let stage = Stage::new(db).await;
    let client = stage.customer("ada@example.org").await;
    for operation in ELSEWHERE {
        stage.fake.answer(operation, 200, json!({"items": [1, 2], "next_cursor": "more"}));
    }
    let export = client.ask(Operation::ExportAccount, "", None).await;
    assert_eq!(export.body["orders"]["items"].as_array().unwrap().len(), 20);
    assert_eq!(export.body["orders"]["next_cursor"], "more");
}

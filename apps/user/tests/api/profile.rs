//! One's own account.

use contracts::Operation;
use serde_json::json;
use sqlx::PgPool;

use crate::Stage;

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn a_name_is_changed_by_whoever_has_seen_the_present_one(db: PgPool) {
    let stage = Stage::new(db).await;
    let client = stage.customer("ada@example.org").await;
    let mut profile = client.ask(Operation::ReadProfile, "", None).await;
    assert_eq!(profile.headers["etag"], "\"1\"");
    for field in ["id", "created_at"] {
        profile.body[field].take();
    }
    insta::assert_json_snapshot!(profile.body, @r#"
    {
      "created_at": null,
      "email": "ada@example.org",
      "email_verified_at": null,
      "id": null,
      "name": "Ada Lovelace"
    }
    "#);
    let change = async |etag: &str, name: &str| {
        client.with("if-match", etag).ask(Operation::ChangeProfile, "", Some(json!({"name": name}))).await
    };
    let changed = change("\"1\"", "Ada King").await;
    assert_eq!((changed.status.as_u16(), changed.headers["etag"].to_str().unwrap()), (200, "\"2\""));
    assert_eq!(changed.body["name"], "Ada King");
    assert_eq!(change("\"1\"", "Eve").await.problem(), "precondition-failed");
    assert_eq!(change("\"2\"", "").await.problem(), "invalid-field");
    let unseen = client.ask(Operation::ChangeProfile, "", Some(json!({"name": "Eve"}))).await;
    assert_eq!(unseen.problem(), "precondition-required");
    assert_eq!(client.ask(Operation::ReadProfile, "", None).await.body["name"], "Ada King");
}

#[sqlx::test(migrator = "user::app::MIGRATOR")]
async fn an_account_is_its_owners(db: PgPool) {
    let stage = Stage::new(db).await;
    let (ada, eve) = (stage.customer("ada@example.org").await, stage.customer("eve@example.org").await);
    let change = json!({"name": "Mallory"});
    assert_eq!(
        eve.with("if-match", "\"1\"").ask(Operation::ChangeProfile, "", Some(change)).await.status,
        200
    );
    assert_eq!(ada.ask(Operation::ReadProfile, "", None).await.body["name"], "Ada Lovelace");
    let with_id = ada.send("GET", "/read_profile?user_id=1", None).await;
    assert_eq!(with_id.body["email"], "ada@example.org");
}

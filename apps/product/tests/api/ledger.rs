//! What the database itself refuses, should the service ever ask for it.

use sqlx::{AssertSqlSafe, PgPool};

use crate::Shop;

async fn refusal(db: &PgPool, statement: &str) -> String {
    let error = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(db).await.unwrap_err();
    error.as_database_error().unwrap().constraint().unwrap().to_owned()
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn stock_cannot_be_promised_twice(db: PgPool) {
    let shop = Shop::open(db.clone()).await;
    shop.stock("22728", Some(1)).await;
    assert_eq!(refusal(&db, "update stock set reserved = 2").await, "stock_available_not_negative");
    assert_eq!(refusal(&db, "update stock set allocated = 2").await, "stock_available_not_negative");
    assert_eq!(refusal(&db, "update stock set reserved = -1").await, "stock_reserved_not_negative");
    assert_eq!(refusal(&db, "update stock set on_hand = 1000000001").await, "stock_on_hand_in_range");
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn an_order_reserves_a_product_once_whatever_the_inbox_says(db: PgPool) {
    let shop = Shop::open(db.clone()).await;
    let id = shop.stock("22728", Some(9)).await;
    let order = shop.order(&[(id, 2)]);
    shop.hear_event(order.clone()).await;
    let again = "insert into movement (product_id, kind, on_hand_delta, reserved_delta, allocated_delta, order_id, at)
                 select product_id, kind, 0, 1, 0, order_id, at from movement where kind = 'reserved'";
    assert_eq!(refusal(&db, again).await, "movement_order_key");
    shop.close().await;
}

#[sqlx::test(migrations = false)]
async fn the_service_itself_cannot_rewrite_the_ledger(db: PgPool) {
    // As the owner's default privileges grant them where it runs.
    let rights = "alter default privileges grant select, insert, update, delete on tables to product_app";
    sqlx::query(rights).execute(&db).await.unwrap();
    product::app::MIGRATOR.run(&db).await.unwrap();
    for (table, privilege, granted) in [
        ("stock", "update", true),
        ("movement", "insert", true),
        ("movement", "update", false),
        ("movement", "delete", false),
        ("movement", "truncate", false),
    ] {
        let held: bool = sqlx::query_scalar("select has_table_privilege('product_app', $1, $2)")
            .bind(table)
            .bind(privilege)
            .fetch_one(&db)
            .await
            .unwrap();
        assert_eq!(held, granted, "{privilege} on {table}");
    }
}

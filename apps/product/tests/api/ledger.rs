//! What the database itself refuses, should the service ever ask for it.

use sqlx::{AssertSqlSafe, PgPool};

use crate::{Shop, confirmed, lines_cancelled, returned, shipped};

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

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn every_cause_has_its_effect_once_whatever_the_inbox_says(db: PgPool) {
    let shop = Shop::open(db.clone()).await;
    let id = shop.stock("22728", Some(9)).await;
    let order = shop.order(&[(id, 5)]);
    shop.hear_event(order.clone()).await;
    shop.hear_event(confirmed(&order)).await;
    shop.hear_event(lines_cancelled(&order, 1, &[(id, 1)])).await;
    shop.hear_event(shipped(&order, 2, &[(id, 2)])).await;
    shop.hear_event(returned(&order, 3, &[(id, 1)])).await;
    for kind in ["allocated", "released", "shipped", "returned"] {
        let again = format!(
            "insert into movement
                 (product_id, kind, on_hand_delta, reserved_delta, allocated_delta, order_id, cause_id, at)
             select product_id, kind, on_hand_delta, reserved_delta, allocated_delta, order_id, cause_id, at
             from movement where kind = '{kind}'"
        );
        assert_eq!(refusal(&db, &again).await, "movement_order_key", "{kind}");
    }
    let part = "insert into reservation_part select * from reservation_part where kind = 'shipped'";
    assert_eq!(refusal(&db, part).await, "reservation_part_pkey");
    shop.close().await;
}

#[sqlx::test(migrator = "product::app::MIGRATOR")]
async fn no_more_leaves_or_comes_back_than_was_claimed(db: PgPool) {
    let shop = Shop::open(db.clone()).await;
    let id = shop.stock("22728", Some(9)).await;
    shop.hear_event(shop.order(&[(id, 5)])).await;
    for (change, constraint) in [
        ("released = 3, shipped = 3", "reservation_line_left_not_negative"),
        ("released = 3, restocked = 3", "reservation_line_restocked_in_range"),
        ("released = -1", "reservation_line_released_not_negative"),
        ("shipped = -1", "reservation_line_shipped_not_negative"),
        ("restocked = -1", "reservation_line_restocked_not_negative"),
    ] {
        assert_eq!(refusal(&db, &format!("update reservation_line set {change}")).await, constraint);
    }
    let line = |kind: &str, deltas: &str, cause: &str| {
        format!(
            "insert into movement
                 (product_id, kind, on_hand_delta, reserved_delta, allocated_delta, order_id, cause_id, at)
             select product_id, '{kind}', {deltas}, order_id, {cause}, at from movement where kind = 'reserved'"
        )
    };
    for (kind, deltas, cause, constraint) in [
        ("returned", "0, 0, 0", "order_id", "movement_deltas_fit_kind"),
        ("returned", "1, 0, 1", "order_id", "movement_deltas_fit_kind"),
        ("shipped", "-1, 0, 0", "order_id", "movement_deltas_fit_kind"),
        ("shipped", "-1, 0, -1", "null", "movement_cause_fits_kind"),
        ("returned", "1, 0, 0", "null", "movement_cause_fits_kind"),
        ("allocated", "0, -1, 1", "order_id", "movement_cause_fits_kind"),
    ] {
        assert_eq!(refusal(&db, &line(kind, deltas, cause)).await, constraint, "{kind} {deltas} {cause}");
    }
    shop.close().await;
}

#[sqlx::test(migrations = false)]
async fn what_the_release_before_has_written_is_brought_up_to_date(db: PgPool) {
    let (before, since): (Vec<_>, Vec<_>) =
        product::app::MIGRATOR.iter().partition(|migration| migration.version < 20_261_123_000_000);
    let run = async |sql: &str| sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&db).await.unwrap();
    for migration in before {
        run(migration.sql.as_str()).await;
    }
    run(
        "insert into product values (gen_random_uuid(), 'a', 'a', 100, 'GBP', true, null, 1, now(), now());
         insert into stock select id, 9, 0, 2 from product;
         insert into reservation (order_id, state, final_end, heard_at, changed_at)
         values (gen_random_uuid(), 'allocated', null, now(), now()),
             (gen_random_uuid(), 'ended', 'expired', now(), now());
         insert into reservation_line select order_id, id, 2 from reservation, product;
         insert into movement (product_id, kind, on_hand_delta, reserved_delta, allocated_delta, order_id, at)
         select id, kind, 0, reserved, allocated, order_id, now()
         from product, reservation,
             (values ('reserved', 2, 0), ('allocated', -2, 2), ('released', 0, -2)) as move (kind, reserved, allocated)
         where state = 'ended' or kind <> 'released'",
    )
    .await;
    for migration in since {
        run(migration.sql.as_str()).await;
    }
    let released: Vec<(String, i64)> = sqlx::query_as(
        "select state, released from reservation join reservation_line using (order_id) order by state",
    )
    .fetch_all(&db)
    .await
    .unwrap();
    assert_eq!(released, [("allocated".to_owned(), 0), ("ended".to_owned(), 2)]);
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
        ("reservation_part", "insert", true),
        ("reservation_part", "update", false),
        ("reservation_part", "delete", false),
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

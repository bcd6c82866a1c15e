//! What becomes of what a release of before has kept.

use config::app::MIGRATOR;
use serde_json::json;
use sqlx::migrate::Migrator;
use sqlx::{Executor, PgPool};

use crate::Stage;

/// The migration that gave values their types.
const TYPES: i64 = 20_261_126_100_000;

#[sqlx::test(migrations = false)]
async fn values_of_before_get_the_types_of_now(db: PgPool) {
    let before = MIGRATOR.iter().filter(|migration| migration.version < TYPES).cloned().collect();
    Migrator::with_migrations(before).run(&db).await.unwrap();
    db.execute(
        "insert into configuration_change (version, key, value, changed_at, changed_by, reason) values
             (1, 'order.deadline', '600', now(), gen_random_uuid(), 'busier'),
             (2, 'payment.provider_timeout', '2500', now(), gen_random_uuid(), 'busier'),
             (3, 'user.staff_second_factor', '1', now(), gen_random_uuid(), 'safer'),
             (4, 'order.capture_before_shipping', '1', now(), gen_random_uuid(), 'later'),
             (5, 'user.signing_key_days', '30', now(), gen_random_uuid(), 'safer'),
             (6, 'order.return_window', '14', now(), gen_random_uuid(), 'fewer'),
             (7, 'order.books_interval', '90', now(), gen_random_uuid(), 'fewer');
         insert into configuration (key, value, version)
         select key, value, version::text from configuration_change;
         update configuration_head set version = 7",
    )
    .await
    .unwrap();
    MIGRATOR.run(&db).await.unwrap();

    let stage = Stage::new(db).await;
    for (key, value, version, reason) in [
        ("order.deadline", json!("10m"), 1, "busier"),
        ("payment.provider_timeout", json!("2500ms"), 2, "busier"),
        ("user.staff_second_factor", json!(true), 3, "safer"),
        ("order.capture", json!("before_shipping"), 4, "later"),
        ("user.signing_key_age", json!("30d"), 5, "safer"),
        ("order.return_window", json!(14), 6, "fewer"),
        ("order.books_interval", json!("90s"), 7, "fewer"),
    ] {
        let read = stage.read(key).await.body;
        assert_eq!((&read["value"], &read["version"]), (&value, &json!(version)), "{read}");
        assert_eq!(read["reason"], reason, "{key}");
    }
}

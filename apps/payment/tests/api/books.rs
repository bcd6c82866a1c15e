//! Receipts and ledger: append-only, chained, balanced.

use contracts::receipt::{Hash, START};
use sqlx::PgPool;
use uuid::Uuid;

use crate::house::{House, rejected};

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn every_movement_of_money_is_booked_twice_and_sums_to_zero(db: PgPool) {
    let house = House::new(db).await;
    house.charge("pm_card_visa").await;
    let undone = house.charge("pm_card_visa").await;
    house.hear(rejected(&undone)).await;
    house.work_through().await;
    let postings: Vec<(String, String, i64, String)> = sqlx::query_as(
        "select kind, account, amount, currency from ledger_posting join ledger_entry on id = entry_id
         where order_id = $1 order by at, entry_id, number",
    )
    .bind(undone.order_id.0)
    .fetch_all(&house.app.db)
    .await
    .unwrap();
    let posting = |kind: &str, account: &str, amount| (kind.into(), account.into(), amount, "GBP".into());
    assert_eq!(
        postings,
        [
            posting("capture", "provider", 1999),
            posting("capture", "sales", -1999),
            posting("refund", "sales", 1999),
            posting("refund", "provider", -1999),
        ]
    );
    let open: Vec<(String, i64)> = sqlx::query_as(
        "select account, sum(amount)::bigint from ledger_posting group by account order by account",
    )
    .fetch_all(&house.app.db)
    .await
    .unwrap();
    assert_eq!(open, [("provider".to_owned(), 1999), ("sales".to_owned(), -1999)]);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn an_entry_that_does_not_balance_cannot_be_committed(db: PgPool) {
    let entry = "insert into ledger_entry (id, order_id, kind, cause, at) values ($1, $1, 'capture', 'charge', now())";
    let posting = "insert into ledger_posting (entry_id, number, account, amount, currency)
                   values ($1, 1, 'provider', 5, 'GBP'), ($1, 2, 'sales', -4, 'GBP')";
    for statements in [vec![entry], vec![entry, posting]] {
        let mut tx = db.begin().await.unwrap();
        let id = Uuid::now_v7();
        for statement in statements {
            sqlx::query(statement).bind(id).execute(&mut *tx).await.unwrap();
        }
        let error = tx.commit().await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().constraint(), Some("ledger_entry_balanced"));
    }
}

#[sqlx::test(migrations = false)]
async fn the_service_can_add_to_its_books_and_change_nothing_in_them(db: PgPool) {
    // As on a real server, where new tables are the service's to write unless a migration says otherwise.
    sqlx::query("alter default privileges grant select, insert, update, delete on tables to payment_app")
        .execute(&db)
        .await
        .unwrap();
    payment::app::MIGRATOR.run(&db).await.unwrap();
    let may = async |table: &str, right: &str| -> bool {
        let asked = sqlx::query_scalar("select has_table_privilege('payment_app', $1, $2)");
        asked.bind(table).bind(right).fetch_one(&db).await.unwrap()
    };
    assert!(may("payment", "update").await);
    for table in ["receipt", "ledger_entry", "ledger_posting", "payment_event", "payment_resolution"] {
        for (right, expected) in [("select", true), ("insert", true), ("update", false), ("delete", false)] {
            assert_eq!(may(table, right).await, expected, "{table}: {right}");
        }
    }
}

/// Sequence, previous hash, hash, key and the provider's reference.
type ReceiptRow = (i32, Vec<u8>, Vec<u8>, String, Option<String>);

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn receipts_are_a_chain_for_each_order_without_personal_data(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_visa").await;
    house.hear(rejected(&order)).await;
    house.work_through().await;
    let chain: Vec<ReceiptRow> = sqlx::query_as(
        "select sequence, previous_hash, hash, key, provider_reference from receipt where order_id = $1
         order by sequence",
    )
    .bind(order.order_id.0)
    .fetch_all(&house.app.db)
    .await
    .unwrap();
    assert_eq!(chain.len(), 6);
    let mut previous = START;
    for (index, (sequence, before, hash, key, reference)) in chain.iter().enumerate() {
        assert_eq!(*sequence as usize, index + 1);
        assert_eq!(before[..], previous);
        assert!(!key.contains("pm_card") && !reference.as_deref().unwrap_or_default().contains("pm_card"));
        previous = Hash::try_from(&hash[..]).unwrap();
    }
    let distinct: i64 = sqlx::query_scalar("select count(distinct hash) from receipt")
        .fetch_one(&house.app.db)
        .await
        .unwrap();
    assert_eq!(distinct, 6);
}

#[sqlx::test(migrator = "payment::app::MIGRATOR")]
async fn the_token_is_in_no_event_and_no_table_but_its_own(db: PgPool) {
    let house = House::new(db).await;
    let order = house.charge("pm_card_mastercard").await;
    house.hear(rejected(&order)).await;
    house.work_through().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'
             and table_name <> 'payment_method'",
    )
    .fetch_all(&house.app.db)
    .await
    .unwrap();
    assert!(tables.len() > 8);
    for table in tables {
        let statement = format!("{table} as row where row::text like '%pm_card_mastercard%'");
        assert_eq!(house.count(&statement).await, 0, "{table}");
    }
    let said = house.said(&order).await;
    assert!(said.iter().all(|event| !event.data().to_string().contains("pm_card")));
}

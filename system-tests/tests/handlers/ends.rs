//! What must hold when a schedule is at rest, and what the books say of all of them.

use contracts::{App as Service, Operation, OrderId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::house::House;
use crate::schedule::Schedule;

impl Schedule<'_> {
    /// Every order has an end, everything said was published and handled, and nobody has work left.
    pub async fn ends_well(&mut self) {
        let (seed, ids) = (self.seed, self.order_ids());
        let ends: Vec<Option<String>> = sqlx::query_scalar("select end_kind from orders where id = any($1)")
            .bind(&ids)
            .fetch_all(&self.house.order[0].db)
            .await
            .unwrap();
        for end in ends {
            match end.as_deref() {
                Some("confirmed") => self.tally.confirmed += 1,
                Some("cancelled") => self.tally.cancelled += 1,
                Some("rejected") => self.tally.rejected += 1,
                Some("expired") => self.tally.expired += 1,
                Some(_) | None => panic!("schedule {seed}: an order has not ended: {end:?}"),
            }
        }
        let held: i64 = count(
            &self.house.product[0].db,
            "select count(*) from reservation where order_id = any($1) and state in ('reserved', 'unheard')",
            &ids,
        )
        .await;
        assert_eq!(held, 0, "schedule {seed}: a reservation waits for an end");
        for (source, outbox) in self.house.outboxes() {
            let unpublished = "select count(*) from outbox where subject = any($1) and published_at is null";
            assert_eq!(count(&outbox, unpublished, &self.subjects()).await, 0, "schedule {seed}: {source}");
        }
        for subscriber in [Service::Order, Service::Product, Service::Payment, Service::Notification] {
            let mut sent: Vec<Uuid> =
                self.published.iter().filter(|(to, _)| *to == subscriber).map(|(_, id)| *id).collect();
            sent.sort_unstable();
            sent.dedup();
            let inbox = match subscriber {
                Service::Order => &self.house.order[0].db,
                Service::Product => &self.house.product[0].db,
                Service::Payment => &self.house.payment[0].db,
                Service::Notification | Service::Gateway | Service::Config | Service::User => {
                    &self.house.notification.db
                }
            };
            let handled = count(inbox, "select count(*) from inbox where event_id = any($1)", &sent).await;
            assert_eq!(
                handled,
                sent.len() as i64,
                "schedule {seed}: {subscriber} has not handled everything"
            );
        }
    }
}

async fn count(db: &sqlx::PgPool, statement: &'static str, ids: &[Uuid]) -> i64 {
    sqlx::query_scalar(statement).bind(ids).fetch_one(db).await.unwrap()
}

impl House {
    /// Checks everything, page by page, long after the last change.
    pub async fn books_agree(&self, when: &str) {
        self.advance(chrono::TimeDelta::hours(1));
        let mut cursor = Value::Null;
        loop {
            let body = json!({"scope": "all", "cursor": cursor});
            let client = self.as_staff(0).with("idempotency-key", &Uuid::now_v7().to_string());
            let answer = client.ask(Operation::CheckBooks, "", Some(body)).await;
            assert_eq!(answer.status, 200, "{when}: {}", answer.body);
            let violations: Vec<String> = self.violations(&answer.body);
            assert!(violations.is_empty(), "{when}:\n{}", violations.join("\n"));
            assert_eq!(answer.body["unreachable"], json!([]), "{when}");
            cursor = answer.body["next_cursor"].clone();
            if cursor.is_null() {
                return;
            }
        }
    }

    /// Each violation with the schedules whose orders it names.
    fn violations(&self, report: &Value) -> Vec<String> {
        let statements = report["statements"].as_array().cloned().unwrap_or_default();
        let mut told = Vec::new();
        for statement in statements {
            for violation in statement["violations"].as_array().cloned().unwrap_or_default() {
                let text = violation.to_string();
                let schedules: Vec<u64> = self
                    .schedules
                    .iter()
                    .filter(|(order, _)| text.contains(&order.to_string()))
                    .map(|(_, seed)| *seed)
                    .collect();
                told.push(format!("{} (schedules {schedules:?}): {text}", statement["statement"]));
            }
        }
        told
    }

    /// The processor's own count.
    pub async fn charged_at_most_once(&self) {
        let url = format!("{}/_sandbox/summary", self.sandbox);
        let summary = reqwest::get(url).await.unwrap().text().await.unwrap();
        let summary: Value = serde_json::from_str(&summary).unwrap();
        for (order, tally) in summary["orders"].as_object().unwrap() {
            let seed = order.parse::<OrderId>().ok().and_then(|order| self.schedules.get(&order));
            let charges = tally["effective_charges"].as_i64().unwrap_or_default();
            assert!(charges <= 1, "schedule {seed:?}: {order} was charged {charges} times");
        }
    }
}

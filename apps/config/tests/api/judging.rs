//! Trials that end by themselves: worse, not worse, too few, nobody to ask, or overtaken.

use chrono::TimeDelta;
use config::jobs::trials::judge_running;
use contracts::Operation;
use serde_json::{Value, json};
use sqlx::{Executor, PgPool};

use crate::trials::{group, sixty, stored};
use crate::{Stage, history_length};

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_trial_that_doubles_refusals_goes_back_by_itself_and_says_why(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.give("order.return_window", json!(14)).await;
    stage.tried(sixty()).await;
    stage.orders(group(199, 100), group(5_000, 0));
    assert_eq!(stage.judge().await, 0, "too few yet");
    let running = stage.trial(2).await;
    assert_eq!((&running["end"], &running["findings"]["tried"]["orders"]), (&Value::Null, &json!(199)));
    assert_eq!(running["findings"]["guards"], json!([]));

    stage.clock.advance(TimeDelta::minutes(20));
    stage.orders(group(203, 71), group(210, 34));
    assert_eq!(stage.judge().await, 1);
    assert_eq!(stage.judge().await, 0);
    assert_eq!(stored(&db).await, ("14".into(), "3".into(), json!({})));
    let reason = "trial 2 taken back by itself: \
        refusals 71 of 203 tried (35.0 %), 34 of 210 others (16.2 %), z 4.38 over 2.33";
    insta::assert_json_snapshot!(stage.newest().await, @r#"
    {
      "after": {
        "scopes": [],
        "value": 14
      },
      "before": {
        "scopes": [
          {
            "audience": {
              "percent": 50
            },
            "value": 60
          }
        ],
        "value": 14
      },
      "changed_at": "2026-11-22T10:20:00Z",
      "changed_by": "00000000-0000-0000-0000-000000000007",
      "key": "order.return_window",
      "reason": "trial 2 taken back by itself: refusals 71 of 203 tried (35.0 %), 34 of 210 others (16.2 %), z 4.38 over 2.33",
      "rolled_back_to": null,
      "trial": {
        "by_itself": true,
        "step": "taken_back",
        "version": 2
      },
      "version": 3
    }
    "#);
    let trial = stage.trial(2).await;
    assert_eq!(
        trial["end"],
        json!({"outcome": "taken_back", "ended_at": "2026-11-22T10:20:00Z", "ended_by": null, "version": 3,
            "reason": reason})
    );
    assert_eq!(
        (&trial["value"], &trial["others"], &trial["unreachable"]),
        (&json!(60), &json!(14), &json!([]))
    );
    let guard = |guard: &str, z: &str, worse: bool| json!({"guard": guard, "z": z, "worse": worse});
    assert_eq!(
        trial["findings"],
        json!({
            "tried": {"orders": 203, "refused": 71, "failed": 0, "confirmed_in": 534},
            "others": {"orders": 210, "refused": 34, "failed": 0, "confirmed_in": 544},
            "guards": [
                guard("refusals", "4.3829", true),
                guard("failures", "0.0000", false),
                trial["findings"]["guards"][2],
            ],
        })
    );
    assert_eq!(stage.read("order.return_window").await.body["trial"], Value::Null);
    stage.give("order.return_window", json!(15)).await;

    let asked: Vec<Value> = stage
        .fake
        .invocations()
        .iter()
        .filter(|call| (call.app.as_str(), call.operation.as_str()) == ("order", "read_order_groups"))
        .map(|call| serde_json::from_slice(&call.body).unwrap())
        .collect();
    assert!(!asked.is_empty());
    assert!(
        asked
            .iter()
            .all(|asked| *asked == json!({"key": "order.return_window", "percent": 50, "version": 2}))
    );
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_trial_by_which_nothing_is_worse_goes_on_for_everyone(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    assert_eq!(stage.tried(sixty()).await, 1);
    stage.orders(group(200, 20), group(200, 21));
    assert_eq!(stage.judge().await, 1);
    assert_eq!(stored(&db).await, ("60".into(), "2".into(), json!({})));
    let newest = stage.newest().await;
    assert_eq!(newest["trial"], json!({"version": 1, "step": "adopted", "by_itself": true}));
    let reason = newest["reason"].as_str().unwrap();
    let refusals = "trial 1 adopted by itself: nothing is worse: \
        refusals 20 of 200 tried (10.0 %), 21 of 200 others (10.5 %), z -0.16; failures 0 of 200";
    assert!(reason.starts_with(refusals), "{reason}");
    assert_eq!(stage.trial(1).await["end"]["outcome"], "adopted");
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn at_its_time_limit_a_trial_with_too_few_orders_goes_back(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.tried(sixty()).await;
    stage.orders(group(40, 0), group(380, 0));
    stage.clock.advance(TimeDelta::seconds(3_599));
    assert_eq!(stage.judge().await, 0);
    stage.clock.advance(TimeDelta::seconds(1));
    assert_eq!(stage.judge().await, 1);
    assert_eq!(stored(&db).await, ("30".into(), "2".into(), json!({})));
    assert_eq!(
        stage.newest().await["reason"],
        "trial 1 taken back by itself: too few orders by its time limit: 40 tried and 380 others of 200 each"
    );
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn while_order_is_away_a_trial_waits_and_goes_back_at_its_time_limit(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.tried(sixty()).await;
    let round = judge_running(&stage.app).await.unwrap();
    assert_eq!((round.ended, round.unanswered.is_some()), (0, true));
    let shown = stage.trial(1).await;
    assert_eq!((&shown["findings"], &shown["unreachable"]), (&Value::Null, &json!(["order"])));
    stage.fake.answer(Operation::ReadOrderGroups, 200, json!({"tried": "many"}));
    assert_eq!(stage.judge().await, 0, "an answer that cannot be read is none");

    stage.clock.advance(TimeDelta::hours(1));
    assert_eq!(stage.judge().await, 1);
    let ended = stage.trial(1).await;
    assert_eq!((&ended["findings"], &ended["unreachable"]), (&Value::Null, &json!([])));
    assert_eq!(
        ended["end"]["reason"],
        "trial 1 taken back by itself: order could not be asked by its time limit"
    );
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn of_several_replicas_one_ends_a_trial_and_of_two_people_one_begins_it(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let (one, other) =
        tokio::join!(stage.post(Operation::StartTrial, sixty()), stage.post(Operation::StartTrial, sixty()));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);

    stage.orders(group(300, 100), group(300, 10));
    let ended = futures::future::join_all((0..5).map(|_| stage.judge())).await;
    assert_eq!(ended.iter().sum::<usize>(), 1, "{ended:?}");
    assert_eq!(history_length(&db).await, 2);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_person_and_the_numbers_end_a_trial_once(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    stage.tried(sixty()).await;
    stage.orders(group(300, 100), group(300, 10));
    let (judged, person) = tokio::join!(stage.judge(), stage.end(1, "adopt"));
    match person.status.as_u16() {
        200 => assert_eq!((judged, &person.body["end"]["outcome"]), (0, &json!("adopted"))),
        409 => assert_eq!((judged, person.problem()), (1, "invalid-transition")),
        status => panic!("{status} {}", person.body),
    }
    assert_eq!(history_length(&db).await, 2);
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_key_that_was_edited_by_hand_is_left_as_it_is(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    for (edit, left) in [
        (
            "update configuration set value = '20', version = (version::bigint + 7)::text",
            "the key was changed past the trial and is at version 8",
        ),
        ("update configuration set metadata = '{}'", "the key's values are no longer those of the trial"),
        ("update configuration set value = '20'", "the key's values are no longer those of the trial"),
        ("delete from configuration", "the key was changed past the trial and is at version 0"),
    ] {
        let version = stage.tried(sixty()).await;
        // Even where there are enough orders, and whatever they say.
        stage.orders(group(300, 100), group(300, 10));
        db.execute(edit).await.unwrap();
        let row: Option<(String, String, Value)> =
            sqlx::query_as("select value, version, metadata from configuration")
                .fetch_optional(&db)
                .await
                .unwrap();
        let early = stage.post(Operation::StartTrial, sixty()).await;
        assert_eq!((early.status.as_u16(), early.problem()), (409, "trial-running"), "{edit}");
        assert_eq!(stage.judge().await, 1);
        let end = stage.trial(version).await["end"].clone();
        assert_eq!(
            (&end["outcome"], &end["version"], &end["ended_by"]),
            (&json!("overtaken"), &Value::Null, &Value::Null)
        );
        assert_eq!(end["reason"], format!("trial {version} overtaken: {left}"));
        let after: Option<(String, String, Value)> =
            sqlx::query_as("select value, version, metadata from configuration")
                .fetch_optional(&db)
                .await
                .unwrap();
        assert_eq!(after, row, "{edit}");
        let mended = json!([{"key": "order.return_window", "value": 30, "scopes": []}]);
        let mended = json!({"changes": mended, "reason": "as it was"});
        assert_eq!(stage.post(Operation::ChangeConfiguration, mended).await.status, 200, "{edit}");
    }
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_value_that_has_come_to_contradict_another_is_not_adopted(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let six = json!({"key": "order.deadline", "value": "6s", "percent": 50, "for": "1h", "reason": "to see"});
    stage.tried(six).await;
    let seven = json!({"key": "payment.provider_timeout", "value": "7s"});
    let seven = json!({"changes": [seven], "reason": "slower"});
    let refused = stage.post(Operation::ChangeConfiguration, seven).await;
    assert_eq!(refused.body["refused"][0]["problem"], "contradicting-keys", "no change brings it about");
    db.execute(
        "insert into configuration (key, value, version) values ('payment.provider_timeout', '7s', '2')",
    )
    .await
    .unwrap();
    let refused = stage.end(1, "adopt").await;
    assert_eq!((refused.status.as_u16(), refused.problem()), (422, "contradicting-keys"));
    assert_eq!(stage.trial(1).await["end"], Value::Null);

    stage.orders(group(200, 0), group(200, 0));
    assert_eq!(stage.judge().await, 1);
    let end = stage.trial(1).await["end"].clone();
    assert_eq!((&end["outcome"], &end["version"]), (&json!("taken_back"), &json!(3)));
    assert_eq!(
        end["reason"],
        "trial 1 taken back by itself: nothing is worse, but with its value for everyone this would no longer \
         hold: payment.provider_timeout is shorter than order.deadline"
    );
    let deadline = stage.read("order.deadline").await.body;
    assert_eq!((&deadline["value"], &deadline["scopes"]), (&json!("15m"), &json!([])));
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_trial_that_cannot_be_ended_keeps_no_other_from_its_end(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    let first = stage.tried(sixty()).await;
    let ten =
        json!({"key": "order.deadline", "value": "10m", "percent": 50, "for": "1h", "reason": "to see"});
    let second = stage.tried(ten).await;
    db.execute(
        "create function refuse() returns trigger language plpgsql as 'begin raise exception ''no''; end';
         create trigger refuse before update on configuration_trial
             for each row when (old.version = 1) execute function refuse()",
    )
    .await
    .unwrap();
    stage.orders(group(300, 10), group(300, 10));
    let round = judge_running(&stage.app).await.unwrap();
    assert_eq!((round.ended, round.failed.into_keys().collect::<Vec<_>>()), (1, vec![first]));
    assert_eq!(stage.trial(first).await["end"], Value::Null);
    assert_eq!(stage.trial(second).await["end"]["outcome"], "adopted");
    db.execute("drop trigger refuse on configuration_trial").await.unwrap();
    assert_eq!(stage.judge().await, 1, "the next round goes on");
}

#[sqlx::test(migrator = "config::app::MIGRATOR")]
async fn a_trial_of_a_key_that_a_release_no_longer_has_ends(db: PgPool) {
    let stage = Stage::new(db.clone()).await;
    db.execute(
        "insert into configuration_change (version, key, value, scopes, kind, changed_at, changed_by, reason)
             values (1, 'order.colour', 'blue', '[]', 'string', now(), gen_random_uuid(), 'then');
         insert into configuration_trial (version, key, percent, value, kind, started_at, started_by, reason, until)
             values (1, 'order.colour', 5, 'red', 'string', now(), gen_random_uuid(), 'then', now() + interval '1h');
         update configuration_head set version = 1",
    )
    .await
    .unwrap();
    assert_eq!(stage.trial(1).await["value"], "red");
    assert_eq!(stage.judge().await, 1);
    let end = stage.trial(1).await["end"].clone();
    assert_eq!(end["reason"], "trial 1 overtaken: the key is no longer in the registry");
}

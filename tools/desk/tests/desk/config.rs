//! The desk and the configuration, before a gateway that answers from a list.

use desk::Errand;
use desk::config::trials::{Verdict, Wanted};
use desk::config::{Act, How, Whom};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::gateway::{Gateway, run};

fn errand(act: Act) -> Errand {
    Errand::Config { act: Some(act) }
}

fn how(reason: &str) -> How {
    How { reason: reason.into(), dry_run: false }
}

fn keys() -> Value {
    let key = |key: &str, kind: &str, value: Value, default: Value, scopes: Value, version: i64| json!({"key": key, "type": kind, "value": value, "default": default, "scopes": scopes, "version": version});
    let scopes = json!([
        {"audience": {"callers": [Uuid::from_u128(1)]}, "value": 90},
        {"audience": {"percent": 5}, "value": 60},
    ]);
    json!({"items": [
        key("order.deadline", "duration", json!("10m"), json!("15m"), json!([]), 3),
        key("order.return_window", "integer", json!(30), json!(30), scopes, 4),
        key("user.staff_second_factor", "bool", json!(false), json!(false), json!([]), 0),
    ]})
}

#[tokio::test]
async fn values_are_sent_in_the_types_of_their_keys() {
    let changed = json!({"version": 5, "dry_run": false, "changes": [{
        "key": "order.deadline", "reader": "order",
        "before": {"value": "10m", "scopes": []}, "after": {"value": "11m", "scopes": []},
    }]});
    let (gateway, session) = Gateway::start(json!({
        "GET /v1/config": [keys()],
        "POST /v1/config/changes": [changed],
    }))
    .await;
    let assignments =
        ["order.deadline=11m", "order.return_window=7", "user.staff_second_factor=true", "x.y=z"];
    let assignments = assignments.map(str::to_owned).to_vec();
    let set = Act::Set { assignments, whom: Whom::default(), how: how("busier") };
    let said = run(&session, errand(set)).await;
    assert!(said.well, "{}", said.text);
    assert_eq!(said.text, "order        order.deadline: \"10m\" → \"11m\"\n✓ version 5\n");
    assert_eq!(
        gateway.asked()[1].1,
        json!({"reason": "busier", "dry_run": false, "changes": [
            {"key": "order.deadline", "value": "11m"},
            {"key": "order.return_window", "value": 7},
            {"key": "user.staff_second_factor", "value": true},
            {"key": "x.y", "value": "z"},
        ]})
    );
}

#[tokio::test]
async fn a_value_for_some_takes_the_place_of_the_one_for_the_same() {
    let changed = json!({"version": null, "dry_run": true, "changes": []});
    let (gateway, session) = Gateway::start(json!({
        "GET /v1/config": [keys(), keys()],
        "POST /v1/config/changes": [changed, changed],
    }))
    .await;
    let set = |whom: Whom| {
        let assignments = vec!["order.return_window=45".to_owned()];
        errand(Act::Set { assignments, whom, how: How { reason: "a trial".into(), dry_run: true } })
    };
    run(&session, set(Whom { percent: Some(20), callers: Vec::new() })).await;
    run(&session, set(Whom { percent: None, callers: vec![Uuid::from_u128(1)] })).await;
    let caller = |value: u32| json!({"audience": {"callers": [Uuid::from_u128(1)]}, "value": value});
    let part = |percent: u32, value: u32| json!({"audience": {"percent": percent}, "value": value});
    let sent: Vec<Value> = gateway
        .asked()
        .into_iter()
        .filter(|(asked, _)| asked.starts_with("POST"))
        .map(|(_, body)| body["changes"][0].clone())
        .collect();
    assert_eq!(
        sent,
        [
            json!({"key": "order.return_window", "version": 4, "scopes": [caller(90), part(20, 45)]}),
            json!({"key": "order.return_window", "version": 4, "scopes": [part(5, 60), caller(45)]}),
        ]
    );
}

#[tokio::test]
async fn everything_that_is_refused_is_told() {
    let (_, session) = Gateway::start(json!({
        "POST /v1/config/imports": [{"status": 422, "type": "/problems/invalid-lines", "lines": [
            {"line": 2, "key": "order.deadline", "why": "1s is not between 5s and 7d"},
            {"line": 3, "key": null, "why": "no line of this form"},
        ]}],
    }))
    .await;
    let file = std::env::temp_dir().join(format!("{}.config", Uuid::now_v7()));
    std::fs::write(&file, "order.deadline = \"1s\"\n").unwrap();
    let said = run(&session, errand(Act::Import { file: file.clone(), how: how("a test") })).await;
    std::fs::remove_file(file).unwrap();
    assert!(!said.well);
    for told in [
        "✗ 422 invalid-lines",
        "  line 2  order.deadline: 1s is not between 5s and 7d",
        "  line 3  no line of this form",
        "nothing was changed",
    ] {
        assert!(said.text.contains(told), "{told}: {}", said.text);
    }
}

#[tokio::test]
async fn a_file_comes_as_it_is() {
    let file = "# The configuration at version 1.\norder.deadline = \"10m\"\n";
    let (_, session) = Gateway::start(json!({"GET /v1/config/export": [{"text": file}]})).await;
    assert_eq!(run(&session, errand(Act::Export)).await.text, file);
}

#[tokio::test]
async fn keys_are_listed_with_what_they_have_for_some() {
    let (_, session) = Gateway::start(json!({"GET /v1/config": [keys(), keys()]})).await;
    let all = run(&session, errand(Act::List { changed: false })).await;
    assert!(all.text.contains("user.staff_second_factor = false  (default)\n"), "{}", all.text);
    let changed = run(&session, errand(Act::List { changed: true })).await;
    let expected = format!(
        "order.deadline = \"10m\"\norder.return_window = 30  (default)\n\
         order.return_window @ {{\"callers\":[\"{}\"]}} = 90\norder.return_window @ {{\"percent\":5}} = 60\n",
        Uuid::from_u128(1)
    );
    assert_eq!(changed.text, expected);
}

#[tokio::test]
async fn history_and_differences_are_told_line_by_line() {
    let state = |value: &str| json!({"value": value, "scopes": []});
    let (_, session) = Gateway::start(json!({
        "GET /v1/config/changes?limit=20&key=order.deadline": [{"items": [{
            "version": 4, "key": "order.deadline", "before": state("10m"), "after": state("15m"),
            "changed_at": "2026-11-01T08:45:00Z", "changed_by": Uuid::from_u128(7), "reason": "it was better",
            "rolled_back_to": 2,
        }, {
            "version": 3, "key": "order.deadline", "before": state("15m"), "after": state("10m"),
            "changed_at": "2026-11-01T08:44:00Z", "changed_by": Uuid::from_u128(7), "reason": "seen enough",
            "rolled_back_to": null, "trial": {"version": 2, "step": "taken_back", "by_itself": false},
        }]}],
        "GET /v1/config/diff?from=1&to=4": [{"from": 1, "to": 4, "keys": [
            {"key": "order.deadline", "from": state("10m"), "to": state("15m")},
        ]}],
    }))
    .await;
    let history = Act::History { key: Some("order.deadline".into()), limit: 20 };
    let history = run(&session, errand(history)).await.text;
    for told in [
        "order.deadline: \"10m\" → \"15m\"",
        "back to version 2: it was better",
        "2026-11-01 08:45:00",
        "trial 2 taken back: seen enough",
    ] {
        assert!(history.contains(told), "{told}: {history}");
    }
    let diff = run(&session, errand(Act::Diff { from: 1, to: Some(4) })).await;
    assert_eq!(diff.text, "from version 1 to version 4\norder.deadline: \"10m\" → \"15m\"\n");
}

#[tokio::test]
async fn a_replica_that_is_behind_is_not_well() {
    let replica = |current: bool, refused: Value| {
        json!({"service": "order", "replica": Uuid::from_u128(1), "version": 3, "current": current, "read": true,
            "values": {"order.deadline": "10m"}, "refused": refused})
    };
    let page = |replica: Value, silent: Value| json!({"version": 4, "replicas": [replica], "silent": silent});
    let refused = json!([{"key": "order.deadline", "version": "4", "why": "it is odd"}]);
    let (_, session) = Gateway::start(json!({"GET /v1/config/effective": [
        page(replica(true, json!([])), json!([])),
        page(replica(false, refused), json!([])),
        page(replica(true, json!([])), json!(["payment"])),
    ]}))
    .await;
    let well = run(&session, Errand::Config { act: None }).await;
    assert!(well.well && well.text.contains("    order.deadline = \"10m\"\n"), "{}", well.text);
    let behind = run(&session, Errand::Config { act: None }).await;
    assert!(!behind.well && behind.text.contains("at version 3  is behind"), "{}", behind.text);
    assert!(
        behind.text.contains("✗ order.deadline of version 4 was not taken: it is odd"),
        "{}",
        behind.text
    );
    let silent = run(&session, Errand::Config { act: None }).await;
    assert!(!silent.well && silent.text.contains("✗ payment has not been heard of"), "{}", silent.text);
}

#[tokio::test]
async fn a_trial_is_begun_in_the_type_of_its_key_and_told_with_its_numbers() {
    let group = |orders: u32, refused: u32| json!({"orders": orders, "refused": refused, "failed": 0, "confirmed_in": 840});
    let mut trial = json!({
        "version": 5, "key": "order.return_window", "percent": 10, "value": 60, "others": 30,
        "started_at": "2026-11-01T08:45:00Z", "started_by": Uuid::from_u128(7), "reason": "to see",
        "until": "2026-11-01T10:45:00Z", "end": null, "findings": null, "unreachable": [],
    });
    let begun = trial.clone();
    trial["unreachable"] = json!(["order"]);
    let alone = trial.clone();
    trial["unreachable"] = json!([]);
    let why = "trial 5 taken back by itself: refusals 71 of 203 tried";
    trial["end"] = json!({"outcome": "taken_back", "ended_at": "2026-11-01T09:00:00Z", "ended_by": null,
        "version": 6, "reason": why});
    trial["findings"] = json!({"tried": group(203, 71), "others": group(210, 34),
        "guards": [{"guard": "refusals", "z": "4.3829", "worse": true}]});
    let mut ended = trial.clone();
    ended["end"]["ended_by"] = json!(Uuid::from_u128(8));
    ended["end"]["reason"] = json!("seen enough");
    let (gateway, session) = Gateway::start(json!({
        "GET /v1/config": [keys(), keys()],
        "POST /v1/config/trials": [begun, {"status": 409, "type": "/problems/trial-running"}],
        "GET /v1/config/trials/5": [alone, trial],
        "GET /v1/config/trials?limit=20": [{"items": [trial]}],
        "POST /v1/config/trials/5/end": [ended],
    }))
    .await;
    let wanted = Wanted {
        key: "order.return_window".into(),
        value: "60".into(),
        percent: 10,
        limit: "2h".into(),
        reason: "to see".into(),
    };
    let said = run(&session, errand(Act::Try(wanted.clone()))).await;
    let begins = "    5  2026-11-01 08:45:00  00000000-0000-0000-0000-000000000007\n       \
                  order.return_window = 60 for 10 % of the orders, 30 for the others\n       to see\n";
    assert_eq!(said.text, format!("{begins}       runs until 2026-11-01 10:45:00 at most\n"));
    assert_eq!(
        gateway.asked()[1].1,
        json!({"key": "order.return_window", "value": 60, "percent": 10, "for": "2h", "reason": "to see"})
    );
    let again = run(&session, errand(Act::Try(wanted))).await;
    assert!(!again.well && again.text.starts_with("✗ 409 trial-running"), "{}", again.text);
    let alone = run(&session, errand(Act::Trial { version: 5 })).await;
    assert!(
        !alone.well && alone.text.ends_with("✗ order cannot be asked for its numbers\n"),
        "{}",
        alone.text
    );

    let line = format!("{begins}       2026-11-01 09:00:00  {why}\n");
    let numbers = "       tried  203 orders, 71 refused, 0 failed, confirmed in 840 ms in the middle\n       \
                   others 210 orders, 34 refused, 0 failed, confirmed in 840 ms in the middle\n       \
                   ✗ refusals: z 4.3829\n";
    assert_eq!(run(&session, errand(Act::Trial { version: 5 })).await.text, format!("{line}{numbers}"));
    assert_eq!(run(&session, errand(Act::Trials { limit: 20 })).await.text, line);
    let verdict = Verdict { adopt: false, take_back: true };
    let ended = run(&session, errand(Act::End { version: 5, verdict, reason: "seen enough".into() })).await;
    assert!(
        ended.text.contains("taken back by 00000000-0000-0000-0000-000000000008: seen enough"),
        "{}",
        ended.text
    );
    assert_eq!(gateway.asked().last().unwrap().1, json!({"outcome": "take_back", "reason": "seen enough"}));
}

//! Live configuration: types, scopes, versions, what is refused, dead subscriptions, forged words, reports.

use std::time::Duration;

use contracts::configuration::{
    GATEWAY_DEADLINE, ORDER_CAPTURE, ORDER_DEADLINE, ORDER_LARGEST_PAGE, ORDER_RETURN_WINDOW, Refused,
};
use contracts::{App, CaptureMode, Operation, OrderId};
use serde_json::json;
use sidecar::configuration::{Live, POLL};
use testkit::FakeSidecar;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::stage::{connect, eventually};

const MINUTE: Duration = Duration::from_secs(60);

async fn start(fake: &FakeSidecar) -> (Live, CancellationToken) {
    let shutdown = CancellationToken::new();
    let live = Live::start(&connect(fake), App::Order, shutdown.clone());
    live.settled().await;
    (live, shutdown)
}

#[tokio::test]
async fn keys_have_their_default_until_the_store_says_otherwise() {
    let fake = FakeSidecar::start().await;
    fake.set_configuration("order.return_window", "14");
    fake.set_configuration("order.capture", "before_shipping");
    fake.set_configuration("gateway.deadline", "600ms");
    let (live, _shutdown) = start(&fake).await;
    assert_eq!(live.get(&ORDER_DEADLINE), 15 * MINUTE);
    assert_eq!(live.get(&ORDER_RETURN_WINDOW), 14);
    assert_eq!(live.get(&ORDER_CAPTURE), CaptureMode::BeforeShipping);
    // Another service's key is not followed.
    assert_eq!(live.get(&GATEWAY_DEADLINE), GATEWAY_DEADLINE.default());
    assert_eq!(live.version(), 2);
    assert!(live.was_read());
}

#[tokio::test]
async fn a_service_starts_without_a_sidecar() {
    let mut fake = FakeSidecar::start().await;
    fake.grpc_port = 1;
    let (live, _shutdown) = start(&fake).await;
    assert_eq!(live.get(&ORDER_DEADLINE), ORDER_DEADLINE.default());
    assert_eq!(live.version(), 0);
    assert!(!live.was_read(), "it is known that these are defaults");
}

#[tokio::test]
async fn a_change_is_live_as_soon_as_it_is_told() {
    let fake = FakeSidecar::start().await;
    let (live, _shutdown) = start(&fake).await;
    fake.subscribed(1).await;
    let told = tokio::time::Instant::now();
    fake.set_configuration("order.deadline", "1m");
    eventually(|| async { live.get(&ORDER_DEADLINE) == MINUTE }).await;
    assert!(told.elapsed() < POLL, "it was told, not found");
}

#[tokio::test]
async fn a_row_that_is_taken_away_is_the_default_again() {
    let fake = FakeSidecar::start().await;
    fake.set_configuration("order.return_window", "14");
    fake.set_configuration("order.deadline", "1m");
    let (live, _shutdown) = start(&fake).await;
    fake.subscribed(1).await;
    fake.remove_configuration("order.deadline");
    eventually(|| async { live.get(&ORDER_DEADLINE) == ORDER_DEADLINE.default() }).await;
    assert_eq!((live.get(&ORDER_RETURN_WINDOW), live.version()), (14, 1));
}

#[tokio::test]
async fn some_have_a_value_of_their_own() {
    let (ada, ben, key) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    let fake = FakeSidecar::start().await;
    let callers = json!([{"audience": {"callers": [ada, key]}, "value": 5}]);
    fake.set_configuration_scoped("order.largest_page", "50", &callers);
    let orders = json!([{"audience": {"percent": 10}, "value": "1m"}]);
    fake.set_configuration_scoped("order.deadline", "10m", &orders);
    let (live, _shutdown) = start(&fake).await;
    assert_eq!(live.get(&ORDER_LARGEST_PAGE), 50);
    assert_eq!(live.for_caller(&ORDER_LARGEST_PAGE, &[ada]), 5);
    assert_eq!(live.for_caller(&ORDER_LARGEST_PAGE, &[ben]), 50);
    assert_eq!(live.for_caller(&ORDER_LARGEST_PAGE, &[key, ben]), 5, "ben's key has it, ben himself has not");

    let orders = (0..1_000_u128).map(|number| OrderId(Uuid::from_u128(number)));
    let times = orders.map(|order| live.for_order(&ORDER_DEADLINE, order, &[ben])).collect::<Vec<_>>();
    assert!(times.iter().all(|time| [MINUTE, 10 * MINUTE].contains(time)));
    let short = times.iter().filter(|time| **time == MINUTE).count();
    assert!((50..150).contains(&short), "{short} of a thousand orders are 10 %");
    assert_eq!(live.get(&ORDER_DEADLINE), 10 * MINUTE);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_name_and_the_last_good_value_stays() {
    let fake = FakeSidecar::start().await;
    let (live, _shutdown) = start(&fake).await;
    fake.subscribed(1).await;
    let items = [
        ("60s", "10", 60, None),
        ("4s", "11", 60, Some("4s is not between 5s and 7d")),
        ("soon", "12", 60, Some("the value is not a duration, as \"15m\": \"soon\"")),
        ("70s", "9", 60, Some("it is older than version 10, which is in force")),
        ("71s", "10", 60, Some("it was changed and has kept the version that is in force")),
        ("72s", "none", 60, Some("its version is no number from 1 on")),
        ("61s", "13", 61, None),
    ];
    for (round, (value, version, seconds, why)) in (1..).zip(items) {
        fake.set_configuration_item("order.deadline", value, version);
        // Whichever key is told of, the service reads all of its keys.
        fake.set_configuration("order.largest_page", &round.to_string());
        eventually(|| async { live.get(&ORDER_LARGEST_PAGE) == round }).await;
        assert_eq!(live.get(&ORDER_DEADLINE), Duration::from_secs(seconds), "{value} at version {version}");
        let refused = why.map(|why| Refused {
            key: "order.deadline".to_owned(),
            version: version.to_owned(),
            why: why.to_owned(),
        });
        assert_eq!(live.report().refused, Vec::from_iter(refused));
    }
}

#[tokio::test]
async fn a_change_is_seen_by_the_poll_when_the_subscription_is_dead() {
    let fake = FakeSidecar::start().await;
    let (live, _shutdown) = start(&fake).await;
    fake.subscribed(1).await;
    fake.set_configuration_silently("order.deadline", "60s");
    eventually(|| async { live.get(&ORDER_DEADLINE) == MINUTE }).await;

    // It has subscribed anew, and does so again when the stream ends.
    fake.subscribed(1).await;
    fake.end_subscriptions();
    fake.subscribed(1).await;
    fake.set_configuration("order.deadline", "61s");
    eventually(|| async { live.get(&ORDER_DEADLINE) == Duration::from_secs(61) }).await;
}

#[tokio::test]
async fn a_forged_word_brings_in_no_value() {
    let fake = FakeSidecar::start().await;
    let (live, _shutdown) = start(&fake).await;
    fake.subscribed(1).await;
    for (key, value, version) in [
        ("order.deadline", "1d", "99"),
        ("order.deadline", "", ""),
        ("order.colour", "blue", "1"),
        ("", "", ""),
    ] {
        fake.forge_word(key, value, version);
    }
    fake.set_configuration("order.largest_page", "7");
    eventually(|| async { live.get(&ORDER_LARGEST_PAGE) == 7 }).await;
    assert_eq!((live.get(&ORDER_DEADLINE), live.version()), (ORDER_DEADLINE.default(), 1));
    assert_eq!(live.report().refused, []);
}

#[tokio::test]
async fn each_replica_reports_what_it_runs_with() {
    let fake = FakeSidecar::start().await;
    let ((one, _shutdown_one), (two, _shutdown_two)) = (start(&fake).await, start(&fake).await);
    let first = fake.reported(|report| report.replica == one.report().replica).await;
    assert_eq!(first, one.report());
    assert_eq!((first.version, first.read, first.values["order.deadline"].as_str()), (0, true, "15m"));
    fake.reported(|report| report.replica == two.report().replica).await;

    fake.subscribed(2).await;
    fake.set_configuration("order.deadline", "1m");
    for replica in [&one, &two] {
        let report =
            fake.reported(|report| (report.replica, report.version) == (replica.report().replica, 1)).await;
        assert_eq!(report.values["order.deadline"], "1m");
    }
    fake.set_configuration("order.deadline", "1s");
    let report = fake.reported(|report| !report.refused.is_empty()).await;
    assert_eq!((report.version, report.values["order.deadline"].as_str()), (1, "1m"));
    assert_eq!(report.refused[0].why, "1s is not between 5s and 7d");
}

#[tokio::test]
async fn reports_go_on_whether_or_not_config_hears_them() {
    let fake = FakeSidecar::start().await;
    fake.answer(Operation::ReportConfiguration, 503, json!({}));
    let (_live, shutdown) = start(&fake).await;
    // With nothing that changes, one is followed by the next all the same.
    fake.more_reports(2).await;
    shutdown.cancel();
}

#[tokio::test]
async fn config_does_not_invoke_itself() {
    let fake = FakeSidecar::start().await;
    let live = Live::start(&connect(&fake), App::Config, CancellationToken::new());
    live.settled().await;
    let (other, _shutdown) = start(&fake).await;
    let report = fake.reported(|_| true).await;
    assert_eq!(report.replica, other.report().replica);
    assert_eq!(live.report().values["config.largest_value"], "1024");
}

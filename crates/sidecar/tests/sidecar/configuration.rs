//! Live configuration: bounds, versions, dead subscriptions.

use contracts::App;
use contracts::configuration::{GATEWAY_DEADLINE, ORDER_DEADLINE, ORDER_LARGEST_PAGE, ORDER_RETURN_WINDOW};
use sidecar::configuration::Live;
use testkit::FakeSidecar;
use tokio_util::sync::CancellationToken;

use crate::stage::{connect, eventually};

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
    fake.set_configuration("gateway.deadline", "600");
    let (live, _shutdown) = start(&fake).await;
    assert_eq!(live.get(&ORDER_DEADLINE), ORDER_DEADLINE.default);
    assert_eq!(live.get(&ORDER_RETURN_WINDOW), 14);
    // Another service's key is not followed.
    assert_eq!(live.get(&GATEWAY_DEADLINE), GATEWAY_DEADLINE.default);
    assert_eq!(live.version(), 1);
    assert!(live.was_read());
}

#[tokio::test]
async fn a_service_starts_without_a_sidecar() {
    let mut fake = FakeSidecar::start().await;
    fake.grpc_port = 1;
    let (live, _shutdown) = start(&fake).await;
    assert_eq!(live.get(&ORDER_DEADLINE), ORDER_DEADLINE.default);
    assert_eq!(live.version(), 0);
    assert!(!live.was_read(), "it is known that these are defaults");
}

#[tokio::test]
async fn a_change_is_live_as_soon_as_it_is_told() {
    let fake = FakeSidecar::start().await;
    let (live, _shutdown) = start(&fake).await;
    fake.subscribed(1).await;
    let told = tokio::time::Instant::now();
    fake.set_configuration("order.deadline", "60");
    eventually(|| async { live.get(&ORDER_DEADLINE) == 60 }).await;
    assert!(told.elapsed() < std::time::Duration::from_secs(2));
}

#[tokio::test]
async fn what_is_out_of_bounds_or_older_is_refused_and_the_last_good_value_stays() {
    let fake = FakeSidecar::start().await;
    let (live, _shutdown) = start(&fake).await;
    fake.subscribed(1).await;
    let items = [
        ("60", "10", 60),
        ("4", "11", 60),
        ("soon", "12", 60),
        ("70", "9", 60),
        ("71", "10", 60),
        ("72", "none", 60),
        ("61", "13", 61),
    ];
    for (round, (value, version, expected)) in (1..).zip(items) {
        fake.set_configuration_item("order.deadline", value, version);
        // Whichever key is told of, the service reads all of its keys.
        fake.set_configuration("order.largest_page", &round.to_string());
        eventually(|| async { live.get(&ORDER_LARGEST_PAGE) == round }).await;
        assert_eq!(live.get(&ORDER_DEADLINE), expected, "{value} at version {version}");
    }
}

#[tokio::test]
async fn a_change_is_seen_by_the_poll_when_the_subscription_is_dead() {
    let fake = FakeSidecar::start().await;
    let (live, _shutdown) = start(&fake).await;
    fake.subscribed(1).await;
    fake.set_configuration_silently("order.deadline", "60");
    eventually(|| async { live.get(&ORDER_DEADLINE) == 60 }).await;

    // It has subscribed anew, and does so again when the stream ends.
    fake.subscribed(1).await;
    fake.end_subscriptions();
    fake.subscribed(1).await;
    fake.set_configuration("order.deadline", "61");
    eventually(|| async { live.get(&ORDER_DEADLINE) == 61 }).await;
}

//! Our client against Stripe's own fake: what it sends is what Stripe's description of its API allows, and what comes
//! back is read. The fake checks every parameter, and that both speak of the same version of the API.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chrono::DateTime;
use contracts::{CaptureMode, OrderId, PaymentId, RefundCause};
use payment::domain::method::ProviderToken;
use payment::domain::{Doubt, IntentId};
use payment::provider::comparison::Which;
use payment::provider::{NewIntent, NewRefund, Outcome, Provider, VERSION};
use uuid::Uuid;

use crate::house::pounds;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.local/tools/stripe-mock/stripe-mock");
const KEY: &str = "sk_test_123";
const PATIENCE: Duration = Duration::from_secs(20);

struct StripeMock {
    child: Child,
    url: String,
    /// Read to the end by nobody: the pipe must stay open as long as the process writes.
    _output: BufReader<std::process::ChildStdout>,
}

impl StripeMock {
    #[expect(clippy::zombie_processes, reason = "whoever drops it kills it and waits")]
    fn start() -> StripeMock {
        assert!(Path::new(PROGRAM).exists(), "stripe-mock is not built: `sh tools/build.sh stripe-mock`");
        let mut child = Command::new(PROGRAM)
            .args(["-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0", "-strict-version-check"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "it ended before it listened");
            if let Some(address) = line.trim().strip_prefix("Listening for HTTP at address: ") {
                let url = format!("http://{address}");
                return StripeMock { child, url, _output: output };
            }
        }
    }

    fn client(&self) -> Provider {
        Provider::new(&self.url, KEY.into()).unwrap()
    }
}

impl Drop for StripeMock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn done<T: std::fmt::Debug>(what: &str, outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Done(done) => done,
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn stripe_understands_every_request_and_every_answer_is_read() {
    let stripe = StripeMock::start();
    let client = stripe.client().returning_to(Some("https://shop.example/back".to_owned()));
    let token = ProviderToken::new("pm_card_visa").unwrap();
    let order_id = OrderId(Uuid::from_u128(1));
    for capture in [CaptureMode::AtOnce, CaptureMode::BeforeShipping] {
        let new = NewIntent {
            order_id,
            payment_id: PaymentId(Uuid::from_u128(2)),
            amount: pounds(500),
            capture,
            token: &token,
        };
        done("create", client.create_intent(new, "k-1", PATIENCE).await);
    }
    let intent = &IntentId("pi_1".to_owned());
    done("read", client.read_intent(intent, PATIENCE).await);
    done("confirm", client.confirm_intent(intent, "k-2", PATIENCE).await);
    done("capture", client.capture_intent(intent, pounds(500), "k-3", PATIENCE).await);
    done("cancel", client.cancel_intent(intent, "k-4", PATIENCE).await);
    let after = IntentId("pi_0".to_owned());
    assert!(!done("list intents", client.list_intents(Some(&after), PATIENCE).await).intents.is_empty());

    let refund = NewRefund { order_id, intent, amount: pounds(5), cause: RefundCause::FinalEnd };
    done("refund", client.create_refund(refund, "k-5", PATIENCE).await);
    done("find refund", client.find_refund(intent, RefundCause::FinalEnd, PATIENCE).await);

    // The fake's dispute is an inquiry that takes no money, which says nothing to us, closed or not.
    let closed = client.close_dispute("dp_1", "k-6", PATIENCE).await;
    assert_eq!(closed, Outcome::Unknown(Doubt::ServerError));
    let request = reqwest::Client::new().post(format!("{}/v1/disputes/dp_1/close", stripe.url));
    let answer = request.bearer_auth(KEY).header("stripe-version", VERSION).form::<[(&str, &str)]>(&[]);
    assert_eq!(answer.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn stripes_lists_are_read_for_the_comparison() {
    let stripe = StripeMock::start();
    let client = stripe.client();
    let intent = IntentId("pi_1".to_owned());
    let since = DateTime::from_timestamp(1_793_523_600, 0);
    done("one", client.read_charge(&intent, PATIENCE).await);
    for after in [None, Some("xx_1")] {
        for which in [Which::Since(None), Which::Since(since)] {
            let charges = done("intents", client.list_charges(which, after, PATIENCE).await);
            assert!(!charges.items.is_empty());
        }
        for which in [Which::Since(since), Which::Of(&intent)] {
            assert!(!done("refunds", client.list_refunds(which, after, PATIENCE).await).items.is_empty());
            assert!(!done("disputes", client.list_disputes(which, after, PATIENCE).await).items.is_empty());
        }
    }
}

#[tokio::test]
async fn the_fake_refuses_what_stripe_would_not_understand() {
    let stripe = StripeMock::start();
    let form = |pairs: &'static [(&'static str, &'static str)], version: &'static str| {
        let request = reqwest::Client::new().post(format!("{}/v1/payment_intents", stripe.url));
        request.bearer_auth(KEY).header("stripe-version", version).form(pairs).send()
    };
    let good: &[(&str, &str)] = &[("amount", "5"), ("currency", "gbp")];
    assert_eq!(form(good, VERSION).await.unwrap().status(), 200);
    assert_eq!(form(good, "2020-08-27").await.unwrap().status(), 400, "another version of the API");
    let bad: [&[(&str, &str)]; 3] = [
        &[("amount", "5")],
        &[("amount", "5"), ("currency", "gbp"), ("capture_method", "later")],
        &[("amount", "5"), ("currency", "gbp"), ("metdata[order_id]", "1")],
    ];
    for pairs in bad {
        assert_eq!(form(pairs, VERSION).await.unwrap().status(), 400, "{pairs:?}");
    }
}

//! A stranger's own sidecars.

use std::path::PathBuf;
use std::time::Duration;

use contracts::operation::{OPERATIONS, Row};
use contracts::{App, event};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use stack::bare::{Authority, Bare, Sidecar, State, Wish};
use stack::{daprd, identity, sentry};

use crate::house::{House, house};

/// A sidecar that is turned away says so long before.
const TURNED_AWAY: Duration = Duration::from_secs(15);
const HOME: &str = "rogue";

#[tokio::test]
async fn sentry_signs_a_name_only_for_its_token() {
    let house = house();
    let bare = Bare::start(&house.instance, HOME).await.unwrap();
    let anchor = trust_anchor(&house);
    // Its own token, signed by its own key; none; and, for a service that was taken over, the token of another.
    let tokens = [
        ("rogue", None),
        ("order", None),
        ("order", Some(bare.token_file(App::Order))),
        ("order", Some(identity::token_file(&house.instance, App::Payment))),
    ];
    for (name, token) in tokens {
        let what = format!("{name} with {token:?}");
        let refusals = refused_by_sentry(&house, &bare, name, token, &anchor).await;
        assert!(refusals, "{what}: sentry has not refused it");
    }
    // The same sidecar with the right token comes up, so it was the token.
    let token = identity::token_file(&house.instance, App::Order);
    let mut wish = Wish::new("order", App::Order);
    wish.authority = Authority::Other(house.instance.ports.sentry(), Some(token));
    wish.trusts = anchor;
    bare.sidecar(&wish).unwrap().ready().await.unwrap();
}

async fn refused_by_sentry(
    house: &House,
    bare: &Bare,
    name: &str,
    token: Option<PathBuf>,
    anchor: &str,
) -> bool {
    let mut wish = Wish::new(name, App::Order);
    wish.authority = Authority::Other(house.instance.ports.sentry(), token);
    anchor.clone_into(&mut wish.trusts);
    let mut sidecar = bare.sidecar(&wish).unwrap();
    let state = sidecar.state(TURNED_AWAY).await.unwrap();
    assert_ne!(state, State::Serving, "{name} has come up");
    let said = sidecar.said().unwrap();
    ["PermissionDenied", "InvalidArgument", "Unauthenticated"].iter().any(|code| said.contains(code))
}

#[tokio::test]
async fn a_sidecar_without_our_authoritys_word_invokes_nothing() {
    let house = house();
    let bare = Bare::start(&house.instance, HOME).await.unwrap();
    // In clear text, or with certificates that an authority of its own has signed.
    for (name, authority) in [
        ("rogue", Authority::Nobody),
        ("order", Authority::Nobody),
        ("order", Authority::Own),
        ("gateway", Authority::Own),
    ] {
        let mut sidecar = started(&house, &bare, name, authority.clone()).await;
        sidecar.ready().await.unwrap();
        let asked = OPERATIONS.iter().filter(|row| row.owner.name() != name);
        let answers = join_all(asked.map(|row| invoked(&sidecar, row))).await;
        assert!(answers.len() > 30);
        for (operation, status, body) in answers {
            assert!(
                status >= 400 && body.contains("ERR_DIRECT_INVOKE"),
                "{name}: {operation}: {status} {body}"
            );
            // It was found, and has refused.
            assert!(!body.contains("failed to resolve"), "{name}: {operation}: {body}");
        }
    }
}

#[tokio::test]
async fn a_strangers_sidecar_gets_neither_topics_nor_configuration() {
    let house = house();
    let bare = Bare::start(&house.instance, HOME).await.unwrap();
    let mut wish = Wish::new("order", App::Order);
    wish.components = guessed_components(&house);
    let mut sidecar = bare.sidecar(&wish).unwrap();
    // Components that cannot be opened are left out; the sidecar itself is the stranger's own and works.
    sidecar.ready().await.unwrap();
    let said = sidecar.said().unwrap();
    assert!(said.contains("SASL") || said.contains("authentication"), "the broker has refused it: {said}");
    for topic in event::topics() {
        let url = format!("http://127.0.0.1:{}/v1.0/publish/pubsub/{topic}", sidecar.http_port);
        let answer = house.http.post(url).json(&json!({})).send().await.unwrap();
        assert!(answer.status().as_u16() >= 400, "{topic}: {}", answer.status());
    }
    let url = format!("http://127.0.0.1:{}/v1.0/configuration/configuration", sidecar.http_port);
    let answer = house.http.get(url).send().await.unwrap();
    assert!(answer.status().as_u16() >= 400, "{}", answer.status());
}

/// The components of this repository with passwords that it does not have.
fn guessed_components(house: &House) -> Vec<(&'static str, String)> {
    let ports = house.instance.ports;
    let broker = format!(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{ name: pubsub }}\nspec:\n  type: pubsub.kafka\n  \
         version: v1\n  ignoreErrors: true\n  initTimeout: 5s\n  metadata:\n  \
         - {{ name: brokers, value: \"127.0.0.1:{}\" }}\n  - {{ name: authType, value: password }}\n  \
         - {{ name: saslMechanism, value: SHA-512 }}\n  - {{ name: saslUsername, value: order }}\n  \
         - {{ name: saslPassword, value: order }}\n  - {{ name: disableTls, value: \"true\" }}\n",
        ports.kafka()
    );
    let table = format!(
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{ name: configuration }}\nspec:\n  \
         type: configuration.postgresql\n  version: v1\n  ignoreErrors: true\n  initTimeout: 5s\n  metadata:\n  \
         - {{ name: connectionString, value: \"host=127.0.0.1 port={} user=order_sidecar password=guess \
         dbname=config sslmode=disable\" }}\n  - {{ name: table, value: configuration }}\n",
        ports.postgres()
    );
    vec![("pubsub.yaml", broker), ("configuration.yaml", table)]
}

/// Starts one that trusts both authorities and knows where the sidecars of the instance are.
async fn started(house: &House, bare: &Bare, name: &str, authority: Authority) -> Sidecar {
    std::fs::copy(daprd::name_resolution_file(&house.instance), bare.names()).unwrap();
    let mut wish = Wish::new(name, App::Gateway);
    wish.authority = authority;
    wish.trusts = trust_anchor(house);
    bare.sidecar(&wish).unwrap()
}

async fn invoked(sidecar: &Sidecar, row: &Row) -> (&'static str, u16, String) {
    let method: Method = row.method.name().parse().unwrap();
    let target = format!("{}/method/{}", row.owner, row.name);
    let url = format!("http://127.0.0.1:{}/v1.0/invoke/{target}", sidecar.http_port);
    let answer = reqwest::Client::new().request(method, url).json(&json!({})).send().await.unwrap();
    (row.name, answer.status().as_u16(), answer.text().await.unwrap())
}

/// It is in every handshake, so anybody has it.
fn trust_anchor(house: &House) -> String {
    std::fs::read_to_string(sentry::trust_anchor(&house.instance)).unwrap()
}

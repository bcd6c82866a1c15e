//! The pub/sub component with its scopes: which topics there are, and who may publish and subscribe to which. The
//! broker's access-control list (kafka.rs) says the same once more, for whoever gets past the sidecar.

use contracts::App;
use contracts::event::{dead_letter_topic, subscriptions, topics};

use super::FIRST_LINE;
use crate::kafka;

const UP_TO_SCOPES: &str = "\
# Kafka, each app with its own user. Topics are made beforehand, from the event table.
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: { name: pubsub }
spec:
  type: pubsub.kafka
  version: v1
  # The sidecar waits for the broker instead of giving up after five seconds.
  initTimeout: 60s
  metadata:
  - { name: brokers, envRef: KAFKA_BROKERS }
  - { name: authType, value: password }
  - { name: saslMechanism, value: SHA-512 }
  - { name: saslUsername, secretKeyRef: { name: kafka, key: username } }
  - { name: saslPassword, secretKeyRef: { name: kafka, key: password } }
  # On loopback; elsewhere the overlay turns TLS on.
  - { name: disableTls, value: \"true\" }
  # What was published before a group's first join must reach it too.
  - { name: initialOffset, value: oldest }
  - { name: version, value: \"3.6.0\" }
  - { name: producerRequiredAcks, value: all }
  - { name: compression, value: lz4 }
  - { name: consumerGroupRebalanceStrategy, value: sticky }
  - { name: escapeHeaders, value: \"true\" }
";

/// The component.
pub(super) fn render() -> String {
    let users: Vec<App> = App::ALL.into_iter().filter(|app| kafka::uses_events(*app)).collect();
    let every: Vec<String> = kafka::all_topics().into_iter().map(|topic| topic.name).collect();
    let scopes = |may: fn(App) -> Vec<String>| {
        let each: Vec<String> = users.iter().map(|app| format!("{app}={}", may(*app).join(","))).collect();
        each.join(";")
    };
    let names: Vec<&str> = users.iter().map(|app| app.name()).collect();
    let mut text = format!("{FIRST_LINE}{UP_TO_SCOPES}");
    text.push_str(
        "  # A topic that is not named is nobody's, and a protected one only theirs who are named for it.\n",
    );
    for (name, value) in [
        ("allowedTopics", every.join(",")),
        ("protectedTopics", every.join(",")),
        ("publishingScopes", scopes(publishes)),
        ("subscriptionScopes", scopes(hears)),
    ] {
        text.push_str(&format!("  - name: {name}\n    value: \"{value}\"\n"));
    }
    text.push_str(&format!("auth: {{ secretStore: secrets }}\nscopes: [{}]\n", names.join(", ")));
    text
}

/// Its own topic, and the dead letters that its sidecar leaves for it.
fn publishes(app: App) -> Vec<String> {
    let own = topics().filter(|topic| *topic == app).map(|topic| topic.name().to_owned());
    own.chain(dead_letters(app)).collect()
}

fn hears(app: App) -> Vec<String> {
    subscriptions(app).map(|topic| topic.name().to_owned()).chain(dead_letters(app)).collect()
}

fn dead_letters(app: App) -> impl Iterator<Item = String> {
    subscriptions(app).map(move |topic| dead_letter_topic(topic, app))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// What the broker's list gives an app.
    fn rights(app: App, operation: &str) -> BTreeSet<String> {
        kafka::rights()
            .into_iter()
            .filter(|right| right.user == app && right.kind == "topic" && right.operation == operation)
            .map(|right| right.name)
            .collect()
    }

    #[test]
    fn the_scopes_and_the_brokers_list_say_the_same() {
        for app in App::ALL {
            assert_eq!(BTreeSet::from_iter(publishes(app)), rights(app, "write"), "{app} publishes");
            assert_eq!(BTreeSet::from_iter(hears(app)), rights(app, "read"), "{app} hears");
        }
    }

    #[test]
    fn every_topic_is_protected_and_every_user_named() {
        let text = render();
        let line = |name: &str| {
            let mut lines = text.lines().skip_while(|line| !line.ends_with(&format!("name: {name}")));
            lines.nth(1).unwrap().trim().to_owned()
        };
        assert_eq!(line("allowedTopics"), line("protectedTopics"));
        for topic in kafka::all_topics() {
            assert!(line("protectedTopics").contains(&topic.name), "{}", topic.name);
        }
        for app in App::ALL {
            // An app that is not named may do nothing with a protected topic.
            assert_eq!(line("publishingScopes").contains(&format!("{app}=")), kafka::uses_events(app));
            assert_eq!(line("subscriptionScopes").contains(&format!("{app}=")), kafka::uses_events(app));
        }
    }
}

//! The declarative subscriptions: each topic with its dead letters, and the dead letters themselves.

use contracts::App;
use contracts::event::{dead_letter_topic, subscriptions};

use super::FIRST_LINE;

/// Every Subscription, one document each.
pub(super) fn render() -> String {
    let mut text = String::from(FIRST_LINE);
    for subscriber in App::ALL {
        for topic in subscriptions(subscriber) {
            text.push_str(&of_topic(subscriber, topic));
            text.push_str(&of_dead_letters(subscriber, topic));
        }
    }
    text
}

fn of_topic(subscriber: App, topic: App) -> String {
    let dead = dead_letter_topic(topic, subscriber);
    format!(
        "---\n\
         apiVersion: dapr.io/v2alpha1\n\
         kind: Subscription\n\
         metadata: {{ name: {subscriber}-{topic} }}\n\
         spec:\n\
         \x20 pubsubname: pubsub\n\
         \x20 topic: {topic}\n\
         \x20 routes: {{ default: /events/{topic} }}\n\
         \x20 deadLetterTopic: {dead}\n\
         scopes: [{subscriber}]\n"
    )
}

/// Raw, so that what was never an event can be recorded as well.
fn of_dead_letters(subscriber: App, topic: App) -> String {
    let dead = dead_letter_topic(topic, subscriber);
    format!(
        "---\n\
         apiVersion: dapr.io/v2alpha1\n\
         kind: Subscription\n\
         metadata: {{ name: {subscriber}-{topic}-dead }}\n\
         spec:\n\
         \x20 pubsubname: pubsub\n\
         \x20 topic: {dead}\n\
         \x20 routes: {{ default: /dead/{topic} }}\n\
         \x20 metadata: {{ rawPayload: \"true\" }}\n\
         scopes: [{subscriber}]\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::event::EVENTS;

    #[test]
    fn every_subscriber_of_every_event_is_served_once() {
        let text = render();
        for row in EVENTS {
            for subscriber in row.subscribers {
                let name = format!("metadata: {{ name: {subscriber}-{} }}", row.publisher);
                assert_eq!(text.matches(&name).count(), 1, "{name}");
            }
        }
        assert_eq!(text.matches("deadLetterTopic:").count(), text.matches("rawPayload").count());
        assert_eq!(text.matches("default:").count(), text.matches("kind: Subscription").count());
    }
}

//! docs/events.md: every topic and event with its publisher and subscribers, for people.

use std::fmt::Write;

use contracts::event::{EVENTS, Row, dead_letter_topic, topics};

/// The page.
pub(super) fn render() -> String {
    let mut text = String::from(HEAD);
    for topic in topics() {
        put(
            &mut text,
            format_args!("\n## Topic `{topic}`\n\n| event | subscribers | meaning |\n|---|---|---|\n"),
        );
        for Row { name, subscribers, meaning, .. } in EVENTS.iter().filter(|row| row.publisher == topic) {
            let subscribers: Vec<&str> = subscribers.iter().map(|app| app.name()).collect();
            put(&mut text, format_args!("| `{name}` | {} | {meaning} |\n", subscribers.join(", ")));
        }
    }
    text.push_str(
        "\n## Dead letters\n\n| topic | what `subscriber` could not handle of `publisher` |\n|---|---|\n",
    );
    for topic in topics() {
        for subscriber in contracts::App::ALL {
            if EVENTS.iter().any(|row| row.publisher == topic && row.subscribers.contains(&subscriber)) {
                let dead = dead_letter_topic(topic, subscriber);
                put(&mut text, format_args!("| `{dead}` | {subscriber} of {topic} |\n"));
            }
        }
    }
    text
}

const HEAD: &str = "<!-- Written by `./taskw render` from the tables in crates/contracts. -->\n\
# Events\n\
\n\
Every event is a CloudEvent 1.0, published whole as `application/cloudevents+json`.\n\
Each service that publishes owns one topic of its name with 12 partitions; the key is `subject`, the aggregate's id, in the saga the order's.\n\
\n\
| attribute | meaning |\n\
|---|---|\n\
| `id` | UUIDv7; the inbox key of every subscriber |\n\
| `source` | the publisher's app-id |\n\
| `type` | the event's name with its version |\n\
| `subject` | the aggregate's id |\n\
| `time` | when it happened, UTC |\n\
| `sequence` | from 1 without gaps for each source and subject |\n\
| `correlationid` | the order, where there is one |\n\
| `causationid` | the event or request that led to it |\n\
| `traceparent`, `traceid` | the trace that it belongs to |\n\
| `data` | what it carries: ids and facts, never personal data |\n\
\n\
A subscriber ignores fields that it does not know; a change of meaning is a new version beside the old one.\n\
What a subscriber cannot handle goes to its dead-letter topic, where the subscriber itself records it.\n\
[asyncapi.yaml](asyncapi.yaml) describes the same for machines.\n";

fn put(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("invariant: a string takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_one_row() {
        let text = render();
        for row in EVENTS {
            assert_eq!(text.matches(&format!("| `{}` |", row.name)).count(), 1, "{}", row.name);
        }
    }
}

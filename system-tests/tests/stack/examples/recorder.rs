//! Sends requests, keeps the first exchange of each operation, and writes it without what is new each time.

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::operation::OPERATIONS;
use regex::Regex;
use reqwest::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::house::House;

/// One request, by its operation.
pub struct Ask {
    name: &'static str,
    token: String,
    path: Vec<(&'static str, String)>,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
}

/// What came back.
pub struct Told {
    pub status: u16,
    pub etag: Option<String>,
    pub body: Value,
}

impl Ask {
    pub fn new(name: &'static str) -> Ask {
        let (path, query, headers) = (Vec::new(), Vec::new(), Vec::new());
        Ask { name, token: String::new(), path, query, headers, body: None }
    }

    pub fn by(mut self, token: &str) -> Ask {
        self.token = token.to_owned();
        self
    }

    pub fn of(mut self, name: &'static str, value: impl ToString) -> Ask {
        self.path.push((name, value.to_string()));
        self
    }

    pub fn query(mut self, name: &'static str, value: impl ToString) -> Ask {
        self.query.push((name, value.to_string()));
        self
    }

    pub fn once(self) -> Ask {
        let key = Uuid::now_v7();
        self.header("idempotency-key", key)
    }

    pub fn seen(self, etag: &Option<String>) -> Ask {
        let tag = etag.clone().expect("a resource that is changed was read with its entity tag");
        self.header("if-match", tag)
    }

    pub fn header(mut self, name: &'static str, value: impl ToString) -> Ask {
        self.headers.push((name, value.to_string()));
        self
    }

    pub fn body(mut self, body: Value) -> Ask {
        self.body = Some(body);
        self
    }

    fn target(&self) -> (Method, String) {
        let row = OPERATIONS.iter().find(|row| row.name == self.name).expect("an operation of this name");
        let path = self.path.iter().fold(row.path.unwrap().to_owned(), |path, (name, value)| {
            path.replace(&format!("{{{name}}}"), value)
        });
        let query: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        (row.method.name().parse().unwrap(), path + &query)
    }
}

pub struct Recorder<'a> {
    pub house: &'a House,
    exchanges: BTreeMap<String, Value>,
}

impl<'a> Recorder<'a> {
    pub fn new(house: &'a House) -> Recorder<'a> {
        Recorder { house, exchanges: BTreeMap::new() }
    }

    /// Asks, expects that it goes well, and keeps it as the operation's example.
    pub async fn tell(&mut self, ask: Ask) -> Told {
        let told = self.ask(&ask).await;
        assert!((200..300).contains(&told.status), "{}: {} {}", ask.name, told.status, told.body);
        self.keep(ask, &told);
        told
    }

    /// The same for what no test can bring about, and what is refused with this problem therefore.
    pub async fn refused(&mut self, ask: Ask, problem: &str) {
        let told = self.ask(&ask).await;
        assert_eq!(told.body["type"], format!("/problems/{problem}"), "{}: {}", ask.name, told.body);
        self.keep(ask, &told);
    }

    pub fn keep(&mut self, ask: Ask, told: &Told) {
        let pairs = |pairs: Vec<(&str, String)>| {
            pairs.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect::<Map<_, _>>()
        };
        let mut exchange = json!({
            "path": pairs(ask.path), "query": pairs(ask.query), "headers": pairs(ask.headers), "status": told.status,
        });
        if let Some(body) = ask.body {
            exchange["body"] = body;
        }
        if !told.body.is_null() {
            exchange["answer"] = told.body.clone();
        }
        self.exchanges.entry(ask.name.to_owned()).or_insert(exchange);
    }

    /// Asks without keeping it; whoever is told to wait waits.
    pub async fn ask(&self, ask: &Ask) -> Told {
        let (method, target) = ask.target();
        let url = format!("{}{target}", self.house.instance.gateway_url());
        for _ in 0..100 {
            let mut request = self.house.http.request(method.clone(), &url);
            if !ask.token.is_empty() {
                request = request.bearer_auth(&ask.token);
            }
            for (name, value) in &ask.headers {
                request = request.header(*name, value);
            }
            if let Some(body) = &ask.body {
                request = request.json(body);
            }
            let answer = request.send().await.unwrap();
            let status = answer.status().as_u16();
            // A limit of seconds is waited out; one of minutes is an answer.
            let wait =
                answer.headers().get("retry-after").and_then(|wait| wait.to_str().ok()?.parse::<u32>().ok());
            if matches!(status, 429 | 503) && wait.is_some_and(|seconds| seconds <= 5) {
                tokio::time::sleep(Duration::from_millis(300)).await;
                continue;
            }
            let etag = answer.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
            let stream = answer.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
            // A stream has no end to wait for.
            let body = if stream { Value::Null } else { answer.json().await.unwrap_or_default() };
            return Told { status, etag, body };
        }
        panic!("{}: turned away a hundred times", ask.name)
    }

    /// What was kept, with ids, times, tokens and numbers that stay the same however often it is told.
    pub fn exchanges(&self) -> BTreeMap<String, Value> {
        self.exchanges.iter().map(|(name, exchange)| (name.clone(), steady(exchange))).collect()
    }
}

/// An exchange with stand-ins for what is new each time; the same thing keeps the same stand-in.
fn steady(exchange: &Value) -> Value {
    let mut text = exchange.to_string();
    let replace = |text: &mut String, pattern: &str, stand_in: &dyn Fn(usize) -> String| {
        let pattern = Regex::new(pattern).unwrap();
        let mut known: Vec<String> = Vec::new();
        *text = pattern
            .replace_all(text, |found: &regex::Captures| {
                let found = found[0].to_owned();
                let number = known.iter().position(|other| *other == found).unwrap_or_else(|| {
                    known.push(found);
                    known.len() - 1
                });
                stand_in(number)
            })
            .into_owned();
    };
    let hex = "[0-9a-f]";
    replace(&mut text, &format!("{hex}{{8}}(-{hex}{{4}}){{3}}-{hex}{{12}}"), &|number| {
        format!("0193f0a0-0000-7000-8000-{:012x}", number + 1)
    });
    replace(&mut text, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", &|number| {
        format!("2026-11-24T10:{:02}:{:02}Z", number / 60 % 60, number % 60)
    });
    replace(&mut text, r"[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}", &|_| {
        "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl".to_owned()
    });
    replace(&mut text, r"\bcw[a-z]_[A-Za-z0-9_-]{20,}", &|number| format!("cwx_example{number}"));
    replace(&mut text, r"[a-z0-9-]+@example\.com", &|_| "ada@example.org".to_owned());
    replace(&mut text, &format!(r"\b{hex}{{64}}\b"), &|_| "0".repeat(64));
    replace(&mut text, &format!(r"\b{hex}{{32}}\b"), &|_| "0".repeat(32));
    replace(&mut text, r#""[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}""#, &|_| "\"7K3M-9QXT\"".to_owned());
    serde_json::from_str(&text).unwrap()
}

/// What is asked of all changes that there ever were.
const SINCE_THE_BEGINNING: [&str; 2] = ["compare_configuration.", "roll_back_configuration."];

/// Notes where the two have another form: other names, other types, another status.
pub fn compare(at: &str, kept: &Value, now: &Value, wrong: &mut Vec<String>) {
    match (kept, now) {
        // What may be absent may be there another time.
        (Value::Null, _) | (_, Value::Null) => {}
        // Which keys have changed since version 0 is said by other tests, and each has a type of its own.
        _ if SINCE_THE_BEGINNING.iter().any(|name| at.starts_with(name)) && at.ends_with(".value") => {}
        (Value::Object(kept), Value::Object(now)) => {
            for name in kept.keys().chain(now.keys()) {
                match (kept.get(name), now.get(name)) {
                    (Some(kept), Some(now)) => compare(&format!("{at}.{name}"), kept, now, wrong),
                    (Some(Value::Null), None) | (None, Some(Value::Null)) | (None, None) => {}
                    (Some(_), None) => wrong.push(format!("{at}.{name} is no longer there")),
                    (None, Some(_)) => wrong.push(format!("{at}.{name} is not in the example")),
                }
            }
        }
        (Value::Array(kept), Value::Array(now)) => {
            if let (Some(kept), Some(now)) = (kept.first(), now.first()) {
                compare(&format!("{at}[]"), kept, now, wrong);
            }
        }
        (Value::String(_), Value::String(_)) | (Value::Bool(_), Value::Bool(_)) => {}
        (Value::Number(kept), Value::Number(now)) => {
            if at.ends_with(".status") && kept != now {
                wrong.push(format!("{at} is {now}, in the example {kept}"));
            }
        }
        (kept, now) => wrong.push(format!("{at} is {now}, in the example {kept}")),
    }
}

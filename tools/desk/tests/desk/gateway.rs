//! A gateway that answers from a list.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use desk::{Errand, Said};
use replay::Credentials;
use replay::client::{Client, Session};
use serde_json::{Value, json};

/// What is answered, by method and path with its query, each time the next; and what was asked. An answer with
/// `type` and `refused` is a problem of that status, and one with `text` is that text.
#[derive(Clone, Default)]
pub struct Gateway {
    answers: Arc<Mutex<HashMap<String, Vec<Value>>>>,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Gateway {
    pub async fn start(answers: Value) -> (Gateway, Session) {
        let gateway = Gateway::default();
        for (asked, answer) in answers.as_object().unwrap() {
            let mut answers = answer.as_array().unwrap().clone();
            answers.reverse();
            gateway.answers.lock().unwrap().insert(asked.clone(), answers);
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(gateway.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let client = Client::new(&url, Duration::from_secs(5)).unwrap();
        let credentials = Credentials { email: "admin@example.com".into(), password: "p".into() };
        (gateway, client.log_in(credentials).await.unwrap())
    }

    pub fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(State(gateway): State<Gateway>, method: Method, uri: Uri, body: Bytes) -> Response {
    let asked = format!("{method} {uri}");
    if asked == "POST /v1/sessions" {
        return axum::Json(json!({"access_token": "t", "expires_in": 900})).into_response();
    }
    let body = serde_json::from_slice(&body).unwrap_or_default();
    gateway.asked.lock().unwrap().push((asked.clone(), body));
    match gateway.answers.lock().unwrap().get_mut(&asked).and_then(Vec::pop) {
        Some(answer) if answer["text"].is_string() => {
            answer["text"].as_str().unwrap().to_owned().into_response()
        }
        Some(answer) if answer["status"].is_u64() => {
            let status = u16::try_from(answer["status"].as_u64().unwrap()).unwrap();
            (StatusCode::from_u16(status).unwrap(), axum::Json(answer)).into_response()
        }
        Some(answer) => axum::Json(answer).into_response(),
        None => (StatusCode::NOT_FOUND, axum::Json(json!({"type": "/problems/not-found"}))).into_response(),
    }
}

pub async fn run(session: &Session, errand: Errand) -> Said {
    desk::run(session, errand).await.unwrap()
}

//! What explains the rest: the document, its page, the problems.

use axum::response::IntoResponse;
use contracts::{App, Operation, ProblemType};
use http::HeaderValue;
use serde_json::{Value, json};

use crate::rig::{Gateway, problem};

const DESCRIBED: [(App, Operation); 6] = [
    (App::Config, Operation::DescribeConfig),
    (App::User, Operation::DescribeUser),
    (App::Product, Operation::DescribeProduct),
    (App::Order, Operation::DescribeOrder),
    (App::Payment, Operation::DescribePayment),
    (App::Notification, Operation::DescribeNotification),
];

fn describe(gateway: &Gateway, app: App, operation: Operation) {
    gateway.fake.on(operation, move |_| async move {
        axum::Json(json!({
            "openapi": "3.1.0",
            "info": {"title": app.name(), "version": "1"},
            "paths": {
                format!("/v1/{app}"): {"get": {
                    "operationId": format!("read_{app}"), "summary": "Read <it>", "responses": {},
                    "x-problems": if app == App::User { vec!["email-taken"] } else { Vec::new() },
                }},
                "/v1/shared": {if app == App::User { "get" } else { "post" }: {"responses": {}}},
            },
            "components": {"schemas": {format!("Of{app}"): {"type": "string"}}},
        }))
        .into_response()
    });
}

#[tokio::test]
async fn the_document_holds_every_services_part_once_all_have_answered() {
    let gateway = Gateway::start().await;
    let (last, others) = DESCRIBED.split_last().unwrap();
    for (app, operation) in others {
        describe(&gateway, *app, *operation);
    }
    gateway.fake.refuse(last.1, 503, "unavailable");
    gateway::jobs::gather(&gateway.app).await;
    let early = gateway.get("/openapi.json").send().await.unwrap();
    assert_eq!(early.headers()["retry-after"], "1");
    let body: Value = early.json().await.unwrap();
    assert_eq!(
        (&body["type"], &body["missing"]),
        (&json!("/problems/unavailable"), &json!(["notification"]))
    );

    describe(&gateway, last.0, last.1);
    gateway::jobs::gather(&gateway.app).await;
    let answer = gateway.get("/openapi.json").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let tag = answer.headers()["etag"].clone();
    let document: Value = answer.json().await.unwrap();
    assert_eq!(document["info"]["title"], "Cartwright");
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (app, _) in DESCRIBED {
        assert_eq!(document["paths"][format!("/v1/{app}")]["get"]["operationId"], format!("read_{app}"));
        assert!(document["components"]["schemas"][format!("Of{app}")].is_object());
    }
    assert!(
        document["paths"]["/v1/shared"]["get"].is_object()
            && document["paths"]["/v1/shared"]["post"].is_object()
    );
    assert!(gateway.fake.asked().iter().all(|seen| seen.slot() == "gateway"));

    let page = gateway.get("/problems/email-taken").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("<code>GET /v1/user</code> Read &lt;it&gt;"), "{page}");
    assert!(!page.contains("/v1/order"), "{page}");

    let compressed = gateway.get("/openapi.json").header("accept-encoding", "br, gzip").send().await.unwrap();
    assert_eq!((&compressed.headers()["content-encoding"], &compressed.headers()["etag"]), (&gzip(), &tag));
    assert_eq!(compressed.headers()["vary"], "accept-encoding");
    assert_eq!(compressed.bytes().await.unwrap()[..2], [0x1f, 0x8b]);

    let again = gateway.get("/openapi.json").header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    gateway.fake.refuse(Operation::DescribeUser, 503, "unavailable");
    gateway::jobs::gather(&gateway.app).await;
    assert_eq!(gateway.get("/openapi.json").send().await.unwrap().status(), 200, "it keeps what it has");
}

#[tokio::test]
async fn the_documentation_page_needs_nothing_from_elsewhere() {
    let gateway = Gateway::start().await;
    let page = gateway.get("/docs").send().await.unwrap();
    assert_eq!((page.status().as_u16(), page.url().path()), (200, "/docs/"));
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let html = page.text().await.unwrap();
    assert!(!html.contains("://"), "{html}");
    let sources: Vec<&str> =
        html.split("src=\"./").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(sources.contains(&"swagger-ui-bundle.js"));
    for source in sources {
        assert_eq!(gateway.get(&format!("/docs/{source}")).send().await.unwrap().status(), 200, "{source}");
    }
    let start = gateway.get("/docs/swagger-initializer.js").send().await.unwrap().text().await.unwrap();
    assert!(start.contains("/openapi.json") && start.contains("\"validatorUrl\": \"none\""), "{start}");
    assert!(!start.contains("petstore"));
    let none = gateway.get("/docs/../../etc/passwd").send().await.unwrap();
    assert_eq!(problem(none).await, (404, "not-found".into()));
    let none = gateway.get("/docs/nothing.js").send().await.unwrap();
    assert_eq!(problem(none).await, (404, "not-found".into()));
}

fn gzip() -> HeaderValue {
    HeaderValue::from_static("gzip")
}

#[tokio::test]
async fn pages_are_compressed_once_however_often_they_are_asked_for() {
    let gateway = Gateway::start().await;
    let path = "/docs/swagger-ui-bundle.js";
    let plain = gateway.get(path).send().await.unwrap();
    assert!(!plain.headers().contains_key("content-encoding"));
    let plain = plain.bytes().await.unwrap();
    let mut first = None;
    for _ in 0..20 {
        let answer = gateway.get(path).header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(
            (&answer.headers()["content-encoding"], &answer.headers()["vary"]),
            (&gzip(), &HeaderValue::from_static("accept-encoding"))
        );
        let length = answer.headers()["content-length"].clone();
        let bytes = answer.bytes().await.unwrap();
        assert_eq!(length, bytes.len().to_string().as_str(), "its length is known before: it was kept");
        assert!(bytes.len() * 2 < plain.len());
        assert_eq!(*first.get_or_insert(bytes.clone()), bytes);
    }
    let page = gateway.get("/problems").header("accept-encoding", "gzip").send().await.unwrap();
    assert!(!page.headers().contains_key("content-encoding"), "it is not worth it");
}

#[tokio::test]
async fn the_type_of_every_problem_leads_to_a_page() {
    let gateway = Gateway::start().await;
    let list = gateway.get("/problems").send().await.unwrap().text().await.unwrap();
    for kind in ProblemType::ALL {
        let page = gateway.get(&format!("/problems/{}", kind.name())).send().await.unwrap();
        assert_eq!(page.status(), 200);
        let text = page.text().await.unwrap();
        for words in [kind.title(), kind.meaning(), kind.next()] {
            assert!(text.contains(words), "{}: {words}", kind.name());
        }
        assert!(list.contains(&format!("/problems/{}\"", kind.name())));
    }
    let none = gateway.get("/problems/nothing").send().await.unwrap();
    assert_eq!(problem(none).await, (404, "not-found".into()));
    let index: Value = gateway.get("/").send().await.unwrap().json().await.unwrap();
    assert_eq!(index["openapi"], "/openapi.json");
}

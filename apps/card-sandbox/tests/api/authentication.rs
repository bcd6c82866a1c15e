//! The page on which the customer approves or declines.

use axum::body::Body;
use axum::http::Request;

use crate::harness::{Answered, Sandbox, confirm, control};

const CARD: &str = "pm_card_authenticationRequired";

async fn choose(sandbox: &Sandbox, id: &str, form: &str) -> Answered {
    let request = Request::post(control(id, "authenticate"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form.to_owned()))
        .unwrap();
    sandbox.send(request).await
}

#[tokio::test]
async fn the_customer_approves_or_declines_on_a_page_and_goes_back_to_the_shop() {
    let sandbox = Sandbox::start();
    for (choice, end) in [("approved", "succeeded"), ("declined", "requires_payment_method")] {
        let id = sandbox.created(CARD, "automatic").await;
        let confirmed =
            sandbox.post(&confirm(&id), &[("return_url", "https://shop.example/back")]).await.body;
        let step = &confirmed["next_action"]["redirect_to_url"];
        assert_eq!(step["url"], format!("http://sandbox.example{}", control(&id, "authenticate")));
        assert_eq!(step["return_url"], "https://shop.example/back");

        let page = sandbox.get(&control(&id, "authenticate")).await;
        let text = page.body.as_str().unwrap();
        assert!(text.contains("19.99 GBP") && text.contains("<form method=\"post\">"), "{text}");
        assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
        assert!(page.headers.contains_key("content-security-policy"));

        let sent = choose(&sandbox, &id, &format!("outcome={choice}")).await;
        assert_eq!(
            (sent.status, sent.headers["location"].to_str().unwrap()),
            (303, "https://shop.example/back")
        );
        assert_eq!(sandbox.status_of(&id).await, end);
    }
}

#[tokio::test]
async fn without_a_shop_to_go_back_to_the_page_says_what_was_done() {
    let sandbox = Sandbox::start();
    let id = sandbox.created(CARD, "automatic").await;
    sandbox.post(&confirm(&id), &[]).await;
    let sandbox = sandbox.restart();
    assert_eq!(choose(&sandbox, &id, "outcome=perhaps").await.status, 400);
    assert_eq!(sandbox.status_of(&id).await, "requires_action");
    let said = choose(&sandbox, &id, "outcome=approved").await;
    assert!(said.status == 200 && said.body.as_str().unwrap().contains("Approved"));
    for _ in 0..2 {
        let again = choose(&sandbox, &id, "outcome=declined").await;
        assert!(again.body.as_str().unwrap().contains("nothing to do: the payment is succeeded"));
    }
    let shown = sandbox.get(&control(&id, "authenticate")).await;
    assert!(!shown.body.as_str().unwrap().contains("<form"));
    assert_eq!(sandbox.get(&control("pi_none", "authenticate")).await.status, 404);
}

#[tokio::test]
async fn a_return_address_that_no_browser_opens_is_refused() {
    let sandbox = Sandbox::start();
    let id = sandbox.created(CARD, "automatic").await;
    for url in ["javascript:alert(1)", "shop.example"] {
        let refused = sandbox.post(&confirm(&id), &[("return_url", url)]).await;
        assert_eq!(refused.body["error"]["param"], "return_url", "{url}");
    }
}

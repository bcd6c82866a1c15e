//! Pages that explain: where things are, what a problem means, the documentation. They need no network and no token.

use std::fmt::Write;

use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use contracts::ProblemType;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use utoipa_swagger_ui::{Config, SwaggerUi};
use web::Problem;

use super::documents::read_document;
use crate::app::App;

/// The documentation's own scripts and styles, and nothing from elsewhere; it sets styles while it runs.
const DOCUMENTATION_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

pub(super) fn router(app: App) -> Router {
    Router::new()
        .route("/", get(read_index))
        .route("/openapi.json", get(read_document))
        .route("/problems", get(list_problems))
        .route("/problems/{name}", get(read_problem))
        .merge(documentation())
        .method_not_allowed_fallback(|| async { Problem::new(ProblemType::MethodNotAllowed) })
        .with_state(app)
}

async fn read_index() -> Json<Value> {
    Json(json!({
        "name": "Cartwright",
        "documentation": "/docs/",
        "openapi": "/openapi.json",
        "problems": "/problems",
    }))
}

async fn list_problems() -> Html<String> {
    let mut rows = String::new();
    for problem in ProblemType::ALL {
        let (name, status, title) = (problem.name(), problem.status(), problem.title());
        // Writing to a string cannot fail.
        let _ = write!(rows, "<dt>{status} <a href=\"/problems/{name}\">{name}</a></dt><dd>{title}</dd>");
    }
    page("Problems", &format!("<p>Every way to be refused (RFC 9457).</p><dl>{rows}</dl>"))
}

/// What a problem's type says, for whoever follows it.
async fn read_problem(Path(name): Path<String>) -> Result<Html<String>, Problem> {
    let problem = ProblemType::from_name(&name).ok_or_else(Problem::not_found)?;
    let again = if matches!(problem, ProblemType::RateLimited | ProblemType::Unavailable) {
        "<p>Send the same request again after the time that <code>Retry-After</code> says.</p>"
    } else if problem.status() >= 500 {
        "<p>It may have been done all the same: repeat it with the same <code>Idempotency-Key</code>, or read what \
         is there first.</p>"
    } else {
        ""
    };
    let (status, title) = (problem.status(), problem.title());
    Ok(page(&name, &format!("<p>{title}.</p><p>Answered with status {status}.</p>{again}")))
}

/// Everything in it comes from our own tables.
fn page(title: &str, content: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
         <body><h1>{title}</h1>{content}<p><a href=\"/problems\">All problems</a></p></body></html>"
    ))
}

fn documentation() -> Router<App> {
    // Without this the page would ask a checker on the internet about the document.
    let config = Config::from("/openapi.json").validator_url("none").try_it_out_enabled(true);
    Router::from(SwaggerUi::new("/docs").config(config)).layer(axum::middleware::map_response(document_page))
}

async fn document_page(mut response: Response) -> Response {
    if response.status() == StatusCode::NOT_FOUND {
        return Problem::not_found().into_response();
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCUMENTATION_POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

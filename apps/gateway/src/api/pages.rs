//! Pages that explain: where things are, what a problem means, the documentation. They need no network and no token.

use std::fmt::Write;

use axum::extract::{Path, State};
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use contracts::ProblemType;
use serde_json::{Value, json};
use web::Problem;

use super::documentation;
use super::documents::{Answering, read_document};
use crate::app::App;

pub(super) fn router(app: App) -> Router {
    Router::new()
        .route("/", get(read_index))
        .route("/openapi.json", get(read_document))
        .route("/problems", get(list_problems))
        .route("/problems/{name}", get(read_problem))
        .merge(documentation::router())
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
async fn read_problem(State(app): State<App>, Path(name): Path<String>) -> Result<Html<String>, Problem> {
    let problem = ProblemType::from_name(&name).ok_or_else(Problem::not_found)?;
    let (status, title, meaning, next) =
        (problem.status(), problem.title(), problem.meaning(), problem.next());
    let mut content = format!(
        "<p>{title}.</p><h2>What it means</h2><p>{}</p><h2>What to do</h2><p>{}</p><p>Answered with status \
         {status}.</p>",
        escaped(meaning),
        escaped(next)
    );
    let answering = app.documents.answering(problem);
    if !answering.is_empty() {
        content.push_str("<h2>Which operations answer it</h2><ul>");
        for Answering { method, path, summary } in answering {
            let (path, summary) = (escaped(&path), escaped(&summary));
            // Writing to a string cannot fail.
            let _ = write!(content, "<li><code>{method} {path}</code> {summary}</li>");
        }
        content.push_str("</ul>");
    }
    Ok(page(&name, &content))
}

/// Everything in it comes from our own tables.
fn page(title: &str, content: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
         <body><h1>{title}</h1>{content}<p><a href=\"/problems\">All problems</a></p></body></html>"
    ))
}

/// Text between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

//! `/docs/`: the page that shows `/openapi.json`, from files that the build holds. It needs nothing from elsewhere.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use tokio::sync::Mutex;
use utoipa_swagger_ui::Config;
use web::Problem;

use super::stored::Stored;

/// The documentation's own scripts and styles, and nothing from elsewhere; it sets styles while it runs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

struct Documentation {
    config: Arc<Config<'static>>,
    /// The files that were asked for so far, each by its name.
    files: Mutex<HashMap<String, File>>,
}

#[derive(Clone)]
struct File {
    kind: HeaderValue,
    content: Stored,
}

pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    // Without this the page would ask a checker on the internet about the document.
    let config = Config::from("/openapi.json").validator_url("none").try_it_out_enabled(true);
    let documentation = Arc::new(Documentation { config: Arc::new(config), files: Mutex::default() });
    Router::new()
        .route("/docs", get(async || Redirect::to("/docs/")))
        .route("/docs/", get(read_start))
        .route("/docs/{*name}", get(read_file))
        .with_state(documentation)
}

async fn read_start(
    State(documentation): State<Arc<Documentation>>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    documentation.read("index.html", &asked).await
}

async fn read_file(
    State(documentation): State<Arc<Documentation>>,
    Path(name): Path<String>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    documentation.read(&name, &asked).await
}

impl Documentation {
    async fn read(&self, name: &str, asked: &HeaderMap) -> Result<Response, Problem> {
        let File { kind, content } = self.file(name).await?;
        let mut answer = content.answer(asked);
        answer.headers_mut().extend([
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ]);
        Ok(answer)
    }

    /// Compressed by whoever asks first; the others wait for that. Only names of files are kept.
    async fn file(&self, name: &str) -> Result<File, Problem> {
        let mut files = self.files.lock().await;
        if let Some(file) = files.get(name) {
            return Ok(file.clone());
        }
        let found = utoipa_swagger_ui::serve(name, self.config.clone())
            .map_err(|error| anyhow::anyhow!("a file of the documentation cannot be read: {error}"))?
            .ok_or_else(Problem::not_found)?;
        let kind = HeaderValue::from_str(&found.content_type).map_err(anyhow::Error::from)?;
        let plain = Bytes::from(found.bytes.into_owned());
        let content =
            tokio::task::spawn_blocking(|| Stored::new(plain)).await.map_err(anyhow::Error::from)?;
        let file = File { kind, content };
        files.insert(name.to_owned(), file.clone());
        Ok(file)
    }
}

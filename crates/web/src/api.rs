//! Mounting by operation: the table says path, method, permission and callers; a service only brings the handlers.

use std::collections::HashSet;
use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{DefaultBodyLimit, FromRequestParts, Request};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use contracts::operation::{Access, Method, Row, owned_by};
use contracts::{App, Operation, ProblemType};
use utoipa::openapi::OpenApi;

use crate::auth::permitted;
use crate::describe::{Description, Document};
use crate::extract::whole;
use crate::{Json, Keys, Problem};

/// The header in which daprd says who invokes; a client cannot set it.
const CALLER_APP: &str = "dapr-caller-app-id";

/// Which of our services asks, by its sidecar's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallingApp(pub App);

impl<S: Send + Sync> FromRequestParts<S> for CallingApp {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<CallingApp>().copied().ok_or_else(|| Problem::new(ProblemType::Forbidden))
    }
}

/// A service's operations while they are put together.
pub struct Api<S> {
    app: App,
    keys: Keys,
    router: Router<S>,
    mounted: HashSet<Operation>,
    document: Document,
}

impl<S: Clone + Send + Sync + 'static> Api<S> {
    pub fn new(app: App, keys: Keys) -> Api<S> {
        Api { app, keys, router: Router::new(), mounted: HashSet::new(), document: Document::new(app) }
    }

    /// Mounts the handler at the operation's path and describes it in the service's OpenAPI document.
    pub fn operation<H, T>(
        mut self,
        operation: Operation,
        handler: H,
        describe: impl FnOnce(Description) -> Description,
    ) -> Api<S>
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let row = operation.row();
        assert_eq!(row.owner, self.app, "{} is not an operation of {}", row.name, self.app);
        assert!(self.mounted.insert(operation), "{} is mounted twice", row.name);
        let keys = self.keys.clone();
        let route = method_router(row.method, handler)
            .layer::<_, Infallible>(middleware::from_fn(move |request: Request, next: Next| {
                let keys = keys.clone();
                async move {
                    match complete(request).await {
                        Ok(request) => admit(row, &keys, request, next).await,
                        Err(problem) => problem.into_response(),
                    }
                }
            }))
            .layer(DefaultBodyLimit::max(row.pace.largest_body()));
        self.router = self.router.route(&format!("/{}", row.name), route);
        self.document.add(describe(Description::of(row)));
        self
    }

    /// The OpenAPI document of what is mounted so far.
    pub fn document(self) -> OpenApi {
        self.document.finish()
    }

    /// Adds the operation that answers with the service's OpenAPI document, and checks that nothing is missing.
    pub fn finish(self, describe_operation: Operation) -> Router<S> {
        let document = self.document.clone().finish();
        let complete = self.operation(
            describe_operation,
            move || {
                let document = document.clone();
                async move { Json(document) }
            },
            |description| description,
        );
        for row in owned_by(complete.app) {
            assert!(complete.mounted.contains(&row.operation), "{} has no handler", row.name);
        }
        complete.router
    }
}

fn method_router<H, T, S>(method: Method, handler: H) -> MethodRouter<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    match method {
        Method::Get => get(handler),
        Method::Post => post(handler),
        Method::Put => put(handler),
        Method::Patch => patch(handler),
        Method::Delete => delete(handler),
    }
}

/// Waits for the whole body before anything is answered: who is answered while it is still sending finds the
/// connection closed under it, and daprd then says that the service cannot be reached.
async fn complete(request: Request) -> Result<Request, Problem> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let bytes = whole(Request::from_parts(parts.clone(), body), &()).await?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// The second wall behind the sidecar's access control, and the token check.
async fn admit(row: &'static Row, keys: &Keys, mut request: Request, next: Next) -> Response {
    let caller = request.headers().get(CALLER_APP).and_then(|value| App::from_name(value.to_str().ok()?));
    let Some(calling) = caller.filter(|caller| row.callers.contains(caller)) else {
        return Problem::new(ProblemType::Forbidden).detail("this is not asked for that way").into_response();
    };
    request.extensions_mut().insert(CallingApp(calling));
    match row.access {
        Access::Anonymous | Access::Internal => {}
        Access::Permitted(permission) => match permitted(request.headers(), keys, permission).await {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
            }
            Err(problem) => return problem.into_response(),
        },
    }
    next.run(request).await
}

/// The answer to a path that no operation has. Never for events: daprd drops an event that is answered 404.
pub async fn not_found() -> Problem {
    Problem::not_found()
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use bytes::Bytes;
    use futures::channel::mpsc;
    use jsonwebtoken::jwk::JwkSet;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn nobody_is_refused_while_they_are_still_sending() {
        let row = Operation::SetConfiguration.row();
        let api = Api::<()>::new(App::Config, Keys::fixed(JwkSet { keys: Vec::new() }));
        let router = api.operation(row.operation, || async { StatusCode::OK }, |about| about).router;
        let (mut sending, sent) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
        let request = Request::put(format!("/{}", row.name)).body(Body::from_stream(sent)).unwrap();
        let mut answer = Box::pin(router.oneshot(request));
        assert!(futures::poll!(answer.as_mut()).is_pending());
        sending.try_send(Ok(Bytes::from_static(b"{"))).unwrap();
        assert!(futures::poll!(answer.as_mut()).is_pending());
        drop(sending);
        assert_eq!(answer.await.unwrap().status(), StatusCode::FORBIDDEN);
    }
}

//! The way in: finds the operation of a public request, or says why there is none.

use axum::Extension;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use contracts::ProblemType;
use http::{HeaderValue, Uri, header};
use tower::ServiceExt;
use web::Problem;

use crate::domain::headers;
use crate::domain::route::{self, Unroutable};

/// The largest request line and headers; a token and what tracing adds take a tenth.
const LARGEST_HEAD: usize = 16 * 1024;

#[derive(Debug, Clone)]
pub(super) enum Refused {
    HeadersTooLarge,
    Unroutable(Unroutable),
}

/// Sends the request to its operation's name.
pub(super) async fn enter(operations: Router, mut request: Request) -> Response {
    let inner = match find(&request) {
        Ok(route) => {
            let uri = Uri::builder().path_and_query(format!("/{}", route.row.name)).build();
            request.extensions_mut().insert(route);
            uri
        }
        Err(refused) => {
            request.extensions_mut().insert(refused);
            Uri::builder().path_and_query("/").build()
        }
    };
    *request.uri_mut() = inner.expect("invariant: an operation's name is a path");
    let Ok(response) = operations.oneshot(request).await;
    response
}

fn find(request: &Request) -> Result<route::Route, Refused> {
    let uri = request.uri();
    let target = uri.path().len() + uri.query().unwrap_or_default().len();
    if headers::size(target, request.headers()) > LARGEST_HEAD {
        return Err(Refused::HeadersTooLarge);
    }
    route::find(request.method(), uri.path(), uri.query()).map_err(Refused::Unroutable)
}

/// Answers what goes nowhere.
pub(super) async fn refuse(Extension(refused): Extension<Refused>) -> Response {
    let reason = match refused {
        Refused::HeadersTooLarge => return Problem::new(ProblemType::HeadersTooLarge).into_response(),
        Refused::Unroutable(reason) => reason,
    };
    let detail = reason.to_string();
    match reason {
        Unroutable::UnknownPath => Problem::not_found().into_response(),
        Unroutable::ReservedParameter { name } => {
            let problem = Problem::new(ProblemType::ReservedParameter).detail(detail).with("parameter", name);
            problem.into_response()
        }
        Unroutable::OtherMethod { allow } => {
            let mut response = Problem::new(ProblemType::MethodNotAllowed).detail(detail).into_response();
            let allow = HeaderValue::from_str(&allow).expect("invariant: method names are a header value");
            response.headers_mut().insert(header::ALLOW, allow);
            response
        }
    }
}

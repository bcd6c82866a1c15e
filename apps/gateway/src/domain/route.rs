//! From a public request to its operation and the query that carries its path parameters inside.

use std::borrow::Cow;

use contracts::operation::{self, OPERATIONS, Row};
use http::Method;
use uuid::Uuid;

/// The longest value of a path parameter that is not an id.
const LONGEST_VALUE: usize = 128;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub row: &'static Row,
    /// The client's query as it stands, followed by the path's parameters.
    pub query: String,
}

/// Why a request goes nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unroutable {
    #[error("no operation has this path")]
    UnknownPath,
    #[error("this path takes {allow}")]
    OtherMethod {
        /// The methods it takes, as in the `Allow` header.
        allow: String,
    },
    #[error("{name} comes with the path and must not stand in the query")]
    ReservedParameter { name: &'static str },
}

/// Finds the operation of a public request.
///
/// # Errors
/// [`Unroutable`] says what is wrong. A parameter that cannot be one (an id that is no UUID) makes it another path.
pub fn find(method: &Method, path: &str, query: Option<&str>) -> Result<Route, Unroutable> {
    let having = |row: &'static Row| Some((row, parameters(row.path?, path)?));
    let rows: Vec<_> = OPERATIONS.iter().filter_map(having).collect();
    // What stands in a path word for word comes before what may stand there, whatever the method.
    let fewest = rows.iter().map(|(_, parameters)| parameters.len()).min().ok_or(Unroutable::UnknownPath)?;
    let mut allowed = Vec::new();
    for (row, parameters) in rows.into_iter().filter(|(_, parameters)| parameters.len() == fewest) {
        if takes(row, method) {
            let query = inner_query(query.unwrap_or_default(), &parameters)?;
            return Ok(Route { row, query });
        }
        allowed.push(row.method);
    }
    Err(Unroutable::OtherMethod { allow: allow(&allowed) })
}

/// HEAD is GET without its body.
fn takes(row: &Row, method: &Method) -> bool {
    row.method.name() == method.as_str() || (row.method == operation::Method::Get && method == Method::HEAD)
}

/// The values of the pattern's parameters, when the path has the pattern's form.
fn parameters(pattern: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut found = Vec::new();
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        match expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => found.push((name, value(name, segment)?)),
            None if expected == segment => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(found)
}

/// A parameter's value in its one form; nothing in it needs an escape in a query.
fn value(name: &str, segment: &str) -> Option<String> {
    if name.ends_with("_id") {
        let id = Uuid::try_parse(segment).ok().filter(|_| segment.len() == uuid::fmt::Hyphenated::LENGTH)?;
        return Some(id.hyphenated().to_string());
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    ((1..=LONGEST_VALUE).contains(&segment.len()) && segment.bytes().all(plain)).then(|| segment.to_owned())
}

fn inner_query(query: &str, parameters: &[(&'static str, String)]) -> Result<String, Unroutable> {
    // Names are compared as the service will read them, so that an escape cannot hide one. A query that cannot be
    // read as pairs has none of these names and is refused by the service.
    let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = serde_urlencoded::from_str(query).unwrap_or_default();
    for (name, _) in parameters {
        if pairs.iter().any(|(given, _)| given == name) {
            return Err(Unroutable::ReservedParameter { name });
        }
    }
    let mut inner = query.trim_matches('&').to_owned();
    for (name, value) in parameters {
        if !inner.is_empty() {
            inner.push('&');
        }
        inner.push_str(name);
        inner.push('=');
        inner.push_str(value);
    }
    Ok(inner)
}

fn allow(methods: &[operation::Method]) -> String {
    let mut names: Vec<&str> = methods.iter().map(|method| method.name()).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use contracts::Operation;

    use super::*;

    const ID: &str = "0193f0a0-0000-7000-8000-00000000000a";

    fn routed(method: Method, path: &str, query: Option<&str>) -> (Operation, String) {
        let route = find(&method, path, query).unwrap();
        (route.row.operation, route.query)
    }

    #[test]
    fn every_public_operation_is_found_by_its_path() {
        for row in OPERATIONS {
            let Some(pattern) = row.path else { continue };
            let path = row.path_parameters().fold(pattern.to_owned(), |path, name| {
                let value = if name.ends_with("_id") { ID } else { "order.deadline" };
                path.replace(&format!("{{{name}}}"), value)
            });
            let method = Method::from_bytes(row.method.name().as_bytes()).unwrap();
            let (found, query) = routed(method, &path, None);
            assert_eq!(found, row.operation);
            assert_eq!(query.is_empty(), row.path_parameters().count() == 0);
        }
    }

    #[test]
    fn parameters_follow_the_clients_query_and_ids_have_one_form() {
        let (operation, query) =
            routed(Method::GET, &format!("/v1/orders/{}/timeline", ID.to_uppercase()), Some("limit=2&"));
        assert_eq!(operation, Operation::ReadTimeline);
        assert_eq!(query, format!("limit=2&order_id={ID}"));
        let (_, query) = routed(Method::PUT, "/v1/config/order.deadline", None);
        assert_eq!(query, "key=order.deadline");
    }

    #[test]
    fn a_path_of_its_own_is_no_value_of_a_parameter() {
        let (operation, query) = routed(Method::GET, "/v1/config/trials", None);
        assert_eq!((operation, query.as_str()), (Operation::ListTrials, ""));
        let refused = find(&Method::PUT, "/v1/config/effective", None).unwrap_err();
        assert_eq!(refused, Unroutable::OtherMethod { allow: "GET, HEAD".to_owned() });
    }

    #[test]
    fn what_is_no_path_of_ours_is_unknown() {
        let braced = format!("/v1/orders/{{{ID}}}");
        let escaped = format!("/v1/orders/%30{}", &ID[1..]);
        let long = format!("/v1/config/{}", "a".repeat(LONGEST_VALUE + 1));
        let paths = [
            "/",
            "/v1",
            "/v1/orders/",
            "//v1/orders",
            "/v1/orders/1",
            "/v1/orders/..",
            "/place_order",
            "/describe_order",
            "/events/order",
            "/v1/config/",
            "/v1/config/a%2Fb",
            "/v1/config/a&b",
            "/V1/orders",
            "/v1/products/import/archive",
            &braced,
            &escaped,
            &long,
        ];
        for path in paths {
            assert_eq!(find(&Method::GET, path, None), Err(Unroutable::UnknownPath), "{path}");
        }
    }

    #[test]
    fn a_known_path_says_which_methods_it_takes() {
        let refused = |method, path: &str| match find(&method, path, None) {
            Err(Unroutable::OtherMethod { allow }) => allow,
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(refused(Method::DELETE, "/v1/orders"), "POST, GET, HEAD");
        assert_eq!(refused(Method::GET, "/v1/products/import"), "POST");
        assert_eq!(refused(Method::PUT, &format!("/v1/products/{ID}")), "GET, PATCH, HEAD");
        assert_eq!(routed(Method::HEAD, "/v1/orders", None).0, Operation::ListOrders);
    }

    #[test]
    fn a_query_parameter_cannot_take_the_name_of_a_path_parameter() {
        for query in ["order_id=1", "limit=1&order_id", "%6frder_id=1", "a=1&order_id=", "order%5Fid=x"] {
            let found = find(&Method::GET, &format!("/v1/orders/{ID}"), Some(query));
            assert_eq!(found, Err(Unroutable::ReservedParameter { name: "order_id" }), "{query}");
        }
        assert!(find(&Method::GET, "/v1/orders", Some("order_id=1")).is_ok());
    }
}

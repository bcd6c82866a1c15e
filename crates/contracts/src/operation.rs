//! The operation table: one row for each thing a caller can ask for.
//!
//! From a row come the gateway's route, the owning service's mounting, its access-control entry, the permission
//! check, the OpenAPI operationId, the rate-limit bucket and the metric label.

use crate::{App, Permission};

/// The HTTP method, inside and outside the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub const fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a token.
    Anonymous,
    /// Whoever's token carries the permission.
    Permitted(Permission),
    /// The calling services on their own behalf; no public path.
    Internal,
}

/// How much work a request is, and so how many a client may send each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pace {
    Read,
    Write,
    /// Costs a password hash.
    Credentials,
    /// A thousand rows and more at once.
    Bulk,
    /// Proved by a signature over the body; one sender speaks for everybody's payments.
    Signed,
    /// Its answer goes on for as long as the client listens.
    Stream,
}

impl Pace {
    /// The largest request body in bytes.
    pub const fn largest_body(self) -> usize {
        match self {
            Pace::Read | Pace::Credentials | Pace::Stream => 16 * 1024,
            Pace::Write | Pace::Signed => 256 * 1024,
            Pace::Bulk => 2 * 1024 * 1024,
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub operation: Operation,
    /// `verb_noun`; the path inside is `/<name>`.
    pub name: &'static str,
    pub owner: App,
    /// The app-ids that may invoke it.
    pub callers: &'static [App],
    pub method: Method,
    /// The public path with `{parameters}`, or none: between services only.
    pub path: Option<&'static str>,
    pub access: Access,
    pub pace: Pace,
    pub summary: &'static str,
}

impl Row {
    /// The names of the public path's parameters; inside they come in the query.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path
            .unwrap_or_default()
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }
}

macro_rules! operations {
    ($($operation:ident $name:literal $owner:ident [$($caller:ident)+] $method:ident $path:expr, $access:expr, $pace:ident $summary:literal;)*) => {
        /// What can be asked for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operation { $($operation,)* }

        /// The whole table.
        pub const OPERATIONS: &[Row] = &[$(Row {
            operation: Operation::$operation, name: $name, owner: App::$owner, callers: &[$(App::$caller,)+],
            method: Method::$method, path: $path, access: $access, pace: Pace::$pace, summary: $summary,
        },)*];

        impl Operation {
            /// Its row.
            pub const fn row(self) -> &'static Row { &OPERATIONS[self as usize] }
            pub const fn name(self) -> &'static str { self.row().name }
        }
    };
}

mod table;

pub use table::{OPERATIONS, Operation};

/// The operations that a service owns.
pub fn owned_by(app: App) -> impl Iterator<Item = &'static Row> {
    OPERATIONS.iter().filter(move |row| row.owner == app)
}

#[cfg(test)]
mod tests {
    use super::Access::Internal;
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_public_routes_are_unique() {
        let mut names = HashSet::new();
        let mut routes = HashSet::new();
        for row in OPERATIONS {
            assert!(names.insert(row.name), "{} twice", row.name);
            assert!(row.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", row.name);
            if let Some(path) = row.path {
                assert!(routes.insert((row.method, path)), "{path} twice");
                assert!(path.starts_with("/v1/"), "{path}");
            }
        }
    }

    #[test]
    fn only_an_operation_without_a_public_path_is_internal() {
        for row in OPERATIONS {
            assert_eq!(row.path.is_none(), row.access == Internal, "{}", row.name);
            assert_eq!(row.path.is_some(), row.callers.contains(&App::Gateway) && row.access != Internal);
            assert!(!row.callers.contains(&row.owner), "{} invokes itself", row.name);
        }
    }

    #[test]
    fn a_row_knows_its_path_parameters() {
        assert_eq!(Operation::ReadTimeline.row().path_parameters().collect::<Vec<_>>(), ["order_id"]);
        assert_eq!(Operation::ListOrders.row().path_parameters().count(), 0);
    }
}

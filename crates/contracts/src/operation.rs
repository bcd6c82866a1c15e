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
}

impl Method {
    pub const fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
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
    /// Up to a thousand rows at once.
    Bulk,
}

impl Pace {
    /// The largest request body in bytes.
    pub const fn largest_body(self) -> usize {
        match self {
            Pace::Read | Pace::Credentials => 16 * 1024,
            Pace::Write => 256 * 1024,
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

use Access::{Anonymous, Internal, Permitted};

operations! {
    // user
    RegisterUser      "register_user"       User [Gateway] Post Some("/v1/users"), Anonymous, Credentials
        "Register a customer";
    LogIn             "log_in"              User [Gateway] Post Some("/v1/sessions"), Anonymous, Credentials
        "Log in and get an access token";
    ReadMe            "read_me"             User [Gateway] Get Some("/v1/me"), Permitted(Permission::ProfileRead), Read
        "Who am I, and what may I do";
    ReadJwks          "read_jwks"           User [Gateway Config Product Order Payment Notification] Get Some("/v1/jwks.json"), Anonymous, Read
        "The public keys that access tokens are signed with (JWKS)";

    // product
    CreateProduct     "create_product"      Product [Gateway] Post Some("/v1/products"), Permitted(Permission::ProductsWrite), Write
        "Create a product";
    ImportProducts    "import_products"     Product [Gateway] Post Some("/v1/products/import"), Permitted(Permission::ProductsWrite), Bulk
        "Create or change up to 1,000 products and receive their stock, all or none";
    ListProducts      "list_products"       Product [Gateway] Get Some("/v1/products"), Anonymous, Read
        "List the catalogue";
    ReadProduct       "read_product"        Product [Gateway] Get Some("/v1/products/{product_id}"), Anonymous, Read
        "Get a product";
    ChangeProduct     "change_product"      Product [Gateway] Patch Some("/v1/products/{product_id}"), Permitted(Permission::ProductsWrite), Write
        "Change a product's name or price";
    ArchiveProduct    "archive_product"     Product [Gateway] Post Some("/v1/products/{product_id}/archive"), Permitted(Permission::ProductsWrite), Write
        "Take a product off sale";
    RecordMovement    "record_movement"     Product [Gateway] Post Some("/v1/products/{product_id}/movements"), Permitted(Permission::StockWrite), Write
        "Receive or adjust stock";
    ListMovements     "list_movements"      Product [Gateway] Get Some("/v1/products/{product_id}/movements"), Permitted(Permission::StockRead), Read
        "List a product's stock movements";
    ListStock         "list_stock"          Product [Gateway] Get Some("/v1/stock"), Permitted(Permission::StockRead), Read
        "List stock levels";
    FindProducts      "find_products"       Product [Order] Post None, Internal, Write
        "The present facts of the products named";

    // order
    PlaceOrder        "place_order"         Order [Gateway] Post Some("/v1/orders"), Permitted(Permission::OrdersPlace), Write
        "Place an order";
    ListOrders        "list_orders"         Order [Gateway] Get Some("/v1/orders"), Permitted(Permission::OrdersRead), Read
        "List one's orders, the newest first";
    ReadOrder         "read_order"          Order [Gateway] Get Some("/v1/orders/{order_id}"), Permitted(Permission::OrdersRead), Read
        "Get an order";
    ReadTimeline      "read_timeline"       Order [Gateway] Get Some("/v1/orders/{order_id}/timeline"), Permitted(Permission::OrdersRead), Read
        "What happened to an order, in order";

    // payment
    AddPaymentMethod  "add_payment_method"  Payment [Gateway] Post Some("/v1/payment-methods"), Permitted(Permission::PaymentMethodsWrite), Write
        "Keep a payment method: the provider's token in, our id out";
    ListPaymentMethods "list_payment_methods" Payment [Gateway] Get Some("/v1/payment-methods"), Permitted(Permission::PaymentMethodsWrite), Read
        "List one's payment methods";
    ListPayments      "list_payments"       Payment [Gateway] Get Some("/v1/orders/{order_id}/payments"), Permitted(Permission::PaymentsRead), Read
        "List an order's payments with their receipts";

    // notification
    ListMessages      "list_messages"       Notification [Gateway] Get Some("/v1/messages"), Permitted(Permission::MessagesRead), Read
        "List one's mailbox, the newest first";

    // config
    ListConfiguration "list_configuration"  Config [Gateway] Get Some("/v1/configuration"), Permitted(Permission::ConfigurationRead), Read
        "List every configuration key with its value";
    ReadConfiguration "read_configuration"  Config [Gateway] Get Some("/v1/configuration/{key}"), Permitted(Permission::ConfigurationRead), Read
        "Get one configuration key";
    SetConfiguration  "set_configuration"   Config [Gateway] Put Some("/v1/configuration/{key}"), Permitted(Permission::ConfigurationWrite), Write
        "Set one configuration key";

    // each service's part of /openapi.json
    DescribeUser         "describe_user"         User [Gateway] Get None, Internal, Read
        "The OpenAPI document of user";
    DescribeProduct      "describe_product"      Product [Gateway] Get None, Internal, Read
        "The OpenAPI document of product";
    DescribeOrder        "describe_order"        Order [Gateway] Get None, Internal, Read
        "The OpenAPI document of order";
    DescribePayment      "describe_payment"      Payment [Gateway] Get None, Internal, Read
        "The OpenAPI document of payment";
    DescribeNotification "describe_notification" Notification [Gateway] Get None, Internal, Read
        "The OpenAPI document of notification";
    DescribeConfig       "describe_config"       Config [Gateway] Get None, Internal, Read
        "The OpenAPI document of config";
}

/// The operations that a service owns.
pub fn owned_by(app: App) -> impl Iterator<Item = &'static Row> {
    OPERATIONS.iter().filter(move |row| row.owner == app)
}

#[cfg(test)]
mod tests {
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

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
    /// Proved by a signature over the body; one sender speaks for everybody's payments.
    Signed,
}

impl Pace {
    /// The largest request body in bytes.
    pub const fn largest_body(self) -> usize {
        match self {
            Pace::Read | Pace::Credentials => 16 * 1024,
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
    CancelOrder       "cancel_order"        Order [Gateway] Post Some("/v1/orders/{order_id}/cancellations"), Permitted(Permission::OrdersChange), Write
        "Cancel an order, or a part of it, before it is shipped";
    ShipOrder         "ship_order"          Order [Gateway] Post Some("/v1/orders/{order_id}/parcels"), Permitted(Permission::OrdersManage), Write
        "Ship an order, or a part of it";
    DeliverParcel     "deliver_parcel"      Order [Gateway] Post Some("/v1/orders/{order_id}/parcels/{parcel_id}/delivery"), Permitted(Permission::OrdersManage), Write
        "Note that a parcel has arrived";
    RequestReturn     "request_return"      Order [Gateway] Post Some("/v1/orders/{order_id}/returns"), Permitted(Permission::OrdersChange), Write
        "Ask to send pieces back";
    ReceiveReturn     "receive_return"      Order [Gateway] Post Some("/v1/orders/{order_id}/returns/{return_id}/receipt"), Permitted(Permission::OrdersManage), Write
        "Note what was sent back, and in which state";
    RefundReturn      "refund_return"       Order [Gateway] Post Some("/v1/orders/{order_id}/returns/{return_id}/refund"), Permitted(Permission::PaymentsRefund), Write
        "Refund what was sent back, in full or in part";
    RequestCapture    "request_capture"     Order [Gateway] Post Some("/v1/orders/{order_id}/captures"), Permitted(Permission::PaymentsResolve), Write
        "Try again to capture a payment that is due";
    AddNote           "add_note"            Order [Gateway] Post Some("/v1/orders/{order_id}/notes"), Permitted(Permission::OrdersManage), Write
        "Put a note on an order's timeline";
    CheckBooks        "check_books"         Order [Gateway] Post Some("/v1/books/checks"), Permitted(Permission::BooksRead), Write
        "Check the books now";
    ReadBooks         "read_books"          Order [Gateway] Get Some("/v1/books"), Permitted(Permission::BooksRead), Read
        "What the last check of the books found";

    // payment
    AddPaymentMethod  "add_payment_method"  Payment [Gateway] Post Some("/v1/payment-methods"), Permitted(Permission::PaymentMethodsWrite), Write
        "Keep a payment method: the provider's token in, our id out";
    ListPaymentMethods "list_payment_methods" Payment [Gateway] Get Some("/v1/payment-methods"), Permitted(Permission::PaymentMethodsWrite), Read
        "List one's payment methods";
    ListPayments      "list_payments"       Payment [Gateway] Get Some("/v1/orders/{order_id}/payments"), Permitted(Permission::PaymentsRead), Read
        "List an order's payments with their receipts";
    ReceiveProviderEvent "receive_provider_event" Payment [Gateway] Post Some("/v1/webhooks/card-processor"), Anonymous, Signed
        "Take a signed event of the card processor";
    ListPaymentIssues "list_payment_issues" Payment [Gateway] Get Some("/v1/payment-issues"), Permitted(Permission::PaymentsReadAny), Read
        "List the payments that need a person";
    ResolvePayment    "resolve_payment"     Payment [Gateway] Post Some("/v1/orders/{order_id}/payment-resolutions"), Permitted(Permission::PaymentsResolve), Write
        "Say what became of a payment, a refund or a dispute";
    ComparePayments   "compare_payments"    Payment [Gateway] Post Some("/v1/payment-comparisons"), Permitted(Permission::PaymentsResolve), Write
        "Compare the card processor's own list with ours now";
    VerifyReceipts    "verify_receipts"     Payment [Gateway] Get Some("/v1/orders/{order_id}/receipts"), Permitted(Permission::PaymentsReadAny), Read
        "An order's receipts, and where their chain breaks";

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

    // facts for the books and for timelines, read by order
    ReadStockFacts      "read_stock_facts"      Product [Order] Post None, Internal, Write
        "What is held, moved and on the shelf, for orders or for a page of products";
    ReadPaymentFacts    "read_payment_facts"    Payment [Order] Post None, Internal, Write
        "What was captured and went back, with its receipts and postings";
    ReadMessageFacts    "read_message_facts"    Notification [Order] Post None, Internal, Write
        "How often customers were told what";
    ReadStockTimeline   "read_stock_timeline"   Product [Order] Post None, Internal, Read
        "What product has to tell of an order";
    ReadPaymentTimeline "read_payment_timeline" Payment [Order] Post None, Internal, Read
        "What payment has to tell of an order";
    ReadMessageTimeline "read_message_timeline" Notification [Order] Post None, Internal, Read
        "What notification has to tell of an order";

    // events: what was published, what was handled, and what is to be sent once more
    ListPublishedProduct "list_published_product" Product [Order Payment] Post None, Internal, Write
        "The events that product has published";
    ResendProduct        "resend_product"         Product [Order Payment] Post None, Internal, Write
        "Publish events of product once more, under the same ids";
    ListPublishedOrder "list_published_order" Order [Product Payment Notification] Post None, Internal, Write
        "The events that order has published";
    ResendOrder        "resend_order"         Order [Product Payment Notification] Post None, Internal, Write
        "Publish events of order once more, under the same ids";
    ListPublishedPayment "list_published_payment" Payment [Order Notification] Post None, Internal, Write
        "The events that payment has published";
    ResendPayment        "resend_payment"         Payment [Order Notification] Post None, Internal, Write
        "Publish events of payment once more, under the same ids";
    CheckHandledProduct "check_handled_product" Product [Order] Post None, Internal, Write
        "Which events product has handled, or has given up";
    CheckHandledPayment "check_handled_payment" Payment [Order] Post None, Internal, Write
        "Which events payment has handled, or has given up";
    CheckHandledNotification "check_handled_notification" Notification [Order] Post None, Internal, Write
        "Which events notification has handled, or has given up";

    // events that failed, for whoever operates this
    ListFailedProduct   "list_failed_product"    Product [Gateway] Get Some("/v1/failed-events/product"), Permitted(Permission::EventsRead), Read
        "List the events that product could not handle";
    ReadFailedProduct   "read_failed_product"    Product [Gateway] Get Some("/v1/failed-events/product/{failed_event_id}"), Permitted(Permission::EventsRead), Read
        "Get one with its payload and what was done about it";
    RedriveFailedProduct "redrive_failed_product" Product [Gateway] Post Some("/v1/failed-events/product/redrives"), Permitted(Permission::EventsRedrive), Write
        "Have product handle failed events again";
    DiscardFailedProduct "discard_failed_product" Product [Gateway] Post Some("/v1/failed-events/product/discards"), Permitted(Permission::EventsRedrive), Write
        "Give failed events up";
    ListFailedOrder   "list_failed_order"    Order [Gateway] Get Some("/v1/failed-events/order"), Permitted(Permission::EventsRead), Read
        "List the events that order could not handle";
    ReadFailedOrder   "read_failed_order"    Order [Gateway] Get Some("/v1/failed-events/order/{failed_event_id}"), Permitted(Permission::EventsRead), Read
        "Get one with its payload and what was done about it";
    RedriveFailedOrder "redrive_failed_order" Order [Gateway] Post Some("/v1/failed-events/order/redrives"), Permitted(Permission::EventsRedrive), Write
        "Have order handle failed events again";
    DiscardFailedOrder "discard_failed_order" Order [Gateway] Post Some("/v1/failed-events/order/discards"), Permitted(Permission::EventsRedrive), Write
        "Give failed events up";
    ListFailedPayment   "list_failed_payment"    Payment [Gateway] Get Some("/v1/failed-events/payment"), Permitted(Permission::EventsRead), Read
        "List the events that payment could not handle";
    ReadFailedPayment   "read_failed_payment"    Payment [Gateway] Get Some("/v1/failed-events/payment/{failed_event_id}"), Permitted(Permission::EventsRead), Read
        "Get one with its payload and what was done about it";
    RedriveFailedPayment "redrive_failed_payment" Payment [Gateway] Post Some("/v1/failed-events/payment/redrives"), Permitted(Permission::EventsRedrive), Write
        "Have payment handle failed events again";
    DiscardFailedPayment "discard_failed_payment" Payment [Gateway] Post Some("/v1/failed-events/payment/discards"), Permitted(Permission::EventsRedrive), Write
        "Give failed events up";
    ListFailedNotification   "list_failed_notification"    Notification [Gateway] Get Some("/v1/failed-events/notification"), Permitted(Permission::EventsRead), Read
        "List the events that notification could not handle";
    ReadFailedNotification   "read_failed_notification"    Notification [Gateway] Get Some("/v1/failed-events/notification/{failed_event_id}"), Permitted(Permission::EventsRead), Read
        "Get one with its payload and what was done about it";
    RedriveFailedNotification "redrive_failed_notification" Notification [Gateway] Post Some("/v1/failed-events/notification/redrives"), Permitted(Permission::EventsRedrive), Write
        "Have notification handle failed events again";
    DiscardFailedNotification "discard_failed_notification" Notification [Gateway] Post Some("/v1/failed-events/notification/discards"), Permitted(Permission::EventsRedrive), Write
        "Give failed events up";

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

//! The rows. A new one is all that a new operation needs besides its handler.

use super::{Access, Method, Pace, Row};
use crate::{App, Permission};

use Access::{Anonymous, Internal, Permitted};

operations! {
    // user
    RegisterUser      "register_user"       User [Gateway] Post Some("/v1/users"), Anonymous, Credentials
        "Register a customer";
    LogIn             "log_in"              User [Gateway] Post Some("/v1/sessions"), Anonymous, Credentials
        "Log in and get an access token";
    RefreshSession    "refresh_session"     User [Gateway] Post Some("/v1/sessions/refresh"), Anonymous, Write
        "Get a new access token, and a new refresh token in the place of the one sent";
    ListSessions      "list_sessions"       User [Gateway] Get Some("/v1/sessions"), Permitted(Permission::ProfileRead), Read
        "List where one is logged in, the newest first";
    EndSession        "end_session"         User [Gateway] Delete Some("/v1/sessions/{session_id}"), Permitted(Permission::ProfileWrite), Write
        "End one of one's sessions";
    LogOut            "log_out"             User [Gateway] Delete Some("/v1/sessions/current"), Permitted(Permission::ProfileWrite), Write
        "Log out here";
    LogOutEverywhere  "log_out_everywhere"  User [Gateway] Delete Some("/v1/sessions"), Permitted(Permission::ProfileWrite), Write
        "Log out everywhere";
    RequestVerification "request_verification" User [Gateway] Post Some("/v1/email-verifications"), Permitted(Permission::ProfileWrite), Write
        "Have the mail with the code sent again that shows whose address it is";
    ConfirmEmail      "confirm_email"       User [Gateway] Post Some("/v1/email-verifications/confirmation"), Anonymous, Write
        "Show by the code from the mail that one's address is one's own";
    RequestReset      "request_reset"       User [Gateway] Post Some("/v1/password-resets"), Anonymous, Credentials
        "Have a mail sent with a code to choose a new password with";
    ConfirmReset      "confirm_reset"       User [Gateway] Post Some("/v1/password-resets/confirmation"), Anonymous, Credentials
        "Choose a new password by the code from the mail";
    ChangePassword    "change_password"     User [Gateway] Put Some("/v1/me/password"), Permitted(Permission::ProfileWrite), Credentials
        "Change one's password and end one's other sessions";
    ReadProfile       "read_profile"        User [Gateway] Get Some("/v1/me/profile"), Permitted(Permission::ProfileRead), Read
        "Get one's own account";
    ChangeProfile     "change_profile"      User [Gateway] Patch Some("/v1/me/profile"), Permitted(Permission::ProfileWrite), Write
        "Change one's name";
    ListAddresses     "list_addresses"      User [Gateway] Get Some("/v1/me/addresses"), Permitted(Permission::ProfileRead), Read
        "List one's addresses";
    AddAddress        "add_address"         User [Gateway] Post Some("/v1/me/addresses"), Permitted(Permission::ProfileWrite), Write
        "Keep an address";
    ReadAddress       "read_address"        User [Gateway] Get Some("/v1/me/addresses/{address_id}"), Permitted(Permission::ProfileRead), Read
        "Get one of one's addresses";
    ChangeAddress     "change_address"      User [Gateway] Put Some("/v1/me/addresses/{address_id}"), Permitted(Permission::ProfileWrite), Write
        "Put another address in the place of one";
    RemoveAddress     "remove_address"      User [Gateway] Delete Some("/v1/me/addresses/{address_id}"), Permitted(Permission::ProfileWrite), Write
        "Forget an address";
    ExportAccount     "export_account"      User [Gateway] Get Some("/v1/me/export"), Permitted(Permission::ProfileRead), Bulk
        "Everything that is kept about oneself";
    DeleteAccount     "delete_account"      User [Gateway] Post Some("/v1/me/deletion"), Permitted(Permission::ProfileWrite), Credentials
        "Delete one's account and what is personal in all that is kept";
    IssueMailCode     "issue_mail_code"     User [Notification] Post None, Internal, Write
        "Where a mail goes that was asked for, and a fresh code to stand in it";
    ReadMe            "read_me"             User [Gateway] Get Some("/v1/me"), Permitted(Permission::ProfileRead), Read
        "Who am I, and what may I do";
    ReadJwks          "read_jwks"           User [Gateway Config Product Order Payment Notification] Get Some("/v1/jwks.json"), Anonymous, Read
        "The public keys that access tokens are signed with (JWKS)";

    // user: staff and machines
    ListPermissions   "list_permissions"    User [Gateway] Get Some("/v1/permissions"), Permitted(Permission::RolesRead), Read
        "List the catalogue of permissions";
    ListRoles         "list_roles"          User [Gateway] Get Some("/v1/roles"), Permitted(Permission::RolesRead), Read
        "List the roles with their permissions";
    ReadRole          "read_role"           User [Gateway] Get Some("/v1/roles/{role}"), Permitted(Permission::RolesRead), Read
        "Get a role";
    CreateRole        "create_role"         User [Gateway] Post Some("/v1/roles"), Permitted(Permission::RolesWrite), Write
        "Create a role out of permissions that one holds";
    ChangeRole        "change_role"         User [Gateway] Put Some("/v1/roles/{role}"), Permitted(Permission::RolesWrite), Write
        "Change what a role may do";
    ListRoleHolders   "list_role_holders"   User [Gateway] Get Some("/v1/roles/{role}/holders"), Permitted(Permission::RolesRead), Read
        "List who has a role";
    ListUserRoles     "list_user_roles"     User [Gateway] Get Some("/v1/users/{user_id}/roles"), Permitted(Permission::RolesRead), Read
        "List the roles that a user has";
    GrantRole         "grant_role"          User [Gateway] Put Some("/v1/users/{user_id}/roles/{role}"), Permitted(Permission::RolesGrant), Write
        "Grant a role that may do no more than oneself";
    WithdrawRole      "withdraw_role"       User [Gateway] Delete Some("/v1/users/{user_id}/roles/{role}"), Permitted(Permission::RolesGrant), Write
        "Withdraw a role";
    EnrolTotp         "enrol_totp"          User [Gateway] Post Some("/v1/me/totp"), Permitted(Permission::SecondFactorWrite), Credentials
        "Begin with a second factor: the secret for an authenticator app";
    ConfirmTotp       "confirm_totp"        User [Gateway] Post Some("/v1/me/totp/confirmation"), Permitted(Permission::SecondFactorWrite), Credentials
        "Show that the authenticator app works, and get recovery codes";
    DisableTotp       "disable_totp"        User [Gateway] Post Some("/v1/me/totp/removal"), Permitted(Permission::SecondFactorWrite), Credentials
        "Go without a second factor again";
    CreateApiKey      "create_api_key"      User [Gateway] Post Some("/v1/api-keys"), Permitted(Permission::ApiKeysWrite), Credentials
        "Create an API key for a machine; it is shown this once";
    ListApiKeys       "list_api_keys"       User [Gateway] Get Some("/v1/api-keys"), Permitted(Permission::ApiKeysWrite), Read
        "List one's API keys with their last use";
    RevokeApiKey      "revoke_api_key"      User [Gateway] Delete Some("/v1/api-keys/{api_key_id}"), Permitted(Permission::ApiKeysWrite), Write
        "Revoke an API key";
    ListSigningKeys   "list_signing_keys"   User [Gateway] Get Some("/v1/signing-keys"), Permitted(Permission::SigningKeysRotate), Read
        "List the keys that access tokens are signed with";
    RotateSigningKeys "rotate_signing_keys" User [Gateway] Post Some("/v1/signing-keys"), Permitted(Permission::SigningKeysRotate), Write
        "Sign access tokens with a new key; those of the old one go on to their end";
    ListAudit         "list_audit"          User [Gateway] Get Some("/v1/audit"), Permitted(Permission::AuditRead), Read
        "Who did or was refused what, the newest first";
    ExchangeApiKey    "exchange_api_key"    User [Gateway] Post None, Internal, Write
        "An access token for a machine that shows an API key";
    ReadRevocations   "read_revocations"    User [Gateway] Post None, Internal, Write
        "What ended access tokens before their time, after a cursor";
    RecordAudit       "record_audit"        User [Gateway] Post None, Internal, Write
        "Keep what was done and refused at the gateway";

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
    ListOrders        "list_orders"         Order [Gateway User] Get Some("/v1/orders"), Permitted(Permission::OrdersRead), Read
        "List one's orders, the newest first";
    ReadOrder         "read_order"          Order [Gateway] Get Some("/v1/orders/{order_id}"), Permitted(Permission::OrdersRead), Read
        "Get an order";
    ReadTimeline      "read_timeline"       Order [Gateway] Get Some("/v1/orders/{order_id}/timeline"), Permitted(Permission::OrdersRead), Read
        "What happened to an order, in order";
    WatchOrder        "watch_order"         Order [Gateway] Get Some("/v1/orders/{order_id}/events"), Permitted(Permission::OrdersRead), Stream
        "What happens to an order, as it happens (server-sent events)";
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
    ListPaymentMethods "list_payment_methods" Payment [Gateway User] Get Some("/v1/payment-methods"), Permitted(Permission::PaymentMethodsWrite), Read
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
    ListMessages      "list_messages"       Notification [Gateway User] Get Some("/v1/messages"), Permitted(Permission::MessagesRead), Read
        "List one's mailbox, the newest first";

    // config
    ListConfiguration "list_configuration"  Config [Gateway] Get Some("/v1/config"), Permitted(Permission::ConfigurationRead), Read
        "List every configuration key with its value";
    ChangeConfiguration "change_configuration" Config [Gateway] Post Some("/v1/config/changes"), Permitted(Permission::ConfigurationWrite), Write
        "Change several configuration keys, all or none, or say what would change";
    ListConfigurationChanges "list_configuration_changes" Config [Gateway] Get Some("/v1/config/changes"), Permitted(Permission::ConfigurationRead), Read
        "Who changed which configuration key when, why and from what to what, the newest first";
    CompareConfiguration "compare_configuration" Config [Gateway] Get Some("/v1/config/diff"), Permitted(Permission::ConfigurationRead), Read
        "What differs between two versions of the configuration";
    RollBackConfiguration "roll_back_configuration" Config [Gateway] Post Some("/v1/config/rollbacks"), Permitted(Permission::ConfigurationWrite), Write
        "Take the configuration back to what it was at a version, or say what would change";
    ExportConfiguration "export_configuration" Config [Gateway] Get Some("/v1/config/export"), Permitted(Permission::ConfigurationRead), Read
        "The configuration as a file";
    ImportConfiguration "import_configuration" Config [Gateway] Post Some("/v1/config/imports"), Permitted(Permission::ConfigurationWrite), Bulk
        "Change the configuration to what a file says, or say what would change";
    ReadEffectiveConfiguration "read_effective_configuration" Config [Gateway] Get Some("/v1/config/effective"), Permitted(Permission::ConfigurationRead), Read
        "Which configuration each replica of each service runs with";
    ReadConfiguration "read_configuration"  Config [Gateway] Get Some("/v1/config/{key}"), Permitted(Permission::ConfigurationRead), Read
        "Get one configuration key";
    SetConfiguration  "set_configuration"   Config [Gateway] Put Some("/v1/config/{key}"), Permitted(Permission::ConfigurationWrite), Write
        "Set one configuration key";
    StartTrial        "start_trial"         Config [Gateway] Post Some("/v1/config/trials"), Permitted(Permission::ConfigurationWrite), Write
        "Try a value of a configuration key on a part of the orders first";
    ListTrials        "list_trials"         Config [Gateway] Get Some("/v1/config/trials"), Permitted(Permission::ConfigurationRead), Read
        "List the trials of configuration values, the newest first";
    ReadTrial         "read_trial"          Config [Gateway] Get Some("/v1/config/trials/{version}"), Permitted(Permission::ConfigurationRead), Read
        "Get a trial with the numbers that it is judged by";
    EndTrial          "end_trial"           Config [Gateway] Post Some("/v1/config/trials/{version}/end"), Permitted(Permission::ConfigurationWrite), Write
        "End a trial by hand: its value for everyone, or for nobody";
    ReportConfiguration "report_configuration" Config [Gateway User Product Order Payment Notification] Post None, Internal, Write
        "Say which configuration a replica runs with";

    // what became of the orders of a trial, read by config
    ReadOrderGroups     "read_order_groups"     Order [Config] Post None, Internal, Read
        "What became of the orders with a value that is tried, and of the others";

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
    ListPublishedUser "list_published_user" User [Order Payment Notification] Post None, Internal, Write
        "The events that user has published";
    ResendUser        "resend_user"         User [Order Payment Notification] Post None, Internal, Write
        "Publish events of user once more, under the same ids";
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

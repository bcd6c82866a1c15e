//! Every way to be refused, by name (RFC 9457 problem types). A refusal that is not here does not exist.

mod guide;

macro_rules! problems {
    ($($variant:ident $name:literal $status:literal $title:literal;)*) => {
        /// A problem type: its name, HTTP status and title.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProblemType { $($variant,)* }

        impl ProblemType {
            pub const ALL: &[ProblemType] = &[$(ProblemType::$variant,)*];

            /// Kebab-case; the last segment of the type URI `/problems/<name>`.
            pub const fn name(self) -> &'static str {
                match self { $(ProblemType::$variant => $name,)* }
            }
            /// The HTTP status it is answered with.
            pub const fn status(self) -> u16 {
                match self { $(ProblemType::$variant => $status,)* }
            }
            /// The same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(ProblemType::$variant => $title,)* }
            }
        }
    };
}

problems! {
    MalformedJson            "malformed-json"             400 "The body is not JSON";
    InvalidParameter         "invalid-parameter"          400 "A query or path parameter cannot be read";
    ReservedParameter        "reserved-parameter"         400 "A query parameter has the name of a path parameter";
    InvalidCursor            "invalid-cursor"             400 "The cursor is not one that this list gave out";
    IdempotencyKeyMissing    "idempotency-key-missing"    400 "The Idempotency-Key header is missing or unusable";
    InvalidSignature         "invalid-signature"          400 "The signature is missing, wrong or too old";
    Unauthenticated          "unauthenticated"            401 "A bearer token is needed";
    InvalidToken             "invalid-token"              401 "The bearer token is not valid";
    ExpiredToken             "expired-token"              401 "The bearer token has expired";
    RevokedToken             "revoked-token"              401 "The bearer token was taken back";
    SecondFactorRequired     "second-factor-required"     401 "The code of the second factor is needed";
    WrongCredentials         "wrong-credentials"          401 "The e-mail address or the password is wrong";
    InvalidRefreshToken      "invalid-refresh-token"      401 "The refresh token is not valid";
    PaymentDeclined          "payment-declined"           402 "The payment was declined";
    AuthenticationRequired   "authentication-required"    402 "The payment needs the customer's confirmation";
    Forbidden                "forbidden"                  403 "The caller may not do this";
    NotFound                 "not-found"                  404 "There is no such thing here";
    UnknownKey               "unknown-key"                404 "There is no configuration key of this name";
    UnknownVersion           "unknown-version"            404 "There is no such version of the configuration";
    MethodNotAllowed         "method-not-allowed"         405 "This path does not take this method";
    BodyTooSlow              "body-too-slow"              408 "The body did not arrive in time";
    EmailTaken               "email-taken"                409 "An account with this e-mail address exists";
    SkuTaken                 "sku-taken"                  409 "A product with this stock keeping unit exists";
    PriceChanged             "price-changed"              409 "A price is no longer the one expected";
    TotalChanged             "total-changed"              409 "The total is not the one expected";
    ProductArchived          "product-archived"           409 "A product is archived";
    InsufficientStock        "insufficient-stock"         409 "Less is available than asked for";
    TooLate                  "too-late"                   409 "The order was not handled in time";
    NotCancellable           "not-cancellable"            409 "This can no longer be cancelled";
    OnlyWhole                "only-whole"                 409 "Before it is confirmed an order can only be cancelled as a whole";
    QuantityExceeded         "quantity-exceeded"          409 "More pieces than there are left";
    ReturnWindowClosed       "return-window-closed"       409 "The time for returns is over";
    RefundExceeded           "refund-exceeded"            409 "More than can be refunded";
    InvalidTransition        "invalid-transition"         409 "The present state does not allow this";
    TooManyAddresses         "too-many-addresses"         409 "The account has as many addresses as it may have";
    LastAdministrator        "last-administrator"         409 "There must be an administrator";
    AlreadyHandled           "already-handled"            409 "The event was handled or discarded meanwhile";
    Conflict                 "conflict"                   409 "The request does not fit the present state";
    TrialRunning             "trial-running"              409 "The key is being tried on a part of the orders";
    PreconditionFailed       "precondition-failed"        412 "The resource has changed since it was read";
    BodyTooLarge             "body-too-large"             413 "The body is too large";
    UnsupportedMediaType     "unsupported-media-type"     415 "The body must be application/json";
    InvalidField             "invalid-field"              422 "A field of the body is missing or has an invalid value";
    UnknownField             "unknown-field"              422 "The body has a field that this operation does not know";
    NulCharacter             "nul-character"              422 "Text must not hold the NUL character";
    CommonPassword           "common-password"            422 "The password is among those that are guessed first";
    InvalidCode              "invalid-code"               422 "The code is unknown, used or expired";
    QuantityOutOfRange       "quantity-out-of-range"      422 "A quantity is out of range";
    AmountOutOfRange         "amount-out-of-range"        422 "An amount of money is out of range";
    TooManyLines             "too-many-lines"             422 "The order has too many lines";
    CurrencyMismatch         "currency-mismatch"          422 "The currencies do not agree";
    UnknownProduct           "unknown-product"            422 "A product does not exist";
    PaymentMethodUnknown     "payment-method-unknown"     422 "The payment method is not the customer's";
    InvalidRows              "invalid-rows"               422 "Rows of the import are wrong; nothing was imported";
    IdempotencyKeyReused     "idempotency-key-reused"     422 "The idempotency key was used for another request";
    ConfigurationOutOfBounds "configuration-out-of-bounds" 422 "The value is outside the bounds of its key";
    InvalidKeyName           "invalid-key-name"           422 "No configuration key can have this name";
    WrongType                "wrong-type"                 422 "The value is not of its key's type";
    ValueTooLong             "value-too-long"             422 "The value is longer than configuration values may be";
    InvalidScopes            "invalid-scopes"             422 "The key cannot have these values for some";
    ContradictingKeys        "contradicting-keys"         422 "Two configuration keys would contradict each other";
    NotTriable               "not-triable"                422 "This cannot be tried on a part of the orders";
    ConfigurationRefused     "configuration-refused"      422 "Keys of the change are refused; nothing was changed";
    InvalidLines             "invalid-lines"              422 "Lines of the file are wrong; nothing was changed";
    PreconditionRequired     "precondition-required"      428 "The If-Match header is needed";
    RateLimited              "rate-limited"               429 "Too many requests";
    HeadersTooLarge          "headers-too-large"          431 "The headers are too large";
    Internal                 "internal"                   500 "Something failed on our side";
    Unavailable              "unavailable"                503 "A part that is needed cannot be reached";
    StaffUnavailable         "staff-unavailable"          503 "It is not known at present whose rights were withdrawn";
    DeadlineExceeded         "deadline-exceeded"          504 "The operation took too long";
}

impl ProblemType {
    pub fn from_name(name: &str) -> Option<ProblemType> {
        ProblemType::ALL.iter().copied().find(|problem| problem.name() == name)
    }
}

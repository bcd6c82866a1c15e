//! What each problem means, and what whoever meets it does next. The pages at `/problems/<name>` say both.

use super::ProblemType;

macro_rules! guides {
    ($($variant:ident $meaning:literal $next:literal;)*) => {
        impl ProblemType {
            /// What it tells about the request, in a sentence or two.
            pub const fn meaning(self) -> &'static str {
                match self { $(ProblemType::$variant => $meaning,)* }
            }
            /// What to do about it.
            pub const fn next(self) -> &'static str {
                match self { $(ProblemType::$variant => $next,)* }
            }
        }
    };
}

guides! {
    MalformedJson
        "The body ended early, is not JSON, or could not be read to its end."
        "Send one JSON document, in UTF-8, as long as Content-Length says.";
    InvalidParameter
        "A parameter of the path or the query has the wrong form, is out of its range, or is not known here."
        "Compare the parameter that the detail names with the operation's description.";
    ReservedParameter
        "The query has a parameter with the name of one that already stands in the path."
        "Leave it out of the query.";
    InvalidCursor
        "The cursor was cut, changed, or comes from another list."
        "Send next_cursor exactly as the page before gave it, or begin again without a cursor.";
    IdempotencyKeyMissing
        "This operation creates something or moves money, so it wants a key by which a repetition is known."
        "Send Idempotency-Key with 1 to 255 visible ASCII characters of your choice, e.g. a UUID: a new one for each new intention, the same one for each repetition.";
    InvalidSignature
        "The signature over the body is missing, was made with another secret, or is older than five minutes."
        "Sign the body as it is sent, byte for byte, and check secret and clock.";
    Unauthenticated
        "The operation needs to know who asks, and the request does not say."
        "Log in by POST /v1/sessions and send Authorization: Bearer with the access token.";
    InvalidToken
        "The Authorization header does not hold a token of ours that is valid: it was changed, signed by someone else, made for another system, or revoked."
        "Log in again.";
    ExpiredToken
        "Access tokens last fifteen minutes, and this one's time is over."
        "Get a new one by refreshing, or log in again; then repeat the request.";
    RevokedToken
        "The session was ended, the API key revoked, or the caller's rights have changed since the token was given out."
        "Refresh, or log in again; the new token has the rights of now.";
    SecondFactorRequired
        "The password is right, and the account has a second factor besides."
        "Send the log-in again with the present code of the authenticator app, or a recovery code, as `code`.";
    StaffUnavailable
        "The list of revoked rights is older than ten seconds, so operations of staff wait; those of customers go on."
        "Repeat the request after Retry-After; if it lasts, look whether `user` is up.";
    WrongCredentials
        "No account has this e-mail address with this password. The answer is the same whether the account exists or not."
        "Check both; reset the password if it is forgotten.";
    InvalidRefreshToken
        "The refresh token is unknown, expired, or was used before; or its session was ended. One that is used twice ends its session."
        "Log in again, and send each refresh token once: the answer brings the next one.";
    PaymentDeclined
        "The bank or the card processor refuses the charge. Nothing was taken."
        "Ask the customer for another payment method and place a new order.";
    AuthenticationRequired
        "The bank wants the customer to confirm the payment (3-D Secure)."
        "Lead the customer to the page that the order shows under its payment, before its time is over.";
    Forbidden
        "The caller is known, and lacks the permission that the operation needs."
        "Ask an administrator for a role with the permission that the detail names; the token shows it after the next refresh.";
    NotFound
        "Nothing has this address, or it is someone else's: the two are not told apart."
        "Check the path and the ids in it, and whose token is sent.";
    UnknownKey
        "The registry has no key of this name, so no service would read it."
        "Take a name from GET /v1/config.";
    UnknownVersion
        "The configuration has not got so far; its versions begin with 0, at which everything is at its default."
        "Take a version from GET /v1/config/changes.";
    MethodNotAllowed
        "The path exists, and takes other methods."
        "Use one of those that the Allow header names.";
    EmailTaken
        "An account with this e-mail address exists already."
        "Log in, reset the password, or register another address.";
    SkuTaken
        "Stock keeping units are unique, also among archived products."
        "Change the product that has it, or choose another one.";
    PriceChanged
        "A price is not the one that the order expects; nothing was ordered."
        "Show the customer the new price, which the problem carries, and order again.";
    TotalChanged
        "The sum of today's prices is not the expected total; nothing was ordered."
        "Show the customer the new total, which the problem carries, and order again.";
    ProductArchived
        "The product was taken off sale."
        "Leave it out, or offer another one.";
    InsufficientStock
        "Fewer pieces are available than are asked for; nothing was taken."
        "Ask for fewer; the problem says of which product how many are there.";
    TooLate
        "The order's time was over before stock and payment had answered; what was held is released."
        "Place it again.";
    NotCancellable
        "All of it is shipped, or the order has ended otherwise."
        "Read the order: available_actions names what can still be asked for, e.g. a return.";
    OnlyWhole
        "Before it is confirmed an order can be cancelled as a whole only."
        "Leave the parts out to cancel all of it, or wait until it is confirmed.";
    QuantityExceeded
        "More pieces are named than are left to cancel, ship, send back or receive."
        "Read the order; each line says how many are left.";
    ReturnWindowClosed
        "The days in which pieces can be sent back, fixed when the order was placed, are over."
        "Nothing by this way; staff can still refund.";
    RefundExceeded
        "More is to go back than was paid for what came back."
        "Read the order and refund at most what is left.";
    InvalidTransition
        "The thing exists, and is in a state in which this makes no sense."
        "Read it again; for an order available_actions names what can be asked for.";
    TooManyAddresses
        "An account keeps at most 50 addresses."
        "Remove one that is no longer needed, or change it.";
    AlreadyHandled
        "Someone else handled or discarded the event first."
        "Nothing: read it to see what was done.";
    Conflict
        "The request is right by itself, and does not fit what is there now, often because two happen at once."
        "Read what is there, as the detail says, and decide anew.";
    LastAdministrator
        "Nobody would be left who may administer."
        "Make somebody else administrator first.";
    TrialRunning
        "While a value of a configuration key is tried on a part of the orders, nothing else changes the key."
        "Wait for the trial's end, or end it by POST /v1/config/trials/{version}/end.";
    PreconditionFailed
        "Someone changed the resource since it was read, so that the change would overwrite what was never seen."
        "Read it again, decide anew, and send the new ETag as If-Match.";
    BodyTooSlow
        "The body was announced, and its end did not arrive within ten seconds. Nothing was done."
        "Send it again, and faster; the same Idempotency-Key can be used.";
    BodyTooLarge
        "The body is larger than this operation takes; the problem says how much that is."
        "Send less at a time.";
    UnsupportedMediaType
        "The body is of another type than JSON, or its type is not said."
        "Send Content-Type: application/json.";
    InvalidField
        "A field is missing, of the wrong type, or has a value that makes no sense."
        "The detail names the field and what it takes.";
    UnknownField
        "Unknown fields are refused, so that a misspelt one is never silently left out."
        "Compare the field that the detail names with the operation's description.";
    NulCharacter
        "A text holds the character U+0000, which cannot be stored."
        "Leave it out.";
    CommonPassword
        "The password is one of those that are tried first, or is made of the account's own name or e-mail address."
        "Choose another one of at least eight characters; a few unrelated words are good.";
    InvalidCode
        "The code was never given out, was used before, or its time is over; the three are not told apart."
        "Copy it from the newest mail, or have a new one sent.";
    QuantityOutOfRange
        "Quantities are whole numbers between 1 and 100,000."
        "Send one of these.";
    AmountOutOfRange
        "Amounts are whole numbers of minor units between 0 and 99,999,999."
        "Send one of these; 19.99 pounds are 1999.";
    TooManyLines
        "An order has at most 500 lines, or fewer where the shop says so (order.most_lines)."
        "Divide it into several orders.";
    CurrencyMismatch
        "All amounts of one order are of one currency."
        "Order what is sold in different currencies separately.";
    UnknownProduct
        "A product of the order does not exist; the problem names it."
        "Read the catalogue again.";
    PaymentMethodUnknown
        "The payment method does not exist or is another customer's; the two are not told apart."
        "Add one by POST /v1/payment-methods and use the id that comes back.";
    InvalidRows
        "Some rows of the import are wrong; the problem names each with its reason. Nothing was imported."
        "Mend these rows and send all again, with a new Idempotency-Key.";
    IdempotencyKeyReused
        "The key came with another request before; a key belongs to one request."
        "Use a new key for a new request. If this was meant to be a repetition, send exactly what was sent.";
    ConfigurationOutOfBounds
        "The value is of its key's type and breaks a bound of the key, which the detail names and the problem carries."
        "Send a value within the bounds that GET /v1/config/{key} shows.";
    InvalidKeyName
        "The names of configuration keys are 1 to 200 characters of a-z, 0-9, the point and the underscore."
        "Take a name from GET /v1/config.";
    WrongType
        "The value is not of the type that its key has, or of the type that it had before the key's type changed."
        "Send a value of the type that GET /v1/config/{key} shows.";
    ValueTooLong
        "The value is longer than config.largest_value says."
        "Send a shorter one, or raise that key first.";
    InvalidScopes
        "The values for some are not of their form, or the key has none for such an audience; the detail says which."
        "Compare them with what GET /v1/config/{key} shows as its reach.";
    ContradictingKeys
        "After the change two keys would say what they may not say together; the detail has the rule."
        "Change both together by POST /v1/config/changes, or choose another value.";
    NotTriable
        "Only keys that are read for each order can be tried, with a value other than theirs, and without values for some."
        "The detail says what stands in the way; keys with guards can be tried, as GET /v1/config/{key} shows.";
    ConfigurationRefused
        "Some keys of the change are refused; the problem names each with its reason. Nothing was changed."
        "Mend these keys and send all again, with a new Idempotency-Key.";
    InvalidLines
        "Some lines of the file are wrong; the problem names each with its number and reason. Nothing was changed."
        "Mend these lines and send the whole file again, with a new Idempotency-Key.";
    PreconditionRequired
        "A change must say which version it is based on, so that nobody overwrites what they have not seen."
        "Read the resource and send its ETag as If-Match.";
    RateLimited
        "More was asked in this second than this client's share of the operation, or too many log-ins failed."
        "Wait as many seconds as Retry-After says, then send the same again; RateLimit-Policy names the share.";
    HeadersTooLarge
        "Path, query and headers together take more than 16 KiB."
        "Send fewer or shorter headers.";
    Internal
        "Something that should not fail did. It is logged with the id in X-Request-Id."
        "Repeat it once with the same Idempotency-Key; if it stays, give the id to whoever operates this.";
    Unavailable
        "A service, its database or a place in the queue is not there at the moment. Nothing was done."
        "Wait as many seconds as Retry-After says, then send the same again with the same Idempotency-Key.";
    DeadlineExceeded
        "There was no answer in time. It may have been done all the same."
        "Repeat it with the same Idempotency-Key, which gives the first answer if it was done, or read what is there first.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guide_is_made_of_sentences() {
        for problem in ProblemType::ALL {
            for text in [problem.meaning(), problem.next()] {
                let sentence = text.ends_with('.') && text.starts_with(|first: char| first.is_uppercase());
                assert!(sentence, "{}: {text}", problem.name());
            }
        }
    }
}

//! Typed ids over UUIDv7. They are made at the edges and come into decisions as arguments.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[schema(value_type = Uuid)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map($name)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                $name(id)
            }
        }
    )*};
}

ids! {
    /// An order; also the key of everything in its saga.
    OrderId;
    /// A product of the catalogue.
    ProductId;
    /// A customer or a member of staff.
    UserId;
    /// What one order owes and what was done about it.
    PaymentId;
    /// A customer's way to pay, kept by `payment`.
    PaymentMethodId;
    /// An event; the inbox key of every subscriber.
    EventId;
    /// An entry in a customer's mailbox.
    MessageId;
    /// What leaves the shop in one piece; an order may need several.
    ParcelId;
    /// Lines or quantities of a confirmed order taken back before they were shipped.
    CancellationId;
    /// Pieces that a customer sends back.
    ReturnId;
    /// One log-in, from which refresh tokens follow each other until it ends.
    SessionId;
    /// A mail with a one-time code, from when it is asked for.
    MailId;
    /// One change of a password.
    PasswordChangeId;
    /// An address that a customer keeps.
    AddressId;
}

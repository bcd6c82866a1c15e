//! One catalogue of permissions; roles are sets over it, tokens carry them as `scope`.

macro_rules! permissions {
    ($($variant:ident $name:literal $meaning:literal;)*) => {
        /// What a caller may do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission { $($variant,)* }

        impl Permission {
            pub const ALL: &[Permission] = &[$(Permission::$variant,)*];

            /// `<noun>:<verb>`, as it stands in a token's `scope`.
            pub const fn name(self) -> &'static str {
                match self { $(Permission::$variant => $name,)* }
            }
            pub const fn meaning(self) -> &'static str {
                match self { $(Permission::$variant => $meaning,)* }
            }
        }
    };
}

permissions! {
    ProfileRead         "profile:read"          "See one's own account";
    ProductsWrite       "products:write"        "Create, change, archive and import products";
    StockRead           "stock:read"            "See stock levels and movements";
    StockWrite          "stock:write"           "Receive and adjust stock";
    OrdersPlace         "orders:place"          "Place orders";
    OrdersRead          "orders:read"           "See one's own orders";
    OrdersChange        "orders:change"         "Cancel one's own orders and ask for returns";
    OrdersReadAny       "orders:read_any"       "See everybody's orders";
    OrdersManage        "orders:manage"         "Cancel, ship, deliver, take back and annotate everybody's orders";
    PaymentMethodsWrite "payment_methods:write" "Keep one's own payment methods";
    PaymentsRead        "payments:read"         "See the payments of one's own orders";
    PaymentsReadAny     "payments:read_any"     "See everybody's payments";
    PaymentsRefund      "payments:refund"       "Refund what was taken back";
    PaymentsResolve     "payments:resolve"      "Decide by hand what the card processor leaves open";
    MessagesRead        "messages:read"         "Read one's own mailbox";
    ConfigurationRead   "configuration:read"    "See the live configuration";
    ConfigurationWrite  "configuration:write"   "Change the live configuration";
    BooksRead           "books:read"            "Check that orders, stock and money agree";
    EventsRead          "events:read"           "See events that failed";
    EventsRedrive       "events:redrive"        "Send failed events again, or discard them";
}

/// A named set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Customer,
    Admin,
}

impl Permission {
    pub fn from_name(name: &str) -> Option<Permission> {
        Permission::ALL.iter().copied().find(|permission| permission.name() == name)
    }
}

impl Role {
    pub const ALL: [Role; 2] = [Role::Customer, Role::Admin];

    pub const fn name(self) -> &'static str {
        match self {
            Role::Customer => "customer",
            Role::Admin => "admin",
        }
    }

    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    pub const fn permissions(self) -> &'static [Permission] {
        match self {
            Role::Customer => &[
                Permission::ProfileRead,
                Permission::OrdersPlace,
                Permission::OrdersRead,
                Permission::OrdersChange,
                Permission::PaymentMethodsWrite,
                Permission::PaymentsRead,
                Permission::MessagesRead,
            ],
            Role::Admin => Permission::ALL,
        }
    }
}

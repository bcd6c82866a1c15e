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
    ProfileWrite        "profile:write"         "Change one's own account and end its sessions";
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
    SecondFactorWrite   "second_factor:write"   "Keep one's own second factor";
    ApiKeysWrite        "api_keys:write"        "Keep API keys of one's own";
    RolesRead           "roles:read"            "See roles, permissions and who has them";
    RolesWrite          "roles:write"           "Create and change roles";
    RolesGrant          "roles:grant"           "Grant and withdraw roles";
    SigningKeysRotate   "signing_keys:rotate"   "Rotate the keys that access tokens are signed with";
    AuditRead           "audit:read"            "Search the audit log";
}

/// The roles that there are from the start. A customer's and an administrator's permissions are these for good;
/// those of the other three can be changed, and `user` keeps them and the roles that a shop adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Customer,
    Support,
    Catalogue,
    Finance,
    Admin,
}

impl Permission {
    pub fn from_name(name: &str) -> Option<Permission> {
        Permission::ALL.iter().copied().find(|permission| permission.name() == name)
    }

    /// Whether it is more than a customer may.
    pub fn of_staff(self) -> bool {
        !Role::Customer.permissions().contains(&self)
    }

    /// Whether an API key may carry it: what guards an account is for the person alone.
    pub const fn of_machines(self) -> bool {
        !matches!(self, Permission::ProfileWrite | Permission::SecondFactorWrite | Permission::ApiKeysWrite)
    }
}

impl Role {
    pub const ALL: [Role; 5] = [Role::Customer, Role::Support, Role::Catalogue, Role::Finance, Role::Admin];

    pub const fn name(self) -> &'static str {
        match self {
            Role::Customer => "customer",
            Role::Support => "support",
            Role::Catalogue => "catalogue",
            Role::Finance => "finance",
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
                Permission::ProfileWrite,
                Permission::OrdersPlace,
                Permission::OrdersRead,
                Permission::OrdersChange,
                Permission::PaymentMethodsWrite,
                Permission::PaymentsRead,
                Permission::MessagesRead,
                Permission::SecondFactorWrite,
                Permission::ApiKeysWrite,
            ],
            Role::Support => &[
                Permission::OrdersReadAny,
                Permission::OrdersManage,
                Permission::PaymentsReadAny,
                Permission::StockRead,
                Permission::EventsRead,
            ],
            Role::Catalogue => &[Permission::ProductsWrite, Permission::StockRead, Permission::StockWrite],
            Role::Finance => &[
                Permission::OrdersReadAny,
                Permission::PaymentsReadAny,
                Permission::PaymentsRefund,
                Permission::PaymentsResolve,
                Permission::BooksRead,
            ],
            Role::Admin => Permission::ALL,
        }
    }
}

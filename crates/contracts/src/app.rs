//! The seven services. One name each, everywhere: folder, binary, Dapr app-id, database, log field.

use serde::{Deserialize, Serialize};

/// A service, by its Dapr app-id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum App {
    Gateway,
    Config,
    User,
    Product,
    Order,
    Payment,
    Notification,
}

impl App {
    /// In the order in which ports are given out.
    pub const ALL: [App; 7] =
        [App::Gateway, App::Config, App::User, App::Product, App::Order, App::Payment, App::Notification];

    pub const fn name(self) -> &'static str {
        match self {
            App::Gateway => "gateway",
            App::Config => "config",
            App::User => "user",
            App::Product => "product",
            App::Order => "order",
            App::Payment => "payment",
            App::Notification => "notification",
        }
    }

    pub fn from_name(name: &str) -> Option<App> {
        App::ALL.into_iter().find(|app| app.name() == name)
    }

    /// Every service but the gateway owns a database of its name.
    pub const fn has_database(self) -> bool {
        !matches!(self, App::Gateway)
    }
}

impl std::fmt::Display for App {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

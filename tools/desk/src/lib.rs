//! The desk of whoever operates the shop: asks the public gateway as the administrator, and says what it answers.
//!
//! It knows nothing of the services behind the gateway: no database, no topic, no sidecar.

pub mod books;
pub mod config;
pub mod failed;
pub mod issues;
pub mod keys;
pub mod order;
pub mod timeline;
pub mod verify;

use replay::client::Session;

/// What is said at the end, and whether all is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub text: String,
    pub well: bool,
}

impl Said {
    pub fn well(text: impl Into<String>) -> Said {
        Said { text: text.into(), well: true }
    }
}

/// One thing to ask or to do.
#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub enum Errand {
    /// Check that orders, stock, money and events agree; fails when they do not.
    Books {
        /// Look at everything, not only at what has changed.
        #[arg(long)]
        all: bool,
    },
    /// Recompute the chain of an order's receipts; fails where it breaks.
    Verify {
        /// The order's id or number.
        order: String,
    },
    /// What happened to an order.
    Timeline {
        /// The order's id or number.
        order: String,
    },
    /// The payments that need a person.
    Issues,
    /// Sign access tokens with a new key; those of the old one go on to their end.
    RotateKeys,
    /// The live configuration: what each replica runs with, and every way to change it.
    Config {
        #[command(subcommand)]
        act: Option<config::Act>,
    },
    /// The events that services could not handle.
    Failed {
        #[command(subcommand)]
        act: failed::Act,
    },
}

/// Does the errand in the administrator's name.
pub async fn run(session: &Session, errand: Errand) -> anyhow::Result<Said> {
    match errand {
        Errand::Books { all } => {
            let scope = if all { books::Scope::All } else { books::Scope::Changed };
            books::run(session, scope).await
        }
        Errand::Verify { order } => verify::run(session, order::find(session, &order).await?).await,
        Errand::Timeline { order } => timeline::run(session, order::find(session, &order).await?).await,
        Errand::Issues => issues::run(session).await,
        Errand::RotateKeys => keys::rotate(session).await,
        Errand::Config { act } => config::run(session, act.unwrap_or(config::Act::Effective)).await,
        Errand::Failed { act } => failed::run(session, act).await,
    }
}

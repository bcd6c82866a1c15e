//! Which running system a command speaks to, and as whom.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use crate::{Credentials, administrator};

/// The gateway's port on one machine, before any offset.
const GATEWAY: u16 = 8080;

/// The options that every command has which goes through the public gateway.
#[derive(Args)]
pub struct Door {
    /// The gateway's public address [default: the one on this machine]
    #[arg(long, global = true, env = "CARTWRIGHT_GATEWAY")]
    gateway: Option<String>,
    /// What is added to every port of the system on this machine.
    #[arg(long, global = true, env = "CARTWRIGHT_PORT_OFFSET", default_value_t = 0)]
    port_offset: u16,
    /// The administrator's sign-in; otherwise it is read from the local secret store.
    #[arg(long, global = true, env = "CARTWRIGHT_ADMINISTRATOR_EMAIL")]
    administrator_email: Option<String>,
    #[arg(long, global = true, env = "CARTWRIGHT_ADMINISTRATOR_PASSWORD", hide_env_values = true)]
    administrator_password: Option<String>,
    /// Where the running system keeps its files, the secret store among them.
    #[arg(long, global = true, env = "CARTWRIGHT_HOME", default_value = ".local")]
    home: PathBuf,
}

impl Door {
    /// The gateway's address.
    pub fn gateway(&self) -> String {
        let here = || format!("http://127.0.0.1:{}", GATEWAY.saturating_add(self.port_offset));
        self.gateway.clone().filter(|address| !address.is_empty()).unwrap_or_else(here)
    }

    /// # Errors
    /// When only one half of the sign-in is given, or the secret store has none.
    pub fn administrator(&self) -> anyhow::Result<Credentials> {
        match (&self.administrator_email, &self.administrator_password) {
            (Some(email), Some(password)) => {
                Ok(Credentials { email: email.clone(), password: password.clone() })
            }
            (None, None) => administrator::read(&administrator::secrets_file(&self.home)),
            (Some(_), None) | (None, Some(_)) => {
                bail!("give both --administrator-email and --administrator-password, or neither")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Door;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        door: Door,
    }

    fn gateway(words: &[&str]) -> String {
        Command::parse_from(std::iter::once(&"command").chain(words)).door.gateway()
    }

    #[test]
    fn the_gateway_is_the_one_of_the_same_offset_unless_it_is_named() {
        assert_eq!(gateway(&["--port-offset", "10000"]), "http://127.0.0.1:18080");
        let named = ["--port-offset", "10000", "--gateway", "https://shop.example"];
        assert_eq!(gateway(&named), "https://shop.example");
    }

    #[test]
    fn half_a_sign_in_is_refused() {
        let command = Command::parse_from(["command", "--administrator-email", "a@example.com"]);
        let refused = command.door.administrator();
        assert!(refused.is_err_and(|error| error.to_string().starts_with("give both")));
    }
}

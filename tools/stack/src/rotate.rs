//! `stack rotate`: puts new secrets in the place of old ones while everything runs. First both are good, then whoever
//! holds the old one is started anew beside a copy that takes its calls, then the old one is nobody's.
//!
//! Whoever is ended half-way leaves both good; the next rotation goes on from there.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::{Context, bail};
use chrono::Utc;
use contracts::App;

use crate::hold::Changing;
use crate::secrets::{self, Rotation, Vault};
use crate::trial::Links;
use crate::{Instance, kafka, keep, provision, relief, say};

/// What is to be replaced, as people say it.
#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub enum What {
    /// The passwords by which services, and their sidecars, open their databases.
    Database {
        /// Of these services only.
        apps: Vec<String>,
    },
    /// The tokens between services and their sidecars.
    Tokens {
        /// Of these services only.
        apps: Vec<String>,
    },
    /// The users by which sidecars log in at the broker.
    Kafka {
        /// Of these services only.
        apps: Vec<String>,
    },
    /// The key by which payments are asked for at the card processor.
    ProviderKey,
    /// What the card processor signs its events with.
    WebhookSecret,
    /// All of these.
    All,
}

impl What {
    /// The secrets that are meant.
    pub fn rotations(&self) -> anyhow::Result<Vec<Rotation>> {
        let (apps, meant): (&[String], fn(Rotation) -> bool) = match self {
            What::Database { apps } => {
                (apps, |rotation| matches!(rotation, Rotation::Database(_) | Rotation::Reader(_)))
            }
            What::Tokens { apps } => (apps, |rotation| matches!(rotation, Rotation::Tokens(_))),
            What::Kafka { apps } => (apps, |rotation| matches!(rotation, Rotation::Kafka(_))),
            What::ProviderKey => (&[], |rotation| rotation == Rotation::ProviderKey),
            What::WebhookSecret => (&[], |rotation| rotation == Rotation::WebhookSecret),
            What::All => (&[], |_| true),
        };
        let all: Vec<Rotation> = Rotation::all().into_iter().filter(|rotation| meant(*rotation)).collect();
        for name in apps {
            if !all.iter().any(|rotation| rotation.holder().name() == name) {
                let holders: BTreeSet<App> = all.iter().map(|rotation| rotation.holder()).collect();
                let holders: Vec<&str> = holders.into_iter().map(App::name).collect();
                bail!("{name} has no such secret; these have: {}", holders.join(", "));
            }
        }
        let of_these =
            |rotation: &Rotation| apps.is_empty() || apps.iter().any(|name| rotation.holder().name() == name);
        Ok(all.into_iter().filter(of_these).collect())
    }
}

/// Replaces these secrets, and those that an earlier rotation has left half-way.
pub async fn run(instance: &Instance, what: &What) -> anyhow::Result<()> {
    let wanted = what.rotations()?;
    let keeper = keep::running(instance).context("nothing runs; start it with ./taskw up")?;
    if instance.trial.links == Links::Proxied {
        bail!("a second copy has no proxies of its own, so nothing is replaced while links are proxied");
    }
    let _changing = Changing::begin(instance)?;
    tokio::select! {
        replaced = replace(instance, &wanted) => replaced?,
        () = keep::ended(&keeper) => {
            bail!("everything was stopped meanwhile; what was begun is ended by the next ./taskw up");
        }
    }
    Ok(())
}

/// Both are good, whoever holds the old one is started anew, the old one is nobody's.
async fn replace(instance: &Instance, wanted: &[Rotation]) -> anyhow::Result<()> {
    let (began, at) = (Instant::now(), Utc::now());
    let mut vault = Vault::open(instance)?;
    let left = secrets::begun(&vault);
    if !left.is_empty() {
        say::line(format!("an earlier rotation was ended half-way; going on with {}", names(&left)));
    }
    secrets::begin(&mut vault, wanted)?;
    let replaced = secrets::begun(&vault);
    vault.save()?;
    let_in(instance, &vault).await?;
    say::line("✓ the new secrets are good, and the old ones too");
    let holders: BTreeSet<App> = replaced.iter().map(|rotation| rotation.holder()).collect();
    for app in holders {
        let relieved = relief::relieve(instance, &mut vault, app).await;
        relieved.with_context(|| {
            format!("{app} was not started anew; what was begun is gone on with next time")
        })?;
    }
    secrets::end(&mut vault)?;
    let_in(instance, &vault).await?;
    provision::end_sessions(instance, &vault, &idle_roles(&vault, &replaced), at).await?;
    vault.save()?;
    say::line("✓ the old secrets are nobody's any more");
    say::line(format!("replaced in {}: {}", say::duration(began.elapsed()), names(&replaced)));
    Ok(())
}

/// Has database and broker let in whom the vault names, and nobody else, and tells everybody who starts from now on.
/// A role that there is one of has its new password alone at once, so nothing that takes long comes after that.
async fn let_in(instance: &Instance, vault: &Vault) -> anyhow::Result<()> {
    kafka::provision(instance, vault).await?;
    provision::logins(instance, vault).await?;
    secrets::write_stores(instance, vault)
}

/// The login roles that nobody uses now.
fn idle_roles(vault: &Vault, replaced: &[Rotation]) -> Vec<String> {
    let roles = replaced.iter().filter_map(|rotation| match rotation {
        Rotation::Database(app) => {
            let used = secrets::login_role(vault, *app);
            secrets::login_roles(*app).into_iter().find(|role| *role != used)
        }
        Rotation::Reader(_)
        | Rotation::Kafka(_)
        | Rotation::Tokens(_)
        | Rotation::ProviderKey
        | Rotation::WebhookSecret => None,
    });
    roles.collect()
}

fn names(rotations: &[Rotation]) -> String {
    let names: Vec<String> = rotations.iter().map(|rotation| rotation.name()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_means_the_secrets_of_its_kind_of_these_services_or_of_all() {
        let order = || vec!["order".to_owned()];
        let rotations = |what: What| what.rotations().unwrap();
        assert_eq!(
            rotations(What::Database { apps: order() }),
            [Rotation::Database(App::Order), Rotation::Reader(App::Order)]
        );
        assert_eq!(rotations(What::Tokens { apps: order() }), [Rotation::Tokens(App::Order)]);
        assert_eq!(rotations(What::Tokens { apps: Vec::new() }).len(), App::ALL.len());
        assert_eq!(rotations(What::Kafka { apps: Vec::new() }).len(), 5);
        assert_eq!(rotations(What::ProviderKey), [Rotation::ProviderKey]);
        assert_eq!(rotations(What::All), Rotation::all());
    }

    #[test]
    fn a_service_without_such_a_secret_is_named_with_those_that_have_one() {
        let said = |what: What| what.rotations().unwrap_err().to_string();
        assert_eq!(
            said(What::Kafka { apps: vec!["gateway".to_owned()] }),
            "gateway has no such secret; these have: user, product, order, payment, notification"
        );
        assert!(said(What::Tokens { apps: vec!["stranger".to_owned()] }).starts_with("stranger has no such"));
    }
}

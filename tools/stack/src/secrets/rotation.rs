//! What can be put in the place of what while everything runs, and what of it is under way: from its beginning to its
//! end the old one is good as well as the new.

use contracts::App;
use serde_json::{Value, json};

use super::{
    PROVIDER_KEY, Vault, WEBHOOK_SECRET, channel, database_password, kafka_password, kafka_users,
    login_roles, notify_channel, sidecar_role,
};
use crate::kafka;

/// Marks in the vault what has begun and not ended.
const BEGUN: &str = "rotation/";

/// One secret that can be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rotation {
    /// The password of an app's database, by the other login role.
    Database(App),
    /// The password of an app's sidecar for the configuration table, and the channel on which it is told of changes.
    /// There is one role: the connections that are open stay open until the sidecar has the new one.
    Reader(App),
    /// The password of an app's sidecar at the broker, by the other user.
    Kafka(App),
    /// The two tokens between an app and its sidecar.
    Tokens(App),
    /// The key with which `payment` asks the card processor.
    ProviderKey,
    /// What the card processor signs its events with.
    WebhookSecret,
}

impl Rotation {
    /// Everything that can be replaced.
    pub fn all() -> Vec<Rotation> {
        let mut all = vec![Rotation::ProviderKey, Rotation::WebhookSecret];
        for app in App::ALL {
            all.push(Rotation::Tokens(app));
            all.extend(app.has_database().then_some(Rotation::Database(app)));
            all.push(Rotation::Reader(app));
            all.extend(kafka::uses_events(app).then_some(Rotation::Kafka(app)));
        }
        all
    }

    /// Who holds it, and must be started anew to have another.
    pub const fn holder(self) -> App {
        match self {
            Rotation::Database(app)
            | Rotation::Reader(app)
            | Rotation::Kafka(app)
            | Rotation::Tokens(app) => app,
            Rotation::ProviderKey | Rotation::WebhookSecret => App::Payment,
        }
    }

    /// As people read it, and as the vault remembers it.
    pub fn name(self) -> String {
        match self {
            Rotation::Database(app) => format!("{app}'s database password"),
            Rotation::Reader(app) => format!("{app}'s reader of the configuration"),
            Rotation::Kafka(app) => format!("{app}'s user of the broker"),
            Rotation::Tokens(app) => format!("{app}'s tokens"),
            Rotation::ProviderKey => "the card processor's key".to_owned(),
            Rotation::WebhookSecret => "the card processor's webhook secret".to_owned(),
        }
    }

    /// From here on both are good, and whoever starts has the new one.
    fn begin(self, vault: &mut Vault) -> anyhow::Result<()> {
        match self {
            Rotation::Database(app) => {
                let next = vault.turn(&roles(app)).other();
                vault.renew(&database_password(&next.of(login_roles(app))))?;
                vault.set_turn(&roles(app), next);
            }
            Rotation::Reader(app) => {
                vault.renew(&database_password(&sidecar_role(app)))?;
                vault.put(&notify_channel(app), channel()?);
            }
            Rotation::Kafka(app) => {
                let next = vault.turn(&users(app)).other();
                vault.renew(&kafka_password(&next.of(kafka_users(app))))?;
                vault.set_turn(&users(app), next);
            }
            // Each copy has its own, and gets new ones when it is started anew.
            Rotation::Tokens(_) => {}
            Rotation::ProviderKey => begin_pair(vault, PROVIDER_KEY)?,
            Rotation::WebhookSecret => begin_pair(vault, WEBHOOK_SECRET)?,
        }
        vault.put(&self.mark(), "begun".to_owned());
        Ok(())
    }

    /// From here on the old one is nobody's.
    fn end(self, vault: &mut Vault) -> anyhow::Result<()> {
        match self {
            Rotation::Database(app) => {
                let last = vault.turn(&roles(app)).other();
                vault.renew(&database_password(&last.of(login_roles(app))))?;
            }
            Rotation::Kafka(app) => {
                let last = vault.turn(&users(app)).other();
                vault.renew(&kafka_password(&last.of(kafka_users(app))))?;
            }
            Rotation::Tokens(_) | Rotation::Reader(_) => {}
            Rotation::ProviderKey => drop(vault.remove(&old(PROVIDER_KEY))),
            Rotation::WebhookSecret => drop(vault.remove(&old(WEBHOOK_SECRET))),
        }
        vault.remove(&self.mark());
        Ok(())
    }

    fn mark(self) -> String {
        format!("{BEGUN}{}", self.name())
    }
}

/// What has begun and not ended.
pub fn begun(vault: &Vault) -> Vec<Rotation> {
    Rotation::all().into_iter().filter(|rotation| vault.find(&rotation.mark()).is_some()).collect()
}

/// Begins these; what has begun already goes on as it is.
pub fn begin(vault: &mut Vault, rotations: &[Rotation]) -> anyhow::Result<()> {
    let under_way = begun(vault);
    rotations
        .iter()
        .filter(|rotation| !under_way.contains(rotation))
        .try_for_each(|rotation| rotation.begin(vault))
}

/// Ends everything that has begun.
pub fn end(vault: &mut Vault) -> anyhow::Result<()> {
    begun(vault).into_iter().try_for_each(|rotation| rotation.end(vault))
}

/// What the card sandbox takes and signs with; of what is being replaced, both.
pub(super) fn of_sandbox(vault: &Vault) -> anyhow::Result<Value> {
    let both = |name: &str| -> anyhow::Result<Vec<String>> {
        Ok([Some(vault.existing(name)?), vault.find(&old(name))].into_iter().flatten().collect())
    };
    Ok(json!({ "api_keys": both(PROVIDER_KEY)?, "webhook_secrets": both(WEBHOOK_SECRET)? }))
}

/// The name under which the vault keeps whose turn it is among an app's login roles.
pub(super) fn roles(app: App) -> String {
    format!("postgres/{app}")
}

/// The same for its users at the broker.
pub(super) fn users(app: App) -> String {
    format!("kafka/{app}")
}

fn begin_pair(vault: &mut Vault, name: &str) -> anyhow::Result<()> {
    if let Some(last) = vault.renew(name)? {
        vault.put(&old(name), last);
    }
    Ok(())
}

fn old(name: &str) -> String {
    format!("{name}/old")
}

#[cfg(test)]
mod tests {
    use super::super::{Turn, kafka_user, kafka_users_let_in, login_role, make};
    use super::*;
    use crate::Instance;
    use std::path::Path;

    fn vault() -> (tempfile::TempDir, Vault) {
        let folder = tempfile::tempdir().unwrap();
        let instance = Instance::new(folder.path(), Path::new("home"), 0).unwrap();
        make(&instance).unwrap();
        (folder, Vault::open(&instance).unwrap())
    }

    #[test]
    fn each_secret_that_is_replaced_is_another_one_in_the_end_and_nothing_is_left_over() {
        let (_folder, mut vault) = vault();
        let names: Vec<String> = vault.names().map(str::to_owned).collect();
        let before: Vec<String> = names.iter().map(|name| vault.existing(name).unwrap()).collect();
        begin(&mut vault, &Rotation::all()).unwrap();
        assert_eq!(begun(&vault), Rotation::all());
        end(&mut vault).unwrap();
        assert!(begun(&vault).is_empty());
        for (name, before) in names.iter().zip(before) {
            // Tokens are made when their holders are started anew.
            let replaced = ["_a", "_b", "_sidecar"].iter().any(|end| name.ends_with(end))
                || ["provider/", "channel/"].iter().any(|start| name.starts_with(start));
            assert_eq!(vault.existing(name).unwrap() != before, replaced, "{name}");
        }
        let new: Vec<&str> = vault.names().filter(|name| !names.iter().any(|known| known == name)).collect();
        assert!(new.iter().all(|name| name.ends_with("/turn")), "{new:?}");
    }

    #[test]
    fn the_other_login_takes_its_turn_and_the_first_one_again_after_it() {
        let (_folder, mut vault) = vault();
        let both = [Rotation::Database(App::Order), Rotation::Kafka(App::Order)];
        for (role, user) in [("order_b", "order_b"), ("order_a", "order_a")] {
            begin(&mut vault, &both).unwrap();
            assert_eq!(
                (login_role(&vault, App::Order), kafka_user(&vault, App::Order)),
                (role.into(), user.into())
            );
            assert_eq!(kafka_users_let_in(&vault, App::Order).len(), 2, "both, until it has ended");
            end(&mut vault).unwrap();
            assert_eq!(kafka_users_let_in(&vault, App::Order), [user]);
        }
        assert_eq!(vault.turn(&roles(App::Payment)), Turn::A, "nobody else's");
    }

    #[test]
    fn what_has_begun_goes_on_with_the_same_values() {
        let (_folder, mut vault) = vault();
        begin(&mut vault, &[Rotation::ProviderKey]).unwrap();
        let (new, of_sandbox) = (vault.existing(PROVIDER_KEY).unwrap(), of_sandbox(&vault).unwrap());
        assert_eq!(of_sandbox["api_keys"].as_array().unwrap().len(), 2);
        assert_eq!(of_sandbox["webhook_secrets"].as_array().unwrap().len(), 1);
        begin(&mut vault, &[Rotation::ProviderKey, Rotation::WebhookSecret]).unwrap();
        assert_eq!(vault.existing(PROVIDER_KEY).unwrap(), new);
        assert_eq!(begun(&vault), [Rotation::ProviderKey, Rotation::WebhookSecret]);
    }
}

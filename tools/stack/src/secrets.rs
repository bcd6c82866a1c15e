//! Random values that the first start makes. They live in one file that only this user can read; from it come
//! the files that each sidecar's secret store and each supervisor read.

mod rotation;
mod tokens;
mod vault;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use contracts::App;
use serde_json::{Value, json};

use crate::part::write_whole;
use crate::{Instance, kafka, links};

pub use rotation::{Rotation, begin, begun, end};
pub use tokens::{Tokens, read_tokens, renew_tokens};
pub use vault::{Turn, Vault};

pub const POSTGRES_SUPERUSER: &str = "postgres/superuser";
pub const KAFKA_CLUSTER: &str = "kafka/cluster_id";
pub const PROVIDER_KEY: &str = "provider/api_key";
pub const WEBHOOK_SECRET: &str = "provider/webhook_secret";
pub const ADMINISTRATOR_EMAIL: &str = "administrator/email";
pub const ADMINISTRATOR_PASSWORD: &str = "administrator/password";
/// The password of the customer of the sample order.
pub const SAMPLE_PASSWORD: &str = "sample/password";
/// What `user` seals its private keys and shared secrets with.
const SEALING_KEY: &str = "sealing/key";

/// Where mails go and who sends them; whoever has a mail server sets both in the vault.
const MAIL_URL: &str = "mail/url";
const MAIL_FROM: &str = "mail/from";

/// Who sends mails while nobody else is named; the domain is reserved and never delivers.
const SENDER: &str = "Cartwright <shop@cartwright.example>";
/// The e-mail address of the first administrator; the domain is reserved and never delivers.
const FIRST_ADMINISTRATOR: &str = "admin@cartwright.example";

/// What the making of secrets found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    Now,
    Before,
}

/// The login roles of a database, used in turn.
pub fn login_roles(app: App) -> [String; 2] {
    [format!("{app}_a"), format!("{app}_b")]
}

/// The role by which an app's sidecar reads the configuration table.
pub fn sidecar_role(app: App) -> String {
    format!("{app}_sidecar")
}

/// Where an app's sidecar is told that the configuration has changed. Whoever knows it can make that sidecar stumble.
pub fn notify_channel(app: App) -> String {
    format!("channel/{app}")
}

pub fn database_password(role: &str) -> String {
    format!("postgres/{role}")
}

/// The users of an app at the broker, used in turn.
pub fn kafka_users(app: App) -> [String; 2] {
    [format!("{app}_a"), format!("{app}_b")]
}

pub fn kafka_password(user: &str) -> String {
    format!("kafka/{user}")
}

/// The role that an app logs in as now.
pub fn login_role(vault: &Vault, app: App) -> String {
    vault.turn(&rotation::roles(app)).of(login_roles(app))
}

/// The user that an app's sidecar logs in as at the broker now.
pub fn kafka_user(vault: &Vault, app: App) -> String {
    vault.turn(&rotation::users(app)).of(kafka_users(app))
}

/// Every user of an app that the broker lets in: while one takes the other's place, both.
pub fn kafka_users_let_in(vault: &Vault, app: App) -> Vec<String> {
    let now = kafka_user(vault, app);
    if begun(vault).contains(&Rotation::Kafka(app)) {
        return kafka_users(app).into();
    }
    vec![now]
}

/// Makes what is missing and writes every file that is read from elsewhere, while nothing runs: what was being
/// replaced when everything was stopped is replaced by that.
pub fn make(instance: &Instance) -> anyhow::Result<Made> {
    let folder = instance.secrets();
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
    let mut vault = Vault::open(instance)?;
    let made = if vault.is_empty() { Made::Now } else { Made::Before };
    fill(&mut vault)?;
    end(&mut vault)?;
    vault.save()?;
    write_stores(instance, &vault)?;
    tokens::write(instance, &vault)?;
    Ok(made)
}

/// Writes the files that sidecars, and the card sandbox, read their secrets from.
pub fn write_stores(instance: &Instance, vault: &Vault) -> anyhow::Result<()> {
    for app in App::ALL {
        write_whole(&store_file(instance, app), &serde_json::to_vec_pretty(&store(instance, vault, app)?)?)?;
    }
    write_whole(&sandbox_file(instance), &serde_json::to_vec_pretty(&rotation::of_sandbox(vault)?)?)
}

/// The file behind an app's Dapr secret store.
pub fn store_file(instance: &Instance, app: App) -> PathBuf {
    instance.secrets().join(format!("{app}.json"))
}

/// The file behind the card sandbox: the keys that it takes, and what it signs with.
pub fn sandbox_file(instance: &Instance) -> PathBuf {
    instance.secrets().join("card-sandbox.json")
}

fn fill(vault: &mut Vault) -> anyhow::Result<()> {
    for name in [
        POSTGRES_SUPERUSER,
        PROVIDER_KEY,
        WEBHOOK_SECRET,
        ADMINISTRATOR_PASSWORD,
        SAMPLE_PASSWORD,
        SEALING_KEY,
    ] {
        vault.ensure(name, random)?;
    }
    vault.ensure(ADMINISTRATOR_EMAIL, || Ok(FIRST_ADMINISTRATOR.to_owned()))?;
    vault.ensure(KAFKA_CLUSTER, || Ok(cluster_id(uuid::Uuid::new_v4())))?;
    vault.ensure(&kafka_password("admin"), random)?;
    for app in App::ALL {
        vault.ensure(&database_password(&sidecar_role(app)), random)?;
        vault.ensure(&notify_channel(app), channel)?;
        if kafka::uses_events(app) {
            for user in kafka_users(app) {
                vault.ensure(&kafka_password(&user), random)?;
            }
        }
        if app.has_database() {
            for role in login_roles(app) {
                vault.ensure(&database_password(&role), random)?;
            }
        }
    }
    tokens::fill(vault)?;
    if vault.find("signing/private_key").is_none() {
        let (private_key, kid) = signing_key()?;
        vault.put("signing/private_key", private_key);
        vault.put("signing/kid", kid);
    }
    Ok(())
}

/// 192 random bits that need no escaping in a URL, a header or a properties file.
pub fn random() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 24];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// 192 random bits as a name in PostgreSQL, which would make capitals small and not take a dash.
fn channel() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 24];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(bytes.iter().fold("wake_".to_owned(), |name, byte| format!("{name}{byte:02x}")))
}

/// Kafka's form of an id. Its tools would take one that begins with a dash for an option.
fn cluster_id(id: uuid::Uuid) -> String {
    let text = URL_SAFE_NO_PAD.encode(id.as_bytes());
    if text.starts_with('-') { text.replacen('-', "A", 1) } else { text }
}

/// An Ed25519 key (PKCS#8 DER in base64) and its id, the start of the public key's hash.
fn signing_key() -> anyhow::Result<(String, String)> {
    let pair = Ed25519KeyPair::generate().map_err(|_| anyhow::anyhow!("no Ed25519 key could be made"))?;
    let document = pair.to_pkcs8v1().map_err(|_| anyhow::anyhow!("the Ed25519 key cannot be written"))?;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, pair.public_key().as_ref());
    let kid = hash.as_ref().get(..12).context("a SHA-256 hash is longer")?;
    Ok((STANDARD.encode(document.as_ref()), URL_SAFE_NO_PAD.encode(kid)))
}

/// Everything that an app and its sidecar may know, in the form of a multi-valued local file store.
fn store(instance: &Instance, vault: &Vault, app: App) -> anyhow::Result<Value> {
    let port = links::port(instance, app, links::End::Configuration);
    let reader = sidecar_role(app);
    let password = vault.existing(&database_password(&reader))?;
    let mut store = json!({
        "configuration": {
            "connectionString": format!(
                "host=127.0.0.1 port={port} user={reader} password={password} dbname=config sslmode=disable"
            ),
            "notifyChannel": vault.existing(&notify_channel(app))?,
        },
    });
    if kafka::uses_events(app) {
        let user = kafka_user(vault, app);
        let password = vault.existing(&kafka_password(&user))?;
        store["kafka"] = json!({ "username": user, "password": password });
    }
    if app.has_database() {
        let role = login_role(vault, app);
        let password = vault.existing(&database_password(&role))?;
        let port = links::port(instance, app, links::End::Database);
        store["database"] = json!({ "url": format!("postgres://{role}:{password}@127.0.0.1:{port}/{app}") });
    }
    match app {
        App::User => {
            store["signing"] = json!({
                "private_key": vault.existing("signing/private_key")?,
                "kid": vault.existing("signing/kid")?,
            });
            store["sealing"] = json!({ "key": vault.existing(SEALING_KEY)? });
            store["administrator"] = json!({
                "email": vault.existing(ADMINISTRATOR_EMAIL)?,
                "password": vault.existing(ADMINISTRATOR_PASSWORD)?,
            });
        }
        App::Payment => {
            store["provider"] = json!({
                "api_key": vault.existing(PROVIDER_KEY)?,
                "webhook_secret": vault.existing(WEBHOOK_SECRET)?,
            });
        }
        App::Notification => {
            let set = |name: &str| vault.find(name);
            let folder = || format!("folder:{}", instance.mails().display());
            store["mail"] = json!({
                "url": set(MAIL_URL).unwrap_or_else(folder),
                "from": set(MAIL_FROM).unwrap_or_else(|| SENDER.to_owned()),
            });
        }
        App::Gateway | App::Config | App::Product | App::Order => (),
    }
    Ok(store)
}

/// The secrets that an app itself may ask for; the others are its sidecar's.
pub fn readable_by(app: App) -> Vec<&'static str> {
    let mut names = Vec::new();
    if app.has_database() {
        names.push("database");
    }
    match app {
        App::User => names.extend(["signing", "sealing", "administrator"]),
        App::Payment => names.push("provider"),
        App::Notification => names.push("mail"),
        App::Gateway | App::Config | App::Product | App::Order => (),
    }
    names
}

/// Where sentry keeps the root and issuer certificates.
pub fn issuer_folder(instance: &Instance) -> PathBuf {
    instance.secrets().join("issuer")
}

pub fn read_trimmed(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seat::Seat;

    fn instance(folder: &Path) -> Instance {
        Instance::new(folder, Path::new("home"), 0).unwrap()
    }

    #[test]
    fn a_cluster_id_never_looks_like_an_option() {
        let dashed = uuid::Uuid::from_bytes([0xF8; 16]);
        assert!(URL_SAFE_NO_PAD.encode(dashed.as_bytes()).starts_with('-'));
        assert!(!cluster_id(dashed).starts_with('-') && cluster_id(dashed).len() == 22);
    }

    #[test]
    fn values_are_made_once_and_only_for_this_user() {
        let folder = tempfile::tempdir().unwrap();
        let instance = instance(folder.path());
        assert_eq!(make(&instance).unwrap(), Made::Now);
        let before = std::fs::read(instance.secrets().join("vault.json")).unwrap();
        assert_eq!(make(&instance).unwrap(), Made::Before);
        assert_eq!(std::fs::read(instance.secrets().join("vault.json")).unwrap(), before);
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(instance.secrets()), 0o700);
        assert_eq!(mode(store_file(&instance, App::User)), 0o600);
        assert_eq!(mode(tokens::file(&instance, Seat::first(App::User))), 0o600);
    }

    #[test]
    fn no_app_finds_anothers_secret_in_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let instance = instance(folder.path());
        make(&instance).unwrap();
        let vault = Vault::open(&instance).unwrap();
        for app in App::ALL {
            let own = store(&instance, &vault, app).unwrap().to_string();
            for other in App::ALL.into_iter().filter(|other| *other != app) {
                let tokens = tokens::of(&vault, Seat::first(other)).unwrap();
                let kafka = vault.find(&kafka_password(&kafka_user(&vault, other)));
                let reader = vault.find(&database_password(&sidecar_role(other)));
                let channel = vault.find(&notify_channel(other));
                let tokens = [tokens.dapr_api_token, tokens.app_api_token];
                for secret in tokens.into_iter().chain(kafka).chain(reader).chain(channel) {
                    assert!(!own.contains(&secret), "{app} knows {other}'s");
                }
            }
        }
    }

    #[test]
    fn an_app_may_read_what_its_file_holds_but_for_what_is_the_sidecars() {
        let folder = tempfile::tempdir().unwrap();
        let instance = instance(folder.path());
        make(&instance).unwrap();
        let vault = Vault::open(&instance).unwrap();
        for app in App::ALL {
            let mut names = readable_by(app);
            names.push("configuration");
            if kafka::uses_events(app) {
                names.push("kafka");
            }
            names.sort_unstable();
            let store = store(&instance, &vault, app).unwrap();
            let held: Vec<&str> = store.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(held, names, "{app}");
        }
    }
}

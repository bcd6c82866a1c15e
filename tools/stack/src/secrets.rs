//! Random values that the first start makes. They live in one file that only this user can read; from it come
//! the files that each sidecar's secret store and each supervisor read.

use std::collections::BTreeMap;
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

pub const POSTGRES_SUPERUSER: &str = "postgres/superuser";
pub const CONFIGURATION_READER: &str = "postgres/configuration_reader";
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

/// All values by name, each made when it is first asked for.
#[derive(Debug)]
pub struct Vault {
    path: PathBuf,
    values: BTreeMap<String, String>,
}

/// The two tokens between an app and its sidecar.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Tokens {
    /// From the app to its sidecar.
    pub dapr_api_token: String,
    /// From the sidecar to its app.
    pub app_api_token: String,
}

impl Vault {
    pub fn open(instance: &Instance) -> anyhow::Result<Vault> {
        let path = instance.secrets().join("vault.json");
        let values = match std::fs::read(&path) {
            Ok(text) => {
                serde_json::from_slice(&text).with_context(|| format!("{} cannot be read", path.display()))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        Ok(Vault { path, values })
    }

    /// A value that must have been made before.
    pub fn existing(&self, name: &str) -> anyhow::Result<String> {
        self.values.get(name).cloned().with_context(|| format!("{} holds no {name}", self.path.display()))
    }

    /// A value that is made by `make` when it is not there.
    fn ensure(&mut self, name: &str, make: impl FnOnce() -> anyhow::Result<String>) -> anyhow::Result<()> {
        if !self.values.contains_key(name) {
            self.values.insert(name.to_owned(), make()?);
        }
        Ok(())
    }

    fn save(&self) -> anyhow::Result<()> {
        write_whole(&self.path, &serde_json::to_vec_pretty(&self.values)?)
    }
}

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

pub fn database_password(role: &str) -> String {
    format!("postgres/{role}")
}

pub fn kafka_password(user: &str) -> String {
    format!("kafka/{user}")
}

/// Makes what is missing and writes every file that is read from elsewhere.
pub fn make(instance: &Instance) -> anyhow::Result<Made> {
    let folder = instance.secrets();
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
    let mut vault = Vault::open(instance)?;
    let made = if vault.values.is_empty() { Made::Now } else { Made::Before };
    fill(&mut vault)?;
    vault.save()?;
    for app in App::ALL {
        write_whole(&store_file(instance, app), &serde_json::to_vec_pretty(&store(instance, &vault, app)?)?)?;
        write_whole(&tokens_file(instance, app), &serde_json::to_vec_pretty(&tokens(&vault, app)?)?)?;
    }
    Ok(made)
}

/// The file behind an app's Dapr secret store.
pub fn store_file(instance: &Instance, app: App) -> PathBuf {
    instance.secrets().join(format!("{app}.json"))
}

/// The tokens of an app and its sidecar.
pub fn read_tokens(instance: &Instance, app: App) -> anyhow::Result<Tokens> {
    let path = tokens_file(instance, app);
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} cannot be read", path.display()))
}

fn tokens_file(instance: &Instance, app: App) -> PathBuf {
    instance.secrets().join("tokens").join(format!("{app}.json"))
}

fn fill(vault: &mut Vault) -> anyhow::Result<()> {
    for name in [
        POSTGRES_SUPERUSER,
        CONFIGURATION_READER,
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
        if kafka::uses_events(app) {
            vault.ensure(&kafka_password(app.name()), random)?;
        }
        vault.ensure(&format!("token/{app}/dapr"), random)?;
        vault.ensure(&format!("token/{app}/app"), random)?;
        if app.has_database() {
            for role in login_roles(app) {
                vault.ensure(&database_password(&role), random)?;
            }
        }
    }
    if !vault.values.contains_key("signing/private_key") {
        let (private_key, kid) = signing_key()?;
        vault.values.insert("signing/private_key".to_owned(), private_key);
        vault.values.insert("signing/kid".to_owned(), kid);
    }
    Ok(())
}

/// 192 random bits that need no escaping in a URL, a header or a properties file.
pub fn random() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 24];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
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

fn tokens(vault: &Vault, app: App) -> anyhow::Result<Tokens> {
    Ok(Tokens {
        dapr_api_token: vault.existing(&format!("token/{app}/dapr"))?,
        app_api_token: vault.existing(&format!("token/{app}/app"))?,
    })
}

/// Everything that an app and its sidecar may know, in the form of a multi-valued local file store.
fn store(instance: &Instance, vault: &Vault, app: App) -> anyhow::Result<Value> {
    let port = links::port(instance, app, links::End::Configuration);
    let reader = vault.existing(CONFIGURATION_READER)?;
    let mut store = json!({
        "configuration": { "connectionString": format!(
            "host=127.0.0.1 port={port} user=configuration_reader password={reader} dbname=config sslmode=disable"
        ) },
    });
    if kafka::uses_events(app) {
        let password = vault.existing(&kafka_password(app.name()))?;
        store["kafka"] = json!({ "username": app.name(), "password": password });
    }
    if app.has_database() {
        let [role, _] = login_roles(app);
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
            let set = |name: &str| vault.values.get(name).cloned();
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
        assert_eq!(mode(tokens_file(&instance, App::User)), 0o600);
    }

    #[test]
    fn no_app_finds_anothers_secret_in_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let instance = instance(folder.path());
        make(&instance).unwrap();
        let vault = Vault::open(&instance).unwrap();
        let shared = [vault.existing(CONFIGURATION_READER).unwrap(), FIRST_ADMINISTRATOR.to_owned()];
        for app in App::ALL {
            let own = store(&instance, &vault, app).unwrap().to_string();
            for other in App::ALL.into_iter().filter(|other| *other != app) {
                let tokens = tokens(&vault, other).unwrap();
                let kafka = vault.existing(&kafka_password(other.name())).ok();
                for secret in [tokens.dapr_api_token, tokens.app_api_token].into_iter().chain(kafka) {
                    assert!(!shared.contains(&secret) && !own.contains(&secret), "{app} knows {other}'s");
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

//! What the secret store brings: the signing key and the first administrator.

use anyhow::Context;
use argon2::password_hash::generate_salt;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contracts::UserId;
use contracts::permission::Role;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::app::App;
use crate::app::hashing::cost;
use crate::domain::{Account, Email, Name, Password, password};
use crate::store::{self, roles};

/// Reads the secret `signing`: base64 of a PKCS #8 document.
///
/// # Errors
/// When it is none.
pub fn private_key(private_key: &SecretString) -> anyhow::Result<Vec<u8>> {
    STANDARD.decode(private_key.expose_secret()).context("the secret `signing` is not base64")
}

/// Makes the account of the secret `administrator` when there is no administrator yet.
///
/// # Errors
/// When the secret holds no e-mail address or password, the address is a customer's, or the database fails.
pub async fn ensure_administrator(
    app: &App,
    email: &SecretString,
    password: &SecretString,
) -> anyhow::Result<()> {
    let account = Account {
        id: UserId(Uuid::now_v7()),
        email: Email::try_from(email.expose_secret().to_owned()).context("the secret `administrator`")?,
        name: Name::try_from("Administrator".to_owned())?,
        created_at: app.clock.now(),
    };
    let password =
        Password::try_from(password.expose_secret().to_owned()).context("the secret `administrator`")?;

    password::check_choice(&password, &account.email, &account.name).context("the secret `administrator`")?;
    let mut tx = app.db.begin().await?;
    roles::lock_roles(&mut tx).await?;
    if roles::find_holder(&mut tx, Role::Admin).await? {
        return Ok(());
    }
    let cost = cost(&app.live);
    let hash =
        tokio::task::spawn_blocking(move || password::hash(&password, cost, &generate_salt())).await??;
    let inserted = store::insert_account(&mut tx, &account, &hash).await?;
    anyhow::ensure!(
        inserted,
        "the e-mail address of the secret `administrator` belongs to an account already"
    );
    roles::insert_user_role(&mut tx, account.id, &Role::Admin.into(), account.created_at).await?;
    tx.commit().await?;
    tracing::info!(user.id = %account.id, "the first administrator was made");
    Ok(())
}

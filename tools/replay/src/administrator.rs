//! Where the administrator's sign-in comes from when none is given: the local secret store.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;

use crate::client::Credentials;

#[derive(Deserialize)]
struct UserSecrets {
    administrator: Administrator,
}

#[derive(Deserialize)]
struct Administrator {
    email: String,
    password: String,
}

/// The file that the first `./taskw up` makes below `home`.
pub fn secrets_file(home: &Path) -> PathBuf {
    home.join("secrets").join("user.json")
}

/// Reads the first administrator's sign-in.
pub fn read(file: &Path) -> anyhow::Result<Credentials> {
    let content = std::fs::read(file).with_context(|| {
        format!(
            "cannot read the administrator's sign-in from {}; start the system with `./taskw up`, or give \
             --administrator-email and --administrator-password",
            file.display()
        )
    })?;
    let secrets: UserSecrets = serde_json::from_slice(&content)
        .with_context(|| format!("{} holds no administrator.email and .password", file.display()))?;
    let Administrator { email, password } = secrets.administrator;
    Ok(Credentials { email, password })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_in_is_read_from_the_secret_store() {
        let home = tempfile::tempdir().unwrap();
        let file = secrets_file(home.path());
        let missing = read(&file).unwrap_err().to_string();
        assert!(missing.contains("./taskw up") && missing.contains("--administrator-email"), "{missing}");

        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, r#"{"signing":{},"administrator":{"email":"a@b.example","password":"p"}}"#)
            .unwrap();
        let credentials = read(&file).unwrap();
        assert_eq!((credentials.email.as_str(), credentials.password.as_str()), ("a@b.example", "p"));
        assert!(!format!("{credentials:?}").contains("\"p\""));
    }
}

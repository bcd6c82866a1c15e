//! The tokens by which sentry knows which sidecar asks for a certificate. The key that signs them is made at
//! each start and forgotten at once: nobody can sign another.

use anyhow::Context;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use contracts::App;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use crate::Instance;
use crate::part::write_whole;

/// Longer than any stack runs without a new start.
const VALIDITY: Duration = Duration::days(365);
const KEY_ID: &str = "stack";

/// The file with the token of an app's sidecar.
pub fn token_file(instance: &Instance, app: App) -> std::path::PathBuf {
    instance.secrets().join("sentry").join(format!("{app}.jwt"))
}

/// The public key that sentry checks the tokens with.
pub fn keys_file(instance: &Instance) -> std::path::PathBuf {
    instance.secrets().join("sentry").join("jwks.json")
}

/// Writes a token for each sidecar and the key for sentry.
pub fn issue(instance: &Instance, now: DateTime<Utc>) -> anyhow::Result<()> {
    let pair = Ed25519KeyPair::generate().map_err(|_| anyhow::anyhow!("no Ed25519 key could be made"))?;
    let document = pair.to_pkcs8v1().map_err(|_| anyhow::anyhow!("the Ed25519 key cannot be written"))?;
    let key = EncodingKey::from_ed_der(document.as_ref());
    let keys = json!({ "keys": [{
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KEY_ID,
        "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
    }] });
    write_whole(&keys_file(instance), &serde_json::to_vec_pretty(&keys)?)?;
    let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::EdDSA) };
    for app in App::ALL {
        let claims = json!({
            "sub": format!("spiffe://public/ns/default/{app}"),
            "aud": "spiffe://localhost/ns/default/dapr-sentry",
            "iat": now.timestamp(),
            "exp": (now + VALIDITY).timestamp(),
        });
        let token = jsonwebtoken::encode(&header, &claims, &key).context("a token cannot be signed")?;
        write_whole(&token_file(instance, app), token.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{DecodingKey, Validation};

    #[test]
    fn each_token_names_its_app_and_is_signed_by_the_published_key() {
        let folder = tempfile::tempdir().unwrap();
        let instance = Instance::new(folder.path(), std::path::Path::new("home"), 0).unwrap();
        issue(&instance, Utc::now()).unwrap();
        let keys: JwkSet = serde_json::from_slice(&std::fs::read(keys_file(&instance)).unwrap()).unwrap();
        let key = DecodingKey::from_jwk(&keys.keys[0]).unwrap();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&["spiffe://localhost/ns/default/dapr-sentry"]);
        for app in App::ALL {
            let token = std::fs::read_to_string(token_file(&instance, app)).unwrap();
            let claims = jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).unwrap().claims;
            assert_eq!(claims["sub"], format!("spiffe://public/ns/default/{app}"));
        }
    }
}

//! Access tokens: what they say, and the key that signs them.

use std::collections::BTreeSet;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::permission::Role;
use contracts::{Permission, UserId};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use uuid::Uuid;
use web::auth::{AUDIENCE, Claims, ISSUER};

/// A token cannot be taken back, so it does not live long.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// Signs tokens; its public half is what everybody checks them against.
pub struct SigningKey {
    kid: String,
    key: EncodingKey,
    jwks: JwkSet,
}

#[derive(Debug, thiserror::Error)]
#[error("the signing key is not an Ed25519 key in PKCS #8")]
pub struct KeyError;

impl SigningKey {
    pub fn new(kid: String, pkcs8: &[u8]) -> Result<SigningKey, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError)?;
        let jwks = serde_json::from_value(json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid,
            "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
        }]}))
        .map_err(|_| KeyError)?;
        Ok(SigningKey { kid, key: EncodingKey::from_ed_der(pkcs8), jwks })
    }

    pub fn jwks(&self) -> &JwkSet {
        &self.jwks
    }

    pub fn sign(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.key)
    }
}

/// What a token for this user says.
pub fn claims(user_id: UserId, roles: &[Role], now: DateTime<Utc>, id: Uuid) -> Claims {
    let scope: Vec<_> = permissions(roles).into_iter().map(Permission::name).collect();
    Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: user_id.0,
        iat: now.timestamp(),
        exp: (now + LIFETIME).timestamp(),
        jti: id,
        scope: scope.join(" "),
    }
}

/// What these roles may do together.
pub fn permissions(roles: &[Role]) -> BTreeSet<Permission> {
    roles.iter().flat_map(|role| role.permissions()).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_carries_the_permissions_of_all_roles_once() {
        let now = DateTime::UNIX_EPOCH;
        let both = claims(UserId(Uuid::nil()), &[Role::Customer, Role::Admin], now, Uuid::nil());
        let admin = claims(UserId(Uuid::nil()), &[Role::Admin], now, Uuid::nil());
        assert_eq!(both.scope, admin.scope);
        assert_eq!((both.iat, both.exp), (0, 900));
        assert_eq!(claims(UserId(Uuid::nil()), &[], now, Uuid::nil()).scope, "");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(SigningKey::new("kid".into(), b"not a key").is_err());
    }
}

//! Access tokens for tests, signed with a key of their own.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use contracts::UserId;
use contracts::permission::Role;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

/// Signs tokens and knows its public keys.
pub struct Signer {
    key: EncodingKey,
    public: String,
    pub kid: String,
}

impl Default for Signer {
    fn default() -> Self {
        Signer::new("test-key")
    }
}

impl Signer {
    pub fn new(kid: &str) -> Signer {
        let document = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        Signer {
            key: EncodingKey::from_ed_der(document.as_ref()),
            public: URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
            kid: kid.to_owned(),
        }
    }

    /// The public keys, as `user` gives them out.
    pub fn jwks(&self) -> JwkSet {
        serde_json::from_value(json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid, "x": self.public,
        }]}))
        .unwrap()
    }

    /// A token that a customer or member of staff would have.
    pub fn token(&self, user_id: UserId, role: Role) -> String {
        let scope: Vec<_> = role.permissions().iter().map(|permission| permission.name()).collect();
        self.sign(&self.claims(user_id, &scope.join(" ")))
    }

    /// Claims to change and [`Signer::sign`].
    pub fn claims(&self, user_id: UserId, scope: &str) -> Value {
        let now = Utc::now().timestamp();
        json!({
            "iss": "cartwright", "aud": "cartwright", "sub": user_id, "iat": now, "exp": now + 900,
            "jti": Uuid::now_v7(), "scope": scope,
        })
    }

    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        self.sign_under(&header, claims)
    }

    /// Under a header that says what the test likes.
    pub fn sign_under(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.key).unwrap()
    }
}

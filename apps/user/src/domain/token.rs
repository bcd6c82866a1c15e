//! Access tokens: what they say, and the keys that sign them.

use std::collections::BTreeSet;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::{Permission, UserId};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use uuid::Uuid;
use web::auth::{AUDIENCE, Claims, ISSUER};

use super::role::Standing;

/// A token can be taken back at the gateway only, so it does not live long.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// A new key is given out for this long before it signs: by then every replica of `user` knows it, and whoever
/// fetches the keys for a token of it gets it, however often strangers made them fetch.
pub const GIVEN_OUT_FIRST: TimeDelta = TimeDelta::seconds(30);
/// A key outlives its last token by this much, for clocks that differ.
const MARGIN: TimeDelta = TimeDelta::minutes(1);

/// Signs tokens; its public half is what everybody checks them against.
pub struct SigningKey {
    kid: String,
    key: EncodingKey,
    jwk: Jwk,
    public: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
#[error("the signing key is not an Ed25519 key in PKCS #8")]
pub struct KeyError;

impl SigningKey {
    pub fn new(kid: String, pkcs8: &[u8]) -> Result<SigningKey, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError)?;
        let public = pair.public_key().as_ref().to_vec();
        let jwk = serde_json::from_value(json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid,
            "x": URL_SAFE_NO_PAD.encode(&public),
        }))
        .map_err(|_| KeyError)?;
        Ok(SigningKey { kid, key: EncodingKey::from_ed_der(pkcs8), jwk, public })
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    pub fn public(&self) -> &[u8] {
        &self.public
    }

    pub fn sign(&self, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.key)
    }
}

/// When a key was made, and when it begins to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub kid: String,
    pub made_at: DateTime<Utc>,
    pub signs_from: DateTime<Utc>,
}

/// The key that signs now: of those whose time has come the last one; before that the first there is.
pub fn signer(terms: &[Term], now: DateTime<Utc>) -> Option<&Term> {
    let by_time = |term: &&Term| (term.signs_from, term.made_at, term.kid.clone());
    terms
        .iter()
        .filter(|term| term.signs_from <= now)
        .max_by_key(by_time)
        .or_else(|| terms.iter().min_by_key(by_time))
}

/// The keys of which no token can be left.
pub fn outlived(terms: &[Term], now: DateTime<Utc>) -> Vec<String> {
    let Some(signer) = signer(terms, now - LIFETIME - MARGIN) else { return Vec::new() };
    terms.iter().filter(|term| term.signs_from < signer.signs_from).map(|term| term.kid.clone()).collect()
}

/// Whether a new key is due.
pub fn rotation_due(terms: &[Term], interval: TimeDelta, now: DateTime<Utc>) -> bool {
    terms.iter().all(|term| term.made_at + interval <= now)
}

/// On whose behalf a token is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bearer {
    /// A person's session, and whether it began with a second factor.
    Session { id: Option<Uuid>, second_factor: bool },
    /// A machine, within the permissions of its key and until the key's end, and whether its owner has a second factor.
    Machine {
        key_id: Uuid,
        permissions: BTreeSet<Permission>,
        expires_at: DateTime<Utc>,
        second_factor: bool,
    },
}

/// Whether staff must have shown a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaffRule {
    Password,
    SecondFactor,
}

/// What a token for this user says.
pub fn claims(
    user_id: UserId,
    standing: &Standing,
    bearer: &Bearer,
    rule: StaffRule,
    now: DateTime<Utc>,
    id: Uuid,
) -> Claims {
    let scope: Vec<_> =
        allowed(&standing.permissions, bearer, rule).into_iter().map(Permission::name).collect();
    let (sid, key, end) = match bearer {
        Bearer::Session { id, .. } => (*id, None, now + LIFETIME),
        Bearer::Machine { key_id, expires_at, .. } => {
            (None, Some(*key_id), (now + LIFETIME).min(*expires_at))
        }
    };
    Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: user_id.0,
        iat: now.timestamp(),
        exp: end.timestamp(),
        jti: id,
        scope: scope.join(" "),
        sid,
        key,
        generation: standing.generation,
    }
}

/// Of what the user may do, what this token may: a machine what its key says, and staff without the second factor
/// that they need, or their machines, what a customer may.
pub fn allowed(held: &BTreeSet<Permission>, bearer: &Bearer, rule: StaffRule) -> BTreeSet<Permission> {
    held.iter()
        .copied()
        .filter(|permission| match (bearer, rule) {
            (Bearer::Machine { permissions, .. }, _) => {
                permissions.contains(permission) && permission.of_machines()
            }
            (Bearer::Session { .. }, _) => true,
        })
        .filter(|permission| match (bearer, rule) {
            (
                Bearer::Session { second_factor: false, .. } | Bearer::Machine { second_factor: false, .. },
                StaffRule::SecondFactor,
            ) => !permission.of_staff(),
            (
                Bearer::Session { .. } | Bearer::Machine { .. },
                StaffRule::Password | StaffRule::SecondFactor,
            ) => true,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::permission::Role;

    fn standing() -> Standing {
        let permissions = Role::Admin.permissions().iter().copied().collect();
        Standing { generation: 3, roles: vec![Role::Admin.into()], permissions }
    }

    fn term(kid: &str, made: i64) -> Term {
        let made_at = DateTime::UNIX_EPOCH + TimeDelta::seconds(made);
        Term { kid: kid.to_owned(), made_at, signs_from: made_at + GIVEN_OUT_FIRST }
    }

    #[test]
    fn a_token_says_who_for_how_long_and_which_session() {
        let (now, id) = (DateTime::UNIX_EPOCH, Uuid::from_u128(5));
        let bearer = Bearer::Session { id: Some(id), second_factor: false };
        let claims = claims(UserId(Uuid::nil()), &standing(), &bearer, StaffRule::Password, now, Uuid::nil());
        assert_eq!((claims.iat, claims.exp, claims.generation), (0, 900, 3));
        assert_eq!((claims.sid, claims.key), (Some(id), None));
        assert_eq!(claims.scope.split(' ').count(), Permission::ALL.len());
    }

    #[test]
    fn a_machine_may_what_both_it_and_its_owner_may_and_not_beyond_its_end() {
        let now = DateTime::UNIX_EPOCH;
        let bearer = Bearer::Machine {
            key_id: Uuid::from_u128(6),
            permissions: BTreeSet::from([Permission::OrdersRead, Permission::ApiKeysWrite]),
            expires_at: now + TimeDelta::minutes(1),
            second_factor: true,
        };
        let claims =
            claims(UserId(Uuid::nil()), &standing(), &bearer, StaffRule::SecondFactor, now, Uuid::nil());
        assert_eq!(claims.scope, "orders:read");
        assert_eq!((claims.exp, claims.sid, claims.key), (60, None, Some(Uuid::from_u128(6))));
        assert!(allowed(&BTreeSet::new(), &bearer, StaffRule::Password).is_empty());
    }

    #[test]
    fn where_staff_need_a_second_factor_they_are_customers_without_it() {
        let held = standing().permissions;
        let bearer = |second_factor| Bearer::Session { id: None, second_factor };
        let without = allowed(&held, &bearer(false), StaffRule::SecondFactor);
        assert!(without.iter().all(|permission| !permission.of_staff()));
        assert!(without.contains(&Permission::SecondFactorWrite));
        assert_eq!(allowed(&held, &bearer(true), StaffRule::SecondFactor), held);
        assert_eq!(allowed(&held, &bearer(false), StaffRule::Password), held);
    }

    #[test]
    fn a_machine_of_staff_is_a_customers_too_where_its_owner_has_no_second_factor() {
        let held = standing().permissions;
        let bearer = |second_factor| Bearer::Machine {
            key_id: Uuid::nil(),
            permissions: BTreeSet::from([Permission::OrdersRead, Permission::OrdersReadAny]),
            expires_at: DateTime::UNIX_EPOCH,
            second_factor,
        };
        let without = allowed(&held, &bearer(false), StaffRule::SecondFactor);
        assert_eq!(without, BTreeSet::from([Permission::OrdersRead]));
        assert_eq!(allowed(&held, &bearer(true), StaffRule::SecondFactor).len(), 2);
        assert_eq!(allowed(&held, &bearer(false), StaffRule::Password).len(), 2);
    }

    #[test]
    fn a_new_key_signs_once_it_was_given_out_and_the_old_one_goes_when_its_tokens_are_gone() {
        let terms = [term("old", 0), term("new", 1000)];
        let at = |seconds| DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds);
        assert_eq!(signer(&terms, at(0)).unwrap().kid, "old", "there is no other yet");
        assert_eq!(signer(&terms, at(1029)).unwrap().kid, "old");
        assert_eq!(signer(&terms, at(1030)).unwrap().kid, "new");
        assert!(outlived(&terms, at(1030 + 900 + 59)).is_empty());
        assert_eq!(outlived(&terms, at(1030 + 900 + 60)), ["old"]);
        assert!(outlived(&terms[..1], at(1_000_000)).is_empty());
        assert!(signer(&[], at(0)).is_none());
        assert!(!rotation_due(&terms, TimeDelta::seconds(100), at(1099)));
        assert!(rotation_due(&terms, TimeDelta::seconds(100), at(1100)));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(SigningKey::new("kid".into(), b"not a key").is_err());
    }
}

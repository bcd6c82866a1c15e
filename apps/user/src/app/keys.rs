//! The keys that sign access tokens, as this replica knows them; the database has them for all replicas.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::JwkSet;
use sqlx::PgPool;
use web::Clock;
use web::auth::Claims;

use crate::app::sealing::Sealing;
use crate::domain::token::{self, GIVEN_OUT_FIRST, SigningKey, Term};
use crate::store::signing_keys::{self, SigningKeyRow};

/// Characters of a key's id, the start of its public half's hash.
const KID_BYTES: usize = 12;

/// Signs with the key whose time has come, and gives the public halves out.
pub struct SigningKeys {
    ring: RwLock<Arc<Ring>>,
    sealing: Arc<Sealing>,
}

#[derive(Default)]
struct Ring {
    terms: Vec<Term>,
    keys: HashMap<String, SigningKey>,
}

impl SigningKeys {
    /// With no key yet.
    pub fn new(sealing: Arc<Sealing>) -> SigningKeys {
        SigningKeys { ring: RwLock::default(), sealing }
    }

    /// Puts the secret store's key among the others, the first time that it is seen, and reads them all.
    ///
    /// # Errors
    /// When the database fails or holds what cannot be opened.
    pub async fn begin(
        &self,
        db: &PgPool,
        kid: &str,
        pkcs8: &[u8],
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let mut tx = db.begin().await?;
        signing_keys::lock_signing_keys(&mut tx).await?;
        let first = signing_keys::list_signing_keys(&mut tx).await?.is_empty();
        let signs_from = if first { now } else { now + GIVEN_OUT_FIRST };
        let key = SigningKey::new(kid.to_owned(), pkcs8)?;
        let row = self.row(&key, pkcs8, now, signs_from)?;
        signing_keys::insert_signing_key(&mut tx, &row, key.public()).await?;
        tx.commit().await?;
        self.refresh(db).await
    }

    /// Reads what other replicas may have changed.
    ///
    /// # Errors
    /// When the database fails or holds what cannot be opened.
    pub async fn refresh(&self, db: &PgPool) -> anyhow::Result<()> {
        let rows = signing_keys::list_signing_keys(&mut *db.acquire().await?).await?;
        if self.ring().terms == rows.iter().map(term).collect::<Vec<_>>() {
            return Ok(());
        }
        let mut ring = Ring::default();
        for row in rows {
            let pkcs8 = self.sealing.open(&purpose(&row.kid), &row.sealed)?;
            ring.keys.insert(row.kid.clone(), SigningKey::new(row.kid.clone(), &pkcs8)?);
            ring.terms.push(term(&row));
        }
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    /// Makes a key that signs from a little later on. Of several replicas that find one due, one makes it.
    ///
    /// # Errors
    /// When the database fails or the system gives no random numbers.
    pub async fn rotate(&self, db: &PgPool, due: Due, now: DateTime<Utc>) -> anyhow::Result<Option<Term>> {
        let pair = Ed25519KeyPair::generate()?;
        let pkcs8 = pair.to_pkcs8v1()?;
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, pair.public_key().as_ref());
        let kid = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..KID_BYTES]);
        let key = SigningKey::new(kid, pkcs8.as_ref())?;

        let mut tx = db.begin().await?;
        signing_keys::lock_signing_keys(&mut tx).await?;
        let terms: Vec<Term> = signing_keys::list_signing_keys(&mut tx).await?.iter().map(term).collect();
        if let Due::After(interval) = due
            && !token::rotation_due(&terms, interval, now)
        {
            return Ok(None);
        }
        let row = self.row(&key, pkcs8.as_ref(), now, now + GIVEN_OUT_FIRST)?;
        signing_keys::insert_signing_key(&mut tx, &row, key.public()).await?;
        tx.commit().await?;
        self.refresh(db).await?;
        Ok(Some(term(&row)))
    }

    /// Forgets the keys of which no token is left.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retire(&self, db: &PgPool, now: DateTime<Utc>) -> anyhow::Result<()> {
        let outlived = token::outlived(&self.ring().terms, now);
        if !outlived.is_empty() {
            signing_keys::update_retired(&mut *db.acquire().await?, &outlived, now).await?;
            self.refresh(db).await?;
        }
        Ok(())
    }

    /// # Errors
    /// When there is no key, or it cannot sign.
    pub fn sign(&self, claims: &Claims, now: DateTime<Utc>) -> anyhow::Result<String> {
        let ring = self.ring();
        let signer = token::signer(&ring.terms, now)
            .and_then(|term| ring.keys.get(&term.kid))
            .ok_or_else(|| anyhow::anyhow!("there is no key to sign with"))?;
        Ok(signer.sign(claims)?)
    }

    /// The public halves of all keys of which tokens may be about.
    pub fn jwks(&self) -> JwkSet {
        let ring = self.ring();
        let keys = ring.terms.iter().filter_map(|term| ring.keys.get(&term.kid)).map(|key| key.jwk().clone());
        JwkSet { keys: keys.collect() }
    }

    /// When each key was made and begins to sign.
    pub fn terms(&self) -> Vec<Term> {
        self.ring().terms.clone()
    }

    fn ring(&self) -> Arc<Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn row(
        &self,
        key: &SigningKey,
        pkcs8: &[u8],
        made_at: DateTime<Utc>,
        signs_from: DateTime<Utc>,
    ) -> anyhow::Result<SigningKeyRow> {
        let sealed = self.sealing.seal(&purpose(key.kid()), pkcs8)?;
        Ok(SigningKeyRow { kid: key.kid().to_owned(), sealed, made_at, signs_from })
    }
}

/// When a new key is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Somebody asks for it.
    Now,
    /// When the newest one is older than this.
    After(TimeDelta),
}

/// The keys that `user` itself checks tokens against: its own, as they are at that moment.
pub fn own(keys: Arc<SigningKeys>, clock: Clock) -> web::Keys {
    web::Keys::own(move || keys.jwks()).at(clock)
}

fn term(row: &SigningKeyRow) -> Term {
    Term { kid: row.kid.clone(), made_at: row.made_at, signs_from: row.signs_from }
}

fn purpose(kid: &str) -> String {
    format!("signing key {kid}")
}

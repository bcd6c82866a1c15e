//! What ended access tokens before their time, as far as it has been heard.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contracts::UserId;
use contracts::identity::Revocation;
use uuid::Uuid;
use web::Caller;

/// Sessions and keys that have ended, and the generation from which on each user's tokens are taken. It holds what
/// the feed tells of the time for which a token lives, and forgets the rest.
#[derive(Debug, Default)]
pub struct Revoked {
    ended: HashMap<Uuid, DateTime<Utc>>,
    generations: HashMap<UserId, (i64, DateTime<Utc>)>,
}

impl Revoked {
    /// Lines come in any order, and more than once.
    pub fn apply(&mut self, revocation: &Revocation) {
        match *revocation {
            Revocation::Session { id, at } | Revocation::Key { id, at } => {
                let ended = self.ended.entry(id).or_insert(at);
                *ended = at.max(*ended);
            }
            Revocation::User { id, generation, at } => {
                let known = self.generations.entry(id).or_insert((generation, at));
                *known = (generation.max(known.0), at.max(known.1));
            }
        }
    }

    /// Whether the caller's token was taken back.
    pub fn refuses(&self, caller: &Caller) -> bool {
        let ended = |id: Option<Uuid>| id.is_some_and(|id| self.ended.contains_key(&id));
        let outdated =
            self.generations.get(&caller.user_id).is_some_and(|(least, _)| caller.generation < *least);
        outdated || ended(caller.session_id) || ended(caller.key_id)
    }

    /// Of what was before, no token is left.
    pub fn forget(&mut self, before: DateTime<Utc>) {
        self.ended.retain(|_, at| *at > before);
        self.generations.retain(|_, (_, at)| *at > before);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use web::auth::Claims;

    use super::*;

    fn caller(session: Option<u128>, key: Option<u128>, generation: i64) -> Caller {
        Caller::from(Claims {
            iss: String::new(),
            aud: String::new(),
            sub: Uuid::from_u128(1),
            iat: 0,
            exp: 0,
            jti: Uuid::nil(),
            scope: String::new(),
            sid: session.map(Uuid::from_u128),
            key: key.map(Uuid::from_u128),
            generation,
        })
    }

    #[test]
    fn what_ended_is_refused_and_nothing_else() {
        let at = DateTime::UNIX_EPOCH;
        let mut revoked = Revoked::default();
        revoked.apply(&Revocation::Session { id: Uuid::from_u128(7), at });
        revoked.apply(&Revocation::Key { id: Uuid::from_u128(8), at });
        assert!(revoked.refuses(&caller(Some(7), None, 0)));
        assert!(revoked.refuses(&caller(None, Some(8), 0)));
        assert!(!revoked.refuses(&caller(Some(9), None, 0)));
        assert!(!revoked.refuses(&caller(None, None, 0)));
    }

    #[test]
    fn only_tokens_of_an_earlier_generation_are_refused_however_the_lines_come() {
        let (user, at) = (UserId(Uuid::from_u128(1)), DateTime::UNIX_EPOCH);
        let mut revoked = Revoked::default();
        for generation in [2, 3, 1] {
            revoked.apply(&Revocation::User { id: user, generation, at });
        }
        revoked.apply(&Revocation::User { id: UserId(Uuid::from_u128(2)), generation: 9, at });
        assert!(revoked.refuses(&caller(None, None, 2)));
        assert!(!revoked.refuses(&caller(None, None, 3)));
        assert!(!revoked.refuses(&caller(None, None, 4)));
    }

    #[test]
    fn it_forgets_what_no_token_can_need() {
        let at = DateTime::UNIX_EPOCH;
        let mut revoked = Revoked::default();
        revoked.apply(&Revocation::Session { id: Uuid::from_u128(7), at });
        revoked.apply(&Revocation::User { id: UserId(Uuid::from_u128(1)), generation: 1, at });
        revoked.forget(at - TimeDelta::seconds(1));
        assert!(revoked.refuses(&caller(Some(7), None, 0)));
        revoked.forget(at);
        assert!(!revoked.refuses(&caller(Some(7), None, 0)));
        assert!(revoked.ended.is_empty() && revoked.generations.is_empty());
    }
}

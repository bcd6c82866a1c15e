//! API keys turned into access tokens: the services believe only tokens that they check themselves, so the gateway
//! has `user` give out one for the key and sends it in the key's place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use contracts::ProblemType;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use web::{Caller, Problem};

/// Tokens that are held at most; a key beyond them takes the place of the one that ends first.
const MOST: usize = 10_000;
/// So long before its end a token is no longer used.
const BEFORE_END: Duration = Duration::from_secs(30);

type Hash = [u8; 32];

/// The tokens of keys that were shown lately.
#[derive(Default)]
pub struct Machines {
    tokens: Mutex<HashMap<Hash, Held>>,
    /// The keys that are asked about now, and how many requests wait to hear of each.
    asked: Mutex<HashMap<Hash, (usize, Answer)>>,
}

type Answer = Arc<OnceCell<Result<String, NoToken>>>;

/// Why there is no token for a key.
#[derive(Debug, Clone)]
pub enum NoToken {
    /// The key is unknown, expired or revoked.
    Unknown,
    /// Too many keys were shown from there.
    Limited,
    /// It is not asked now.
    Shed(String),
    Away(Arc<anyhow::Error>),
}

/// A request's part in asking about a key: whoever shows the same one meanwhile hears the same answer.
pub struct Asking<'a> {
    machines: &'a Machines,
    hash: Hash,
    answer: Answer,
}

/// A token that stands for a key.
#[derive(Clone)]
pub struct Held {
    pub token: String,
    pub caller: Caller,
    until: Instant,
}

impl Held {
    pub fn new(token: String, caller: Caller, expires_in: i64, now: Instant) -> Held {
        let lasts = Duration::from_secs(u64::try_from(expires_in).unwrap_or_default());
        Held { token, caller, until: now + lasts.saturating_sub(BEFORE_END) }
    }
}

impl Machines {
    /// The token of a key, if one is held that has not come near its end.
    pub fn find(&self, key: &str, now: Instant) -> Option<Held> {
        self.held().get(&hash(key)).filter(|held| held.until > now).cloned()
    }

    pub fn keep(&self, key: &str, token: Held, now: Instant) {
        let mut held = self.held();
        if held.len() >= MOST {
            held.retain(|_, other| other.until > now);
        }
        if held.len() >= MOST
            && let Some(first) = held.iter().min_by_key(|(_, other)| other.until).map(|(hash, _)| *hash)
        {
            held.remove(&first);
        }
        held.insert(hash(key), token);
    }

    pub fn drop_key(&self, key: &str) {
        self.held().remove(&hash(key));
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Hash, Held>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins whoever asks about the key, or begins to.
    pub fn asking(&self, key: &str) -> Asking<'_> {
        let hash = hash(key);
        let mut asked = self.asked();
        let (waiting, answer) = asked.entry(hash).or_default();
        *waiting += 1;
        Asking { machines: self, hash, answer: answer.clone() }
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<Hash, (usize, Answer)>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking<'_> {
    /// The answer, which `ask` brings unless somebody else is at it.
    ///
    /// # Errors
    /// [`NoToken`] says why there is none.
    pub async fn answer<F>(&self, ask: impl FnOnce() -> F) -> Result<String, NoToken>
    where
        F: Future<Output = Result<String, NoToken>>,
    {
        let answer = self.answer.get_or_init(ask).await.clone();
        // Whoever comes from now on asks anew.
        let mut asked = self.machines.asked();
        if self.joined(&asked) {
            asked.remove(&self.hash);
        }
        answer
    }

    fn joined(&self, asked: &HashMap<Hash, (usize, Answer)>) -> bool {
        asked.get(&self.hash).is_some_and(|(_, answer)| Arc::ptr_eq(answer, &self.answer))
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut asked = self.machines.asked();
        if self.joined(&asked)
            && let Some((waiting, _)) = asked.get_mut(&self.hash)
        {
            *waiting -= 1;
            if *waiting == 0 {
                asked.remove(&self.hash);
            }
        }
    }
}

impl From<NoToken> for Problem {
    fn from(reason: NoToken) -> Problem {
        match reason {
            NoToken::Unknown => {
                Problem::new(ProblemType::InvalidToken).detail("the API key is unknown, expired or revoked")
            }
            NoToken::Limited => Problem::new(ProblemType::RateLimited)
                .detail("too many API keys were shown; wait as long as Retry-After says")
                .retry_after(1),
            NoToken::Shed(why) => Problem::new(ProblemType::Unavailable).detail(why).retry_after(1),
            NoToken::Away(source) => Problem::unavailable(anyhow::anyhow!("{source:#}")),
        }
    }
}

/// Keys themselves are not kept.
fn hash(key: &str) -> Hash {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;
    use web::auth::Claims;

    fn held(expires_in: i64, now: Instant) -> Held {
        let claims = Claims {
            iss: String::new(),
            aud: String::new(),
            sub: Uuid::nil(),
            iat: 0,
            exp: 0,
            jti: Uuid::nil(),
            scope: String::new(),
            sid: None,
            key: None,
            generation: 0,
        };
        Held::new("token".into(), claims.into(), expires_in, now)
    }

    #[test]
    fn a_token_is_used_until_shortly_before_its_end() {
        let (machines, now) = (Machines::default(), Instant::now());
        machines.keep("key", held(900, now), now);
        assert!(machines.find("key", now + Duration::from_secs(869)).is_some());
        assert!(machines.find("key", now + Duration::from_secs(870)).is_none());
        assert!(machines.find("other", now).is_none());
        machines.drop_key("key");
        assert!(machines.find("key", now).is_none());
        machines.keep("short", held(20, now), now);
        assert!(machines.find("short", now).is_none(), "it is asked for anew each time");
    }

    #[tokio::test]
    async fn a_key_is_asked_about_once_and_nobody_is_left_behind() {
        let machines = Machines::default();
        let [first, second, third] = [(); 3].map(|()| machines.asking("key"));
        let token = || async { Ok("token".to_owned()) };
        let mut gone = Box::pin(first.answer(std::future::pending));
        assert!(futures::poll!(gone.as_mut()).is_pending());
        drop(gone);
        drop(first);
        assert_eq!(second.answer(token).await.unwrap(), "token", "it asks in the place of who has gone");
        let told = third.answer(|| async { panic!("it is asked about twice") }).await;
        assert_eq!(told.unwrap(), "token");
        let anew = machines.asking("key");
        assert!(matches!(anew.answer(|| async { Err(NoToken::Unknown) }).await, Err(NoToken::Unknown)));
        drop(machines.asking("other"));
        drop((second, third, anew));
        assert!(machines.asked().is_empty());
    }

    #[test]
    fn however_many_keys_are_shown_a_bounded_number_of_tokens_is_held() {
        let (machines, now) = (Machines::default(), Instant::now());
        machines.keep("first", held(100, now), now);
        for number in 0..MOST + 100 {
            machines.keep(&number.to_string(), held(900, now), now);
        }
        assert_eq!(machines.held().len(), MOST);
        assert!(machines.find("first", now).is_none());
    }
}

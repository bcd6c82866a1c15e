//! One user's sign-in: a token that is renewed shortly before it ends, and once more when it is refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use contracts::Operation;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::transport::{Call, CallError, Transport, read};

/// A token is not used for its last moments: it might end on the way.
const MARGIN: Duration = Duration::from_secs(30);

#[derive(Clone, Serialize)]
pub struct Credentials {
    pub email: String,
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Credentials").field("email", &self.email).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct LoggedIn {
    access_token: String,
    /// In seconds.
    expires_in: u64,
}

struct Token {
    value: Arc<str>,
    renew_at: Instant,
}

/// Requests in the name of one user.
pub struct Session {
    transport: Arc<Transport>,
    credentials: Credentials,
    /// Held while logging in, so that a user logs in once however many requests wait.
    token: Mutex<Token>,
}

impl Session {
    pub(super) async fn open(
        transport: Arc<Transport>,
        credentials: Credentials,
    ) -> Result<Session, CallError> {
        let token = log_in(&transport, &credentials).await?;
        Ok(Session { transport, credentials, token: Mutex::new(token) })
    }

    /// Sends any call in this user's name, and reads its answer.
    pub async fn ask<T: for<'de> Deserialize<'de>>(&self, call: Call) -> Result<T, CallError> {
        let operation = call.operation();
        read(operation, &self.send(call).await?)
    }

    /// The same for what is answered in plain text.
    pub async fn ask_text(&self, call: Call) -> Result<String, CallError> {
        let answer = self.send(call.for_text()).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    async fn send(&self, call: Call) -> Result<Vec<u8>, CallError> {
        let token = self.token(None).await?;
        match self.transport.send(&call.clone().token(&token)).await {
            Err(CallError::Refused { problem, .. }) if problem.status == 401 => {
                let token = self.token(Some(&token)).await?;
                self.transport.send(&call.token(&token)).await
            }
            answer => answer,
        }
    }

    /// A token that is still good; `refused` is one that is not.
    async fn token(&self, refused: Option<&str>) -> Result<Arc<str>, CallError> {
        let mut token = self.token.lock().await;
        if Instant::now() >= token.renew_at || refused == Some(&*token.value) {
            *token = log_in(&self.transport, &self.credentials).await?;
        }
        Ok(Arc::clone(&token.value))
    }
}

async fn log_in(transport: &Transport, credentials: &Credentials) -> Result<Token, CallError> {
    let asked_at = Instant::now();
    let answer = transport.send(&Call::new(Operation::LogIn).body(credentials)).await?;
    let logged_in: LoggedIn = read(Operation::LogIn, &answer)?;
    let lifetime = Duration::from_secs(logged_in.expires_in);
    // Half of a very short life is left for use rather than none.
    let usable = lifetime.saturating_sub(MARGIN).max(lifetime / 2);
    Ok(Token { value: logged_in.access_token.into(), renew_at: asked_at + usable })
}

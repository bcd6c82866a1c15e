//! Asking another service: HTTP to the own sidecar, which finds the owner and carries the call there.

use std::time::Duration;

use bytes::Bytes;
use contracts::Operation;
use http::HeaderMap;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Sidecar;

const DEADLINE: Duration = Duration::from_secs(5);

/// Why an invocation brought no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The sidecar was not reached, or it took too long.
    #[error("invocation failed")]
    Unavailable(#[source] reqwest::Error),
    /// The owner, or a sidecar for it, answered with something other than success.
    #[error("invocation was answered with status {status}")]
    Answered { status: u16, body: Bytes },
    /// It succeeded with a body that is not what was asked for.
    #[error("unreadable answer")]
    Unreadable(#[source] serde_json::Error),
}

impl InvokeError {
    /// Whether the same call may succeed later: nobody has decided anything.
    pub fn temporary(&self) -> bool {
        match self {
            InvokeError::Unavailable(_) => true,
            InvokeError::Answered { status, .. } => *status >= 500 || matches!(status, 408 | 425 | 429),
            InvokeError::Unreadable(_) => false,
        }
    }
}

impl Sidecar {
    /// Asks the operation's owner, as this service.
    ///
    /// # Errors
    /// [`InvokeError`] says whether it was reached and what it answered.
    pub async fn invoke<Q, R>(&self, operation: Operation, body: Option<&Q>) -> Result<R, InvokeError>
    where
        Q: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        self.invoke_with(operation, HeaderMap::new(), body).await
    }

    /// The same with headers to pass on, such as `traceparent`.
    ///
    /// # Errors
    /// [`InvokeError`] says whether it was reached and what it answered.
    pub async fn invoke_with<Q, R>(
        &self,
        operation: Operation,
        headers: HeaderMap,
        body: Option<&Q>,
    ) -> Result<R, InvokeError>
    where
        Q: Serialize + ?Sized,
        R: DeserializeOwned,
    {
        let mut request = self.request(operation).headers(headers).timeout(DEADLINE);
        if let Some(body) = body {
            request = request.json(body);
        }
        serde_json::from_slice(&answered(request).await?).map_err(InvokeError::Unreadable)
    }

    /// Tells the operation's owner something, whatever it answers to it.
    ///
    /// # Errors
    /// [`InvokeError`] says whether it was reached and what it answered.
    pub async fn tell<Q>(&self, operation: Operation, body: &Q) -> Result<(), InvokeError>
    where
        Q: Serialize + ?Sized,
    {
        answered(self.request(operation).json(body).timeout(DEADLINE)).await.map(drop)
    }

    /// What the operation's owner says, as it came: for a caller who may know it already.
    ///
    /// # Errors
    /// [`InvokeError`] says whether it was reached and what it answered.
    pub async fn read(&self, operation: Operation, headers: HeaderMap) -> Result<Bytes, InvokeError> {
        answered(self.request(operation).headers(headers).timeout(DEADLINE)).await
    }

    /// A request to the operation's owner, for a caller who passes bodies on as they are. It has no deadline yet.
    pub fn request(&self, operation: Operation) -> reqwest::RequestBuilder {
        let row = operation.row();
        let method = reqwest::Method::from_bytes(row.method.name().as_bytes())
            .expect("invariant: the table holds only standard methods");
        self.http.request(method, self.operations[operation as usize].clone())
    }
}

async fn answered(request: reqwest::RequestBuilder) -> Result<Bytes, InvokeError> {
    let answer = request.send().await.map_err(InvokeError::Unavailable)?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(InvokeError::Unavailable)?;
    if !status.is_success() {
        return Err(InvokeError::Answered { status: status.as_u16(), body });
    }
    Ok(body)
}

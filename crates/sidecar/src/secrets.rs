//! Secrets, from the secret store of the own sidecar. Their values never appear in a log line.

use std::collections::HashMap;

use dapr::dapr::proto::runtime::v1::GetSecretRequest;
use secrecy::SecretString;

use crate::client::with_deadline;
use crate::{Sidecar, SidecarError};

const STORE: &str = "secrets";

/// One secret: named values.
#[derive(Debug, Clone)]
pub struct Secret {
    name: String,
    values: HashMap<String, SecretString>,
}

impl Secret {
    /// One of its values.
    ///
    /// # Errors
    /// [`SidecarError::NoSuchKey`] when it has no such value.
    pub fn get(&self, key: &str) -> Result<&SecretString, SidecarError> {
        self.values
            .get(key)
            .ok_or_else(|| SidecarError::NoSuchKey { secret: self.name.clone(), key: key.to_owned() })
    }
}

impl Sidecar {
    /// Reads a secret of this service.
    ///
    /// # Errors
    /// When the store cannot be reached, does not hold it, or this service may not read it.
    pub async fn secret(&self, name: &str) -> Result<Secret, SidecarError> {
        let request = with_deadline(GetSecretRequest {
            store_name: STORE.to_owned(),
            key: name.to_owned(),
            metadata: HashMap::new(),
        });
        let answer = self.stub.clone().get_secret(request).await?.into_inner();
        let values = answer.data.into_iter().map(|(key, value)| (key, SecretString::from(value))).collect();
        Ok(Secret { name: name.to_owned(), values })
    }
}

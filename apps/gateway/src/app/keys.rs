//! The keys that access tokens are checked against, from `user`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contracts::Operation;
use sidecar::Sidecar;
use web::Keys;

use crate::api::own_requests;

/// `user` answers within this or counts as away.
const PATIENCE: Duration = Duration::from_secs(2);
/// After a failure nobody asks again for this long. Otherwise tokens that name made-up keys would queue up, each
/// waiting for `user` in turn, while `user` is away.
const PAUSE: Duration = Duration::from_secs(1);

/// Keys that `user` is asked for when a token names one that is not known yet.
pub fn fetched(sidecar: Sidecar) -> Keys {
    let failed: Arc<Mutex<Option<Instant>>> = Arc::default();
    Keys::fetched(move || {
        let (sidecar, failed) = (sidecar.clone(), failed.clone());
        Box::pin(async move {
            let last = *failed.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|at| at.elapsed() < PAUSE) {
                anyhow::bail!("the public keys could not be fetched a moment ago");
            }
            let fetch = sidecar.invoke_with(Operation::ReadJwks, own_requests(), None::<&()>);
            let fetched = match tokio::time::timeout(PATIENCE, fetch).await {
                Ok(answer) => answer.map_err(anyhow::Error::from),
                Err(elapsed) => Err(elapsed.into()),
            };
            let failure = fetched.is_err().then(Instant::now);
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = failure;
            fetched
        })
    })
}

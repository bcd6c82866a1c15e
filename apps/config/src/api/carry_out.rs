//! What all changes of several keys have in common: once, or only looked at; one version for all of it.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use contracts::Operation;
use serde::Serialize;
use sqlx::PgConnection;
use web::idempotency::{self, Answer, Claim};
use web::{Caller, IdempotencyKey, Json, Problem};

use super::view::{ChangedConfiguration, ChangedKey};
use crate::app::App;
use crate::domain::change::Planned;
use crate::domain::setting::Change;
use crate::domain::{Reason, Settings};
use crate::store::history::{self, Version};
use crate::store::setting;

/// Whether something is to change, or only to be said what would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    Real,
    Dry,
}

/// Who asks for which change under which key.
pub(super) struct Asked {
    caller: Caller,
    operation: Operation,
    key: IdempotencyKey,
    hash: Vec<u8>,
    run: Run,
}

impl Run {
    pub(super) fn of(dry: bool) -> Run {
        if dry { Run::Dry } else { Run::Real }
    }
}

impl Asked {
    pub(super) fn new(
        caller: Caller,
        operation: Operation,
        key: IdempotencyKey,
        request: &impl Serialize,
        run: Run,
    ) -> Result<Asked, Problem> {
        Ok(Asked { caller, operation, key, hash: idempotency::hash(request)?, run })
    }

    /// The answer that the request got before. A dry run leaves nothing behind and is looked at anew each time.
    pub(super) async fn once(&self, tx: &mut PgConnection) -> Result<Option<Answer>, Problem> {
        match self.run {
            Run::Dry => Ok(None),
            Run::Real => {
                let claim =
                    idempotency::claim(tx, self.caller.user_id, self.operation, &self.key, &self.hash)
                        .await?;
                Ok(match claim {
                    Claim::New => None,
                    Claim::Replay(answer) => Some(answer),
                })
            }
        }
    }

    /// Saves what was planned as the version after `last`, and the answer with it. The caller commits.
    pub(super) async fn save(
        &self,
        tx: &mut PgConnection,
        app: &App,
        last: i64,
        planned: &[Planned],
        cause: (Reason, Option<i64>),
    ) -> Result<Response, Problem> {
        let mut answer = ChangedConfiguration {
            version: None,
            dry_run: self.run == Run::Dry,
            changes: planned.iter().map(ChangedKey::from).collect(),
        };
        if self.run == Run::Dry {
            return Ok(Json(answer).into_response());
        }
        if !planned.is_empty() {
            let (reason, rolled_back_to) = cause;
            let change = Change { at: app.clock.now(), by: self.caller.user_id, reason };
            let version = Version { number: last + 1, change, rolled_back_to };
            save(tx, &version, planned).await?;
            answer.version = Some(version.number);
        }
        let caller = self.caller.user_id;
        idempotency::store(tx, caller, self.operation, &self.key, StatusCode::OK, &answer).await?;
        Ok(Json(answer).into_response())
    }
}

/// What stands in the table, with the last version; nobody else changes it before the transaction ends.
pub(super) async fn lock(tx: &mut PgConnection) -> Result<(i64, Settings), sqlx::Error> {
    let last = setting::lock_version(&mut *tx).await?;
    Ok((last, Settings::of(setting::list_stored(tx).await?)))
}

/// Writes all keys of a version: for the sidecars, and for whoever asks who changed what.
pub(super) async fn save(
    tx: &mut PgConnection,
    version: &Version,
    planned: &[Planned],
) -> Result<(), sqlx::Error> {
    setting::update_version(&mut *tx, version.number).await?;
    for Planned { key, after, .. } in planned {
        let texts = after.texts();
        setting::update_stored(&mut *tx, key.name, version.number, &texts).await?;
        history::insert_change(&mut *tx, version, key.name, key.kind.name(), &texts).await?;
        tracing::info!(
            configuration.key = key.name,
            configuration.version = version.number,
            "configuration changed"
        );
    }
    Ok(())
}

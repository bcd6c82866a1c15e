//! Who calls: a token that this replica has checked itself and that was not taken back, or an API key in exchange
//! for one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use contracts::identity::{API_KEY_PREFIX, ExchangeApiKey, ExchangedToken};
use contracts::operation::{Access, Pace, Row};
use contracts::{Operation, Permission, ProblemType};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use web::{Caller, Problem, auth};

use super::FORWARDED_FOR;
use crate::app::App;
use crate::app::gates::Outcome;
use crate::app::machines::{Held, NoToken};
use crate::domain::client::{Client, Plan};

/// Why somebody may not, and who it was as far as that is known.
#[derive(Debug)]
pub(super) struct Refused {
    pub caller: Option<Caller>,
    pub problem: Problem,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused { caller: None, problem }
    }
}

/// Who calls, where the operation wants to know; a token that is not needed only chooses the plan.
///
/// # Errors
/// Whoever may not is refused by name.
pub(super) async fn caller(app: &App, row: &Row, headers: &HeaderMap) -> Result<Option<Caller>, Refused> {
    match row.access {
        Access::Permitted(permission) => permitted(app, permission, headers).await.map(Some),
        Access::Anonymous => match auth::bearer(headers) {
            Ok(token) => {
                let caller = app.keys.check(token).await.ok();
                Ok(caller.filter(|caller| app.revocations.admit(caller).is_ok()))
            }
            Err(_) => Ok(None),
        },
        Access::Internal => Err(Problem::not_found().into()),
    }
}

async fn permitted(app: &App, permission: Permission, headers: &HeaderMap) -> Result<Caller, Refused> {
    let caller = app.keys.check(auth::bearer(headers)?).await?;
    app.revocations.admit(&caller)?;
    if !caller.may(permission) {
        let problem =
            Problem::new(ProblemType::Forbidden).detail(format!("this needs {}", permission.name()));
        return Err(Refused { caller: Some(caller), problem });
    }
    if permission.of_staff() {
        app.revocations.admit_staff()?;
    }
    Ok(caller)
}

/// Puts a token in the place of an API key. Where none is needed, a key that is none does not matter.
///
/// # Errors
/// `invalid-token` when the key cannot be used, and whatever keeps `user` from saying so.
pub(super) async fn exchange_key(
    app: &App,
    row: &Row,
    address: IpAddr,
    headers: &mut HeaderMap,
) -> Result<(), Problem> {
    let Some(key) = auth::bearer(headers).ok().filter(|token| token.starts_with(API_KEY_PREFIX)) else {
        return Ok(());
    };
    match token_of(app, key, address).await {
        Ok(token) => {
            let bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(anyhow::Error::from)?;
            headers.insert(header::AUTHORIZATION, bearer);
            Ok(())
        }
        Err(_) if row.access == Access::Anonymous => {
            headers.remove(header::AUTHORIZATION);
            Ok(())
        }
        Err(problem) => Err(problem),
    }
}

async fn token_of(app: &App, key: &str, address: IpAddr) -> Result<String, Problem> {
    if let Some(token) = held(app, key) {
        return Ok(token);
    }
    Ok(app.machines.asking(key).answer(|| exchange(app, key, address)).await?)
}

fn held(app: &App, key: &str) -> Option<String> {
    let held = app.machines.find(key, Instant::now())?;
    if app.revocations.admit(&held.caller).is_ok() {
        return Some(held.token);
    }
    // Its owner's rights may have changed, which gives another token, or the key was revoked.
    app.machines.drop_key(key);
    None
}

async fn exchange(app: &App, key: &str, address: IpAddr) -> Result<String, NoToken> {
    // It may have come while this one looked.
    if let Some(token) = held(app, key) {
        return Ok(token);
    }
    let now = Instant::now();
    let exchanged = ask(app, key, address).await?;
    let caller = app.keys.check(&exchanged.access_token).await.map_err(|problem| {
        let why = problem.kind.name();
        away(anyhow::anyhow!("the token that was given out for an API key cannot be used: {why}"))
    })?;
    let held = Held::new(exchanged.access_token.clone(), caller, exchanged.expires_in, now);
    app.machines.keep(key, held, now);
    Ok(exchanged.access_token)
}

/// Asks `user`, at the cost of the address's own share: made-up keys cannot make everybody ask.
async fn ask(app: &App, key: &str, address: IpAddr) -> Result<ExchangedToken, NoToken> {
    let operation = Operation::ExchangeApiKey;
    let mut place = app.gates.enter(operation.row()).map_err(|shed| NoToken::Shed(shed.to_string()))?;
    let share = Plan::Anonymous.slots(Pace::Credentials);
    let lease = app
        .limiter
        .take(Client::at(address), operation, share)
        .map_err(|full| NoToken::Shed(full.to_string()))?;
    let request = app
        .sidecar
        .request(operation)
        .header(FORWARDED_FOR, lease.name())
        .timeout(app.patience.deadline())
        .json(&ExchangeApiKey { key: key.to_owned() });
    let asked = async {
        let answer = request.send().await.map_err(|error| away(error.without_url()))?;
        match answer.status() {
            StatusCode::OK => answer.json().await.map_err(|error| away(error.without_url())),
            StatusCode::UNAUTHORIZED => Err(NoToken::Unknown),
            StatusCode::TOO_MANY_REQUESTS => Err(NoToken::Limited),
            other => Err(away(anyhow::anyhow!("an API key's exchange was answered {other}"))),
        }
    };
    let asked = asked.await;
    match &asked {
        Ok(_) | Err(NoToken::Unknown) => place.note(Outcome::Answered),
        Err(NoToken::Away(_)) => place.note(Outcome::Failed),
        // The limiter was asked, and not `user`.
        Err(NoToken::Limited | NoToken::Shed(_)) => {}
    }
    asked
}

fn away(source: impl Into<anyhow::Error>) -> NoToken {
    NoToken::Away(Arc::new(source.into()))
}

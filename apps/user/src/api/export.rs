//! Everything that is kept about somebody: what is here, and what the others show to them as a customer.

use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use contracts::{Operation, ProblemType};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Caller, Json, Problem};

use super::addresses::AddressView;
use super::api_keys::ApiKeyView;
use super::gone;
use super::log_out::ListedSession;
use super::profile::ProfileView;
use crate::app::App;
use crate::domain::address;
use crate::domain::role::Standing;
use crate::domain::token::{self, Bearer, StaffRule};
use crate::store::{addresses, api_keys, profiles, roles, second_factor, sessions};

/// Rows that are asked for at a time, and pages at most; what is more stands behind the list's own path.
const PAGE: usize = 100;
const MOST_PAGES: usize = 10;
const MOST_SESSIONS: i64 = 1000;
const MOST_KEYS: i64 = 1000;
const DEADLINE: Duration = Duration::from_secs(5);

/// What the other services hold, by the operation that shows it.
const ELSEWHERE: [Operation; 3] =
    [Operation::ListOrders, Operation::ListPaymentMethods, Operation::ListMessages];

/// Everything that is kept about the caller.
#[derive(Serialize, ToSchema)]
pub struct Export {
    pub exported_at: DateTime<Utc>,
    pub profile: ProfileView,
    pub roles: Vec<String>,
    /// Whether logging in asks for a code besides.
    pub second_factor: bool,
    pub api_keys: Vec<ApiKeyView>,
    pub addresses: Vec<AddressView>,
    pub sessions: Vec<ListedSession>,
    #[schema(value_type = Object)]
    pub orders: Part,
    #[schema(value_type = Object)]
    pub payment_methods: Part,
    #[schema(value_type = Object)]
    pub messages: Part,
}

/// A list of another service, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportPart)]
pub struct Part {
    /// Where the same list is read page by page.
    pub path: &'static str,
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Value>,
    /// Where the list goes on, if it is too long to stand here.
    pub next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct PageOfOthers {
    items: Vec<Value>,
    next_cursor: Option<String>,
}

/// All or nothing: an export that leaves out what is away just now would be taken for the whole.
pub(super) async fn export_account(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    caller.person()?;
    let now = app.clock.now();
    let token = {
        let mut db = app.db.acquire().await?;
        let standing = roles::find_standing(&mut db, caller.user_id).await?.ok_or_else(gone)?;
        customers_token(&app, &caller, &standing, now)?
    };
    let [orders, payment_methods, messages] = ELSEWHERE.map(|operation| part(&app, operation, &token));
    let (orders, payment_methods, messages) = tokio::try_join!(orders, payment_methods, messages)?;

    let mut db = app.db.acquire().await?;
    let profile = profiles::find_profile(&mut db, caller.user_id).await?.ok_or_else(gone)?;
    let standing = roles::find_standing(&mut db, caller.user_id).await?.ok_or_else(gone)?;
    let kept = addresses::list_addresses(&mut db, caller.user_id, Uuid::max(), address::MOST).await?;
    let confirmed = second_factor::find_confirmed(&mut db, caller.user_id).await?;
    let keys = api_keys::list_api_keys(&mut db, caller.user_id, None, MOST_KEYS).await?;
    let open = sessions::list_sessions(&mut db, caller.user_id, Uuid::max(), now, MOST_SESSIONS).await?;
    let export = Export {
        exported_at: now,
        profile: ProfileView::from(&profile),
        roles: standing.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        second_factor: confirmed,
        api_keys: keys.into_iter().map(ApiKeyView::from).collect(),
        addresses: kept.iter().map(AddressView::from).collect(),
        sessions: open.into_iter().map(|session| ListedSession::new(session, &caller)).collect(),
        orders,
        payment_methods,
        messages,
    };
    let file = [(header::CONTENT_DISPOSITION, "attachment; filename=\"account.json\"")];
    Ok((file, [(header::CACHE_CONTROL, "no-store")], Json(export)).into_response())
}

/// The caller's own token may say more than a customer's: staff would be shown what is everybody's.
fn customers_token(
    app: &App,
    caller: &Caller,
    standing: &Standing,
    now: DateTime<Utc>,
) -> Result<String, Problem> {
    let bearer = Bearer::Session { id: caller.session_id, second_factor: false };
    let claims =
        token::claims(caller.user_id, standing, &bearer, StaffRule::SecondFactor, now, Uuid::now_v7());
    Ok(format!("Bearer {}", app.keys.sign(&claims, now)?))
}

/// What another service shows to its customer: it decides itself whose it is.
async fn part(app: &App, operation: Operation, token: &str) -> Result<Part, Problem> {
    let path = operation.row().path.unwrap_or_default();
    let mut part = Part { path, items: Vec::new(), next_cursor: None };
    for _ in 0..MOST_PAGES {
        let page = page(app, operation, token, part.next_cursor.take()).await?;
        part.items.extend(page.items);
        part.next_cursor = page.next_cursor;
        if part.next_cursor.is_none() {
            break;
        }
    }
    Ok(part)
}

async fn page(
    app: &App,
    operation: Operation,
    token: &str,
    cursor: Option<String>,
) -> Result<PageOfOthers, Problem> {
    let mut query = vec![("limit", PAGE.to_string())];
    query.extend(cursor.map(|cursor| ("cursor", cursor)));
    let request = app.sidecar.request(operation).query(&query).header(header::AUTHORIZATION, token);
    let answer = request.timeout(DEADLINE).send().await.map_err(Problem::unavailable)?;
    let status = answer.status().as_u16();
    if !answer.status().is_success() {
        let source = anyhow::anyhow!("{} answered {status}", operation.name());
        return Err(match status {
            401 => Problem::new(ProblemType::InvalidToken),
            403 => Problem::new(ProblemType::Forbidden).detail("this token may not see all that is kept"),
            _ => Problem::unavailable(source),
        });
    }
    let body = answer.bytes().await.map_err(Problem::unavailable)?;
    Ok(serde_json::from_slice(&body).map_err(anyhow::Error::from)?)
}

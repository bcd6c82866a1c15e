//! Operations on mailboxes, and what `order` may ask of them.

mod facts;

use axum::extract::State;
use chrono::{DateTime, Utc};
use contracts::configuration::NOTIFICATION_LARGEST_PAGE;
use contracts::{MessageId, Operation, OrderId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::{Api, Caller, Json, List, Page, Problem, Query};

use crate::app::App;
use crate::domain::{Kind, Message};
use crate::store;

pub fn mount(api: Api<App>) -> Api<App> {
    api.operation(Operation::ListMessages, list_messages, |operation| {
        operation.query::<Page>().answer::<List<MessageView>>(200)
    })
    .operation(Operation::ReadMessageFacts, facts::read_message_facts, |operation| operation)
    .operation(Operation::ReadMessageTimeline, facts::read_message_timeline, |operation| operation)
}

/// A message in the caller's mailbox.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct MessageView {
    pub id: MessageId,
    /// Absent when it is about the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    pub kind: Kind,
    pub subject: String,
    pub body: String,
    pub created_at: DateTime<Utc>,
}

impl From<Message> for MessageView {
    fn from(message: Message) -> MessageView {
        MessageView {
            id: message.id,
            order_id: message.order_id,
            kind: message.letter.kind,
            subject: message.letter.subject,
            body: message.letter.body,
            created_at: message.created_at,
        }
    }
}

async fn list_messages(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<List<MessageView>>, Problem> {
    let limit = page.limit(app.live.for_caller(&NOTIFICATION_LARGEST_PAGE, &caller.ids()))?;
    let before = page.after::<Uuid>()?.unwrap_or(Uuid::max());
    let mut db = app.db.acquire().await?;
    let messages = store::list_messages(&mut db, caller.user_id, before, limit + 1).await?;
    let views = messages.into_iter().map(MessageView::from).collect();
    Ok(Json(List::from_rows(views, limit, |view: &MessageView| view.id)))
}

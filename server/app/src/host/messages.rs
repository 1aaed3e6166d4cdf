//! `messages.send`: e-mail, push and SMS become durable jobs. Until providers deliver them, what would have been sent
//! lies in the outbox, where whoever develops the app reads it.

use std::sync::Arc;

use basalt_core::filter::Filter;
use basalt_core::{Caller, Code, Document, DocumentId, Error, FieldPath, Result, limits};
use basalt_data::jobs::{Handler, JobFuture, Outcome};
use basalt_runtime::HostReply;
use basalt_store::jobs::Job;
use basalt_store::{Keyset, List, NewJob, SortField};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Call, reply};
use crate::common::names::OUTBOX;
use crate::common::{Db, Tx, rights};

/// The jobs that send messages.
pub const MESSAGES: &str = "messages";
/// Bytes of one message.
const MESSAGE_BYTES: usize = 256 << 10;
/// What the outbox keeps; the oldest go first.
const KEPT: u64 = 1_000;
/// Of those that are too many, as many at a time.
const DROPPED: u32 = 20;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Channel {
    Email,
    Push,
    Sms,
}

#[derive(Deserialize)]
struct Send {
    channel: Channel,
    #[serde(flatten)]
    message: Map<String, Value>,
}

pub(super) async fn send(mut call: Call<'_>) -> Result<HostReply> {
    let Send { channel, message } = call.read()?;
    let message = Value::Object(message);
    if message.to_string().len() > MESSAGE_BYTES {
        return Err(Error::new(Code::TooLarge, format!("A message has at most {MESSAGE_BYTES} bytes.")));
    }
    let db = &call.host.db;
    let id = db.new_id();
    let payload = json!({
        "id": id, "channel": channel.as_str(), "message": message, "function": &*call.invoked.function,
        "requestId": call.caller.request.id,
    });
    let enqueue = move |tx: &mut Tx<'_>| {
        let (key, run_at) = (None, tx.now());
        tx.enqueue(NewJob { kind: MESSAGES.into(), key, order_key: None, payload: payload.clone(), run_at });
        Ok(())
    };
    db.commit(call.caller, enqueue).await?;
    reply(json!({ "id": id }))
}

impl Channel {
    fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Push => "push",
            Self::Sms => "sms",
        }
    }
}

/// Writes messages into the outbox; doing it twice is doing it once.
pub struct MessagesHandler(pub Outbox);

impl Handler for MessagesHandler {
    fn run<'a>(&'a self, job: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            match self.0.record(&job.payload).await {
                Ok(()) => Outcome::Done,
                Err(error) => Outcome::Retry { at: None, error: format!("{error:?}") },
            }
        })
    }
}

/// What was to be sent, newest first.
#[derive(Clone)]
pub struct Outbox(Db);

#[derive(Clone, Debug)]
pub struct OutboxPage {
    /// Each `{id,createdAt,channel,message,function,requestId}`.
    pub messages: Vec<Document>,
    /// Where the next page begins; opaque.
    pub next_cursor: Option<String>,
}

impl Outbox {
    pub fn new(db: Db) -> Self {
        Self(db)
    }

    /// At most `limit` messages (1 to [`limits::PAGE_MAX`]), from where a page before ended.
    pub async fn list(&self, caller: &Caller, cursor: Option<&str>, limit: u32) -> Result<OutboxPage> {
        rights::admin_read(caller)?;
        if !(1..=limits::PAGE_MAX).contains(&limit) {
            return Err(Error::new(Code::BadParameter, format!("limit is 1 to {}.", limits::PAGE_MAX)));
        }
        let after = cursor.map(place).transpose()?;
        let page = self.0.store().list(List { limit, after, ..by_age(true)? }).await?;
        let end = |end: &Keyset| serde_json::to_vec(end).map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let next_cursor = page.next.as_ref().map(end).transpose().map_err(Error::internal)?;
        Ok(OutboxPage { messages: page.documents, next_cursor })
    }

    async fn record(&self, payload: &Value) -> Result<()> {
        let id = DocumentId::parse(payload["id"].as_str().unwrap_or_default())?;
        let mut data = payload.as_object().cloned().unwrap_or_default();
        data.remove("id");
        let record = move |tx: &mut Tx<'_>| match tx.document(&OUTBOX, &id)? {
            Some(_) => Ok(()),
            None => tx.create(&OUTBOX, &id, data.clone()).map(drop),
        };
        self.0.commit(&Caller::system(self.0.now()), record).await?;
        self.trim().await
    }

    async fn trim(&self) -> Result<()> {
        let page = self.0.store().list(List { limit: DROPPED, count: true, ..by_age(false)? }).await?;
        let over = page.total.unwrap_or_default().saturating_sub(KEPT);
        let over = page.documents.into_iter().take(usize::try_from(over).unwrap_or(usize::MAX));
        let over: Vec<Arc<Document>> = over.map(Arc::new).collect();
        if over.is_empty() {
            return Ok(());
        }
        let drop_them = move |tx: &mut Tx<'_>| {
            for document in &over {
                if let Some(there) = tx.document(&OUTBOX, &document.id)? {
                    tx.delete(&OUTBOX, &there);
                }
            }
            Ok(())
        };
        self.0.commit(&Caller::system(self.0.now()), drop_them).await.map(drop)
    }
}

fn by_age(descending: bool) -> Result<List> {
    let sort = vec![SortField { path: FieldPath::parse("createdAt")?, descending }];
    let collection = OUTBOX.clone();
    Ok(List { collection, filter: Filter::True, search: None, sort, limit: 1, after: None, count: false })
}

fn place(cursor: &str) -> Result<Keyset> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let place: Option<Keyset> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let known = place.filter(|place| place.values.len() == 1);
    known.ok_or_else(|| Error::new(Code::BadCursor, "That is no cursor of this list."))
}

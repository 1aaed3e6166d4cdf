//! The log of deliveries: records, so what is written under too much load may be missing, and all go in time.

use std::borrow::Cow;
use std::time::Duration;

use basalt_core::random::{self, Random};
use basalt_core::{Caller, Code, DocumentId, Error, Result, Timestamp};
use basalt_outbound::CloudEvent;
use basalt_store::records::Record;
use bytes::Bytes;
use serde_json::{Value, json};

use super::Webhooks;
use super::outcome::Outcome;
use crate::common::rights;

/// Bytes of an event that are kept to be sent again.
const BODY_BYTES: usize = 64 << 10;
/// Records that a page looks through, at most.
const LOOKED_AT: u32 = 2_000;
pub(super) const PAGE_MOST: u32 = 100;
const TIME_DIGITS: usize = 12;

/// One try to deliver an event.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryInfo {
    /// Orders by time.
    pub id: String,
    pub webhook: DocumentId,
    pub event: CloudEvent,
    pub attempt: u32,
    pub outcome: Outcome,
    pub sent: Sent,
    pub answer: Option<Answer>,
    pub error: Option<String>,
    pub duration: Duration,
    pub trace: Option<String>,
    /// The delivery that it repeats.
    pub replay_of: Option<String>,
    pub at: Timestamp,
}

/// What was sent, without signatures and without the values of headers that somebody set.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// Whether there was more.
    pub cut: bool,
}

#[derive(Clone, Debug, Default)]
pub struct DeliveryQuery {
    pub outcome: Option<Outcome>,
    /// 1 to 100.
    pub limit: u32,
    /// The id that the page before ended with.
    pub cursor: Option<String>,
}

#[derive(Clone, Debug)]
pub struct DeliveryPage {
    /// Newest first.
    pub items: Vec<DeliveryInfo>,
    pub next_cursor: Option<String>,
}

impl Webhooks {
    /// The tries of one webhook, newest first.
    pub async fn deliveries(&self, caller: &Caller, name: &DocumentId, query: DeliveryQuery) -> Result<DeliveryPage> {
        self.get(caller, name).await?;
        if !(1..=PAGE_MOST).contains(&query.limit) {
            return Err(Error::new(Code::BadParameter, format!("limit is 1 to {PAGE_MOST}.")));
        }
        let bad = || Error::new(Code::BadCursor, "That is no cursor of this list.");
        let end = match &query.cursor {
            Some(cursor) => time_of(cursor).ok_or_else(bad)?.plus(Duration::from_millis(1)),
            None => Timestamp::MAX,
        };
        let records = self.inner.db.store().records(&kind(name), Timestamp::MIN, end, LOOKED_AT).await?;
        let looked = records.len();
        let mut all = records.iter().filter_map(|record| DeliveryInfo::read(name, record));
        if let Some(cursor) = &query.cursor {
            // Of the same millisecond, those up to the cursor were told.
            all.by_ref().find(|delivery| delivery.id == *cursor);
        }
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let mut last = None;
        let fits = |delivery: &DeliveryInfo| query.outcome.is_none_or(|outcome| delivery.outcome == outcome);
        let all = all.inspect(|delivery| last = Some(delivery.id.clone()));
        let items: Vec<DeliveryInfo> = all.filter(fits).take(limit).collect();
        let more = items.len() == limit || looked == usize::try_from(LOOKED_AT).unwrap_or(usize::MAX);
        Ok(DeliveryPage { items, next_cursor: last.filter(|_| more) })
    }

    pub async fn delivery(&self, caller: &Caller, name: &DocumentId, id: &str) -> Result<DeliveryInfo> {
        rights::admin_read(caller)?;
        let not_found = || Error::new(Code::DeliveryNotFound, "There is no such delivery.");
        let at = time_of(id).ok_or_else(not_found)?;
        let end = at.plus(Duration::from_millis(1));
        let records = self.inner.db.store().records(&kind(name), at, end, LOOKED_AT).await?;
        let mut all = records.iter().filter_map(|record| DeliveryInfo::read(name, record));
        all.find(|delivery| delivery.id == id).ok_or_else(not_found)
    }
}

impl DeliveryInfo {
    /// Whether the whole event was kept, so that it can be sent again.
    pub(super) fn is_whole(&self) -> bool {
        self.sent.body.len() <= BODY_BYTES
    }

    pub(super) fn to_record(&self) -> Record {
        let CloudEvent { id, r#type, source, subject, time } = &self.event;
        let body = if self.is_whole() { &self.sent.body[..] } else { &self.sent.body[..BODY_BYTES] };
        let answer = self.answer.as_ref().map(|answer| {
            let Answer { status, headers, body, cut } = answer;
            json!({ "status": status, "headers": headers, "body": body, "cut": cut })
        });
        let body = json!({
            "id": self.id, "attempt": self.attempt, "outcome": self.outcome.as_str(),
            "event": { "id": id, "type": r#type, "source": source, "subject": subject, "time": time },
            "url": self.sent.url, "headers": self.sent.headers, "body": String::from_utf8_lossy(body),
            "bodyBytes": self.sent.body.len(), "answer": answer, "error": self.error,
            "durationMs": u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX), "trace": self.trace,
            "replayOf": self.replay_of,
        });
        Record { kind: Cow::Owned(kind(&self.webhook)), at: self.at, body }
    }

    /// `None` for what another version wrote.
    fn read(webhook: &DocumentId, record: &Record) -> Option<Self> {
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let body = &record.body;
        let event = body.get("event")?;
        let headers = |value: &Value| serde_json::from_value(value.get("headers")?.clone()).ok();
        let answer = body.get("answer").filter(|answer| !answer.is_null());
        let answer = answer.and_then(|answer| {
            let status = u16::try_from(answer.get("status")?.as_u64()?).ok()?;
            let cut = answer.get("cut")?.as_bool()?;
            Some(Answer { status, headers: headers(answer)?, body: text(answer, "body")?, cut })
        });
        let event = CloudEvent {
            id: text(event, "id")?,
            r#type: text(event, "type")?,
            source: text(event, "source")?,
            subject: text(event, "subject"),
            time: Timestamp::parse(&text(event, "time")?)?,
        };
        Some(Self {
            id: text(body, "id")?,
            webhook: webhook.clone(),
            event,
            attempt: u32::try_from(body.get("attempt")?.as_u64()?).ok()?,
            outcome: Outcome::parse(&text(body, "outcome")?)?,
            sent: Sent { url: text(body, "url")?, headers: headers(body)?, body: kept(body)? },
            answer,
            error: text(body, "error"),
            duration: Duration::from_millis(body.get("durationMs")?.as_u64()?),
            trace: text(body, "trace"),
            replay_of: text(body, "replayOf"),
            at: record.at,
        })
    }
}

/// What is left of a body; longer than is kept where it was, so that nobody takes it for the whole.
fn kept(body: &Value) -> Option<Bytes> {
    let mut kept = body.get("body")?.as_str()?.to_owned();
    let bytes = usize::try_from(body.get("bodyBytes")?.as_u64()?).ok()?;
    if bytes > BODY_BYTES {
        kept.push('…');
    }
    Some(kept.into())
}

fn kind(webhook: &DocumentId) -> String {
    format!("delivery:{webhook}")
}

/// The time in hexadecimal digits, then chance.
pub(super) fn new_id(at: Timestamp, random: &dyn Random) -> String {
    let chance = random::base32hex(&random::bytes::<10>(random));
    format!("{:0width$x}-{chance}", at.millis().max(0), width = TIME_DIGITS)
}

fn time_of(id: &str) -> Option<Timestamp> {
    let (digits, _) = id.split_once('-')?;
    let good = digits.len() == TIME_DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let millis = i64::from_str_radix(digits, 16).ok().filter(|_| good)?;
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Zeros;

    impl Random for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    fn delivery(body: &str) -> DeliveryInfo {
        let at = Timestamp::from_millis(1_700_000_000_123);
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        DeliveryInfo {
            id: new_id(at, &Zeros),
            webhook: DocumentId::parse("crm").unwrap(),
            event: CloudEvent {
                id: "e1".into(),
                r#type: "basalt.document.created".into(),
                source: "/v1/collections/notes".into(),
                subject: Some("n1".into()),
                time: at,
            },
            attempt: 2,
            outcome: Outcome::Failed,
            sent: Sent { url: "https://example.org".into(), headers: headers.clone(), body: body.to_owned().into() },
            answer: Some(Answer { status: 500, headers, body: "no".into(), cut: false }),
            error: Some("500".into()),
            duration: Duration::from_millis(12),
            trace: None,
            replay_of: None,
            at,
        }
    }

    #[test]
    fn a_delivery_is_read_as_it_was_written() {
        let delivery = delivery(r#"{"a":1}"#);
        let record = delivery.to_record();
        assert_eq!(record.kind, "delivery:crm");
        assert_eq!(DeliveryInfo::read(&delivery.webhook, &record), Some(delivery.clone()));
        assert_eq!(time_of(&delivery.id), Some(delivery.at));
        for odd in ["", "x", "00-0", "zzzzzzzzzzzz-0"] {
            assert_eq!(time_of(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_is_too_large_is_cut_and_not_taken_for_the_whole() {
        let large = delivery(&"x".repeat(BODY_BYTES + 1));
        let read = DeliveryInfo::read(&large.webhook, &large.to_record()).unwrap();
        assert!(!large.is_whole() && !read.is_whole());
        assert!(delivery(&"x".repeat(BODY_BYTES)).is_whole());
    }
}

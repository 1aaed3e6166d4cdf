use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::ACCEPT;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use basalt_core::{Caller, Code, CollectionName, DocumentId, Error, Result};
use basalt_data::changes::{Changes, FEED_DEFAULT, Feed, FeedPage, FeedQuery, Since};
use serde::Deserialize;
use utoipa::IntoParams;

use super::shared::{ChangeItem, ChangePage};
use super::stream;
use crate::extract::{Query, Renewal, Service};
use crate::problem::Answer;
use crate::streams::Streams;

/// The longest wait that may be asked for.
const LONGEST: Duration = Duration::from_mins(1);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// After this place: a `nextSince`, a `seq`, `0` for the beginning (the default) or `now` for the log's end.
    since: Option<String>,
    /// Only the changes of these collections, separated by commas.
    collection: Option<String>,
    /// A condition in CEL over the event: `op`, `collection`, `id`, `doc`, `before`, `actor`, `seq`, `requestId`, `at`.
    #[param(example = "op == 'update' && doc.status == 'paid'")]
    filter: Option<String>,
    /// 1 to 1000; 500 where nothing is said.
    #[param(maximum = 1000)]
    limit: Option<u32>,
    /// Where nothing is there yet, waits so long for the first change, such as `30s`; at most `60s`, and a little less
    /// than the time that a request may take.
    wait: Option<String>,
    /// Begins where this consumer stands, instead of `since`.
    #[param(value_type = Option<String>)]
    consumer: Option<DocumentId>,
}

/// Read the changes of documents
///
/// In the order in which they were committed, each once. With `Accept: text/event-stream` as a stream of server-sent
/// events: `data` is a change, `id` its cursor, with which `Last-Event-ID` resumes; comment lines keep it alive. System
/// collections don't appear. For service keys with the scope `changes:read`, or `changes:read:NAME` for each
/// `collection` that is asked for.
#[utoipa::path(
    get,
    path = "/v1/changes",
    tag = "changes",
    params(
        Parameters,
        ("Last-Event-ID" = Option<String>, Header, description = "Of a stream: goes on after this event."),
    ),
    responses((status = 200, description = "A page, or a stream.", content(
        (ChangePage<'_> = "application/json"),
        (String = "text/event-stream"),
    ))),
    extensions(("x-codes" = json!([
        "bad_filter", "bad_cursor", "cursor_expired", "consumer_not_found", "overloaded",
    ]))),
)]
pub(crate) async fn handle(
    caller: Service,
    renewal: Renewal,
    request: HttpRequest,
    query: Query<Parameters>,
    changes: Data<Changes>,
    streams: Data<Streams>,
) -> Answer {
    let wanted = Wanted::new(&request, query.0)?;
    let (kind, feed) = (wanted.kind, wanted.feed(&caller.0, &changes).await?);
    match kind {
        Kind::Stream => Ok(stream::answer(feed, renewal, streams.seat()?)),
        Kind::Page(wait) => {
            let mut feed = feed;
            let page = page(&mut feed, streams.patience(wait), &renewal, &streams).await?;
            let items = page.items.iter().map(|change| ChangeItem::from(&**change)).collect();
            let next_since = changes.cursor_text(page.next_since);
            Ok(HttpResponse::Ok().json(ChangePage { items, next_since, more: page.more }))
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Stream,
    Page(Duration),
}

/// What is asked for, parsed.
struct Wanted {
    kind: Kind,
    since: Since,
    consumer: Option<DocumentId>,
    collections: Vec<CollectionName>,
    filter: Option<String>,
    limit: u32,
}

impl Wanted {
    fn new(request: &HttpRequest, query: Parameters) -> Result<Self> {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let streams = header(ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/event-stream"));
        let wait = query.wait.as_deref().map(duration).transpose()?.unwrap_or_default();
        let is_head = *request.method() == Method::HEAD;
        let kind = match (streams, is_head) {
            (true, false) => Kind::Stream,
            (false, false) => Kind::Page(wait),
            (_, true) => Kind::Page(Duration::ZERO),
        };
        if query.consumer.is_some() && query.since.is_some() {
            return Err(Error::new(Code::BadParameter, "A consumer has its own place: leave since out."));
        }
        // A stream that goes on is further than where it began.
        let resumed = header("last-event-id").filter(|_| streams && !is_head).filter(|id| !id.is_empty());
        let since = resumed.or(query.since.as_deref()).map_or(Since::Beginning, Since::parse);
        Ok(Self {
            kind,
            since,
            consumer: if resumed.is_some() { None } else { query.consumer },
            collections: query.collection.as_deref().map(collections).transpose()?.unwrap_or_default(),
            filter: query.filter,
            limit: query.limit.unwrap_or(FEED_DEFAULT),
        })
    }

    async fn feed(self, caller: &Caller, changes: &Changes) -> Result<Feed> {
        let since = match &self.consumer {
            Some(consumer) => changes.consumer_since(caller, consumer, &self.collections).await?,
            None => self.since,
        };
        let Self { collections, filter, limit, .. } = self;
        changes.feed(caller, FeedQuery { since, collections, filter, limit })
    }
}

/// The next page, waited for where there is nothing yet.
async fn page(feed: &mut Feed, patience: Duration, renewal: &Renewal, streams: &Streams) -> Result<FeedPage> {
    let end = tokio::time::Instant::now() + patience;
    let first = feed.next().await?;
    if patience.is_zero() || !first.items.is_empty() || first.more {
        return Ok(first);
    }
    let mut seat = streams.seat()?;
    let mut last = first;
    loop {
        tokio::select! {
            () = feed.wait() => {}
            () = tokio::time::sleep_until(end) => return Ok(last),
            () = seat.stopping() => return Ok(last),
        }
        if let Some(caller) = renewal.caller().await? {
            feed.authorize(&caller)?;
        }
        last = feed.next().await?;
        if !last.items.is_empty() || last.more {
            return Ok(last);
        }
    }
}

fn collections(text: &str) -> Result<Vec<CollectionName>> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(CollectionName::parse_public).collect()
}

/// `30s`, `500ms`.
fn duration(text: &str) -> Result<Duration> {
    let bad = || Error::new(Code::BadParameter, "wait is a time from 0s to 60s, such as 30s or 500ms.");
    let digits = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    let millis = match text.strip_suffix("ms") {
        Some(millis) => digits(millis),
        None => text.strip_suffix('s').and_then(digits).and_then(|seconds: u64| seconds.checked_mul(1_000)),
    };
    millis.map(Duration::from_millis).filter(|wait| *wait <= LONGEST).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_short_times() {
        assert_eq!(duration("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(duration("250ms").unwrap(), Duration::from_millis(250));
        for bad in ["", "30", "s", "-1s", "+1s", "1.5s", "61s", "1m", "99999999999999999999s"] {
            assert_eq!(duration(bad).unwrap_err().code(), Code::BadParameter, "{bad}");
        }
    }
}

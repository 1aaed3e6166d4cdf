//! The changes as server-sent events. The answer pulls a page when the client has taken the one before, so a slow one
//! costs a page and no more.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use basalt_core::{Code, Error, Result};
use basalt_data::changes::{Feed, FeedPage};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use serde_json::json;

use super::shared::ChangeItem;
use crate::extract::Renewal;
use crate::streams::Seat;

/// Silence is broken this often, so that everybody on the way knows the connection to be alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a log that can't be read is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// When a client that lost us comes back.
const RETRY: &str = "retry: 2000\n\n";
/// The last words of a server that stops.
const STOPPING: &str = ": the server stops\nretry: 1000\n\n";

pub(super) fn answer(feed: Feed, renewal: Renewal, seat: Seat) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(frames(Reading { feed, renewal, seat, state: State::Opening }))
}

struct Reading {
    feed: Feed,
    renewal: Renewal,
    seat: Seat,
    state: State,
}

enum State {
    Opening,
    /// There may be something to read.
    Reading,
    /// All is read.
    Waiting,
    Ended,
}

fn frames(reading: Reading) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> {
    stream::unfold(reading, |mut reading| async move {
        let frame = reading.frame().await?;
        Some((Ok(frame), reading))
    })
}

impl Reading {
    async fn frame(&mut self) -> Option<Bytes> {
        loop {
            match self.state {
                State::Ended => return None,
                _ if self.seat.is_stopping() => {
                    self.state = State::Ended;
                    return Some(Bytes::from_static(STOPPING.as_bytes()));
                }
                State::Opening => {
                    self.state = State::Reading;
                    return Some(Bytes::from_static(RETRY.as_bytes()));
                }
                State::Reading => match self.read().await {
                    Ok(page) => {
                        self.state = if page.more { State::Reading } else { State::Waiting };
                        if !page.items.is_empty() {
                            return Some(self.events(&page));
                        }
                    }
                    Err(error) if error.status() >= 500 => return self.paused(&error).await,
                    Err(error) => return Some(self.failed(&error)),
                },
                State::Waiting => {
                    self.state = State::Reading;
                    tokio::select! {
                        () = self.feed.wait() => {}
                        () = self.seat.stopping() => {}
                        // The place moves on for a client whose filter nothing passes, too.
                        () = tokio::time::sleep(HEARTBEAT) => {
                            return Some(format!(": alive\nid: {}\n\n", self.feed.cursor()).into());
                        }
                    }
                }
            }
        }
    }

    /// The next page, if the key still is good for it.
    async fn read(&mut self) -> Result<FeedPage> {
        let expired = || Error::new(Code::TokenExpired, "This service key has expired.");
        let caller = self.renewal.caller().await?.ok_or_else(expired)?;
        self.feed.authorize(&caller)?;
        self.feed.next().await
    }

    fn events(&self, page: &FeedPage) -> Bytes {
        let mut text = String::new();
        for change in &page.items {
            let data = serde_json::to_string(&ChangeItem::from(&**change)).unwrap_or_default();
            text.push_str("id: ");
            text.push_str(&self.feed.cursor_of(change.seq));
            text.push_str("\ndata: ");
            text.push_str(&data);
            text.push_str("\n\n");
        }
        text.into()
    }

    /// What is no fault of the client's is tried again in a moment.
    async fn paused(&mut self, error: &Error) -> Option<Bytes> {
        tracing::warn!(?error, "a stream of changes can't be read");
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = self.seat.stopping() => {}
        }
        Some(Bytes::from_static(b": the changes can't be read for now\n\n"))
    }

    /// The stream ends with the problem.
    fn failed(&mut self, error: &Error) -> Bytes {
        self.state = State::Ended;
        let problem = json!({ "status": error.status(), "code": error.code_text(), "detail": error.detail() });
        format!("event: error\ndata: {problem}\n\n").into()
    }
}

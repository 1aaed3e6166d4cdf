//! Lines as server-sent events. The answer pulls them when the client has taken those before.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use basalt_app::functions::LogTail;
use basalt_core::Error;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use serde_json::json;

use super::shared::Line;
use crate::extract::AdminRenewal;
use crate::streams::Seat;

/// Silence is broken this often, so that everybody on the way knows the connection to be alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long records that can't be read are left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// How often is asked whether the reader still may.
const RENEWED: Duration = Duration::from_secs(5);
const OPENING: &str = "retry: 2000\n\n";
/// The last words of a server that stops.
const STOPPING: &str = ": the server stops\nretry: 1000\n\n";

pub(super) fn answer(tail: LogTail, renewal: AdminRenewal, seat: Seat) -> HttpResponse {
    let now = Instant::now();
    let reading = Reading { tail, renewal, seat, state: State::Opening, spoke: now, renewed: now };
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(frames(reading))
}

struct Reading {
    tail: LogTail,
    renewal: AdminRenewal,
    seat: Seat,
    state: State,
    spoke: Instant,
    renewed: Instant,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Opening,
    Reading,
    Ended,
}

fn frames(reading: Reading) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(reading, |mut reading| async move {
        let frame = reading.frame().await?;
        reading.spoke = Instant::now();
        Some((Ok(frame), reading))
    })
}

impl Reading {
    async fn frame(&mut self) -> Option<Bytes> {
        loop {
            if self.state == State::Ended {
                return None;
            }
            if self.seat.is_stopping() {
                self.state = State::Ended;
                return Some(Bytes::from_static(STOPPING.as_bytes()));
            }
            if self.state == State::Opening {
                self.state = State::Reading;
                return Some(Bytes::from_static(OPENING.as_bytes()));
            }
            if let Err(error) = self.renew().await {
                return Some(self.failed(&error));
            }
            match self.tail.next().await {
                Ok(entries) if !entries.is_empty() => {
                    return Some(entries.into_iter().map(|entry| event(&Line::from(entry))).collect::<String>().into());
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(?error, "the log of functions can't be read");
                    self.pause().await;
                    return Some(Bytes::from_static(b": the log can't be read for now\n\n"));
                }
            }
            if self.spoke.elapsed() >= HEARTBEAT {
                return Some(Bytes::from_static(b": alive\n\n"));
            }
            tokio::select! {
                () = self.tail.wait() => {}
                () = self.seat.stopping() => {}
            }
        }
    }

    /// Who may no longer read hears no more.
    async fn renew(&mut self) -> Result<(), Error> {
        if self.renewed.elapsed() >= RENEWED {
            self.renewal.reader().await?;
            self.renewed = Instant::now();
        }
        Ok(())
    }

    async fn pause(&mut self) {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = self.seat.stopping() => {}
        }
    }

    /// The stream ends with the problem.
    fn failed(&mut self, error: &Error) -> Bytes {
        self.state = State::Ended;
        let problem = json!({ "status": error.status(), "code": error.code_text(), "detail": error.detail() });
        format!("event: error\ndata: {problem}\n\n").into()
    }
}

fn event(line: &Line) -> String {
    format!("data: {}\n\n", serde_json::to_string(line).unwrap_or_default())
}

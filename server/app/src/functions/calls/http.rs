//! `http` functions: a request in, a response out, its body as the function makes it.

use std::pin::Pin;
use std::task::{Context, Poll};

use basalt_core::{Caller, DocumentId, Error, Result};
use basalt_runtime::{HttpHead, HttpInput, Input};
use bytes::Bytes;
use futures_util::Stream;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::run::Run;
use super::{BoxFuture, Calls, Resolved, outcome};
use crate::functions::records::InvokedBy;

/// A request as it came.
pub struct HttpCall {
    pub resolved: Resolved,
    pub method: String,
    /// Absolute.
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// The function's answer: its head, and its body as it comes.
pub struct HttpAnswer {
    pub invocation: DocumentId,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: HttpBody,
}

type Running = BoxFuture<'static, Result<Option<Bytes>>>;

/// The pieces of the body. The function runs as they are taken: who stops taking them stops it.
pub struct HttpBody {
    running: Option<Running>,
    /// What it failed with, to be told after its last piece.
    failed: Option<Error>,
    pieces: mpsc::Receiver<Bytes>,
}

impl Calls {
    /// Hands a request to an `http` function, if its rule lets the caller.
    pub async fn http(&self, caller: &Caller, call: HttpCall) -> Result<HttpAnswer> {
        let HttpCall { resolved, method, url, headers, body } = call;
        self.authorize(caller, &resolved, &Value::Null).await?;
        let (answer, mut answered) = oneshot::channel();
        let id = self.new_id();
        let run = Run {
            id: id.clone(),
            resolved,
            caller: caller.clone(),
            by: InvokedBy::Http,
            input: Input::Http(HttpInput { method, url, headers, body, answer }),
            idempotency_key: None,
            attempt: 1,
        };
        let calls = self.clone();
        let mut running: Running = Box::pin(async move { calls.run(run).await });
        let (head, running) = tokio::select! {
            biased;
            head = &mut answered => (head.ok(), Some(running)),
            done = &mut running => {
                done?;
                // It is over, and may have answered just before.
                (answered.try_recv().ok(), None)
            }
        };
        let Some(head) = head else { return Err(self.unanswered(running, &id).await) };
        let HttpHead { status, headers, body: pieces } = head;
        if !(200..600).contains(&status) {
            return Err(outcome::bad_result(&id));
        }
        Ok(HttpAnswer { invocation: id, status, headers, body: HttpBody::new(running, pieces) })
    }

    /// Why there is no answer: what became of the call says so.
    async fn unanswered(&self, running: Option<Running>, id: &DocumentId) -> Error {
        match running {
            Some(running) => running.await.err().unwrap_or_else(|| outcome::bad_result(id)),
            None => outcome::bad_result(id),
        }
    }
}

impl HttpBody {
    fn new(running: Option<Running>, pieces: mpsc::Receiver<Bytes>) -> Self {
        Self { running, failed: None, pieces }
    }

    /// Goes on with the function, and notes what became of it.
    fn go_on(&mut self, context: &mut Context<'_>) {
        let Some(running) = &mut self.running else { return };
        if let Poll::Ready(done) = running.as_mut().poll(context) {
            (self.running, self.failed) = (None, done.err());
        }
    }
}

/// An error where the function ends before its answer does: the connection breaks off, so that nobody takes a part for
/// the whole.
impl Stream for HttpBody {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let body = self.get_mut();
        body.go_on(context);
        match body.pieces.poll_recv(context) {
            Poll::Ready(Some(piece)) => Poll::Ready(Some(Ok(piece))),
            // What it still does is a part of its answer: it may yet fail.
            Poll::Ready(None) if body.running.is_some() => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(body.failed.take().map(Err)),
            Poll::Pending => match body.failed.take() {
                Some(error) => Poll::Ready(Some(Err(error))),
                None => Poll::Pending,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use basalt_core::Code;
    use futures_util::StreamExt;

    use super::*;

    fn broken() -> Error {
        Error::new(Code::FunctionTimeout, "It took too long.")
    }

    #[tokio::test]
    async fn a_body_ends_with_its_call_and_breaks_off_with_it() {
        for (result, whole) in [(Ok(None), true), (Err(broken()), false)] {
            let (sender, pieces) = mpsc::channel(1);
            let running: Running = Box::pin(async move {
                for piece in ["a", "b"] {
                    let _ = sender.send(Bytes::from_static(piece.as_bytes())).await;
                }
                drop(sender);
                result
            });
            let taken: Vec<_> = HttpBody::new(Some(running), pieces).collect().await;
            let good: Vec<&[u8]> = taken.iter().filter_map(|piece| piece.as_deref().ok()).collect();
            assert_eq!(good, [b"a", b"b"]);
            assert_eq!(taken.iter().all(Result::is_ok), whole);
        }
    }
}

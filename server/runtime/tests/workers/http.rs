use std::sync::Arc;
use std::time::Duration;

use basalt_runtime::{FunctionRuntime as _, HostApi, HttpHead, HttpInput, Input, Kind, Outcome, Report};
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::App;

/// Calls an http function; its head, and its report to come.
fn request(app: &App, export: &str, body: &'static [u8]) -> (oneshot::Receiver<HttpHead>, JoinHandle<Report>) {
    let (answer, head) = oneshot::channel();
    let input = Input::Http(HttpInput {
        method: "POST".to_owned(),
        url: "https://app.example/v1/functions/hook/a?b=c".to_owned(),
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: Bytes::from_static(body),
        answer,
    });
    let invocation = app.invocation(export, Kind::Http, input);
    let (workers, host) = (Arc::clone(&app.workers), Arc::clone(&app.host) as Arc<dyn HostApi>);
    #[expect(clippy::disallowed_methods, reason = "the handle is awaited by the test")]
    (head, tokio::spawn(async move { workers.invoke(invocation, host).await }))
}

async fn text(mut head: HttpHead) -> String {
    let mut all = Vec::new();
    while let Some(piece) = head.body.recv().await {
        all.extend_from_slice(&piece);
    }
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn a_request_is_answered() {
    let app = App::new(
        "export const hook = http(async (request: Request) => {
            const body = await request.text();
            const url = new URL(request.url);
            return new Response(request.method + ' ' + url.search + ' ' + body, {
                status: 201, headers: { 'x-a': 'b' },
            });
        });",
    )
    .await;
    let (head, report) = request(&app, "hook", b"hello");
    let head = head.await.unwrap();
    assert_eq!(head.status, 201);
    assert!(head.headers.contains(&("x-a".to_owned(), "b".to_owned())), "{:?}", head.headers);
    assert_eq!(text(head).await, "POST ?b=c hello");
    assert_eq!(report.await.unwrap().outcome, Outcome::Returned(None));
}

const STREAM: &str = "
    export const hook = http(() => new Response(new ReadableStream({
        async pull(controller) {
            globalThis.n = (globalThis.n ?? 0) + 1;
            if (globalThis.n > 20) return controller.close();
            controller.enqueue(new TextEncoder().encode('piece' + globalThis.n + ';'));
        },
    })));
    export const endless = http(() => new Response(new ReadableStream({
        pull(controller) { controller.enqueue(new Uint8Array(1000)); },
    })));
    export const breaks = http(() => new Response(new ReadableStream({
        pull(controller) { controller.enqueue(new Uint8Array(10)); controller.error(new Error('broken')); },
    })));";

#[tokio::test]
async fn a_body_comes_in_pieces() {
    let app = App::new(STREAM).await;
    let (head, report) = request(&app, "hook", b"");
    let whole = text(head.await.unwrap()).await;
    assert!(whole.starts_with("piece1;piece2;") && whole.ends_with("piece20;"), "{whole}");
    assert_eq!(report.await.unwrap().outcome, Outcome::Returned(None));
}

#[tokio::test]
async fn a_body_waits_for_its_reader() {
    let app = App::new(STREAM).await.with_limits(|limits| limits.wall = Duration::from_millis(500));
    let (head, report) = request(&app, "endless", b"");
    let head = head.await.unwrap();
    // Nobody reads: the call waits, and its time ends.
    assert_eq!(report.await.unwrap().outcome, Outcome::TimedOut);
    let bytes = text(head).await.len();
    assert!(bytes <= 16_000, "{bytes} bytes were on their way");
}

#[tokio::test]
async fn a_body_that_is_too_large_ends() {
    let app = App::new(STREAM).await.with_limits(|limits| limits.result = 50_000);
    let (head, report) = request(&app, "endless", b"");
    let bytes = text(head.await.unwrap()).await.len();
    assert!(bytes <= 50_000, "{bytes}");
    assert!(matches!(report.await.unwrap().outcome, Outcome::BadResult(_)));
}

#[tokio::test]
async fn a_reader_who_leaves_ends_the_body() {
    let app = App::new(STREAM).await;
    let (head, report) = request(&app, "endless", b"");
    let mut head = head.await.unwrap();
    head.body.recv().await.unwrap();
    drop(head);
    let outcome = report.await.unwrap().outcome;
    assert!(matches!(outcome, Outcome::Returned(None) | Outcome::Threw(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_body_that_breaks_off_ends_with_the_error() {
    let app = App::new(STREAM).await;
    let (head, report) = request(&app, "breaks", b"");
    text(head.await.unwrap()).await;
    let outcome = report.await.unwrap().outcome;
    let Outcome::Threw(thrown) = outcome else { panic!("{outcome:?}") };
    assert!(thrown.message.contains("broken"), "{thrown:?}");
}

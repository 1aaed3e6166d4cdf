//! The boundary around small applications of its own.

use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use serde_json::Value;

use basalt_core::trace::NoSpans;
use basalt_core::{Span, Spans};

use super::*;
use crate::problem::Answer;
use crate::routes::endpoint::{door, mount, route};

struct Ones;

impl Random for Ones {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(1);
    }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_000)
    }
}

fn boundary(concurrency: usize) -> Boundary {
    boundary_told(concurrency, Arc::new(NoSpans))
}

fn boundary_told(concurrency: usize, spans: Arc<dyn Spans>) -> Boundary {
    Boundary(Arc::new(Settings {
        cors: Cors::new(vec![basalt_core::Origin::parse("https://app.example.org").unwrap()]),
        trusted_proxies: Vec::new(),
        request_timeout: Duration::from_millis(50),
        concurrency,
        https: false,
        clock: Arc::new(Still),
        random: Arc::new(Ones),
        tracing: Tracing { spans, ratio: 1.0 },
        under_way: Arc::new(AtomicUsize::new(0)),
    }))
}

/// Status, `X-Request-Id` and body of an answer of a small application.
async fn answer(concurrency: usize, request: TestRequest) -> (StatusCode, HeaderMap, Value) {
    let app = App::new()
        .wrap(boundary(concurrency))
        .route("/ok", web::get().to(|| async { Answer::Ok(HttpResponse::Ok().json("fine")) }))
        .route(
            "/refused",
            web::get()
                .to(|| async { Answer::Err(Error::new(Code::RuleDenied, "No.").caused_by("inner workings").into()) }),
        )
        .route("/panics", web::get().to(panics))
        .route(
            "/sleeps",
            web::route().to(|| async {
                tokio::time::sleep(Duration::from_mins(1)).await;
                HttpResponse::Ok().finish()
            }),
        );
    let app = init_service(app).await;
    match app.call(request.to_request()).await {
        Ok(response) => {
            let (status, headers) = (response.status(), response.headers().clone());
            let body = read_body(response).await;
            (status, headers, serde_json::from_slice(&body).unwrap_or_default())
        }
        // As the server itself answers what no service answered.
        Err(error) => {
            let response = error.error_response();
            let (status, headers) = (response.status(), response.headers().clone());
            let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
            (status, headers, serde_json::from_slice(&body).unwrap_or_default())
        }
    }
}

async fn panics() -> HttpResponse {
    panic!("on purpose")
}

#[actix_web::test]
async fn every_answer_carries_an_id_and_the_security_headers() {
    let (status, headers, _) = answer(9, TestRequest::get().uri("/ok")).await;
    assert_eq!(status, 200);
    assert_eq!(headers.get(REQUEST_ID).unwrap().len(), 24);
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(headers.get(name).unwrap(), value);
    }
    let sent = TestRequest::get().uri("/ok").insert_header(("x-request-id", "mine-1"));
    assert_eq!(answer(9, sent).await.1.get(REQUEST_ID).unwrap(), "mine-1");
}

#[actix_web::test]
async fn problems_are_documents_with_the_requests_id() {
    let sent = TestRequest::get().uri("/refused").insert_header(("x-request-id", "mine-2"));
    let (status, _, body) = answer(9, sent).await;
    assert_eq!((status.as_u16(), &body["code"], &body["requestId"]), (403, &"rule_denied".into(), &"mine-2".into()));
    assert!(!body.to_string().contains("inner"));
}

#[actix_web::test]
async fn a_panic_ends_one_request_with_a_problem() {
    let (status, headers, body) = answer(9, TestRequest::get().uri("/panics")).await;
    assert_eq!((status.as_u16(), &body["code"]), (500, &"internal".into()));
    assert!(headers.contains_key(REQUEST_ID) && !body.to_string().contains("purpose"));
}

#[actix_web::test]
async fn what_takes_too_long_is_cut_off() {
    let (status, _, body) = answer(9, TestRequest::get().uri("/sleeps")).await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &"timeout".into()));
    let (status, headers, body) = answer(9, TestRequest::post().uri("/sleeps")).await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &"outcome_unknown".into()));
    assert_eq!(headers.get(header::RETRY_AFTER).unwrap(), "1");
}

#[actix_web::test]
async fn what_ends_badly_carries_all_headers_and_is_counted() {
    crate::metrics::install();
    let doors = |config: &mut web::ServiceConfig| {
        for path in ["/falls", "/waits"] {
            let handler = move || async move {
                assert!(path != "/falls", "on purpose");
                tokio::time::sleep(Duration::from_mins(1)).await;
                HttpResponse::Ok().finish()
            };
            let route = mount(route(&Method::GET), handler);
            config.service(door(path.to_owned(), vec![(Method::GET, route)]));
        }
    };
    let app = init_service(App::new().wrap(boundary(9)).configure(doors)).await;
    for (path, status) in [("/falls", 500), ("/waits", 503)] {
        let request = TestRequest::get().uri(path).insert_header(("Origin", "https://app.example.org"));
        let error = app.call(request.to_request()).await.err().unwrap();
        let response = error.error_response();
        assert_eq!(response.status().as_u16(), status);
        let headers = response.headers();
        assert_eq!(headers.get("access-control-allow-origin").unwrap(), "https://app.example.org");
        assert!(headers.contains_key(REQUEST_ID) && headers.contains_key("content-security-policy"));
        let counted = crate::metrics::render().unwrap();
        let series = format!("route=\"{path}\",method=\"GET\",status=\"5xx\"}} 1");
        assert!(counted.contains(&series), "{counted}");
    }
}

#[actix_web::test]
async fn too_many_at_once_are_refused_at_once() {
    let (status, headers, body) = answer(0, TestRequest::get().uri("/ok")).await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &"overloaded".into()));
    assert_eq!(headers.get(header::RETRY_AFTER).unwrap(), "1");
}

#[actix_web::test]
async fn overriding_the_method_is_refused() {
    let request = TestRequest::get().uri("/ok").insert_header(("X-HTTP-Method-Override", "DELETE"));
    assert_eq!(answer(9, request).await.0, 400);
}

#[actix_web::test]
async fn foreign_origins_learn_nothing() {
    let from = |origin: &'static str| TestRequest::get().uri("/ok").insert_header(("Origin", origin));
    let (_, ours, _) = answer(9, from("https://app.example.org")).await;
    assert_eq!(ours.get("access-control-allow-origin").unwrap(), "https://app.example.org");
    assert!(!ours.contains_key("access-control-allow-credentials"));
    let (_, theirs, _) = answer(9, from("https://evil.test")).await;
    assert!(!theirs.contains_key("access-control-allow-origin"));
    assert_eq!(theirs.get("vary").unwrap(), "Origin");
}

#[actix_web::test]
async fn a_place_is_given_back_when_the_request_ends() {
    let app = App::new().wrap(boundary(1)).route("/ok", web::get().to(HttpResponse::Ok));
    let app = init_service(app).await;
    for _ in 0..3 {
        let response = call_service(&app, TestRequest::get().uri("/ok").to_request()).await;
        assert_eq!(response.status(), 200);
    }
}

/// Keeps what is recorded.
#[derive(Default)]
struct Kept(std::sync::Mutex<Vec<Span>>);

impl Spans for Kept {
    fn collects(&self) -> bool {
        true
    }

    fn record(&self, span: Span) {
        self.0.lock().unwrap().push(span);
    }
}

#[actix_web::test]
async fn a_request_is_a_span_of_the_trace_that_it_came_with_or_begins_one() {
    let kept = Arc::new(Kept::default());
    let spans: Arc<dyn Spans> = Arc::<Kept>::clone(&kept);
    let fine = door("/fine".to_owned(), vec![(Method::GET, mount(route(&Method::GET), || async { "fine" }))]);
    let app = init_service(App::new().wrap(boundary_told(9, spans)).service(fine)).await;
    let sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    for traceparent in [Some(sent), None, Some(unsampled)] {
        let mut request = TestRequest::get().uri("/fine");
        if let Some(traceparent) = traceparent {
            request = request.insert_header(("traceparent", traceparent));
        }
        assert_eq!(call_service(&app, request.to_request()).await.status(), 200);
    }
    let spans = kept.0.lock().unwrap();
    let [of_sent, begun] = &spans[..] else { panic!("one that nobody wants is not recorded: {spans:?}") };
    assert_eq!(of_sent.trace.id_text(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!((of_sent.parent, of_sent.trace.span), (Some([0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]), [1; 8]));
    assert_eq!((of_sent.name.as_ref(), of_sent.kind), ("GET /fine", basalt_core::SpanKind::Server));
    assert_eq!(of_sent.attributes["http.response.status_code"], 200);
    assert_eq!((begun.parent, begun.trace.id), (None, [1; 16]));
}

//! What every request passes on its way in and every answer on its way out: ids, time limit, load limit, CORS, security
//! headers, problems, panics, metrics and the log. One middleware, since each layer of its own would cost every request.

mod compress;
mod cors;
mod log;
mod request;
mod span;

use std::future::{Ready, ready};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::body::BoxBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, Uri};
use actix_web::{HttpMessage, HttpResponse};
use basalt_core::random::Random;
use basalt_core::{Clock, Code, Error, Timestamp};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

pub use cors::Cors;
pub use request::Network;
use request::REQUEST_ID;
pub(crate) use request::{RequestInfo, Tracing};

use crate::metrics::DoorMetrics;
use crate::problem::{self, Problem};

const API_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// The upload of a file that never stands still for long.
const LONGEST: Duration = Duration::from_hours(24);
/// Every answer of a resumable upload says which protocol it speaks.
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const TUS: HeaderValue = HeaderValue::from_static("1.0.0");
const OVERRIDES: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];

/// How the boundary is set up; one for all workers.
pub(crate) struct Settings {
    pub(crate) cors: Cors,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) request_timeout: Duration,
    /// Requests under way at once, over all workers; more are answered 503 at once.
    pub(crate) concurrency: usize,
    /// Whether clients reach us by https (then browsers are told to stay there).
    pub(crate) https: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) tracing: Tracing,
    pub(crate) under_way: Arc<AtomicUsize>,
}

#[derive(Clone)]
pub(crate) struct Boundary(pub(crate) Arc<Settings>);

impl<S> Transform<S, ServiceRequest> for Boundary
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = actix_web::Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type InitError = ();
    type Transform = BoundaryService<S>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, next: S) -> Self::Future {
        ready(Ok(BoundaryService { next: Rc::new(next), settings: Arc::clone(&self.0) }))
    }
}

pub(crate) struct BoundaryService<S> {
    next: Rc<S>,
    settings: Arc<Settings>,
}

/// What is kept of a request while it is with its handler.
struct Passage {
    started: Instant,
    /// When it came, where somebody collects spans.
    came: Option<Timestamp>,
    info: RequestInfo,
    method: Method,
    uri: Uri,
    origin: Option<HeaderValue>,
    /// Whether the client takes a compressed answer here.
    compress: bool,
    settings: Arc<Settings>,
}

impl<S> Service<ServiceRequest> for BoundaryService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = actix_web::Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    actix_web::dev::forward_ready!(next);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let passage = Passage::begin(&request, &self.settings);
        let place = Place::take(&self.settings.under_way);
        if let Some(refused) = passage.refuse(&request, place.taken) {
            let (request, _) = request.into_parts();
            return Box::pin(ready(Ok(passage.end(ServiceResponse::new(request, refused)))));
        }
        let next = Rc::clone(&self.next);
        Box::pin(async move {
            let _place = place;
            passage.through(&*next, request).await
        })
    }
}

impl Passage {
    fn begin(request: &ServiceRequest, settings: &Arc<Settings>) -> Self {
        let peer = request.request().peer_addr().map(|address| address.ip());
        let Settings { trusted_proxies, tracing, random, .. } = &**settings;
        let info = RequestInfo::new(request.headers(), peer, trusted_proxies, tracing, &**random);
        request.extensions_mut().insert(info.clone());
        Self {
            started: Instant::now(),
            came: span::begin(&info, settings),
            info,
            method: request.method().clone(),
            uri: request.uri().clone(),
            origin: request.headers().get(cors::ORIGIN).cloned(),
            compress: compress::wanted(request.headers(), request.path()),
            settings: Arc::clone(settings),
        }
    }

    /// The answer to what goes no further.
    fn refuse(&self, request: &ServiceRequest, under_way: usize) -> Option<HttpResponse> {
        let headers = request.headers();
        if let Some(answer) = self.settings.cors.preflight(&self.method, headers) {
            return Some(answer);
        }
        let error = if OVERRIDES.iter().any(|name| headers.contains_key(name)) && !is_resumable(self.uri.path()) {
            Error::new(Code::BadRequest, "Overriding the method is not supported here.")
        } else if under_way > self.settings.concurrency && !self.uri.path().starts_with("/health/") {
            let error = Error::new(Code::Overloaded, "Too many requests are under way; try again in a moment.");
            error.retry_after(Duration::from_secs(1))
        } else {
            return None;
        };
        Some(HttpResponse::from_error(Problem::from(error)))
    }

    async fn through<S>(&self, next: &S, request: ServiceRequest) -> Result<ServiceResponse<BoxBody>, actix_web::Error>
    where
        S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = actix_web::Error>,
    {
        // A file's body takes what it takes: how long its pieces may let wait for them is its door's to say.
        // So does a function, which has a time of its own.
        let path = self.uri.path();
        let takes_its_time = sends_file(&self.method, path) || path.starts_with("/v1/functions/");
        let limit = if takes_its_time { LONGEST } else { self.settings.request_timeout };
        // The call itself is made inside, so that a panic before the first await is caught as well.
        let guarded = AssertUnwindSafe(async { next.call(request).await }).catch_unwind();
        let error = match tokio::time::timeout(limit, guarded).await {
            Ok(Ok(Ok(response))) => return Ok(self.end(response)),
            Ok(Ok(Err(error))) => problem::of_framework(&error),
            Ok(Err(_panic)) => {
                metrics::counter!("basalt_panics_total").increment(1);
                Error::internal("a handler panicked")
            }
            Err(_elapsed) => timed_out(&self.method),
        };
        Err(self.end_without_request(error))
    }

    /// Turns problems into documents, completes the headers, counts and logs.
    fn end(&self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let mut response = self.problem_rendered(response);
        let door = response.request().app_data::<Rc<DoorMetrics>>();
        if let Some(door) = door {
            door.observe(&self.method, response.status(), self.started.elapsed());
        }
        self.record(door.map(Rc::as_ref), response.status());
        // The framework may stand still in the middle of a body that nobody wants (in chunks, after an early answer),
        // and with it whatever comes next on the connection.
        if response.status().as_u16() >= 400 && response.request().headers().contains_key(header::TRANSFER_ENCODING) {
            response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        }
        self.complete(response.headers_mut());
        if self.compress { compress::compressed(response) } else { response }
    }

    /// The same where the request went down with its handler (a time-out, a panic): the door it was at is known from
    /// before.
    fn end_without_request(&self, error: Error) -> actix_web::Error {
        self.log(error.status(), Some(&error));
        let mut response = Problem::from(error.clone()).render(self.info.id());
        // What became of its body isn't known.
        response.head_mut().set_connection_type(ConnectionType::Close);
        if let Some(door) = self.info.door() {
            door.observe(&self.method, response.status(), self.started.elapsed());
        }
        self.record(self.info.door(), response.status());
        self.complete(response.headers_mut());
        InternalError::from_response(error, response).into()
    }

    fn complete(&self, headers: &mut HeaderMap) {
        if let Some(origin) = &self.origin {
            self.settings.cors.open(origin, headers);
        }
        if self.settings.https {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        if door_of(self.uri.path()) == Some("uploads") {
            headers.insert(TUS_RESUMABLE, TUS);
            if !headers.contains_key(TUS_VERSION) {
                headers.insert(TUS_VERSION, TUS);
            }
        }
        complete(headers, self.info.id());
    }

    fn problem_rendered(&self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let status = response.status().as_u16();
        let Some(error) = response.response().error() else {
            self.log(status, None);
            return response;
        };
        let rendered = if let Some(problem) = error.as_error::<Problem>() {
            self.log(status, Some(problem.error()));
            problem.render(self.info.id())
        } else {
            let error = problem::of_framework(error);
            self.log(error.status(), Some(&error));
            Problem::from(error).render(self.info.id())
        };
        response.into_response(rendered)
    }

    fn log(&self, status: u16, error: Option<&Error>) {
        let entry = log::Entry {
            info: &self.info,
            method: self.method.as_str(),
            path: self.uri.path(),
            status,
            elapsed: self.started.elapsed(),
            error,
        };
        entry.write();
    }
}

/// Whether the body is a file's, which may be of any size.
fn sends_file(method: &Method, path: &str) -> bool {
    let writes = [Method::PUT, Method::POST, Method::PATCH].contains(method);
    writes && matches!(door_of(path), Some("files" | "uploads"))
}

/// What comes after `/v1/buckets/{bucket}/`.
fn door_of(path: &str) -> Option<&str> {
    path.strip_prefix("/v1/buckets/")?.split('/').nth(1)
}

/// `/v1/buckets/{bucket}/uploads/{id}`, whose protocol (tus) asks that methods can be overridden.
fn is_resumable(path: &str) -> bool {
    let mut parts = path.strip_prefix("/v1/buckets/").unwrap_or_default().split('/');
    matches!((parts.next(), parts.next(), parts.next(), parts.next()), (Some(_), Some("uploads"), Some(_), None))
}

/// The headers that every answer carries, where the handler set no others.
fn complete(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, API_POLICY);
    }
    if !headers.contains_key(header::REFERRER_POLICY) {
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
}

/// A write that was cut off may have been committed all the same.
fn timed_out(method: &Method) -> Error {
    if method.is_safe() {
        return Error::new(Code::Timeout, "The request took too long.").retry_after(Duration::from_secs(1));
    }
    let detail = "The request took too long; whether it took effect is not known. Repeat it with the same \
                  Idempotency-Key.";
    Error::new(Code::OutcomeUnknown, detail).retry_after(Duration::from_secs(1))
}

/// A place among the requests under way, given back on drop.
struct Place {
    under_way: Arc<AtomicUsize>,
    /// How many there are with this one.
    taken: usize,
}

impl Place {
    fn take(under_way: &Arc<AtomicUsize>) -> Self {
        let taken = under_way.fetch_add(1, Ordering::Relaxed) + 1;
        Self { under_way: Arc::clone(under_way), taken }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;

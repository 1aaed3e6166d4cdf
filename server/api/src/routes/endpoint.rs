//! An endpoint as the server mounts and the OpenAPI document shows it: one list serves both, so neither can lack what
//! the other has.

use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::dev::{Handler, Payload};
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, Resource, Responder, Route, guard};
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::{RefOr, Schema};

use crate::boundary::RequestInfo;
use crate::extract::{Arguments, Contract, NoQuery};
use crate::metrics::DoorMetrics;
use crate::problem::{Answer, Problem};

/// One method of one path.
pub(crate) struct Endpoint {
    /// `basalt_api::routes::auth::sessions::list`; the operation's id follows from it.
    pub(crate) name: &'static str,
    pub(crate) path: fn() -> String,
    pub(crate) methods: fn() -> Vec<HttpMethod>,
    pub(crate) operation: fn() -> Operation,
    pub(crate) tags: fn() -> Vec<&'static str>,
    pub(crate) schemas: fn(&mut Vec<(String, RefOr<Schema>)>),
    pub(crate) contract: fn() -> Contract,
    pub(crate) mount: fn(Route) -> Route,
}

/// The endpoint whose module is named: its `handle` and what `utoipa::path` made of it.
macro_rules! endpoint {
    ($($module:ident)::+) => {
        $crate::routes::endpoint::Endpoint {
            name: concat!(module_path!(), "::", stringify!($($module)::+)),
            path: <$($module)::+::__path_handle as utoipa::Path>::path,
            methods: <$($module)::+::__path_handle as utoipa::Path>::methods,
            operation: <$($module)::+::__path_handle as utoipa::Path>::operation,
            tags: <$($module)::+::__path_handle as utoipa::__dev::Tags<'static>>::tags,
            schemas: <$($module)::+::__path_handle as utoipa::__dev::SchemaReferences>::schemas,
            contract: || $crate::routes::endpoint::contract($($module)::+::handle),
            mount: |route| $crate::routes::endpoint::mount(route, $($module)::+::handle),
        }
    };
}
pub(crate) use endpoint;

pub(crate) fn contract<F, A>(_: F) -> Contract
where
    F: Handler<A>,
    A: FromRequest + Arguments,
{
    Contract::of::<A>()
}

pub(crate) fn mount<F, A>(route: Route, handler: F) -> Route
where
    F: Handler<A>,
    A: FromRequest + Arguments + 'static,
    F::Output: Responder + 'static,
{
    if Contract::of::<A>().takes_query { route.to(Known(handler)) } else { route.to(Known(Strict(handler))) }
}

/// A handler whose door is noted before anything else happens, so that it is counted whatever becomes of the request.
#[derive(Clone)]
struct Known<F>(F);

impl<F: Handler<A>, A> Handler<(Noted, A)> for Known<F> {
    type Output = F::Output;
    type Future = F::Future;

    fn call(&self, (Noted, arguments): (Noted, A)) -> Self::Future {
        self.0.call(arguments)
    }
}

struct Noted;

impl FromRequest for Noted {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        RequestInfo::at_door(request);
        ready(Ok(Self))
    }
}

/// A handler that takes no query parameters, and refuses them before anything else happens.
#[derive(Clone)]
struct Strict<F>(F);

impl<F: Handler<A>, A> Handler<(NoQuery, A)> for Strict<F> {
    type Output = F::Output;
    type Future = F::Future;

    fn call(&self, (NoQuery, arguments): (NoQuery, A)) -> Self::Future {
        self.0.call(arguments)
    }
}

/// Mounts endpoints, those of one path together.
pub(crate) fn configure<'a>(config: &mut ServiceConfig, endpoints: impl Iterator<Item = &'a Endpoint>) {
    let mut paths: Vec<(String, Vec<(Method, Route)>)> = Vec::new();
    for endpoint in endpoints {
        let path = (endpoint.path)();
        // The rest of a function's path may be empty.
        let path = path.replace("{path}", "{path:.+}").replace("{tail}", "{tail:.*}");
        let methods = (endpoint.methods)();
        let routes = methods.iter().map(method).map(|method| (method.clone(), (endpoint.mount)(route(&method))));
        match paths.iter_mut().find(|(known, _)| *known == path) {
            Some((_, group)) => group.extend(routes),
            None => paths.push((path, routes.collect())),
        }
    }
    for (path, routes) in paths {
        config.service(door(path, routes));
    }
}

/// One path with its methods: a wrong one is a 405 that names the right ones, and all are counted.
pub(crate) fn door(path: String, routes: Vec<(Method, Route)>) -> Resource {
    let mut resource = web::resource(path.as_str());
    let mut methods = Vec::new();
    for (method, route) in routes {
        resource = resource.route(route);
        if method == Method::GET {
            methods.push(Method::HEAD);
        }
        methods.push(method);
    }
    methods.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    let allow = Rc::new(methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", "));
    let metrics = Rc::new(DoorMetrics::new(path, methods));
    let refuse = move || std::future::ready(Answer::Err(Problem::method_not_allowed(&allow)));
    resource.app_data(metrics).default_service(web::to(refuse))
}

/// What answers GET answers HEAD; the body is left out when the answer is sent.
pub(crate) fn route(method: &Method) -> Route {
    if method == Method::GET {
        return Route::new().guard(guard::Any(guard::Get()).or(guard::Head()));
    }
    Route::new().method(method.clone())
}

fn method(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}

//! An endpoint as the server mounts and the OpenAPI document shows it: one list serves both, so neither can lack what
//! the other has.

use std::rc::Rc;

use actix_web::dev::{Handler, ServiceRequest, ServiceResponse, fn_service};
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Resource, Responder, Route, guard};
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::{RefOr, Schema};

use crate::boundary::RequestInfo;
use crate::extract::{Arguments, Contract, no_query};
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

/// Futures of more bytes are put where they stay at once: as parts of others they would be moved about with them.
const LARGE: usize = 1024;

pub(crate) fn mount<F, A>(route: Route, handler: F) -> Route
where
    F: Handler<A>,
    A: FromRequest + Arguments + 'static,
    F::Output: Responder + 'static,
{
    let strict = !Contract::of::<A>().takes_query;
    if const { size_of::<F::Future>() > LARGE } {
        serve(route, strict, move |arguments| Box::pin(handler.call(arguments)))
    } else {
        serve(route, strict, move |arguments| handler.call(arguments))
    }
}

/// What `Route::to` does, and before it looks at the arguments two things more. As arguments of their own these would
/// have all the others moved about twice more.
fn serve<A, R>(route: Route, strict: bool, call: impl Fn(A) -> R + Clone + 'static) -> Route
where
    A: FromRequest + 'static,
    R: Future<Output: Responder + 'static> + 'static,
{
    route.service(fn_service(move |request: ServiceRequest| {
        let call = call.clone();
        async move {
            let (request, mut payload) = request.into_parts();
            let response = match admitted(&request, strict) {
                Ok(()) => match A::from_request(&request, &mut payload).await {
                    Ok(arguments) => call(arguments).await.respond_to(&request).map_into_boxed_body(),
                    Err(error) => HttpResponse::from_error(error),
                },
                Err(problem) => HttpResponse::from_error(problem),
            };
            Ok::<_, actix_web::Error>(ServiceResponse::new(request, response))
        }
    }))
}

/// Notes the door, so that the request is counted whatever becomes of it, and refuses query parameters where it is
/// `strict`: where no argument takes any.
fn admitted(request: &HttpRequest, strict: bool) -> Result<(), Problem> {
    RequestInfo::at_door(request);
    if strict { no_query(request).map_err(Problem::from) } else { Ok(()) }
}

/// The router tries the paths in the order in which they are mounted, most of them by a regular expression: these
/// first. None of them answers what another path is there for.
pub(super) const BUSIEST: [&str; 4] = [
    "/v1/transactions",
    "/v1/collections/{collection}/documents/{id}",
    "/v1/collections/{collection}/documents",
    "/v1/collections/{collection}/query",
];

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
    paths.sort_by_key(|(path, _)| BUSIEST.iter().position(|busy| busy == path).unwrap_or(BUSIEST.len()));
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

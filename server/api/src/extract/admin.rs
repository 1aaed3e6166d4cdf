//! Who calls the admin API: an operator by the cookie of his session, or a service whose key has the scope `admin`.

use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HOST, ORIGIN};
use actix_web::{FromRequest, HttpRequest};
use basalt_app::{Principals, Secret};
use basalt_core::principal::{OperatorRole, Scope};
use basalt_core::{Caller, Code, Error, Principal, Result};
use futures_util::future::LocalBoxFuture;
use std::future::{Ready, ready};

use super::caller::{Renewal, bearer, called_by, service};
use super::contract::{Argument, Contract, Credential};
use crate::problem::Problem;

/// The cookie of an operator's session.
pub(crate) const COOKIE: &str = "basalt_operator";
const PATH: &str = "/v1/admin";

/// Where clients find us, as far as we know; among the application's data.
#[derive(Clone, Default)]
pub(crate) struct PublicOrigin(pub(crate) Option<String>);

/// May look: a viewer at least.
pub(crate) struct AdminRead(pub(crate) Caller);

/// May change data: an editor at least.
pub(crate) struct AdminWrite(pub(crate) Caller);

/// Who may change data, asked again while a request goes on for long.
pub(crate) struct AdminRenewal(HttpRequest);

/// The renewal of either door.
pub(crate) enum AnyRenewal {
    Admin(AdminRenewal),
    Client(Renewal),
}

/// May change who may do what: an owner.
pub(crate) struct Owner(pub(crate) Caller);

/// The operator's cookie itself, if there is one (to end the session).
pub(crate) struct OperatorCookie(pub(crate) Option<Secret>);

/// Proof that no foreign site's page sent the request, where it makes or ends a session.
pub(crate) struct SameOrigin;

async fn admin(request: &HttpRequest, least: OperatorRole) -> Result<Caller> {
    let principal = if request.headers().contains_key(AUTHORIZATION) {
        bearer(request).await?
    } else {
        let cookie = session_cookie(request).ok_or_else(Error::unauthenticated)?;
        if !request.method().is_safe() {
            own_origin(request, Missing::Refused)?;
        }
        service::<Principals>(request)?.operator(&cookie).await?
    };
    match &principal {
        Principal::Operator(operator) if operator.role < least => return Err(Error::operator_role(least)),
        Principal::Operator(_) => {}
        Principal::Service(key) => key.require(&Scope::Admin)?,
        Principal::Visitor | Principal::User(_) | Principal::System => {
            return Err(Error::new(Code::Forbidden, "The admin API is for operators and service keys."));
        }
    }
    called_by(request, principal)
}

fn session_cookie(request: &HttpRequest) -> Option<Secret> {
    request.cookie(COOKIE).map(|cookie| Secret::new(cookie.value())).filter(|secret| !secret.expose().is_empty())
}

#[derive(Clone, Copy, PartialEq)]
enum Missing {
    Fine,
    Refused,
}

/// Whether the page that sent the request is ours. Browsers send `Origin` with every unsafe request.
fn own_origin(request: &HttpRequest, missing: Missing) -> Result<()> {
    let refused = || Error::new(Code::OriginRefused, "The request does not come from this server's own pages.");
    if !request.headers().contains_key(ORIGIN) {
        return if missing == Missing::Fine { Ok(()) } else { Err(refused()) };
    }
    if is_own_origin(request) { Ok(()) } else { Err(refused()) }
}

/// Whether `Origin` is this server, as its clients reach it.
pub(super) fn is_own_origin(request: &HttpRequest) -> bool {
    let Some(origin) = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok()) else { return false };
    let public = request.app_data::<PublicOrigin>().and_then(|public| public.0.as_deref());
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(actix_web::http::uri::Authority::as_str));
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    public == Some(origin) || (authority.is_some() && authority == host)
}

/// `Set-Cookie` of a session; an empty value ends it. `Secure` where clients reach us by https.
pub(crate) fn cookie(value: &str, request: &HttpRequest) -> Cookie<'static> {
    let public = request.app_data::<PublicOrigin>().and_then(|public| public.0.as_deref());
    let secure = public.is_some_and(|origin| origin.starts_with("https://"));
    let mut cookie = Cookie::build(COOKIE, value.to_owned())
        .path(PATH)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(secure)
        .finish();
    if value.is_empty() {
        cookie.make_removal();
    }
    cookie
}

macro_rules! admin_extractor {
    ($type:ident, $least:expr) => {
        impl FromRequest for $type {
            type Error = Problem;
            type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let request = request.clone();
                Box::pin(async move { Ok(Self(admin(&request, $least).await?)) })
            }
        }

        impl Argument for $type {
            fn describe(contract: &mut Contract) {
                describe_admin(contract);
            }
        }
    };
}

admin_extractor!(AdminRead, OperatorRole::Viewer);
admin_extractor!(AdminWrite, OperatorRole::Editor);
admin_extractor!(Owner, OperatorRole::Owner);

impl FromRequest for AdminRenewal {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.clone())))
    }
}

impl Argument for AdminRenewal {
    fn describe(_: &mut Contract) {}
}

impl AdminRenewal {
    /// Who reads, if he still may.
    pub(crate) async fn reader(&self) -> Result<Caller> {
        admin(&self.0, OperatorRole::Viewer).await
    }
}

impl From<AdminRenewal> for AnyRenewal {
    fn from(renewal: AdminRenewal) -> Self {
        Self::Admin(renewal)
    }
}

impl From<Renewal> for AnyRenewal {
    fn from(renewal: Renewal) -> Self {
        Self::Client(renewal)
    }
}

impl AnyRenewal {
    /// Who the request's credential speaks for now; `None`: the same as before.
    pub(crate) async fn caller(&self) -> Result<Option<Caller>> {
        match self {
            Self::Admin(AdminRenewal(request)) => admin(request, OperatorRole::Editor).await.map(Some),
            Self::Client(renewal) => renewal.caller().await,
        }
    }
}

impl FromRequest for OperatorCookie {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(session_cookie(request))))
    }
}

impl FromRequest for SameOrigin {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        debug_assert!(request.method() != Method::GET, "reading needs no origin");
        ready(own_origin(request, Missing::Fine).map(|()| Self).map_err(Problem::from))
    }
}

fn describe_admin(contract: &mut Contract) {
    contract.credentials.extend([Credential::Operator, Credential::Service]);
    contract.refuses(&[
        Code::Unauthenticated,
        Code::InvalidToken,
        Code::TokenExpired,
        Code::SessionEnded,
        Code::Forbidden,
        Code::ScopeMissing,
        Code::OperatorRoleMissing,
        Code::OriginRefused,
        Code::ServiceKeyInBrowser,
    ]);
}

impl Argument for OperatorCookie {
    fn describe(contract: &mut Contract) {
        contract.credentials.insert(Credential::Operator);
    }
}

impl Argument for SameOrigin {
    fn describe(contract: &mut Contract) {
        contract.refuses(&[Code::OriginRefused]);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(origin: Option<&str>, host: &str, public: Option<&str>) -> HttpRequest {
        let mut request = TestRequest::post().insert_header((HOST, host));
        request = request.app_data(PublicOrigin(public.map(str::to_owned)));
        if let Some(origin) = origin {
            request = request.insert_header((ORIGIN, origin));
        }
        request.to_http_request()
    }

    #[test]
    fn only_our_own_pages_use_the_cookie() {
        let public = Some("https://api.example.org");
        let check = |origin, host| own_origin(&request(origin, host, public), Missing::Refused).is_ok();
        assert!(check(Some("https://api.example.org"), "10.0.0.1:7070"));
        assert!(check(Some("http://localhost:7070"), "localhost:7070"));
        for (origin, host) in [
            (Some("https://evil.test"), "api.example.org"),
            (Some("http://localhost:7071"), "localhost:7070"),
            (Some("null"), "null"),
            (Some("localhost:7070"), "localhost:7070"),
            (None, "localhost:7070"),
        ] {
            assert!(!check(origin, host), "{origin:?} {host}");
        }
        assert!(own_origin(&request(None, "a", None), Missing::Fine).is_ok());
    }

    #[test]
    fn the_cookie_is_for_http_and_this_site_only() {
        let text = cookie("abc", &request(None, "a", Some("https://api.example.org"))).to_string();
        assert_eq!(text, "basalt_operator=abc; HttpOnly; SameSite=Strict; Secure; Path=/v1/admin");
        assert!(!cookie("abc", &request(None, "a", None)).to_string().contains("Secure"));
    }
}

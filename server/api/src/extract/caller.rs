//! Who calls, as far as the public API is concerned.

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, ORIGIN, USER_AGENT};
use actix_web::{FromRequest, HttpRequest, web};
use basalt_app::{Device, Principals, Secret};
use basalt_core::principal::Request;
use basalt_core::{Clock, Code, Error, Principal, Result};
use futures_util::future::LocalBoxFuture;
use std::future::{Ready, ready};

use super::contract::{Argument, Contract, Credential};
use crate::boundary::RequestInfo;
use crate::problem::Problem;

/// Whoever calls: a visitor, a user or a service. What he may do is the use case's decision.
pub(crate) struct Caller(pub(crate) basalt_core::Caller);

/// A signed-in user, and nobody else.
pub(crate) struct SignedIn(pub(crate) basalt_core::Caller);

/// A service key, and nobody else. Its scopes are the use case's business.
pub(crate) struct Service(pub(crate) basalt_core::Caller);

/// Who calls, to be asked again while a stream goes on: what was revoked meanwhile ends it.
pub(crate) struct Renewal(HttpRequest);

/// Whoever calls, without asking who he is: his proof is in the body.
pub(crate) struct Anyone(pub(crate) basalt_core::Caller);

/// Whoever calls, with the token that proved it, for who holds on to it.
pub(crate) struct Bearer {
    pub(crate) caller: basalt_core::Caller,
    pub(crate) token: Option<Secret>,
}

/// What the caller says about his device.
pub(crate) struct DeviceOf(pub(crate) Device);

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        if !request.headers().contains_key(AUTHORIZATION) {
            return Box::pin(ready(called_by(request, Principal::Visitor).map(Self).map_err(Problem::from)));
        }
        let request = request.clone();
        Box::pin(async move {
            let principal = bearer(&request).await?;
            Ok(Self(called_by(&request, principal)?))
        })
    }
}

impl FromRequest for Bearer {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let token = request.headers().contains_key(AUTHORIZATION).then(|| token(request)).transpose();
        let caller = Caller::from_request(request, payload);
        Box::pin(async move { Ok(Self { caller: caller.await?.0, token: token? }) })
    }
}

impl FromRequest for SignedIn {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload);
        Box::pin(async move {
            let Caller(caller) = caller.await?;
            match caller.principal {
                Principal::User(_) => Ok(Self(caller)),
                Principal::Visitor => Err(Error::unauthenticated().into()),
                Principal::Service(_) | Principal::Operator(_) | Principal::System => {
                    Err(Error::new(Code::Forbidden, "This is for users alone.").into())
                }
            }
        })
    }
}

impl FromRequest for Service {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload);
        Box::pin(async move {
            let Caller(caller) = caller.await?;
            match caller.principal {
                Principal::Service(_) => Ok(Self(caller)),
                Principal::Visitor => Err(Error::unauthenticated().into()),
                Principal::User(_) | Principal::Operator(_) | Principal::System => {
                    Err(Error::new(Code::Forbidden, "This is for service keys alone.").into())
                }
            }
        })
    }
}

impl FromRequest for Renewal {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(request.clone())))
    }
}

impl Renewal {
    /// Who the request's credential speaks for now. A user's token that has run out meanwhile was good when he called:
    /// then it is `None`, and the caller of before goes on; a session that was ended is an error.
    pub(crate) async fn caller(&self) -> Result<Option<basalt_core::Caller>> {
        if !self.0.headers().contains_key(AUTHORIZATION) {
            return called_by(&self.0, Principal::Visitor).map(Some);
        }
        match bearer(&self.0).await {
            Ok(principal) => called_by(&self.0, principal).map(Some),
            Err(error) if error.code() == Code::TokenExpired => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl FromRequest for Anyone {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(called_by(request, Principal::Visitor).map(Self).map_err(Problem::from))
    }
}

impl FromRequest for DeviceOf {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
        ready(Ok(Self(Device::new(agent))))
    }
}

/// The principal behind `Authorization`. What is sent and bad is an error, never a visitor.
pub(super) async fn bearer(request: &HttpRequest) -> Result<Principal> {
    let token = token(request)?;
    let principal = service::<Principals>(request)?.bearer(&token).await?;
    if matches!(principal, Principal::Service(_)) && request.headers().contains_key(ORIGIN) {
        let detail = "A browser sent this service key: it is public now. Revoke it, and let users sign in instead.";
        return Err(Error::new(Code::ServiceKeyInBrowser, detail));
    }
    Ok(principal)
}

fn token(request: &HttpRequest) -> Result<Secret> {
    let refused = || Error::new(Code::InvalidToken, "Authorization has to be one header: Bearer and a token.");
    let mut values = request.headers().get_all(AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else { return Err(refused()) };
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(refused)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains(' ') {
        return Err(refused());
    }
    Ok(Secret::new(token))
}

/// Whether `Authorization` could be a credential of ours at all, as far as its form says.
pub(super) fn may_be_ours(request: &HttpRequest) -> bool {
    request.headers().contains_key(AUTHORIZATION) && token(request).is_ok()
}

/// Whether it calls itself a service key.
pub(super) fn is_key(request: &HttpRequest) -> bool {
    token(request).is_ok_and(|token| token.expose().starts_with(basalt_app::keys::PREFIX))
}

/// The caller in his request.
pub(super) fn called_by(request: &HttpRequest, principal: Principal) -> Result<basalt_core::Caller> {
    let info = RequestInfo::of(request);
    info.remember(&principal);
    let time = service::<dyn Clock>(request)?.now();
    let mut request = Request::new(info.id(), time, info.ip(), request.method().as_str());
    request.trace = info.trace().copied();
    Ok(basalt_core::Caller { principal, request })
}

pub(super) fn service<T: ?Sized + 'static>(request: &HttpRequest) -> Result<&web::Data<T>> {
    let missing = || Error::internal(format!("{} is not wired", std::any::type_name::<T>()));
    request.app_data::<web::Data<T>>().ok_or_else(missing)
}

const TOKENS: [Code; 5] =
    [Code::InvalidToken, Code::TokenExpired, Code::SessionEnded, Code::AccountDisabled, Code::ServiceKeyInBrowser];

impl Argument for Caller {
    fn describe(contract: &mut Contract) {
        contract.credentials.extend([Credential::None, Credential::User, Credential::Service]);
        contract.refuses(&TOKENS);
    }
}

impl Argument for Bearer {
    fn describe(contract: &mut Contract) {
        Caller::describe(contract);
    }
}

impl Argument for SignedIn {
    fn describe(contract: &mut Contract) {
        contract.credentials.insert(Credential::User);
        contract.refuses(&TOKENS);
        contract.refuses(&[Code::Unauthenticated, Code::Forbidden]);
    }
}

impl Argument for Service {
    fn describe(contract: &mut Contract) {
        contract.credentials.insert(Credential::Service);
        contract.refuses(&TOKENS);
        contract.refuses(&[Code::Unauthenticated, Code::Forbidden, Code::ScopeMissing]);
    }
}

impl Argument for Renewal {
    fn describe(_: &mut Contract) {}
}

impl Argument for Anyone {
    fn describe(contract: &mut Contract) {
        contract.credentials.insert(Credential::None);
    }
}

impl Argument for DeviceOf {
    fn describe(_: &mut Contract) {}
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn authorization_is_one_bearer_token() {
        let read = |value: &str| token(&TestRequest::get().insert_header((AUTHORIZATION, value)).to_http_request());
        assert_eq!(read("Bearer abc").unwrap().expose(), "abc");
        assert_eq!(read("bearer  abc").unwrap().expose(), "abc");
        for bad in ["", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "abc"] {
            assert_eq!(read(bad).unwrap_err().code(), Code::InvalidToken, "{bad:?}");
        }
        let twice =
            TestRequest::get().append_header((AUTHORIZATION, "Bearer a")).append_header((AUTHORIZATION, "Bearer b"));
        assert!(token(&twice.to_http_request()).is_err());
    }
}

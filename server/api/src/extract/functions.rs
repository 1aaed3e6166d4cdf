//! What paths of the admin API name of functions.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use basalt_app::functions::{AliasName, FunctionName, SecretName};
use basalt_core::{Code, Error, Result};

use super::contract::{Argument, Contract};
use super::path::part;
use crate::problem::Problem;

const NAME: &str = "^[A-Za-z][A-Za-z0-9_]{0,47}$";
const ALIAS: &str = "^[a-z][a-z0-9-]{0,31}$";
const SECRET: &str = "^[A-Za-z_][A-Za-z0-9_]{0,63}$";

/// `{function}`
pub(crate) struct FunctionAt(pub(crate) FunctionName);

/// `{function}` and `{alias}`.
pub(crate) struct AliasAt {
    pub(crate) function: FunctionName,
    pub(crate) alias: AliasName,
}

/// `{function}` and `{version}`.
pub(crate) struct FunctionVersionAt {
    pub(crate) function: FunctionName,
    pub(crate) version: u32,
}

/// `{secret}`
pub(crate) struct SecretAt(pub(crate) SecretName);

fn function(request: &HttpRequest) -> Result<FunctionName> {
    FunctionName::of_path(part(request, "function")?)
}

macro_rules! from_path {
    ($type:ty, $read:expr) => {
        impl FromRequest for $type {
            type Error = Problem;
            type Future = Ready<Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let read: fn(&HttpRequest) -> Result<Self> = $read;
                ready(read(request).map_err(Problem::from))
            }
        }
    };
}

from_path!(FunctionAt, |request| Ok(Self(function(request)?)));
from_path!(AliasAt, |request| {
    Ok(Self { function: function(request)?, alias: AliasName::of_path(part(request, "alias")?)? })
});
from_path!(FunctionVersionAt, |request| {
    let text = part(request, "version")?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let none = || Error::new(Code::VersionNotFound, "There is no such version.");
    Ok(Self { function: function(request)?, version: text.parse().ok().filter(|_| digits).ok_or_else(none)? })
});
from_path!(SecretAt, |request| {
    let name = SecretName::parse(part(request, "secret")?);
    Ok(Self(name.map_err(|why| Error::new(Code::BadRequest, why))?))
});

impl Argument for FunctionAt {
    fn describe(contract: &mut Contract) {
        contract.path_parameter("function", "The function's name.", NAME);
        contract.refuses(&[Code::FunctionNotFound]);
    }
}

impl Argument for AliasAt {
    fn describe(contract: &mut Contract) {
        FunctionAt::describe(contract);
        contract.path_parameter("alias", "The alias' name.", ALIAS);
        contract.refuses(&[Code::AliasNotFound]);
    }
}

impl Argument for FunctionVersionAt {
    fn describe(contract: &mut Contract) {
        FunctionAt::describe(contract);
        contract.path_parameter("version", "The version's number.", "^[0-9]{1,10}$");
        contract.refuses(&[Code::VersionNotFound]);
    }
}

impl Argument for SecretAt {
    fn describe(contract: &mut Contract) {
        contract.path_parameter("secret", "The secret's name.", SECRET);
        contract.refuses(&[Code::BadRequest]);
    }
}

//! The contract of a handler, read off its signature.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, web};
use basalt_core::Code;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, RefOr, Required, Schema, Type};

/// What the arguments of a handler say about it.
#[derive(Default)]
pub(crate) struct Contract {
    /// Whether an argument reads the query string; where none does, any parameter is refused.
    pub(crate) takes_query: bool,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) codes: Vec<Code>,
    /// Who may call: one of these. Empty: everybody, and nobody is asked who he is.
    pub(crate) credentials: BTreeSet<Credential>,
}

/// A way of saying who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Credential {
    /// No credential at all.
    None,
    /// A user's access token.
    User,
    /// A service key.
    Service,
    /// The cookie of an operator's session.
    Operator,
}

impl Credential {
    pub(crate) fn scheme(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::User => Some("user"),
            Self::Service => Some("service"),
            Self::Operator => Some("operator"),
        }
    }
}

impl Contract {
    pub(crate) fn of<A: Arguments>() -> Self {
        let mut contract = Self::default();
        A::describe(&mut contract);
        contract
    }

    pub(crate) fn refuses(&mut self, codes: &[Code]) {
        self.codes.extend_from_slice(codes);
    }

    pub(crate) fn path_parameter(&mut self, name: &str, description: &str, pattern: &str) {
        let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build();
        self.parameter(ParameterIn::Path, Required::True, name, description, Schema::Object(schema).into());
    }

    pub(crate) fn header(&mut self, name: &str, description: &str, schema: ObjectBuilder) {
        let schema = Schema::Object(schema.schema_type(Type::String).build());
        self.parameter(ParameterIn::Header, Required::False, name, description, schema.into());
    }

    fn parameter(&mut self, at: ParameterIn, required: Required, name: &str, description: &str, schema: RefOr<Schema>) {
        let builder = ParameterBuilder::new().name(name).parameter_in(at).required(required);
        self.parameters.push(builder.description(Some(description)).schema(Some(schema)).build());
    }
}

/// One argument of a handler.
pub(crate) trait Argument {
    fn describe(contract: &mut Contract);
}

/// All arguments of a handler.
pub(crate) trait Arguments {
    fn describe(contract: &mut Contract);
}

/// A service: says nothing about the caller.
impl<T: ?Sized> Argument for web::Data<T> {
    fn describe(_: &mut Contract) {}
}

/// The request as it came, for what is answered by a header.
impl Argument for HttpRequest {
    fn describe(_: &mut Contract) {}
}

/// Bytes that go on coming after the answer has begun.
impl Argument for web::Payload {
    fn describe(_: &mut Contract) {}
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: Argument),*> Arguments for ($($name,)*) {
            #[allow(unused_variables, reason = "of no arguments")]
            fn describe(contract: &mut Contract) {
                $($name::describe(contract);)*
            }
        }
    };
}

tuples!();
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);

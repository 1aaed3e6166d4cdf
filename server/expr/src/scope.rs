//! Which names an expression may use, and what is declared about fields.

use basalt_core::FieldPath;

use crate::tree::{Name, RequestField};

/// The names that an expression may use. What is not in scope is a compile-time fault.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each name is in scope or not, independently of the others")]
pub struct Scope {
    pub auth: bool,
    pub request: bool,
    pub doc: bool,
    pub next: bool,
    /// `vars.x`: values bound beside the expression.
    pub vars: bool,
    /// `params.x`: what a pattern captured (channels).
    pub params: bool,
    /// The names of an event beside its `doc`: `seq`, `op`, `collection`, `id`, `before`, `actor`, `requestId`, `at`. They
    /// are bound together, as [`crate::Env::params`].
    pub event: bool,
    /// `event` and `data`: a message that is to be published (channels). Elsewhere these are names like any other.
    pub message: bool,
    /// `input`: what a function is called with. Elsewhere it is a name like any other.
    pub input: bool,
    /// A bare name that is nothing else means `doc.name` (filters).
    pub bare_fields: bool,
    /// `get(collection, id)` and `exists(collection, id)`.
    pub lookups: bool,
    /// `unchanged('field', …)`; needs `doc` and `next`.
    pub unchanged: bool,
    /// `limit('name', count, duration)`.
    pub limit: bool,
    /// The expression has to have an exact SQL form (list rules and filters): see [`crate::Expression::lower`].
    pub lowered: bool,
}

/// What is declared about a collection's fields.
pub trait FieldTypes {
    /// Whether the field is stored as a UTC time text (`format: date-time`, `createdAt`, `updatedAt`, the TTL field).
    fn is_time(&self, path: &FieldPath) -> bool;
}

/// No field but `createdAt` and `updatedAt` is declared.
pub struct Undeclared;

impl FieldTypes for Undeclared {
    fn is_time(&self, path: &FieldPath) -> bool {
        matches!(path.names(), [name] if name == "createdAt" || name == "updatedAt")
    }
}

/// What an event has beside its `doc`.
pub(crate) const EVENT_FIELDS: [&str; 8] = ["seq", "op", "collection", "id", "before", "actor", "requestId", "at"];

/// The fields that `auth` has.
pub(crate) const AUTH_FIELDS: [&str; 9] =
    ["id", "email", "emailVerified", "anonymous", "roles", "claims", "mfa", "method", "orgs"];

pub(crate) const REQUEST_FIELDS: [(&str, RequestField); 4] = [
    ("time", RequestField::Time),
    ("ip", RequestField::Ip),
    ("method", RequestField::Method),
    ("id", RequestField::Id),
];

/// What a reserved name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserved {
    Value(Name),
    Request,
}

pub(crate) const RESERVED: [(&str, Reserved); 9] = [
    ("auth", Reserved::Value(Name::Auth)),
    ("request", Reserved::Request),
    ("doc", Reserved::Value(Name::Doc)),
    ("next", Reserved::Value(Name::Next)),
    ("vars", Reserved::Value(Name::Vars)),
    ("params", Reserved::Value(Name::Params)),
    ("event", Reserved::Value(Name::Event)),
    ("data", Reserved::Value(Name::Data)),
    ("input", Reserved::Value(Name::Input)),
];

impl Scope {
    /// What a name stands for, whether or not it may be used here.
    pub(crate) fn reserved(&self, name: &str) -> Option<Reserved> {
        let found = RESERVED.iter().find(|(text, _)| *text == name).map(|(_, reserved)| *reserved);
        found.filter(|found| match found {
            Reserved::Value(Name::Event | Name::Data) => self.message,
            Reserved::Value(Name::Input) => self.input,
            _ => true,
        })
    }

    pub(crate) fn has(&self, name: Reserved) -> bool {
        match name {
            Reserved::Request => self.request,
            Reserved::Value(Name::Auth) => self.auth,
            Reserved::Value(Name::Doc) => self.doc,
            Reserved::Value(Name::Next) => self.next,
            Reserved::Value(Name::Vars) => self.vars,
            Reserved::Value(Name::Params) => self.params,
            Reserved::Value(Name::Event | Name::Data) => self.message,
            Reserved::Value(Name::Input) => self.input,
        }
    }

    /// What is in scope, for messages.
    pub(crate) fn listed(&self) -> String {
        let names = RESERVED.iter().filter(|(_, name)| self.has(*name)).map(|(text, _)| *text);
        let event = EVENT_FIELDS.iter().filter(|_| self.event).copied();
        let functions = [
            (self.lookups, "get()"),
            (self.lookups, "exists()"),
            (self.unchanged, "unchanged()"),
            (self.limit, "limit()"),
        ];
        let functions = functions.iter().filter(|(in_scope, _)| *in_scope).map(|(_, text)| *text);
        let fields = self.bare_fields.then_some("the document's fields");
        let all: Vec<&str> = names.chain(event).chain(functions).chain(fields).collect();
        if all.is_empty() { "Nothing is in scope.".to_owned() } else { format!("In scope: {}.", all.join(", ")) }
    }
}

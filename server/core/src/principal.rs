//! Who calls, and in what request.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::change::{Actor, ActorKind};
use crate::ids::{BucketName, ChannelName, CollectionName, DocumentId};
use crate::time::Timestamp;
use crate::trace::Trace;

/// Whom a request speaks for.
#[derive(Clone, Debug)]
pub enum Principal {
    /// Nobody signed in: sees what rules allow with `auth == null`.
    Visitor,
    /// A signed-in user: sees what rules allow.
    User(Arc<UserPrincipal>),
    /// An API key: everything its scopes name, rules bypassed.
    Service(Arc<ServicePrincipal>),
    /// An operator of the console: the admin API, rules bypassed for data.
    Operator(Arc<OperatorPrincipal>),
    /// The server itself (jobs, sweeps, set-up): everything.
    System,
}

#[derive(Clone, Debug, PartialEq)]
pub struct UserPrincipal {
    pub id: DocumentId,
    pub session: DocumentId,
    pub email: Option<String>,
    pub email_verified: bool,
    pub anonymous: bool,
    pub roles: Vec<String>,
    pub claims: Map<String, Value>,
    /// Whether the session was opened with a second factor.
    pub mfa: bool,
    /// How the session was opened: `password`, `anonymous`, …
    pub method: String,
    /// When the session's holder last proved who he is.
    pub authenticated_at: Timestamp,
    pub shown: Shown,
}

/// The `auth` of a user in expressions, made when a first rule is asked: the same in all of his requests.
#[derive(Debug, Default)]
pub struct Shown(OnceLock<Arc<Value>>);

/// A copy may become another user.
impl Clone for Shown {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// It follows from the rest.
impl PartialEq for Shown {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct ServicePrincipal {
    pub id: DocumentId,
    pub scopes: Vec<Scope>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OperatorPrincipal {
    pub id: DocumentId,
    pub email: String,
    pub role: OperatorRole,
}

/// What an operator may do: viewers read, editors change data, owners do everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatorRole {
    Viewer,
    Editor,
    Owner,
}

/// A right of a service key: `*`, `admin`, or `documents:write`, `documents:read:orders` and so on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    All,
    Admin,
    Room { room: ScopeRoom, access: Access, name: Option<String> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScopeRoom {
    Documents,
    Files,
    Users,
    Functions,
    Messages,
    Changes,
    Events,
    Channels,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    Read,
    Write,
}

const ROOMS: [(&str, ScopeRoom); 8] = [
    ("documents", ScopeRoom::Documents),
    ("files", ScopeRoom::Files),
    ("users", ScopeRoom::Users),
    ("functions", ScopeRoom::Functions),
    ("messages", ScopeRoom::Messages),
    ("changes", ScopeRoom::Changes),
    ("events", ScopeRoom::Events),
    ("channels", ScopeRoom::Channels),
];

impl Scope {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "*" => return Some(Self::All),
            "admin" => return Some(Self::Admin),
            _ => {}
        }
        let mut parts = text.splitn(3, ':');
        let room = parts.next()?;
        let room = ROOMS.iter().find(|(name, _)| *name == room)?.1;
        let access = match parts.next()? {
            "read" => Access::Read,
            "write" => Access::Write,
            _ => return None,
        };
        let name = parts.next().map(str::to_owned);
        (name.as_deref() != Some("")).then_some(Self::Room { room, access, name })
    }

    /// Whether holding `self` is enough where `needed` is asked for. Writing does not include reading.
    pub fn grants(&self, needed: &Self) -> bool {
        match (self, needed) {
            (Self::All, _) | (Self::Admin, Self::Admin) => true,
            (
                Self::Room { room, access, name },
                Self::Room { room: needed_room, access: needed_access, name: needed_name },
            ) => room == needed_room && access == needed_access && (name.is_none() || name == needed_name),
            _ => false,
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Admin => f.write_str("admin"),
            Self::Room { room, access, name } => {
                let room = ROOMS.iter().find(|(_, r)| r == room).map_or("", |(text, _)| text);
                let access = match access {
                    Access::Read => "read",
                    Access::Write => "write",
                };
                write!(f, "{room}:{access}")?;
                name.as_ref().map_or(Ok(()), |name| write!(f, ":{name}"))
            }
        }
    }
}

/// A principal in the request that it makes: what rules see as `auth` and `request`.
#[derive(Clone, Debug)]
pub struct Caller {
    pub principal: Principal,
    pub request: Request,
}

/// The request as rules, the log and the audit see it.
#[derive(Clone, Debug)]
pub struct Request {
    pub id: String,
    pub time: Timestamp,
    pub ip: Option<IpAddr>,
    /// The HTTP method, in capitals.
    pub method: String,
    /// The trace that it is part of, where there is one: the log keeps it, so that what follows from a write goes on
    /// with it.
    pub trace: Option<Trace>,
    /// Functions that called each other to come here.
    pub depth: u8,
}

impl Request {
    /// A request of nobody outside: no address, no trace.
    pub fn new(id: impl Into<String>, time: Timestamp, ip: Option<IpAddr>, method: impl Into<String>) -> Self {
        Self { id: id.into(), time, ip, method: method.into(), trace: None, depth: 0 }
    }

    /// As the log holds it, see [`crate::change::split_request`].
    pub fn logged(&self) -> String {
        crate::change::join_request(&self.id, self.trace.as_ref(), self.depth)
    }
}

impl Caller {
    pub fn system(time: Timestamp) -> Self {
        let request = Request::new("system", time, None, "SYSTEM");
        Self { principal: Principal::System, request }
    }

    /// The `auth` of expressions: `null` for a visitor, and for those whom rules don't bind.
    pub fn auth_value(&self) -> Arc<Value> {
        let Principal::User(user) = &self.principal else { return Arc::default() };
        let shown = user.shown.0.get_or_init(|| {
            Arc::new(json!({
                "id": user.id, "email": user.email, "emailVerified": user.email_verified, "anonymous": user.anonymous,
                "roles": user.roles, "claims": user.claims, "mfa": user.mfa, "method": user.method, "orgs": {},
            }))
        });
        Arc::clone(shown)
    }

    pub fn user(&self) -> Option<&UserPrincipal> {
        match &self.principal {
            Principal::User(user) => Some(user),
            _ => None,
        }
    }

    pub fn actor(&self) -> Actor {
        let (kind, id) = match &self.principal {
            Principal::Visitor => (ActorKind::Visitor, None),
            Principal::User(user) => (ActorKind::User, Some(&user.id)),
            Principal::Service(key) => (ActorKind::Service, Some(&key.id)),
            Principal::Operator(operator) => (ActorKind::Operator, Some(&operator.id)),
            Principal::System => (ActorKind::System, None),
        };
        Actor { kind, id: id.map(ToString::to_string) }
    }

    /// Whether rules are bypassed for this access to a collection's documents, or the error that says what is missing.
    /// `Ok(false)` means: ask the rules.
    pub fn bypasses_rules(&self, collection: &CollectionName, access: Access) -> crate::Result<bool> {
        self.bypasses(access, |key| {
            let (room, name) = match collection.as_str() {
                "users" => (ScopeRoom::Users, Some(collection.to_string())),
                // Of all buckets: a key of one goes to that bucket's own doors.
                "files" => (ScopeRoom::Files, None),
                _ => (ScopeRoom::Documents, Some(collection.to_string())),
            };
            key.require(&Scope::Room { room, access, name })
        })
    }

    /// The same for a bucket's files.
    pub fn bypasses_bucket_rules(&self, bucket: &BucketName, access: Access) -> crate::Result<bool> {
        let named = || Scope::Room { room: ScopeRoom::Files, access, name: Some(bucket.to_string()) };
        self.bypasses(access, |key| key.require(&named()))
    }

    /// The same for a channel, of which a key may name the name or the pattern.
    pub fn bypasses_channel_rules(
        &self,
        channel: &ChannelName,
        pattern: Option<&str>,
        access: Access,
    ) -> crate::Result<bool> {
        self.bypasses(access, |key| {
            let named = |name: &str| Scope::Room { room: ScopeRoom::Channels, access, name: Some(name.to_owned()) };
            if pattern.is_some_and(|pattern| key.require(&named(pattern)).is_ok()) {
                return Ok(());
            }
            key.require(&named(channel.as_str()))
        })
    }

    /// The same for calling a function.
    pub fn bypasses_invoke_rules(&self, function: &str) -> crate::Result<bool> {
        self.bypasses(Access::Write, |key| {
            let (room, name) = (ScopeRoom::Functions, Some(function.to_owned()));
            key.require(&Scope::Room { room, access: Access::Write, name })
        })
    }

    fn bypasses(
        &self,
        access: Access,
        of_key: impl FnOnce(&ServicePrincipal) -> crate::Result<()>,
    ) -> crate::Result<bool> {
        match &self.principal {
            Principal::Visitor | Principal::User(_) => Ok(false),
            Principal::System => Ok(true),
            Principal::Operator(operator) => {
                let least = if access == Access::Read { OperatorRole::Viewer } else { OperatorRole::Editor };
                if operator.role >= least { Ok(true) } else { Err(crate::Error::operator_role(least)) }
            }
            Principal::Service(key) => of_key(key).map(|()| true),
        }
    }
}

impl ServicePrincipal {
    pub fn require(&self, needed: &Scope) -> crate::Result<()> {
        if self.scopes.iter().any(|scope| scope.grants(needed)) {
            return Ok(());
        }
        Err(crate::Error::new(crate::Code::ScopeMissing, format!("This key lacks the scope {needed}.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_grant_what_they_name_and_no_more() {
        let scope = |text: &str| Scope::parse(text).unwrap();
        assert!(scope("*").grants(&scope("documents:write:orders")));
        assert!(scope("documents:write").grants(&scope("documents:write:orders")));
        assert!(!scope("documents:write:orders").grants(&scope("documents:write")));
        assert!(!scope("documents:write").grants(&scope("documents:read")));
        assert!(!scope("admin").grants(&scope("documents:read")));
        for bad in ["", "documents", "documents:all", "documents:read:", "x:read"] {
            assert_eq!(Scope::parse(bad), None, "{bad:?}");
        }
        assert_eq!(scope("documents:write:orders").to_string(), "documents:write:orders");
    }
}

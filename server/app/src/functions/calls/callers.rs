//! A caller whose call runs later: kept with the job, and looked for again when its turn comes.

use std::net::IpAddr;
use std::sync::Arc;

use basalt_core::principal::{Request, Scope, ServicePrincipal, UserPrincipal};
use basalt_core::{Caller, DocumentId, Error, Principal, Result, Timestamp, Trace};
use serde::{Deserialize, Serialize};

use super::{BoxFuture, Calls};

/// Who a session's user is now.
pub trait Sessions: Send + Sync {
    /// An error where the session is over, or its user may not come in any more.
    fn user<'a>(&'a self, user: &'a DocumentId, session: &'a DocumentId) -> BoxFuture<'a, Result<Arc<UserPrincipal>>>;
}

/// A caller as a job holds him: no right of his is kept, but a key's scopes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::functions) struct Remembered {
    who: Who,
    request: String,
    ip: Option<IpAddr>,
    method: String,
    trace: Option<String>,
    depth: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Who {
    Visitor,
    User { id: DocumentId, session: DocumentId },
    Service { id: DocumentId, scopes: Vec<String> },
    System,
}

impl Remembered {
    pub(in crate::functions) fn of(caller: &Caller) -> Self {
        let who = match &caller.principal {
            Principal::Visitor => Who::Visitor,
            Principal::User(user) => Who::User { id: user.id.clone(), session: user.session.clone() },
            Principal::Service(key) => {
                Who::Service { id: key.id.clone(), scopes: key.scopes.iter().map(ToString::to_string).collect() }
            }
            // An operator calls by the console alone, which waits for the answer.
            Principal::Operator(_) | Principal::System => Who::System,
        };
        let request = &caller.request;
        Self {
            who,
            request: request.id.clone(),
            ip: request.ip,
            method: request.method.clone(),
            trace: request.trace.map(|trace| trace.to_string()),
            depth: request.depth,
        }
    }

    /// The request goes on; its time is now.
    fn request(&self, now: Timestamp) -> Request {
        Request {
            trace: self.trace.as_deref().and_then(Trace::parse),
            depth: self.depth,
            ..Request::new(self.request.clone(), now, self.ip, self.method.clone())
        }
    }

    /// The same request by nobody. A task that begins another one is no call within a call: it may go on for ever.
    pub(in crate::functions) fn nobody(&self, now: Timestamp) -> Caller {
        Caller { principal: Principal::Visitor, request: Request { depth: 0, ..self.request(now) } }
    }
}

impl Calls {
    /// With the rights that he has now.
    pub(in crate::functions) async fn recall(&self, remembered: &Remembered) -> Result<Caller> {
        let principal = match &remembered.who {
            Who::Visitor => Principal::Visitor,
            Who::User { id, session } => Principal::User(self.sessions.user(id, session).await?),
            Who::Service { id, scopes } => {
                let scopes = scopes.iter().filter_map(|text| Scope::parse(text)).collect();
                Principal::Service(Arc::new(ServicePrincipal { id: id.clone(), scopes }))
            }
            Who::System => Principal::System,
        };
        Ok(Caller { principal, request: remembered.request(self.db.now()) })
    }
}

/// Who may see what became of a call: `user:u1`; nobody where the caller has no name.
pub(in crate::functions) fn owner(caller: &Caller) -> Option<String> {
    caller.user().map(|user| format!("user:{}", user.id))
}

/// Whether a caller may see what became of somebody's call: he himself, and whoever may read of functions.
pub(in crate::functions) fn may_see(caller: &Caller, by: Option<&str>, function: &str) -> Result<bool> {
    use basalt_core::principal::{Access, ScopeRoom};
    match &caller.principal {
        Principal::Visitor => Ok(false),
        Principal::User(_) => Ok(by.is_some() && owner(caller).as_deref() == by),
        Principal::Service(key) => {
            let name = Some(function.to_owned());
            key.require(&Scope::Room { room: ScopeRoom::Functions, access: Access::Read, name }).map(|()| true)
        }
        Principal::Operator(_) | Principal::System => Ok(true),
    }
}

/// What job payloads are read with.
pub(in crate::functions) fn odd(error: &serde_json::Error) -> Error {
    Error::internal(format!("the payload of a job is odd: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_remembered_without_his_rights() {
        let mut caller = Caller { principal: Principal::Visitor, ..Caller::system(Timestamp::from_millis(0)) };
        caller.request.trace = Trace::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        caller.request.depth = 3;
        let text = serde_json::to_string(&Remembered::of(&caller)).unwrap();
        let read: Remembered = serde_json::from_str(&text).unwrap();
        let nobody = read.nobody(Timestamp::from_millis(7));
        assert_eq!((nobody.request.trace, nobody.request.depth), (caller.request.trace, 0));
        assert_eq!(nobody.request.time, Timestamp::from_millis(7));
        assert!(!may_see(&caller, None, "add").unwrap(), "visitors own nothing");
    }
}

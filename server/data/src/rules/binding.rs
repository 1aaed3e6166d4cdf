//! What a request binds in rules: who calls, and in what request.

use std::sync::Arc;

use basalt_core::Caller;
use basalt_expr::RequestValues;
use serde_json::Value;

/// A caller with his `auth` and `request` as expressions see them: made once per request, cheap to clone.
#[derive(Clone, Debug)]
pub struct Binding(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    caller: Caller,
    auth: Arc<Value>,
    request: RequestValues,
}

impl Binding {
    pub fn new(caller: Caller) -> Self {
        let auth = caller.auth_value();
        Self::shown(caller, auth)
    }

    /// With an `auth` of one's own (the simulator's). The caller decides whether rules are asked at all.
    pub(super) fn with_auth(caller: Caller, auth: Value) -> Self {
        Self::shown(caller, Arc::new(auth))
    }

    fn shown(caller: Caller, auth: Arc<Value>) -> Self {
        let request = RequestValues {
            id: caller.request.id.clone(),
            time: caller.request.time,
            ip: caller.request.ip.map(|ip| ip.to_string()),
            method: caller.request.method.clone(),
        };
        Self(Arc::new(Inner { caller, auth, request }))
    }

    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// `auth` in expressions.
    pub fn auth(&self) -> &Value {
        &self.0.auth
    }

    /// `request` in expressions.
    pub fn request(&self) -> &RequestValues {
        &self.0.request
    }
}

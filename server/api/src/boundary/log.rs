//! One line for each request: failures of ours at `ERROR` and `WARN`, everything else at `DEBUG`.
//!
//! Neither headers, bodies, query strings nor the texts of refusals are logged: they may hold secrets.

use std::time::Duration;

use basalt_core::{Error, Principal};

use super::RequestInfo;

/// Requests slower than this are worth a warning, whatever they answered.
const SLOW: Duration = Duration::from_secs(2);

pub(super) struct Entry<'a> {
    pub(super) info: &'a RequestInfo,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) status: u16,
    pub(super) elapsed: Duration,
    pub(super) error: Option<&'a Error>,
}

macro_rules! write_at {
    ($level:ident, $entry:expr, $message:literal) => {
        tracing::$level!(
            target: "basalt::request",
            request = $entry.info.id(),
            trace = $entry.info.trace().map(basalt_core::Trace::id_text),
            method = $entry.method,
            path = $entry.path,
            status = $entry.status,
            micros = u64::try_from($entry.elapsed.as_micros()).unwrap_or(u64::MAX),
            principal = $entry.info.principal().map(name),
            code = $entry.error.map(|error| error.code_text()),
            cause = $entry.error.and_then(Error::cause),
            $message
        )
    };
}

impl Entry<'_> {
    pub(super) fn write(&self) {
        match self.status {
            503 | 507 => write_at!(warn, self, "request not served"),
            500.. => write_at!(error, self, "request failed"),
            _ if self.elapsed > SLOW => write_at!(warn, self, "slow request"),
            _ => write_at!(debug, self, "request"),
        }
    }
}

fn name(principal: &Principal) -> String {
    match principal {
        Principal::Visitor => "visitor".to_owned(),
        Principal::User(user) => format!("user:{}", user.id),
        Principal::Service(key) => format!("service:{}", key.id),
        Principal::Operator(operator) => format!("operator:{}", operator.id),
        Principal::System => "system".to_owned(),
    }
}

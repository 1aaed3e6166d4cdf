//! Room `operators`: the people of the console, their one-time set-up and their sessions.
//!
//! Nobody claims a fresh server without the set-up token; there always is an owner from then on. A session is a random
//! cookie, kept as its SHA-256, and holds for twelve hours.

mod account;
mod create;
mod log_in;
mod manage;
mod principal;
mod session;
mod set_up;

use std::sync::Arc;
use std::time::Duration;

use basalt_core::principal::OperatorRole;
use basalt_core::{Caller, Change, CollectionName, DocumentId, Result, Timestamp};
use basalt_data::changes::Lag;

pub use create::NewOperator;
pub use manage::OperatorChange;

use crate::common::names::{OPERATOR_SESSIONS, OPERATORS};
use crate::common::{Db, Flow, Guard, GuardLimits, NewPassword, Outcome, Passwords, Recall, Secret, Tx};

/// How long an operator's session holds.
const SESSION_LIFE: Duration = Duration::from_hours(12);
/// Operators change data of everybody: longer than users' own passwords.
const PASSWORD_MIN_LENGTH: usize = 10;
const GUARD: GuardLimits = GuardLimits { of_account: 5, of_network: 50, longest_wait: Duration::from_mins(15) };
/// All operators are forgotten together: they change rarely.
const ANY: &str = "operators";

/// The room's use cases, each in a file of its own; cheap to clone.
#[derive(Clone)]
pub struct Operators {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    passwords: Passwords,
    known: Recall<Arc<principal::Known>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OperatorInfo {
    pub id: DocumentId,
    pub email: String,
    pub role: OperatorRole,
    pub created_at: Timestamp,
    pub last_login_at: Option<Timestamp>,
}

/// An operator's session: `cookie` goes into a cookie and nowhere else.
#[derive(Clone, Debug)]
pub struct OperatorSession {
    pub operator: OperatorInfo,
    pub cookie: Secret,
    pub expires_at: Timestamp,
}

impl Operators {
    /// `lag` is how far the node's tailer is behind the log.
    pub fn new(db: Db, passwords: Passwords, lag: Lag) -> Self {
        Self { inner: Arc::new(Inner { db, passwords, known: Recall::new(1_000, lag) }) }
    }

    /// Forgets what a change of the log makes untrue.
    pub fn apply(&self, change: &Change) {
        self.forget(&change.collection);
    }

    /// Forgets everything (changes were missed).
    pub fn reset(&self) {
        self.inner.known.reset();
    }

    fn forget(&self, collection: &CollectionName) {
        if *collection == *OPERATORS || *collection == *OPERATOR_SESSIONS {
            self.inner.known.forget(ANY);
        }
    }

    /// Commits, and forgets at once what the commit makes untrue.
    async fn commit<T, F>(&self, caller: &Caller, decide: F) -> Result<Outcome<T>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Flow<T> + Send + Sync + 'static,
    {
        let outcome = self.inner.db.commit(caller, decide).await?;
        outcome.touched.iter().for_each(|(collection, _)| self.forget(collection));
        Ok(outcome)
    }

    async fn hash(&self, password: &Secret, email: &str) -> Result<String> {
        let mut inputs = vec![email.to_owned()];
        inputs.extend(email.split('@').map(str::to_owned));
        let rules = NewPassword { min_length: PASSWORD_MIN_LENGTH, path: "/password", inputs };
        self.inner.passwords.hash_new(password, rules).await
    }
}

fn guard(caller: &Caller, email: &str) -> Guard {
    Guard::new("operators", email, caller.request.ip, GUARD)
}

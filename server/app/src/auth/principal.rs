//! Who an access token speaks for: verified once, then from memory until something changes.

use std::sync::Arc;

use basalt_core::principal::UserPrincipal;
use basalt_core::{Change, Code, CollectionName, DocumentId, Error, Result, Timestamp};
use basalt_data::changes::Lag;
use quick_cache::sync::Cache;

use super::access_token::{self, Verified};
use super::settings::AuthSettings;
use super::user::User;
use super::{KeyRing, account, roles, session};
use crate::common::names::{ROLES, SESSIONS, USERS};
use crate::common::{Db, Live, Recall, Secret, refuse};

/// Tokens, and sessions, that a node remembers.
const CAPACITY: usize = 10_000;

/// Who a user's access token speaks for; cheap to clone, all clones share what they remember.
#[derive(Clone)]
pub struct UserPrincipals {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    keyring: KeyRing,
    settings: Live<AuthSettings>,
    tokens: Cache<Box<str>, Arc<Trusted>>,
    sessions: Recall<Arc<Known>>,
}

/// A token whose signature was verified.
struct Trusted {
    verified: Verified,
    /// The key that signed it, and the settings that it was checked by: as long as both count, the token does.
    key: String,
    settings: Arc<AuthSettings>,
}

/// A session's principal, as read.
struct Known {
    principal: Arc<UserPrincipal>,
    ends: Timestamp,
}

impl UserPrincipals {
    /// `lag` is how far the node's tailer is behind the log.
    pub fn new(db: Db, keyring: KeyRing, settings: Live<AuthSettings>, lag: Lag) -> Self {
        let (tokens, sessions) = (Cache::new(CAPACITY), Recall::new(CAPACITY, lag));
        Self { inner: Arc::new(Inner { db, keyring, settings, tokens, sessions }) }
    }

    pub async fn authenticate(&self, token: &Secret) -> Result<Arc<UserPrincipal>> {
        Ok(self.authenticate_until(token).await?.0)
    }

    /// Also until when: the end of the token or of its session, whichever comes first.
    pub async fn authenticate_until(&self, token: &Secret) -> Result<(Arc<UserPrincipal>, Timestamp)> {
        let now = self.inner.db.now();
        let trusted = match self.inner.tokens.get(token.expose()) {
            Some(trusted) if self.still_counts(&trusted) => trusted,
            _ => self.verify(token).await?,
        };
        trusted.verified.check_time(now)?;
        let Verified { user, session, .. } = &trusted.verified;
        let known = self.known(user, session, now).await?;
        Ok((Arc::clone(&known.principal), trusted.verified.expires_at().min(known.ends)))
    }

    /// Who a session's user is now: of what a token allowed before and that is done later.
    pub async fn of_session(&self, user: &DocumentId, session: &DocumentId) -> Result<Arc<UserPrincipal>> {
        let known = self.known(user, session, self.inner.db.now()).await?;
        Ok(Arc::clone(&known.principal))
    }

    async fn known(&self, user: &DocumentId, session: &DocumentId, now: Timestamp) -> Result<Arc<Known>> {
        let known = match self.inner.sessions.get(session.as_str(), now) {
            Some(known) => known,
            None => self.read(user, session).await?,
        };
        if known.principal.id != *user {
            return Err(Error::new(Code::InvalidToken, "The access token is not valid."));
        }
        if known.ends <= now {
            return Err(session_ended());
        }
        Ok(known)
    }

    /// Forgets what a change of the log makes untrue.
    pub fn apply(&self, change: &Change) {
        self.forget(&change.collection, &change.id);
        self.inner.keyring.apply(change);
    }

    /// Forgets everything (changes were missed).
    pub fn reset(&self) {
        self.inner.keyring.reset();
        self.inner.sessions.reset();
    }

    pub(super) fn forget(&self, collection: &CollectionName, id: &DocumentId) {
        if *collection == *USERS || *collection == *SESSIONS {
            self.inner.sessions.forget(id.as_str());
        }
        if *collection == *ROLES {
            self.inner.sessions.reset();
        }
    }

    fn still_counts(&self, trusted: &Trusted) -> bool {
        Arc::ptr_eq(&self.inner.settings.get(), &trusted.settings) && self.inner.keyring.trusts(&trusted.key)
    }

    async fn verify(&self, token: &Secret) -> Result<Arc<Trusted>> {
        let settings = self.inner.settings.get();
        let (verified, key) = access_token::verify(token, &self.inner.keyring, &settings).await?;
        let trusted = Arc::new(Trusted { verified, key, settings });
        self.inner.tokens.insert(token.expose().into(), Arc::clone(&trusted));
        Ok(trusted)
    }

    async fn read(&self, user: &DocumentId, session: &DocumentId) -> Result<Arc<Known>> {
        let stamp = self.inner.sessions.stamp([user.as_str(), session.as_str()]);
        let (user, id) = (user.clone(), session.clone());
        let read = move |tx: &mut crate::common::Tx<'_>| {
            tx.need([account::document_read(&user), session::document_read(&id), roles::read()])?;
            let Some(document) = tx.document(&USERS, &user)? else { return Err(session_ended().into()) };
            if User(&document).disabled() {
                return refuse(Code::AccountDisabled, "This account is disabled.");
            }
            let Some((_, session)) = session::live(tx, &id)? else { return Err(session_ended().into()) };
            if session.user != user {
                return refuse(Code::InvalidToken, "The access token is not valid.");
            }
            let counting = roles::Graph::load(tx)?.effective(&User(&document).roles());
            let principal = Arc::new(User(&document).principal(&session, counting));
            Ok(Arc::new(Known { principal, ends: session.expires_at }))
        };
        let known = self.inner.db.inspect(read).await?;
        self.inner.sessions.put(session.as_str(), Arc::clone(&known), stamp);
        Ok(known)
    }
}

pub(super) fn session_ended() -> Error {
    Error::new(Code::SessionEnded, "This session has ended; sign in again.")
}

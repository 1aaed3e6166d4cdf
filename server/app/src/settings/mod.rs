//! Room `settings`: what a deployment chooses, typed and with defaults.

mod auth;
mod duration;

use std::sync::{Arc, PoisonError, RwLock};

pub use auth::{AuthSettings, Limits};
pub use duration::human_duration;

/// The settings in force; cheap to clone, all clones see the same.
#[derive(Clone)]
pub struct Settings {
    auth: Arc<RwLock<Arc<AuthSettings>>>,
}

impl Settings {
    pub fn new(auth: AuthSettings) -> Self {
        Self { auth: Arc::new(RwLock::new(Arc::new(auth))) }
    }

    pub fn auth(&self) -> Arc<AuthSettings> {
        Arc::clone(&self.auth.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Holds from the next call on.
    pub fn set_auth(&self, auth: AuthSettings) {
        *self.auth.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(auth);
    }
}

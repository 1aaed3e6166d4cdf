use std::sync::Arc;

use basalt_core::principal::UserPrincipal;
use basalt_core::{Change, Result};

use super::KeyRing;
use crate::common::{Db, Secret};
use crate::settings::Settings;

/// Who a user's access token speaks for; cheap to clone.
#[derive(Clone)]
pub struct UserPrincipals {}

impl UserPrincipals {
    pub fn new(_db: Db, _keyring: KeyRing, _settings: Settings) -> Self {
        unimplemented!()
    }

    pub async fn authenticate(&self, _token: &Secret) -> Result<Arc<UserPrincipal>> {
        unimplemented!()
    }

    /// Forgets what a change of the log makes untrue.
    pub fn apply(&self, _change: &Change) {
        unimplemented!()
    }
}

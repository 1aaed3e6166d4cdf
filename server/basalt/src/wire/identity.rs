//! Who may come in: users, service keys, operators.

use std::sync::Arc;

use basalt_app::auth::{Auth, AuthParts, AuthSettings, KeyRing, UserHooks, UserPrincipals};
use basalt_app::keys::Keys;
use basalt_app::operators::Operators;
use basalt_app::{Db, Live, MasterSecret, Passwords, Principals};
use basalt_core::{Error, Result};
use basalt_data::changes::Lag;
use basalt_data::collections::Collections;

use crate::configuration::Configuration;
use crate::outside::Outside;

/// Where a data folder keeps the secret that is not configured.
const SECRET_FILE: &str = "keys/master.key";
/// Logins waiting for a hash; more are refused with 503.
const HASHES_WAITING: usize = 256;

pub(super) struct Identity {
    pub(super) auth: Auth,
    pub(super) keyring: KeyRing,
    pub(super) keys: Keys,
    pub(super) operators: Operators,
    pub(super) principals: Principals,
    pub(super) passwords: Passwords,
}

/// What these rooms stand on.
pub(super) struct Foundation {
    pub(super) db: Db,
    pub(super) collections: Collections,
    pub(super) master: MasterSecret,
    pub(super) lag: Lag,
    pub(super) hooks: Arc<dyn UserHooks>,
}

pub(super) async fn wire(
    foundation: Foundation,
    configuration: &Configuration,
    outside: &Outside,
    settings: AuthSettings,
) -> Result<Identity> {
    let Foundation { db, collections, master, lag, hooks } = foundation;
    let settings = Live::new(settings);
    let keyring = KeyRing::open(db.clone(), master, settings.clone()).await?;
    // Half of the cores at most: hashing must not starve the other requests.
    let threads = (configuration.workers / 2).max(1);
    let cost = configuration.password_cost;
    let passwords = Passwords::start(threads, HASHES_WAITING, cost, Arc::clone(&outside.random))?;
    let users = UserPrincipals::new(db.clone(), keyring.clone(), settings.clone(), lag.clone());
    let keys = Keys::new(db.clone(), lag.clone());
    let operators = Operators::new(db.clone(), passwords.clone(), lag);
    let principals = Principals::new(users.clone(), keys.clone(), operators.clone());
    let hashing = passwords.clone();
    let parts = AuthParts { db, collections, keyring: keyring.clone(), passwords, principals: users, settings, hooks };
    Ok(Identity { auth: Auth::new(parts), keyring, keys, operators, principals, passwords: hashing })
}

/// As configured, else of the data folder.
pub(super) fn master(configuration: &Configuration, outside: &Outside) -> Result<MasterSecret> {
    match &configuration.secret {
        Some(secret) => MasterSecret::from_text(secret.expose()).map_err(Error::internal),
        None => MasterSecret::load_or_create(&configuration.data.join(SECRET_FILE), &*outside.random),
    }
}

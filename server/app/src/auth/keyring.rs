//! The keys that sign access tokens. The ring in the database names them and says since and until when they count;
//! the keys themselves are derived from the master secret, so the database alone signs nothing.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use basalt_core::{Caller, Change, Code, Error, Result, Timestamp, random};
use basalt_store::CellKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::refresh_token::RefreshKey;
use super::settings::AuthSettings;
use crate::common::names::AUDIT;
use crate::common::{Db, Entry, Live, MasterSecret, Trail, cell, hex, rights};

/// How often an unknown key makes this node read the ring, at most.
const REREAD: Duration = Duration::from_secs(2);
/// How long reading the ring waits when it failed.
const PAUSE: Duration = Duration::from_millis(200);
/// What the ids of entries in the audit begin with that tell of a change of the ring.
const MARK: &str = "keyring-";
/// The least time for which a retired key still verifies.
const RETIREMENT: Duration = Duration::from_hours(24);

/// The keys that sign access tokens; cheap to clone, all clones share one ring.
#[derive(Clone)]
pub struct KeyRing {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    master: MasterSecret,
    settings: Live<AuthSettings>,
    ring: RwLock<Arc<Ring>>,
    /// When the ring was last read because of an unknown key.
    reread: tokio::sync::Mutex<Timestamp>,
    /// The log says that the ring was changed.
    changed: tokio::sync::Notify,
}

/// What becomes of the former keys when a new one takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormerKeys {
    /// Their tokens stay good until they end.
    Keep,
    /// Their tokens are refused from now on (after a leak).
    Drop,
}

/// The key that signs now.
pub(super) struct SigningKey {
    pub id: String,
    pub private: EncodingKey,
}

struct Ring {
    signing: Arc<SigningKey>,
    /// The one that signs and the retired ones.
    public: Vec<PublicKey>,
}

struct PublicKey {
    id: String,
    /// The point, in base64url.
    x: String,
    key: Arc<DecodingKey>,
    until: Option<Timestamp>,
}

/// The ring as it is stored.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    /// Of the master secret under which the keys are derived: another one would make other keys of the same names.
    check: String,
    /// The first one signs.
    keys: Vec<StoredKey>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredKey {
    id: String,
    created_at: Timestamp,
    /// Until when a retired one verifies.
    until: Option<Timestamp>,
}

fn cell_key() -> CellKey {
    CellKey::new("_keyring", "signing")
}

impl KeyRing {
    /// Reads the ring, or makes its first key. Fails when the ring belongs to another master secret.
    pub async fn open(db: Db, master: MasterSecret, settings: Live<AuthSettings>) -> Result<Self> {
        let (check, fresh) = (check_value(&master), new_key(&db));
        let stored = db
            .commit(&Caller::system(db.now()), move |tx| {
                if let Some(value) = tx.cell(&cell_key())? {
                    return Ok(Stored::read(value)?);
                }
                let stored = Stored { check: check.clone(), keys: vec![fresh.clone()] };
                tx.put_cell(&cell_key(), json!(stored), None);
                Ok(stored)
            })
            .await?
            .value;
        let ring = RwLock::new(Arc::new(Ring::derive(&stored, &master)?));
        let reread = tokio::sync::Mutex::new(Timestamp::from_millis(0));
        let changed = tokio::sync::Notify::new();
        Ok(Self { inner: Arc::new(Inner { db, master, settings, ring, reread, changed }) })
    }

    /// Signs with a new key from now on; other nodes read the ring anew when the log tells them.
    pub async fn rotate(&self, caller: &Caller, former: FormerKeys) -> Result<()> {
        rights::admin_own(caller)?;
        let Inner { db, settings, .. } = &*self.inner;
        let until = db.now().plus(settings.get().access_token_life.max(RETIREMENT));
        let (fresh, trail) = (new_key(db), Trail::marked(db, caller, MARK)?);
        let stored = db
            .commit(caller, move |tx| {
                tx.need([cell(&cell_key()), trail.read()])?;
                let value = tx.cell(&cell_key())?.ok_or_else(|| Error::internal("there is no ring of keys"))?;
                let mut stored = Stored::read(value)?;
                stored.keys.iter_mut().for_each(|key| key.until = key.until.or(Some(until)));
                stored.keys.retain(|key| former == FormerKeys::Keep && key.until.is_none_or(|until| until > tx.now()));
                stored.keys.insert(0, fresh.clone());
                tx.put_cell(&cell_key(), json!(stored), None);
                let target = ("signingKey", fresh.id.clone());
                trail.note(tx, Entry { action: "signingKeys.rotate", target, before: None, after: None })?;
                Ok(stored)
            })
            .await?
            .value;
        self.set(&stored)
    }

    /// Reads the ring anew whenever the log says that it was changed, be it by another node or by a command; ends with
    /// the node.
    pub async fn keep_up(&self) {
        loop {
            self.inner.changed.notified().await;
            while let Err(error) = self.reload().await {
                tracing::warn!(?error, "the signing keys can't be read");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Notes what a change of the log makes untrue.
    pub(super) fn apply(&self, change: &Change) {
        if change.collection == *AUDIT && change.id.as_str().starts_with(MARK) {
            self.inner.changed.notify_one();
        }
    }

    /// Changes of the log were missed.
    pub(super) fn reset(&self) {
        self.inner.changed.notify_one();
    }

    /// Reads the ring again, for what other nodes did to it; to be called once a minute too.
    pub async fn reload(&self) -> Result<()> {
        let value = self.inner.db.store().cell(&cell_key()).await?;
        let value = value.ok_or_else(|| Error::internal("there is no ring of keys"))?.value;
        self.set(&Stored::read(value)?)
    }

    pub(super) fn refresh_key(&self) -> RefreshKey {
        RefreshKey::new(&self.inner.master)
    }

    pub(super) fn signing(&self) -> Arc<SigningKey> {
        Arc::clone(&self.ring().signing)
    }

    /// The key of this name, if it counts. An unknown one may be another node's new one.
    pub(super) async fn public(&self, id: &str) -> Result<Option<Arc<DecodingKey>>> {
        if let Some(key) = self.known(id) {
            return Ok(Some(key));
        }
        let now = self.inner.db.now();
        let mut reread = self.inner.reread.lock().await;
        if now.since(*reread) >= REREAD {
            *reread = now;
            self.reload().await?;
        }
        Ok(self.known(id))
    }

    /// Whether tokens of this key still count.
    pub(super) fn trusts(&self, id: &str) -> bool {
        self.known(id).is_some()
    }

    /// The public keys as a JWK set (RFC 7517, RFC 8037).
    pub(super) fn jwks(&self) -> Value {
        let (ring, now) = (self.ring(), self.inner.db.now());
        let keys: Vec<Value> = ring
            .public
            .iter()
            .filter(|key| key.counts(now))
            .map(|key| json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.id, "x": key.x}))
            .collect();
        json!({ "keys": keys })
    }

    fn known(&self, id: &str) -> Option<Arc<DecodingKey>> {
        let now = self.inner.db.now();
        self.ring().public.iter().find(|key| key.id == id && key.counts(now)).map(|key| Arc::clone(&key.key))
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.inner.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, stored: &Stored) -> Result<()> {
        let ring = Ring::derive(stored, &self.inner.master)?;
        *self.inner.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }
}

impl Stored {
    fn read(value: Value) -> Result<Self> {
        serde_json::from_value(value).map_err(Error::internal)
    }
}

impl Ring {
    fn derive(stored: &Stored, master: &MasterSecret) -> Result<Self> {
        if stored.check != check_value(master) {
            let detail = "This database belongs to another secret: give the secret that it was first started with.";
            return Err(Error::new(Code::Unavailable, detail));
        }
        let mut signing = None;
        let mut public = Vec::with_capacity(stored.keys.len());
        for key in &stored.keys {
            let pair = ed25519_dalek::SigningKey::from_bytes(&master.derive("signing key", &key.id));
            let x = URL_SAFE_NO_PAD.encode(pair.verifying_key().as_bytes());
            let decoding = DecodingKey::from_ed_components(&x).map_err(Error::internal)?;
            public.push(PublicKey { id: key.id.clone(), x, key: Arc::new(decoding), until: key.until });
            if signing.is_none() {
                let der = pair.to_pkcs8_der().map_err(Error::internal)?;
                let private = EncodingKey::from_ed_der(der.as_bytes());
                signing = Some(Arc::new(SigningKey { id: key.id.clone(), private }));
            }
        }
        let signing = signing.ok_or_else(|| Error::internal("the ring of keys is empty"))?;
        Ok(Self { signing, public })
    }
}

impl PublicKey {
    fn counts(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

fn check_value(master: &MasterSecret) -> String {
    hex(&master.derive("check", "")[..8])
}

fn new_key(db: &Db) -> StoredKey {
    StoredKey { id: random::base32hex(&random::bytes::<10>(db.random())), created_at: db.now(), until: None }
}

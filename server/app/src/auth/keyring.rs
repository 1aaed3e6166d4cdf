use basalt_core::Result;

use crate::common::{Db, MasterSecret};
use crate::settings::Settings;

/// The keys that sign access tokens; cheap to clone.
#[derive(Clone)]
pub struct KeyRing {}

impl KeyRing {
    /// Reads the ring, or makes its first key.
    pub async fn open(_db: Db, _master: MasterSecret, _settings: Settings) -> Result<Self> {
        unimplemented!()
    }

    /// Signs with a new key from now on. Tokens of the former ones stay good until they end.
    pub async fn rotate(&self) -> Result<()> {
        unimplemented!()
    }

    /// Reads the ring again (other nodes rotate too).
    pub async fn reload(&self) -> Result<()> {
        unimplemented!()
    }
}

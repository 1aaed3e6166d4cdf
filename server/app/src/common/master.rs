//! The one secret that a deployment keeps outside its database; everything else that has to be secret is derived.

use std::fmt;
use std::path::Path;

use basalt_core::random::{self, Random};
use basalt_core::{Error, Result};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::secret::hex;

/// Bytes below which a secret given as text is refused.
const LEAST_BYTES: usize = 32;

/// 32 bytes that every node of a deployment shares.
#[derive(Clone)]
pub struct MasterSecret([u8; 32]);

impl fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterSecret(…)")
    }
}

impl MasterSecret {
    /// From a setting: any text of at least 32 bytes that isn't one character repeated.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let first = text.bytes().next();
        if text.len() < LEAST_BYTES || text.bytes().all(|byte| Some(byte) == first) {
            return Err(format!("The secret has to be at least {LEAST_BYTES} random characters."));
        }
        let key = Self::mac(text.as_bytes(), &[b"basalt master secret"]);
        Ok(Self(key))
    }

    /// Reads the secret of a data folder, or makes it at the first start (mode 0600).
    pub fn load_or_create(path: &Path, random: &dyn Random) -> Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::from_text(&text).map_err(|why| Error::internal(format!("{}: {why}", path.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::create(path, random),
            Err(error) => Err(Error::internal(format!("{}: {error}", path.display()))),
        }
    }

    /// A key for one purpose, and within it for one `context`.
    pub fn derive(&self, purpose: &str, context: &str) -> [u8; 32] {
        let length = u32::try_from(purpose.len()).unwrap_or(u32::MAX).to_be_bytes();
        Self::mac(&self.0, &[&length, purpose.as_bytes(), context.as_bytes()])
    }

    fn create(path: &Path, random: &dyn Random) -> Result<Self> {
        let text = hex(&random::bytes::<32>(random));
        write_private(path, &text).map_err(|error| Error::internal(format!("{}: {error}", path.display())))?;
        Self::from_text(&text).map_err(Error::internal)
    }

    fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        // A slice of any length is a key of HMAC, so the fallback is never taken.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// Written beside and renamed, so that a crash leaves no half of a secret.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    if let Some(folder) = path.parent() {
        create_private_folder(folder)?;
    }
    let beside = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn create_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.iter_mut().zip(1..).for_each(|(byte, n)| *byte = n);
        }
    }

    #[test]
    fn weak_secrets_are_refused() {
        for weak in ["", "secret", &"x".repeat(64), &" ".repeat(64)] {
            assert!(MasterSecret::from_text(weak).is_err(), "{weak:?}");
        }
    }

    #[test]
    fn keys_differ_by_purpose_and_by_context() {
        let master = MasterSecret::from_text("0123456789abcdef0123456789abcdef").unwrap();
        let keys = [master.derive("a", "b"), master.derive("ab", ""), master.derive("a", ""), master.derive("b", "a")];
        for (index, key) in keys.iter().enumerate() {
            assert!(keys.iter().skip(index + 1).all(|other| other != key));
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_made_once_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/master.key");
        let made = MasterSecret::load_or_create(&path, &Counting).unwrap();
        let read = MasterSecret::load_or_create(&path, &Counting).unwrap();
        assert_eq!(made.0, read.0);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::write(&path, "short").unwrap();
        assert!(MasterSecret::load_or_create(&path, &Counting).is_err(), "a broken file is never replaced");
    }
}

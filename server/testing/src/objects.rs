//! Where a server under test keeps the bytes of files.

use std::sync::atomic::{AtomicU32, Ordering};

/// What bytes are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// The data folder.
    Local,
    S3,
    Gcs,
    Azure,
}

impl Store {
    /// A place of its own for a test, as BASALT_FILES_URL takes it; `None` is the data folder.
    ///
    /// The error says why this machine can't have such a store, for a test to be passed over.
    pub fn place(self) -> Result<Option<String>, String> {
        let Some(variable) = self.variable() else { return Ok(None) };
        let Some(bucket) = environment(variable) else {
            let lacking = environment("BASALT_TEST_OBJECTS_LACKING");
            return Err(lacking.unwrap_or_else(|| panic!("{variable} is not set: run through tests/objects")));
        };
        let (address, settings) = bucket.split_once('?').expect("a place with settings");
        Ok(Some(format!("{address}/{}?{settings}", own_prefix())))
    }

    fn variable(self) -> Option<&'static str> {
        match self {
            Self::Local => None,
            Self::S3 => Some("BASALT_TEST_S3"),
            Self::Gcs => Some("BASALT_TEST_GCS"),
            Self::Azure => Some("BASALT_TEST_AZURE"),
        }
    }
}

fn own_prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

#[expect(clippy::disallowed_methods, reason = "tests are the outside: tests/objects tells them where its stores are")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

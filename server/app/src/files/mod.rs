//! Room `files`: buckets of files, whose bytes lie on disk or in an object store and whose documents tell of them.
//!
//! Promises: bytes are durable before their document is; a file that was acknowledged is there and whole; who may not
//! see a file finds none; nothing is read or written but in pieces; what a client calls a file's type is only believed
//! where the bytes don't say otherwise.

mod change;
mod commit;
mod download;
mod file;
pub mod images;
mod list;
mod places;
mod register;
mod release;
mod sign;
pub(crate) mod sniff;
mod sweep;
mod upload;
mod uploads;
mod usage;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use basalt_blob::{Blobs, Key};
use basalt_core::random::{self, base32hex};
use basalt_core::{Caller, Code, Error};
use basalt_data::collections::Collections;
use basalt_data::documents::Documents;

pub use change::{Placing, Removed};
pub(crate) use commit::Arrived;
pub use commit::{Stored, Wish};
pub use download::{Opened, Shown};
pub use file::{File, Status, Target};
pub(crate) use file::{OWNED, file_not_found};
pub use list::{FilesList, ListedFiles};
pub use register::{BLOBS, CONTENTS, LET_GO};
pub use release::ScanVerdict;
pub use sign::{SIGN_MAX, SignMethod, SignRequest, Signed, Ticket, url_of};
pub use sweep::{Checked, LetGoHandler};
pub use upload::{Declared, PieceFuture, Pieces};
pub use uploads::{
    ALGORITHMS, Checksum, Chunk, Finished, Metadata, NewUpload, Progress, UPLOAD_OVER, UPLOADS, UploadId,
    UploadOverHandler,
};
pub use usage::{USAGE, Usage};

use crate::common::{Db, MasterSecret, Stop};

/// What the room stands on.
pub struct FilesParts {
    pub db: Db,
    pub collections: Collections,
    pub documents: Documents,
    pub blobs: Blobs,
    pub master: MasterSecret,
    /// What pictures may cost.
    pub images: images::ImageOptions,
}

/// The room's use cases; cheap to clone.
#[derive(Clone)]
pub struct Files(Arc<Inner>);

/// What they need.
pub struct Inner {
    pub(crate) db: Db,
    pub(crate) collections: Collections,
    pub(crate) documents: Documents,
    pub(crate) blobs: Blobs,
    /// Signs URLs.
    signing: [u8; 32],
    /// Which node this is, among those that take turns.
    node: String,
    images: images::Images,
    places: places::Places,
    /// The uploads that requests of this node are at.
    uploads: uploads::Registry,
}

impl std::ops::Deref for Files {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Files {
    pub fn new(parts: FilesParts) -> Self {
        let FilesParts { db, collections, documents, blobs, master, images } = parts;
        let node = base32hex(&random::bytes::<10>(db.random()));
        let signing = master.derive("file urls", "");
        let images = images::Images::new(&images);
        let uploads = uploads::Registry::default();
        Self(Arc::new(Inner {
            db,
            collections,
            documents,
            blobs,
            signing,
            node,
            images,
            uploads,
            places: places::Places::default(),
        }))
    }

    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    pub(crate) fn new_key(&self) -> Key {
        Key::generate(self.db.now(), self.db.random())
    }

    /// Bytes that are nobody's. Where that fails the sweep finds them.
    pub(crate) async fn drop_bytes(&self, key: &Key) {
        if let Err(error) = self.blobs.delete(key).await {
            tracing::warn!(?error, "bytes of a file that isn't there could not be deleted");
        }
    }

    pub(crate) fn system(&self) -> Caller {
        Caller::system(self.db.now())
    }
}

/// How long a caller may take with the next piece of a body.
pub(crate) const SILENCE: Duration = Duration::from_mins(1);

/// What is said of documents, said of files.
pub(crate) fn as_file(stop: Stop) -> Stop {
    match stop {
        Stop::Refuse(error) if error.code() == Code::DocumentNotFound => {
            let cause = error.cause().unwrap_or_default().to_owned();
            Stop::Refuse(file_not_found().caused_by(cause))
        }
        other => other,
    }
}

pub(crate) fn too_large(most: u64) -> Error {
    Error::new(Code::TooLarge, format!("A file of this bucket has at most {most} bytes."))
}

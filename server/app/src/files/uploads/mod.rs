//! Uploads that go on after a broken connection, as tus 1.0.0 has them.
//!
//! Promises: an offset that was told is durable, and so is everything below it; of a broken request what came is kept;
//! one request at a time writes to an upload, on all nodes, and a newer one has an older one let go; a file appears when
//! all of it is there, once, in the batch that says so; what nobody goes on with for a day is gone.
//!
//! The state is one cell per upload. Who writes holds its lease, renewed while bytes come; whoever lost it writes no
//! more state. Within a node requests find each other in the [`Registry`]; across nodes by a mark in the lease.

mod append;
mod checksum;
mod create;
mod expire;
mod finish;
mod lease;
mod metadata;
mod registry;
mod session;
mod show;
mod state;
mod sum;

use std::time::Duration;

use basalt_core::random::{self, Random};
use basalt_core::{Caller, Code, DocumentId, Error, Principal, Result, Timestamp};
use basalt_store::CellKey;

pub use append::Chunk;
pub use checksum::{ALGORITHMS, Checksum};
pub use create::NewUpload;
pub use expire::{UPLOAD_OVER, UploadOverHandler};
pub(crate) use finish::Ending;
pub use metadata::Metadata;
pub(crate) use registry::Registry;
pub use state::UPLOADS;

/// How long an upload waits for its next byte.
const WAITS: Duration = Duration::from_hours(24);
/// For how long after its end it is known what became of it.
const REMEMBERED: Duration = Duration::from_hours(24);
/// What one user, or one network of visitors, has open at most.
const OPEN_MAX: usize = 100;
/// The same for a key or an operator, who act for many.
const OPEN_MAX_TRUSTED: usize = 1_000;

/// An upload's name in its URL: 128 random bits, so that who was told it is the only one to know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UploadId(Box<str>);

/// What is told of an upload.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub id: UploadId,
    pub offset: u64,
    pub length: Option<u64>,
    /// As the client sent it.
    pub metadata: String,
    /// When it is gone unless it is gone on with.
    pub expires_at: Timestamp,
    /// The file that it has become.
    pub file: Option<Finished>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    pub id: DocumentId,
    pub sha256: String,
    /// Its place in the log, where this request has made it.
    pub seq: Option<basalt_core::Seq>,
}

impl UploadId {
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() == 26 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'v')) {
            return Ok(Self(text.into()));
        }
        Err(not_found())
    }

    fn generate(random: &dyn Random) -> Self {
        Self(random::base32hex(&random::bytes::<16>(random)).into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn cell(&self) -> CellKey {
        CellKey::new(UPLOADS, self.as_str())
    }
}

/// Whose an upload is: only he goes on with it. Visitors are told apart by knowing its name.
fn owner_of(caller: &Caller) -> String {
    match &caller.principal {
        Principal::Visitor => "visitor".to_owned(),
        Principal::User(user) => format!("user:{}", user.id),
        Principal::Service(key) => format!("key:{}", key.id),
        Principal::Operator(operator) => format!("operator:{}", operator.id),
        Principal::System => "system".to_owned(),
    }
}

fn not_found() -> Error {
    Error::new(Code::UploadNotFound, "There is no such upload.")
}

fn expired() -> Error {
    Error::new(Code::UploadExpired, "Nobody went on with this upload in time; begin a new one.")
}

fn locked() -> Error {
    let error = Error::new(Code::UploadLocked, "Another request writes to this upload; ask where it stands.");
    error.retry_after(Duration::from_secs(1))
}

//! One request's bytes.

use basalt_core::random::{self, base32hex};
use basalt_core::{BucketName, Caller, Code, Error, Result};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::lease::{self, Claim};
use super::registry::Turn;
use super::session::{Message, Session};
use super::state::Upload;
use super::{Checksum, Progress, UploadId, locked, not_found, owner_of};
use crate::common::Tx;
use crate::files::commit::bucket_of;
use crate::files::{Files, Pieces, upload};

/// Pieces that wait to be written.
const WAITING: usize = 4;
/// How long to wait for another node's request to let go.
const PATIENCE: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(500);

/// What a client says of the bytes that he sends.
#[derive(Clone, Debug)]
pub struct Chunk {
    pub offset: u64,
    /// The length of the whole, where it was left open.
    pub length: Option<u64>,
    /// The bytes of this request, where it says.
    pub size: Option<u64>,
    pub checksum: Option<Checksum>,
}

/// The right to write to an upload: of this node's requests, and of all nodes'.
pub(super) struct Held {
    pub(super) id: UploadId,
    pub(super) token: String,
    pub(super) turn: Turn,
    pub(super) upload: Upload,
}

impl Files {
    /// Writes on. What came is kept also where the rest doesn't; with the last byte the upload becomes a file.
    pub async fn append_upload(
        &self,
        caller: &Caller,
        (bucket, id): (&BucketName, &UploadId),
        chunk: Chunk,
        body: &mut dyn Pieces,
    ) -> Result<Progress> {
        // A stranger disturbs nobody's request.
        self.own_upload(caller, bucket, id).await?;
        let turn = self.uploads.enter(id).await?;
        let said = (chunk.offset, chunk.length, chunk.size);
        let held = self.claim(caller, bucket, turn, id, move |upload, most| upload.check_chunk(said, most));
        let held = match held.await? {
            Ok(held) => held,
            // A file already: there is nothing to add.
            Err(done) => return Ok(done),
        };
        let (pieces, waiting) = mpsc::channel(WAITING);
        let (told, outcome) = oneshot::channel();
        let session = Session::new(self.clone(), caller.clone(), held, chunk.checksum)?;
        // Whatever becomes of this request, what was received is saved.
        self.uploads.spawn(async move {
            let _ = told.send(session.run(waiting).await);
        });
        let ended = feed(body, pieces).await;
        let outcome = outcome.await.map_err(|_| Error::internal("an upload's task is gone"))?;
        // What broke the body says more than the task, which only sees its end.
        ended.and(outcome)
    }

    /// Takes the lease, having asked another node's request for it; `Err` is an upload that is a file already.
    pub(super) async fn claim(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        turn: Turn,
        id: &UploadId,
        check: impl Fn(&mut Upload, u64) -> Result<()> + Clone + Send + Sync + 'static,
    ) -> Result<Result<Held, Progress>> {
        let token = base32hex(&random::bytes::<10>(self.db.random()));
        let end = Instant::now() + PATIENCE;
        loop {
            let (owner, asked, named) = (owner_of(caller), bucket.clone(), id.clone());
            let (token_of_it, check, files) = (token.clone(), check.clone(), self.clone());
            let decide = move |tx: &mut Tx<'_>| {
                let now = tx.now();
                let mut upload = Upload::of(tx, &named)?.ok_or_else(not_found)?;
                upload.check(&owner, &asked, now)?;
                let most = bucket_of(&*files.collections.files()?, &upload.target())?.max_size();
                let claim = match upload.lease() {
                    Some(lease) => lease::claim(lease, &token_of_it, now),
                    None => Claim::Taken,
                };
                // Where another still writes the offset will be another, too.
                if claim == Claim::Taken {
                    check(&mut upload, most)?;
                }
                if upload.lease().is_some() {
                    upload.put(tx, &named)?;
                }
                Ok((claim, upload))
            };
            let (claim, upload) = self.db.commit(caller, decide).await?.value;
            match claim {
                Claim::Taken if upload.clone().lease().is_none() => return Ok(Err(upload.progress(id))),
                Claim::Taken => return Ok(Ok(Held { id: id.clone(), token, turn, upload })),
                Claim::Asked if Instant::now() >= end => return Err(locked()),
                Claim::Asked => sleep(AGAIN).await,
            }
        }
    }
}

/// Hands the body on in pieces.
async fn feed(body: &mut dyn Pieces, pieces: mpsc::Sender<Message>) -> Result<()> {
    loop {
        let next = tokio::select! {
            next = upload::next(body) => next?,
            // The task has what it wants, or can't go on.
            () = pieces.closed() => return Ok(()),
        };
        let message = match next {
            Some(piece) if piece.is_empty() => continue,
            Some(piece) => Message::Piece(piece),
            None => Message::End,
        };
        let last = matches!(message, Message::End);
        if pieces.send(message).await.is_err() || last {
            return Ok(());
        }
    }
}

/// Whether another try may end better, so that the upload is to be kept.
pub(super) fn may_pass(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::Unavailable
            | Code::Overloaded
            | Code::Timeout
            | Code::OutcomeUnknown
            | Code::Internal
            | Code::StorageFull
            | Code::UploadLocked
            | Code::BucketFull
            | Code::QuotaExceeded
            | Code::RateLimited
    )
}

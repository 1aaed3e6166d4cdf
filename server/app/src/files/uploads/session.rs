//! Writing one request's bytes to an upload: hashed and stored as they come, made durable every few seconds and at the
//! end, however that comes.

use std::sync::Arc;
use std::time::Duration;

use basalt_blob::Appending;
use basalt_core::{Caller, Code, Error, Result};
use basalt_data::collections::Bucket;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::append::Held;
use super::lease::{self, Hold};
use super::state::{Stage, Upload};
use super::sum::Sum;
use super::{Checksum, Progress, locked, not_found};
use crate::common::Tx;
use crate::files::Files;
use crate::files::commit::bucket_of;

/// How often what came is made durable and the lease renewed: what a crash costs at most.
const CHECKPOINT: Duration = Duration::from_secs(5);

pub(super) enum Message {
    Piece(Bytes),
    /// The body came whole.
    End,
}

/// How a request's bytes end.
enum End {
    Whole,
    /// The connection broke.
    Broken,
    /// A newer request waits.
    Superseded,
}

pub(super) struct Session {
    files: Files,
    caller: Caller,
    pub(super) held: Held,
    bucket: Arc<Bucket>,
    sum: Sum,
    /// Bytes of this request are taken back all together, so nothing of it is told before it has come whole.
    checksum: Option<Checksum>,
    appending: Option<Appending>,
    /// Whether anything came since the last checkpoint.
    fresh: bool,
    /// Where the upload stands with what was written.
    offset: u64,
    most: u64,
}

impl Session {
    pub(super) fn new(files: Files, caller: Caller, held: Held, checksum: Option<Checksum>) -> Result<Self> {
        let bucket = bucket_of(&*files.collections.files()?, &held.upload.target())?.clone();
        let Stage::Open { sum, parts, .. } = &held.upload.stage else {
            return Err(Error::internal("an upload that isn't open was claimed"));
        };
        let (sum, offset) = (sum.read()?, parts.offset());
        let most = held.upload.length.unwrap_or(bucket.max_size());
        Ok(Self { files, caller, held, bucket, sum, checksum, appending: None, fresh: false, offset, most })
    }

    pub(super) async fn run(mut self, mut pieces: mpsc::Receiver<Message>) -> Result<Progress> {
        let ended = self.receive(&mut pieces).await;
        drop(pieces);
        let settled = match ended {
            Ok(end) => self.settle(&end).await.map(|()| end),
            Err(error) => Err(error),
        };
        match settled {
            Ok(End::Whole) if self.held.upload.is_whole() => self.files.finish_upload(&self.caller, self.held).await,
            Ok(End::Whole) => Ok(self.held.upload.progress(&self.held.id)),
            Ok(End::Broken) => Err(Error::new(Code::BadRequest, "The body ended early; what came is kept.")),
            Ok(End::Superseded) => Err(locked()),
            Err(error) => {
                self.give_up(&error).await;
                Err(error)
            }
        }
    }

    async fn receive(&mut self, pieces: &mut mpsc::Receiver<Message>) -> Result<End> {
        let mut checkpoint = Instant::now() + CHECKPOINT;
        loop {
            let message = tokio::select! {
                biased;
                () = self.held.turn.superseded() => return Ok(End::Superseded),
                // While nothing comes nothing is renewed: who waits for the upload gets it in a while.
                () = sleep_until(checkpoint), if self.fresh => {
                    if self.checkpoint().await? == Hold::Wanted {
                        return Ok(End::Superseded);
                    }
                    checkpoint = Instant::now() + CHECKPOINT;
                    continue;
                }
                message = pieces.recv() => message,
            };
            match message {
                Some(Message::Piece(piece)) => self.take(piece).await?,
                Some(Message::End) => return Ok(End::Whole),
                None => return Ok(End::Broken),
            }
        }
    }

    async fn take(&mut self, piece: Bytes) -> Result<()> {
        self.fresh = true;
        self.offset += piece.len() as u64;
        if self.offset > self.most {
            return Err(self.held.upload.too_much(self.most));
        }
        self.sum.take(&piece, &self.bucket, self.held.upload.declared.as_deref())?;
        if let Some(checksum) = &mut self.checksum {
            checksum.take(&piece);
        }
        if self.appending.is_none() {
            self.appending = Some(self.files.blobs.append(self.held.upload.parts()?).await?);
        }
        match &mut self.appending {
            Some(appending) => appending.write(piece).await,
            None => Ok(()),
        }
    }

    /// Renews the lease, with what came as far as it may be told.
    async fn checkpoint(&mut self) -> Result<Hold> {
        self.fresh = false;
        if self.checksum.is_none() {
            self.save().await?;
        }
        self.write_state(false).await
    }

    /// Makes durable what may be told, and gives the lease back unless the file is to be made.
    async fn settle(&mut self, end: &End) -> Result<()> {
        match (self.checksum.take(), end) {
            (Some(checksum), End::Whole) => checksum.verify()?,
            // What can't be proved is dropped.
            (Some(_), End::Broken | End::Superseded) => self.appending = None,
            (None, _) => {}
        }
        self.save().await?;
        let file_is_next = matches!(end, End::Whole) && self.held.upload.is_whole();
        self.write_state(!file_is_next).await.map(drop)
    }

    /// What came of this request is dropped, or the whole upload where it can't end well.
    async fn give_up(self, error: &Error) {
        let Self { files, held, appending, .. } = self;
        // Lets go of the bytes before anybody else may have them.
        drop(appending);
        let done = if error.code() == Code::FileTypeRefused {
            files.end_upload(&held).await
        } else {
            files.give_back(&held).await
        };
        if let Err(error) = done {
            tracing::debug!(?error, "an upload is left to its lease");
        }
    }

    /// Makes what was written durable, in this session's idea of the upload.
    async fn save(&mut self) -> Result<()> {
        let Some(appending) = self.appending.take() else { return Ok(()) };
        let saved = appending.save().await?;
        let kept = self.sum.keep();
        if let Stage::Open { parts, sum, .. } = &mut self.held.upload.stage {
            (*parts, *sum) = (saved, kept);
        }
        Ok(())
    }

    /// Writes the state, if the upload is still ours, and gives it back if so wished.
    async fn write_state(&mut self, give_back: bool) -> Result<Hold> {
        let (id, token, ours) = (self.held.id.clone(), self.held.token.clone(), self.held.upload.clone());
        let decide = move |tx: &mut Tx<'_>| {
            let now = tx.now();
            let mut stored = Upload::of(tx, &id)?.ok_or_else(not_found)?;
            let hold = stored.lease().map_or(Hold::Lost, |lease| lease::renew(lease, &token, now));
            if hold == Hold::Lost {
                return Err(locked().into());
            }
            if let (Stage::Open { lease, .. }, Stage::Open { parts, sum, .. }) = (&stored.stage, &ours.stage) {
                let lease = lease.clone().filter(|_| !give_back);
                stored.stage = Stage::Open { parts: parts.clone(), sum: sum.clone(), lease };
            }
            stored.moved(now);
            stored.put(tx, &id)?;
            Ok((hold, stored))
        };
        let (hold, stored) = self.files.db.commit(&self.caller, decide).await?.value;
        self.held.upload = stored;
        Ok(hold)
    }
}

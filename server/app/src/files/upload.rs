//! One request's upload: read in pieces, hashed and written as they come, made a file when all is safe.

use std::pin::Pin;

use basalt_blob::Key;
use basalt_core::{Caller, Code, Error, Result};
use basalt_data::collections::Bucket;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::commit::{Arrived, Putting, Right, Stored, Wish, bucket_of};
use super::sniff::{self, HEAD};
use super::{Files, SILENCE, Target, Ticket, too_large};
use crate::common::hex;

/// What a client says of the bytes that he sends.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    pub size: Option<u64>,
    pub content_type: Option<String>,
}

pub type PieceFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<Bytes>>> + 'a>>;

/// A body as it comes; `None` is its end.
pub trait Pieces {
    fn next(&mut self) -> PieceFuture<'_>;
}

impl Files {
    /// Writes a file: a new one, or other bytes at its place. With a ticket the rules were asked when it was signed.
    pub async fn put(
        &self,
        caller: &Caller,
        target: Target,
        (declared, wish): (Declared, Wish),
        ticket: Option<&Ticket>,
        body: &mut dyn Pieces,
    ) -> Result<Stored> {
        let bucket = bucket_of(&*self.collections.files()?, &target)?.clone();
        let mut most = bucket.max_size();
        let right = match ticket {
            Some(ticket) => {
                most = ticket.max_size().unwrap_or(most).min(most);
                check_signed(ticket, declared.content_type.as_deref())?;
                Right::Signed { owner: ticket.owner() }
            }
            None => Right::Rules,
        };
        if declared.size.is_some_and(|size| size > most) {
            return Err(too_large(most));
        }
        let (caller, id) = (caller.clone(), self.db.new_id());
        let putting = Putting { target, wish, right, caller, id, upload: None };
        let guess = sniff::content_type(declared.content_type.as_deref(), b"");
        self.check(&putting, declared.size.unwrap_or(0), &guess).await?;
        let arrived = self.receive(&bucket, (&declared, most, ticket), body).await?;
        self.commit(putting, arrived).await
    }

    /// Takes the bytes in.
    async fn receive(
        &self,
        bucket: &Bucket,
        (declared, most, ticket): (&Declared, u64, Option<&Ticket>),
        body: &mut dyn Pieces,
    ) -> Result<Arrived> {
        let key = self.new_key();
        let mut writing = self.blobs.create(&key).await?;
        let mut seen = Seen::default();
        while let Some(piece) = next(body).await? {
            seen.take(&piece);
            if seen.size > most {
                return Err(too_large(most));
            }
            if seen.head.len() == HEAD {
                check_type(bucket, declared, &seen.head)?;
            }
            writing.write(piece).await?;
        }
        if declared.size.is_some_and(|size| size != seen.size) {
            return Err(Error::new(Code::BadRequest, "The body has another length than was said."));
        }
        let content_type = check_type(bucket, declared, &seen.head)?;
        if let Some(ticket) = ticket {
            check_signed(ticket, Some(&content_type))?;
        }
        writing.finish().await?;
        let arrived = seen.into_arrived(key, content_type);
        Ok(self.with_image(arrived).await)
    }

    /// With what a picture shows of itself.
    pub(crate) async fn with_image(&self, arrived: Arrived) -> Arrived {
        let image = self.describe(&arrived).await;
        Arrived { image, ..arrived }
    }
}

/// What is known of bytes as they go by.
#[derive(Default)]
pub(super) struct Seen {
    size: u64,
    head: Vec<u8>,
    hash: Sha256,
}

impl Seen {
    pub(super) fn take(&mut self, piece: &[u8]) {
        self.size += piece.len() as u64;
        self.hash.update(piece);
        let wanted = HEAD.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(&piece[..wanted]);
    }

    pub(super) fn into_arrived(self, key: Key, content_type: String) -> Arrived {
        Arrived { key, size: self.size, sha256: hex(&self.hash.finalize()), content_type, image: None }
    }
}

pub(crate) async fn next(body: &mut dyn Pieces) -> Result<Option<Bytes>> {
    let silent = |_| Error::new(Code::Timeout, "Nothing came for a minute.");
    tokio::time::timeout(SILENCE, body.next()).await.map_err(silent)?
}

/// Whether an upload is of the type that its URL was signed for.
fn check_signed(ticket: &Ticket, content_type: Option<&str>) -> Result<()> {
    match ticket.content_type().map(sniff::essence) {
        Some(signed) if content_type.map(sniff::essence).as_ref() != Some(&signed) => {
            Err(Error::new(Code::FileTypeRefused, format!("This URL is signed for {signed}.")))
        }
        _ => Ok(()),
    }
}

/// The type that the file is kept with, if its bucket takes it.
pub(crate) fn allowed_type(bucket: &Bucket, declared: Option<&str>, head: &[u8]) -> Result<String> {
    let content_type = sniff::content_type(declared, head);
    if bucket.allows(&content_type) {
        return Ok(content_type);
    }
    let detail = format!("By its bytes the file is {content_type}, which this bucket doesn't take.");
    Err(Error::new(Code::FileTypeRefused, detail))
}

fn check_type(bucket: &Bucket, declared: &Declared, head: &[u8]) -> Result<String> {
    allowed_type(bucket, declared.content_type.as_deref(), head)
}

/// Whether a bucket takes a file of another one.
pub(crate) fn check_copy(bucket: &Bucket, file: &super::File) -> Result<()> {
    if bucket.allows(&file.content_type) {
        return Ok(());
    }
    let detail = format!("The file is {}, which this bucket doesn't take.", file.content_type);
    Err(Error::new(Code::FileTypeRefused, detail))
}

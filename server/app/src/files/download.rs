//! Files as they are read.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use basalt_blob::{AnswerHeaders, ByteStream, Key};
use basalt_core::{Caller, Document, DocumentId, Error, Result};
use basalt_data::collections::Bucket;

use super::commit::{authorize_read, bucket_of, readable};
use super::places::is_at;
use super::{File, Files, Status, Target, Ticket, file_not_found, register, sniff};
use crate::common::Tx;
use crate::common::names::FILES;

/// How long a client has to begin with a download that he was sent on to.
const REDIRECTED: Duration = Duration::from_mins(5);

/// A file that may be read.
#[derive(Clone, Debug)]
pub struct Opened {
    pub document: Arc<Document>,
    pub file: File,
    pub(crate) key: Key,
    pub bucket: Arc<Bucket>,
}

/// How a browser may take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Inline,
    /// It would be run.
    Attachment,
}

impl Files {
    /// The file at a place, for who may read it: by the rules, or by a ticket that was signed for it.
    pub async fn open(&self, caller: &Caller, target: &Target, ticket: Option<&Ticket>) -> Result<Opened> {
        let document = self.found(caller, target, ticket).await?;
        self.opened(document).await
    }

    /// Its document.
    pub(super) async fn found(
        &self,
        caller: &Caller,
        target: &Target,
        ticket: Option<&Ticket>,
    ) -> Result<Arc<Document>> {
        match ticket {
            Some(ticket) => self.ticketed(ticket, target).await,
            None => self.readable(caller, target).await,
        }
    }

    /// The document of a file that the caller may read.
    pub async fn readable(&self, caller: &Caller, target: &Target) -> Result<Arc<Document>> {
        let compiled = self.collections.files()?;
        if let Some(id) = self.places.guess(target) {
            if let Some(document) = self.readable_there(caller, target, id).await? {
                return Ok(document);
            }
            self.places.forget(target);
        }
        let (who, place) = (caller.clone(), target.clone());
        let document = self.db.inspect(move |tx: &mut Tx<'_>| readable(tx, &compiled, &who, &place)).await?;
        self.places.remember(target.clone(), &document);
        Ok(document)
    }

    /// The same, if it is the file of this id.
    async fn readable_there(&self, caller: &Caller, target: &Target, id: DocumentId) -> Result<Option<Arc<Document>>> {
        let compiled = self.collections.files()?;
        bucket_of(&compiled, target)?;
        let (caller, target) = (caller.clone(), target.clone());
        let decide = move |tx: &mut Tx<'_>| {
            let found = tx.document(&FILES, &id)?.filter(|document| is_at(document, &target));
            if let Some(document) = &found {
                authorize_read(tx, &compiled, &caller, document)?;
            }
            Ok(found)
        };
        self.db.inspect(decide).await
    }

    /// A ticket names the file by its id: it follows it where it is moved, and nothing else that takes its place.
    async fn ticketed(&self, ticket: &Ticket, target: &Target) -> Result<Arc<Document>> {
        let id = ticket.file().ok_or_else(file_not_found)?.clone();
        let found = self.db.inspect(move |tx: &mut Tx<'_>| tx.document(&FILES, &id)).await?;
        let document = found.ok_or_else(file_not_found)?;
        let file = File::of(&document)?;
        if file.target.bucket != target.bucket || file.status == Status::Pending {
            return Err(file_not_found());
        }
        Ok(document)
    }

    pub(crate) async fn opened(&self, document: Arc<Document>) -> Result<Opened> {
        let file = File::of(&document)?;
        let bucket = bucket_of(&*self.collections.files()?, &file.target)?.clone();
        let (name, sha256) = (file.target.bucket.clone(), file.sha256.clone());
        let content = self.db.inspect(move |tx: &mut Tx<'_>| register::content(tx, &name, &sha256)).await?;
        let Some(content) = content else {
            return Err(Error::internal(format!("the bytes of the file {} are in no register", document.id)));
        };
        Ok(Opened { key: content.key()?, document, file, bucket })
    }

    /// Its bytes, in pieces.
    pub async fn read(&self, opened: &Opened, range: Range<u64>) -> Result<ByteStream> {
        self.blobs.read(&opened.key, range).await
    }

    /// Where the object store gives it out itself, if the bucket allows to be sent there.
    pub async fn elsewhere(&self, opened: &Opened, disposition: &str) -> Result<Option<String>> {
        if !opened.bucket.redirect {
            return Ok(None);
        }
        let answer = AnswerHeaders {
            content_type: Some(opened.file.content_type.clone()),
            content_disposition: Some(disposition.to_owned()),
        };
        self.blobs.presign(&opened.key, REDIRECTED, &answer).await
    }
}

impl Opened {
    /// What a browser would run is not shown in it, unless the bucket says that it may be.
    pub fn shown(&self) -> Shown {
        let content_type = &self.file.content_type;
        let allowed = self.bucket.inline.iter().any(|range| range.covers(content_type));
        if allowed || !sniff::is_active(content_type) { Shown::Inline } else { Shown::Attachment }
    }
}

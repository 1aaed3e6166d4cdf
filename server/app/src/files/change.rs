//! What becomes of files that are there: other data, another place, a copy, an end.

use std::sync::Arc;

use basalt_core::principal::Access;
use basalt_core::{Caller, Code, Document, DocumentId, Error, Result, Seq};
use basalt_data::collections::Compiled;
use basalt_data::documents::{EntityTags, PatchBody, built_in};
use basalt_data::rules::Operation;
use basalt_expr::Flat;
use serde_json::{Map, Value};

use super::commit::{
    Putting, Right, Stored, Wish, at, at_both, authorize, authorize_read, authorize_write, bucket_of, next, readable,
};
use super::file::{DATA, File, Status, Target};
use super::{Files, file_not_found, register, too_large, usage};
use crate::common::names::FILES;
use crate::common::{Flow, Tx};

/// A copy or a move.
#[derive(Clone, Debug)]
pub struct Placing {
    pub from: Target,
    pub to: Target,
    /// Whether what is at the new place may go.
    pub overwrite: bool,
}

/// A file that is gone.
#[derive(Clone, Debug)]
pub struct Removed {
    pub seq: Option<Seq>,
}

impl Files {
    /// Changes what the app says of a file, by a merge patch whose values may be operators.
    pub async fn set_data(&self, caller: &Caller, target: Target, patch: Map<String, Value>) -> Result<Stored> {
        let who = caller.clone();
        let decide = move |tx: &mut Tx<'_>, compiled: &Compiled| {
            let document = readable(tx, compiled, &who, &target)?;
            let wrapped = Map::from_iter([(DATA.to_owned(), Value::Object(patch.clone()))]);
            let stamp = built_in::Stamp { rev: tx.draw_rev(), now: tx.now() };
            let patched = built_in::patch_own(compiled, &document, PatchBody::Merge(wrapped), &stamp)?;
            authorize_write(tx, compiled, &who, (Some(&document), &patched), &target)?;
            Ok(tx.update(&FILES, &document, patched.data))
        };
        let outcome = self.db.commit_defined(caller, (&self.collections, &FILES), decide).await?;
        Ok(Stored { document: outcome.value, created: false, seq: outcome.seq })
    }

    /// Deletes a file; its bytes go an hour after the last file that has them.
    pub async fn delete(&self, caller: &Caller, target: Target) -> Result<Removed> {
        let who = caller.clone();
        let decide = move |tx: &mut Tx<'_>, compiled: &Compiled| {
            want_holds(tx, compiled, [&target])?;
            let document = readable(tx, compiled, &who, &target)?;
            if !who.bypasses_bucket_rules(&target.bucket, Access::Write)? {
                authorize(tx, compiled, &who, Operation::Delete { doc: Flat::default().of(&document) })?;
            }
            remove(tx, compiled, &document)
        };
        let outcome = self.db.commit_defined(caller, (&self.collections, &FILES), decide).await?;
        Ok(Removed { seq: outcome.seq })
    }

    /// Another file with the same bytes. Within a bucket none are copied.
    pub async fn copy(&self, caller: &Caller, placing: Placing) -> Result<Stored> {
        let opened = self.open(caller, &placing.from, None).await?;
        let bucket = bucket_of(&*self.collections.files()?, &placing.to)?.clone();
        super::upload::check_copy(&bucket, &opened.file)?;
        if opened.file.size > bucket.max_size() {
            return Err(too_large(bucket.max_size()));
        }
        let said = opened.document.data.get(DATA).and_then(Value::as_object).cloned();
        let if_none_match = (!placing.overwrite).then_some(EntityTags::Any);
        let wish = Wish { data: said, if_none_match, ..Wish::default() };
        let (id, caller) = (self.db.new_id(), caller.clone());
        let putting = Putting { target: placing.to.clone(), wish, right: Right::Rules, caller, id, upload: None };
        self.check_free(&putting, placing.overwrite).await?;
        let key = self.new_key();
        self.blobs.copy(&opened.key, &key).await?;
        let File { size, sha256, content_type, image, .. } = opened.file;
        let copied = self.commit(putting, super::Arrived { key, size, sha256, content_type, image }).await;
        copied.map_err(|error| match error.code() {
            Code::PreconditionFailed => exists(),
            _ => error,
        })
    }

    /// The same file at another place; its id stays. Between buckets the bytes go along.
    pub async fn rename(&self, caller: &Caller, placing: Placing) -> Result<Stored> {
        let opened = self.open(caller, &placing.from, None).await?;
        let compiled = self.collections.files()?;
        let bucket = bucket_of(&compiled, &placing.to)?;
        let moves_bytes = placing.from.bucket != placing.to.bucket;
        if moves_bytes {
            super::upload::check_copy(bucket, &opened.file)?;
            if opened.file.size > bucket.max_size() {
                return Err(too_large(bucket.max_size()));
            }
        }
        let key = self.new_key();
        if moves_bytes {
            self.blobs.copy(&opened.key, &key).await?;
        }
        let (who, moved, new) = (caller.clone(), placing.clone(), key.clone());
        let decide = move |tx: &mut Tx<'_>, compiled: &Compiled| {
            at_both(tx, compiled, [&moved.from, &moved.to])?;
            want_holds(tx, compiled, [&moved.from, &moved.to])?;
            let document = readable(tx, compiled, &who, &moved.from)?;
            let mut file = File::of(&document)?;
            tx.want([register::read(&moved.to.bucket, &file.sha256), usage::read(&moved.to.bucket)]);
            displace(tx, compiled, &who, &moved, &document.id)?;
            if moves_bytes {
                leave(tx, compiled, &who, &document)?;
                let to = &moved.to.bucket;
                usage::remove(tx, &file.target.bucket, file.size)?;
                register::release(tx, &file.target.bucket, &file.sha256)?;
                usage::add(tx, to, bucket_of(compiled, &moved.to)?.quota, (file.size, None))?;
                register::take(tx, to, &file.sha256, (&new, file.size))?;
            }
            file.target = moved.to.clone();
            if moves_bytes && bucket_of(compiled, &moved.to)?.scan {
                file.status = Status::Pending;
            }
            let kept = register::content(tx, &file.target.bucket, &file.sha256)?.map(|content| content.key);
            let said = document.data.get(DATA).cloned();
            let moved_to = next(tx, compiled, Some(&document), &document.id, file.into_fields(said))?;
            authorize_write(tx, compiled, &who, (Some(&document), &moved_to), &moved.to)?;
            if moves_bytes {
                // The rules above are those of the bucket that it leaves.
                authorize_write(tx, compiled, &who, (None, &moved_to), &moved.to)?;
            }
            Ok((tx.update(&FILES, &document, moved_to.data), kept))
        };
        let outcome = self.db.commit_defined(caller, (&self.collections, &FILES), decide).await;
        let is_kept = |kept: &Option<String>| kept.as_deref() == Some(key.as_str());
        if moves_bytes && !matches!(&outcome, Ok(outcome) if is_kept(&outcome.value.1)) {
            self.drop_bytes(&key).await;
        }
        let outcome = outcome?;
        Ok(Stored { document: outcome.value.0, created: false, seq: outcome.seq })
    }

    /// Told before bytes are copied for nothing; decided again with the commit.
    async fn check_free(&self, putting: &Putting, overwrite: bool) -> Result<()> {
        if overwrite {
            return Ok(());
        }
        let (compiled, putting) = (self.collections.files()?, putting.clone());
        let decide = move |tx: &mut Tx<'_>| match at(tx, &compiled, &putting.target)? {
            Some(there) => taken(tx, &compiled, &putting.caller, &there),
            None => Ok(()),
        };
        self.db.inspect(decide).await
    }

    /// The file of an id, if the caller may read it.
    pub async fn by_id(&self, caller: &Caller, id: &DocumentId) -> Result<Arc<Document>> {
        let (compiled, caller, id) = (self.collections.files()?, caller.clone(), id.clone());
        let decide = move |tx: &mut Tx<'_>| {
            let Some(document) = tx.document(&FILES, &id)? else { return Err(file_not_found().into()) };
            authorize_read(tx, &compiled, &caller, &document)?;
            Ok(document)
        };
        self.db.inspect(decide).await
    }
}

/// What taking the files at these places away looks at, read along with what their rules look at.
fn want_holds<'a>(tx: &mut Tx<'_>, compiled: &Compiled, places: impl IntoIterator<Item = &'a Target>) -> Flow<()> {
    for place in places {
        if let Some(document) = at(tx, compiled, place)? {
            let file = File::of(&document)?;
            let bucket = &file.target.bucket;
            tx.want(built_in::deletion_reads(compiled, &document.id));
            tx.want([register::read(bucket, &file.sha256), usage::read(bucket)]);
        }
    }
    Ok(())
}

/// A file is there: said to who may see it, and denied to who may not.
fn taken(tx: &mut Tx<'_>, compiled: &Compiled, caller: &Caller, there: &Document) -> Flow<()> {
    authorize_read(tx, compiled, caller, there)?;
    Err(exists().into())
}

fn exists() -> Error {
    Error::new(Code::FileExists, "There is a file at this place already.")
}

/// Makes room at the new place of a file.
fn displace(tx: &mut Tx<'_>, compiled: &Compiled, caller: &Caller, placing: &Placing, moved: &DocumentId) -> Flow<()> {
    let there = at(tx, compiled, &placing.to)?.filter(|there| there.id != *moved);
    let Some(there) = there else { return Ok(()) };
    if !placing.overwrite {
        return taken(tx, compiled, caller, &there);
    }
    authorize_read(tx, compiled, caller, &there)?;
    leave(tx, compiled, caller, &there)?;
    remove(tx, compiled, &there)
}

/// Whether the caller may take a file away from where it is.
fn leave(tx: &mut Tx<'_>, compiled: &Compiled, caller: &Caller, document: &Document) -> Flow<()> {
    let bucket = File::of(document)?.target.bucket;
    if caller.bypasses_bucket_rules(&bucket, Access::Write)? {
        return Ok(());
    }
    authorize(tx, compiled, caller, Operation::Delete { doc: Flat::default().of(document) })
}

/// Deletes the document, and its hold on the bytes.
pub(super) fn remove(tx: &mut Tx<'_>, compiled: &Compiled, document: &Arc<Document>) -> Flow<()> {
    let file = File::of(document)?;
    tx.delete_defined(compiled, document)?;
    usage::remove(tx, &file.target.bucket, file.size)?;
    register::release(tx, &file.target.bucket, &file.sha256)
}

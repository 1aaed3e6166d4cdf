//! Beginning an upload.

use basalt_core::{BucketName, Caller, Code, Error, Principal, Result, Timestamp};
use basalt_store::{CellKey, NewJob};
use serde_json::{Value, json};

use super::state::{Stage, Upload, check_length};
use super::sum::Sum;
use super::{Chunk, Metadata, OPEN_MAX, OPEN_MAX_TRUSTED, Progress, UPLOAD_OVER, UploadId, WAITS, owner_of};
use crate::common::{Flow, Tx, network};
use crate::files::commit::bucket_of;
use crate::files::{Files, Pieces, Target, sniff};

/// By whose it is: the uploads that are open.
const OPEN: &str = "open_uploads";

/// What a client says of an upload before its bytes.
#[derive(Clone, Debug)]
pub struct NewUpload {
    /// `None`: it is said later.
    pub length: Option<u64>,
    pub metadata: Metadata,
    /// `If-None-Match: *`.
    pub only_new: bool,
}

impl Files {
    /// Begins an upload, if the rules would let the file be written as far as it is known, and takes the first bytes if
    /// they come along. One of no bytes is a file at once.
    pub async fn create_upload(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        new: NewUpload,
        first: Option<(Chunk, &mut dyn Pieces)>,
    ) -> Result<Progress> {
        let (id, upload) = self.begin_upload(caller, bucket, new).await?;
        let begun = match first {
            Some((chunk, body)) => self.append_upload(caller, (bucket, &id), chunk, body).await,
            None if upload.is_whole() => self.show_upload(caller, bucket, &id).await,
            None => Ok(upload.progress(&id)),
        };
        if let Err(error) = &begun {
            // Nobody learns of its name.
            tracing::debug!(?error, "an upload ends with its first bytes");
            let _ = self.terminate_upload(caller, bucket, &id).await;
        }
        begun
    }

    async fn begin_upload(&self, caller: &Caller, bucket: &BucketName, new: NewUpload) -> Result<(UploadId, Upload)> {
        let NewUpload { length, metadata, only_new } = new;
        let Metadata { sent, path, content_type, data } = metadata;
        let target = Target { bucket: bucket.clone(), path: path.clone() };
        let most = bucket_of(&*self.collections.files()?, &target)?.max_size();
        check_length(length.unwrap_or(0), most)?;
        let parts = self.blobs.begin(&self.new_key()).await?;
        let upload = Upload {
            bucket: bucket.clone(),
            path,
            owner: owner_of(caller),
            counted: counted(caller),
            file: self.db.new_id(),
            metadata: sent,
            declared: content_type,
            data,
            only_new,
            length,
            expires_at: self.db.now().plus(WAITS).millis(),
            stage: Stage::Open { parts, sum: Sum::default().keep(), lease: None },
        };
        let guess = sniff::content_type(upload.declared.as_deref(), b"");
        self.check(&upload.putting(caller, None), length.unwrap_or(0), &guess).await?;
        let (id, most) = (UploadId::generate(self.db.random()), open_max(caller));
        let (named, begun) = (id.clone(), upload.clone());
        let decide = move |tx: &mut Tx<'_>| {
            count(tx, &begun.counted, &named, most)?;
            begun.put(tx, &named)?;
            begun.hold_bytes(tx, &named)?;
            tx.enqueue(over_job(&named, Timestamp::from_millis(begun.expires_at)));
            Ok(())
        };
        self.db.commit(caller, decide).await?;
        Ok((id, upload))
    }
}

pub(super) fn over_job(id: &UploadId, run_at: Timestamp) -> NewJob {
    // Without a key: the job itself makes the next one, while it is still open.
    NewJob { kind: UPLOAD_OVER.into(), key: None, order_key: None, payload: json!({ "id": id.as_str() }), run_at }
}

/// One more is open, if that isn't too many.
fn count(tx: &mut Tx<'_>, of: &str, id: &UploadId, most: usize) -> Flow<()> {
    let mut open = open(tx, of)?;
    if open.len() >= most {
        let detail = format!("{most} uploads are open already; finish or end some of them first.");
        return Err(Error::new(Code::QuotaExceeded, detail).into());
    }
    open.push(id.as_str().into());
    tx.put_cell(&open_cell(of), Value::Array(open), None);
    Ok(())
}

/// One is no longer open, nor are its bytes its own.
pub(super) fn close(tx: &mut Tx<'_>, upload: &Upload, id: &UploadId) -> Flow<()> {
    upload.let_bytes_go(tx)?;
    let of = &upload.counted;
    let mut open = open(tx, of)?;
    open.retain(|known| known.as_str() != Some(id.as_str()));
    let key = open_cell(of);
    if open.is_empty() {
        tx.delete_cell(&key);
    } else {
        tx.put_cell(&key, Value::Array(open), None);
    }
    Ok(())
}

fn open(tx: &mut Tx<'_>, of: &str) -> Flow<Vec<Value>> {
    Ok(match tx.cell(&open_cell(of))? {
        Some(Value::Array(open)) => open,
        _ => Vec::new(),
    })
}

pub(super) fn open_cell(of: &str) -> CellKey {
    CellKey::new(OPEN, of)
}

/// Visitors are counted by their network.
fn counted(caller: &Caller) -> String {
    match (&caller.principal, caller.request.ip) {
        (Principal::Visitor, Some(ip)) => format!("network:{}", network(ip)),
        _ => owner_of(caller),
    }
}

fn open_max(caller: &Caller) -> usize {
    match caller.principal {
        Principal::Visitor | Principal::User(_) => OPEN_MAX,
        Principal::Service(_) | Principal::Operator(_) | Principal::System => OPEN_MAX_TRUSTED,
    }
}

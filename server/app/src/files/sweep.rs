//! What goes on beside requests: bytes that nobody has go, files whose time is over go, and what an upload left behind.

use std::time::Duration;

use basalt_core::filter::{Filter, Leaf, Order, Place, Scalar};
use basalt_core::{BucketName, Code, Document, Error, FieldPath, Result, Timestamp};
use basalt_data::collections::Compiled;
use basalt_data::jobs::{Handler, JobFuture, Outcome};
use basalt_store::jobs::Job;
use basalt_store::{CellKey, Keyset, List, SortField};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

use super::register::{self, LetGo, blob_key};
use super::{File, Files, change, images};
use crate::common::Tx;
use crate::common::names::FILES;

/// The cell that says whose turn it is to sweep, and when all bytes were last looked at.
const TURNS: &str = "turns";
const TURN: Duration = Duration::from_mins(15);
/// How often all bytes are looked at.
const BYTES: Duration = Duration::from_hours(24);
/// What an upload may take until it is over.
const UNDER_WAY: Duration = Duration::from_hours(24);
const PAGE: u32 = 200;
/// Findings that are told one by one.
const TOLD: usize = 100;

/// Does the jobs that let bytes go.
pub struct LetGoHandler(pub Files);

impl Handler for LetGoHandler {
    fn run<'a>(&'a self, job: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            match self.0.let_bytes_go(job).await {
                Ok(()) => Outcome::Done,
                Err(error) => Outcome::Retry { at: None, error: error.to_string() },
            }
        })
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Turn {
    node: String,
    until: i64,
    bytes_at: i64,
}

/// What [`Files::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    pub files: u64,
    pub bytes: u64,
    /// Files without their bytes: what is lost.
    pub lost: Vec<String>,
    /// Bytes that no file has: what the sweep will take, or what was put there by hand.
    pub unknown: u64,
}

impl Files {
    async fn let_bytes_go(&self, job: &Job) -> Result<()> {
        let told: LetGo = serde_json::from_value(job.payload.clone()).map_err(Error::internal)?;
        let key = basalt_blob::Key::parse(&told.key)?;
        let decide = move |tx: &mut Tx<'_>| {
            let go = register::forget(tx, &told)?;
            // (The same content may have come again meanwhile.)
            let gone = register::content(tx, &told.bucket, &told.sha256)?.is_none();
            let renditions = if gone { images::forget(tx, &told.bucket, &told.sha256)? } else { Vec::new() };
            Ok((go, renditions))
        };
        let (go, renditions) = self.db.commit(&self.system(), decide).await?.value;
        self.drop_all(&renditions).await;
        if go {
            self.blobs.delete(&key).await?;
        }
        Ok(())
    }

    /// To be called every some minutes; nothing while another node does it.
    pub async fn sweep(&self) -> Result<()> {
        let Some(all_bytes) = self.turn().await? else { return Ok(()) };
        let kept: Vec<(BucketName, Duration)> = {
            let files = self.collections.files()?;
            let buckets = files.definition.buckets.iter();
            buckets.filter_map(|(name, bucket)| Some((name.clone(), bucket.retention?))).collect()
        };
        for (bucket, retention) in kept {
            self.sweep_bucket(&bucket, self.db.now().minus(retention)).await?;
        }
        if all_bytes {
            let swept = self.sweep_bytes().await?;
            tracing::info!(swept, "bytes that uploads left behind are gone");
        }
        Ok(())
    }

    /// Takes the turn; whether all bytes are to be looked at.
    async fn turn(&self) -> Result<Option<bool>> {
        let node = self.node.clone();
        let decide = move |tx: &mut Tx<'_>| {
            let (key, now) = (CellKey::new(TURNS, "files"), tx.now());
            let turn: Turn = match tx.cell(&key)? {
                Some(value) => serde_json::from_value(value).map_err(Error::internal)?,
                None => Turn::default(),
            };
            if turn.node != node && turn.until > now.millis() {
                return Ok(None);
            }
            let all_bytes = turn.bytes_at <= now.millis();
            let bytes_at = if all_bytes { now.plus(BYTES).millis() } else { turn.bytes_at };
            let next = Turn { node: node.clone(), until: now.plus(TURN).millis(), bytes_at };
            tx.put_cell(&key, serde_json::to_value(next).map_err(Error::internal)?, None);
            Ok(Some(all_bytes))
        };
        Ok(self.db.commit(&self.system(), decide).await?.value)
    }

    /// Deletes what was written before `limit`.
    async fn sweep_bucket(&self, bucket: &BucketName, limit: Timestamp) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.db.store().list(older(bucket, limit, after)?).await?;
            for document in &page.documents {
                self.expire(document, limit).await?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// One that changed meanwhile, or that is still referred to, stays.
    async fn expire(&self, document: &Document, limit: Timestamp) -> Result<()> {
        let id = document.id.clone();
        let decide = move |tx: &mut Tx<'_>, compiled: &Compiled| match tx.document(&FILES, &id)? {
            Some(document) if document.updated_at <= limit => change::remove(tx, compiled, &document),
            _ => Ok(()),
        };
        match self.db.commit_defined(&self.system(), (&self.collections, &FILES), decide).await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Code::Referenced => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes what uploads left behind that broke off: parts, and bytes that never became a file's.
    pub async fn sweep_bytes(&self) -> Result<u64> {
        let limit = self.db.now().minus(UNDER_WAY);
        let mut swept = self.blobs.sweep(limit.minus(UNDER_WAY)).await?;
        let mut stored = self.blobs.list();
        while let Some(stored) = stored.next().await {
            let stored = stored?;
            if stored.modified <= limit && self.db.store().cell(&blob_key(stored.key.as_str())).await?.is_none() {
                self.blobs.delete(&stored.key).await?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Whether every file has its bytes, and how many bytes have no file.
    pub async fn verify(&self) -> Result<Checked> {
        let mut checked = Checked::default();
        let mut after = None;
        loop {
            let page = self.db.store().list(all(after)?).await?;
            for document in &page.documents {
                self.verify_one(document, &mut checked).await?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let mut stored = self.blobs.list();
        while let Some(stored) = stored.next().await {
            let known = self.db.store().cell(&blob_key(stored?.key.as_str())).await?;
            checked.unknown += u64::from(known.is_none());
        }
        Ok(checked)
    }

    async fn verify_one(&self, document: &Document, checked: &mut Checked) -> Result<()> {
        let file = File::of(document)?;
        let (bucket, sha256) = (file.target.bucket.clone(), file.sha256.clone());
        let content = self.db.inspect(move |tx: &mut Tx<'_>| register::content(tx, &bucket, &sha256)).await?;
        let size = match &content {
            Some(content) => self.blobs.size(&content.key()?).await?,
            None => None,
        };
        checked.files += 1;
        checked.bytes += file.size;
        if size != Some(file.size) && checked.lost.len() < TOLD {
            checked.lost.push(format!("{}/{}", file.target.bucket, file.target.path));
        }
        Ok(())
    }
}

fn older(bucket: &BucketName, limit: Timestamp, after: Option<Keyset>) -> Result<List> {
    let updated_at = FieldPath::parse("updatedAt")?;
    let of_bucket =
        Leaf::Equal { place: Place::document(FieldPath::parse("bucket")?), value: Scalar::Text(bucket.to_string()) };
    let before =
        Leaf::Order { place: Place::document(updated_at), order: Order::Le, value: Scalar::Text(limit.to_string()) };
    Ok(List { filter: Filter::And(vec![Filter::Leaf(of_bucket), Filter::Leaf(before)]), ..all(after)? })
}

fn all(after: Option<Keyset>) -> Result<List> {
    Ok(List {
        collection: FILES.clone(),
        filter: Filter::True,
        search: None,
        sort: vec![SortField { path: FieldPath::parse("id")?, descending: false }],
        limit: PAGE,
        after,
        count: false,
    })
}

//! Which renditions are kept, and which goes next.
//!
//! A cell for each content names its renditions. All renditions stand in a ring, oldest first, and one cell counts them
//! and their bytes. When there are too many, the oldest goes, but for one that was used since it was put there: it is put
//! to the end once more. So what is used stays, and using something costs a write once in some hours.

use std::collections::BTreeMap;

use basalt_blob::Key;
use basalt_core::{BucketName, Error, Result, Timestamp};
use basalt_store::{CellKey, NewJob};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::common::{Flow, Tx, cell};
use crate::files::register;

/// By bucket and content: its renditions.
pub const RENDITIONS: &str = "renditions";
/// The ring: `state`, and its slots by their numbers.
pub const RING: &str = "rendition_ring";
/// The job that makes room.
pub const SWEEP: &str = "files.renditions";
/// Renditions of one content; another one takes the place of the one that was used least lately.
const OF_ONE: usize = 32;
/// Slots that one step of the sweep looks at.
const STEP: u64 = 16;

/// What a rendition is of: the content of a bucket, and what was wanted of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Name {
    pub(super) bucket: BucketName,
    pub(super) sha256: String,
    /// [`basalt_images::Wanted::key`].
    pub(super) wanted: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rendition {
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) content_type: String,
    /// Of its own bytes.
    pub(super) sha256: String,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Where it stands in the ring.
    #[serde(default)]
    slot: u64,
    /// Since when it stands there, and when it was used last, in milliseconds.
    #[serde(default)]
    since: i64,
    #[serde(default)]
    pub(super) used: i64,
}

type Renditions = BTreeMap<String, Rendition>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Ring {
    bytes: u64,
    /// The oldest slot, and the one behind the newest.
    head: u64,
    tail: u64,
}

/// What became of a rendition that was to be kept.
pub(super) enum Keeping {
    Kept {
        /// Keys whose bytes are nobody's any more.
        gone: Vec<Key>,
    },
    /// Somebody else made the same meanwhile, or the file is gone: these bytes aren't needed.
    Dropped,
}

/// What one step of the sweep did.
pub(super) struct Swept {
    pub(super) gone: Vec<Key>,
    pub(super) again: bool,
}

impl Rendition {
    pub(super) fn new(key: &Key, rendered: &basalt_images::Rendered, sha256: String) -> Self {
        Self {
            key: key.to_string(),
            size: rendered.bytes.len() as u64,
            content_type: rendered.content_type.to_owned(),
            sha256,
            width: rendered.width,
            height: rendered.height,
            slot: 0,
            since: 0,
            used: 0,
        }
    }

    pub(super) fn key(&self) -> Result<Key> {
        Key::parse(&self.key)
    }
}

pub(super) fn find(tx: &mut Tx<'_>, name: &Name) -> Flow<Option<Rendition>> {
    Ok(renditions(tx, &name.bucket, &name.sha256)?.remove(&name.wanted))
}

/// Says that it is in use.
pub(super) fn mark(tx: &mut Tx<'_>, name: &Name) -> Flow<()> {
    let mut all = renditions(tx, &name.bucket, &name.sha256)?;
    if let Some(rendition) = all.get_mut(&name.wanted) {
        rendition.used = tx.now().millis();
        put(tx, &name.bucket, &name.sha256, &all)?;
    }
    Ok(())
}

/// Keeps a rendition whose bytes are safe; the sweep is called where that makes more than `most` bytes.
pub(super) fn keep(tx: &mut Tx<'_>, name: &Name, rendition: &Rendition, most: u64) -> Flow<Keeping> {
    let (bucket, sha256) = (&name.bucket, name.sha256.as_str());
    tx.need([register::read(bucket, sha256), cell(&of_content(bucket, sha256)), cell(&state())])?;
    let mut all = renditions(tx, bucket, sha256)?;
    if all.contains_key(&name.wanted) || register::content(tx, bucket, sha256)?.is_none() {
        return Ok(Keeping::Dropped);
    }
    let mut ring = ring(tx)?;
    let mut gone = Vec::new();
    while all.len() >= OF_ONE {
        let least = all.iter().min_by_key(|(_, rendition)| rendition.used.max(rendition.since));
        let Some(least) = least.map(|(wanted, _)| wanted.clone()) else { break };
        gone.extend(all.remove(&least).map(|rendition| let_go(tx, &mut ring, &rendition)).transpose()?);
    }
    let mut rendition = rendition.clone();
    ring.bytes += rendition.size;
    append(tx, &mut ring, name, &mut rendition)?;
    let held = json!({ "bucket": bucket, "sha256": sha256, "rendition": name.wanted });
    tx.put_cell(&register::blob_key(&rendition.key), held, None);
    all.insert(name.wanted.clone(), rendition);
    put(tx, bucket, sha256, &all)?;
    put_state(tx, ring)?;
    if ring.bytes > most {
        let run_at = tx.now();
        tx.enqueue(NewJob {
            kind: SWEEP.into(),
            key: Some(SWEEP.to_owned()),
            order_key: None,
            payload: Value::Null,
            run_at,
        });
    }
    Ok(Keeping::Kept { gone })
}

/// Forgets one whose bytes turned out not to be there.
pub(super) fn drop_lost(tx: &mut Tx<'_>, name: &Name, key: &str) -> Flow<()> {
    let mut all = renditions(tx, &name.bucket, &name.sha256)?;
    let mut ring = ring(tx)?;
    if all.get(&name.wanted).is_some_and(|rendition| rendition.key == key)
        && let Some(rendition) = all.remove(&name.wanted)
    {
        let_go(tx, &mut ring, &rendition)?;
        put(tx, &name.bucket, &name.sha256, &all)?;
        put_state(tx, ring)?;
    }
    Ok(())
}

/// All renditions of a content that leaves. To be decided with it; the bytes of the keys go after the commit.
pub(crate) fn forget(tx: &mut Tx<'_>, bucket: &BucketName, sha256: &str) -> Flow<Vec<Key>> {
    tx.need([cell(&of_content(bucket, sha256)), cell(&state())])?;
    let all = renditions(tx, bucket, sha256)?;
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let mut ring = ring(tx)?;
    let gone = all.values().map(|rendition| let_go(tx, &mut ring, rendition)).collect::<Flow<_>>()?;
    put(tx, bucket, sha256, &Renditions::new())?;
    put_state(tx, ring)?;
    Ok(gone)
}

/// Makes room until no more than `most` bytes are kept, a step at a time.
pub(super) fn sweep(tx: &mut Tx<'_>, most: u64) -> Flow<Swept> {
    let mut ring = ring(tx)?;
    let numbers = ring.head..ring.tail.min(ring.head.saturating_add(STEP));
    tx.need(numbers.clone().map(|number| cell(&slot(number))))?;
    let mut names = Vec::new();
    for number in numbers {
        names.push((number, read::<Option<Name>>(tx, &slot(number))?));
    }
    let known = names.iter().filter_map(|(_, name)| name.as_ref());
    tx.need(known.map(|name| cell(&of_content(&name.bucket, &name.sha256))))?;
    let mut gone = Vec::new();
    for (number, name) in names {
        if ring.bytes <= most {
            break;
        }
        tx.delete_cell(&slot(number));
        ring.head = number + 1;
        if let Some(name) = name {
            gone.extend(turn(tx, &mut ring, &name, number)?);
        }
    }
    put_state(tx, ring)?;
    Ok(Swept { gone, again: ring.bytes > most && ring.head < ring.tail })
}

/// The oldest one's turn: it goes, or goes to the end.
fn turn(tx: &mut Tx<'_>, ring: &mut Ring, name: &Name, number: u64) -> Flow<Option<Key>> {
    let mut all = renditions(tx, &name.bucket, &name.sha256)?;
    let Some(mut rendition) = all.remove(&name.wanted).filter(|rendition| rendition.slot == number) else {
        return Ok(None);
    };
    let gone = if rendition.used > rendition.since {
        append(tx, ring, name, &mut rendition)?;
        all.insert(name.wanted.clone(), rendition);
        None
    } else {
        Some(let_go(tx, ring, &rendition)?)
    };
    put(tx, &name.bucket, &name.sha256, &all)?;
    Ok(gone)
}

/// Puts it to the end of the ring, as one that wasn't used since.
fn append(tx: &mut Tx<'_>, ring: &mut Ring, name: &Name, rendition: &mut Rendition) -> Flow<()> {
    (rendition.slot, rendition.since) = (ring.tail, tx.now().millis());
    rendition.used = rendition.used.min(rendition.since);
    ring.tail += 1;
    write(tx, &slot(rendition.slot), name)
}

/// (Its slot stays until its turn comes: it then names nothing.)
fn let_go(tx: &mut Tx<'_>, ring: &mut Ring, rendition: &Rendition) -> Flow<Key> {
    ring.bytes = ring.bytes.saturating_sub(rendition.size);
    tx.delete_cell(&register::blob_key(&rendition.key));
    Ok(rendition.key()?)
}

fn renditions(tx: &mut Tx<'_>, bucket: &BucketName, sha256: &str) -> Flow<Renditions> {
    read(tx, &of_content(bucket, sha256))
}

fn put(tx: &mut Tx<'_>, bucket: &BucketName, sha256: &str, all: &Renditions) -> Flow<()> {
    let key = of_content(bucket, sha256);
    if all.is_empty() {
        tx.delete_cell(&key);
        return Ok(());
    }
    write(tx, &key, all)
}

fn ring(tx: &mut Tx<'_>) -> Flow<Ring> {
    read(tx, &state())
}

fn put_state(tx: &mut Tx<'_>, ring: Ring) -> Flow<()> {
    write(tx, &state(), &ring)
}

fn of_content(bucket: &BucketName, sha256: &str) -> CellKey {
    CellKey::new(RENDITIONS, format!("{bucket}/{sha256}"))
}

fn state() -> CellKey {
    CellKey::new(RING, "state")
}

fn slot(number: u64) -> CellKey {
    CellKey::new(RING, number.to_string())
}

fn read<T: DeserializeOwned + Default>(tx: &mut Tx<'_>, key: &CellKey) -> Flow<T> {
    match tx.cell(key)? {
        Some(value) => Ok(serde_json::from_value(value).map_err(Error::internal)?),
        None => Ok(T::default()),
    }
}

fn write(tx: &mut Tx<'_>, key: &CellKey, value: &impl Serialize) -> Flow<()> {
    tx.put_cell(key, serde_json::to_value(value).map_err(Error::internal)?, None);
    Ok(())
}

/// Whether it is time to say again that it is in use.
pub(super) fn is_stale(rendition: &Rendition, now: Timestamp) -> bool {
    const AGAIN: std::time::Duration = std::time::Duration::from_hours(6);
    Timestamp::from_millis(rendition.used.max(rendition.since)).plus(AGAIN) <= now
}

//! The decision that makes a file: on exactly the state that its commit changes, after its bytes are safe.

use std::sync::Arc;

use basalt_blob::Key;
use basalt_core::principal::Access;
use basalt_core::{Caller, Code, Document, DocumentId, Error, Result, Seq};
use basalt_data::collections::{Bucket, Compiled};
use basalt_data::documents::{EntityTags, built_in};
use basalt_data::rules::{Binding, Operation};
use basalt_expr::Flat;
use basalt_store::catalog::unique_key;
use basalt_store::{Index, Read};
use serde_json::{Map, Value};

use super::file::{File, Status, Target, file_not_found};
use super::uploads::Ending;
use super::{Files, register, usage};
use crate::common::names::FILES;
use crate::common::{Flow, Tx};

/// Bytes that lie where they will stay, and what is known of them.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) key: Key,
    pub(crate) size: u64,
    pub(crate) sha256: String,
    pub(crate) content_type: String,
    pub(crate) image: Option<Value>,
}

/// What else goes with an upload.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// What the app says of the file; of one that is there already `None` leaves it.
    pub data: Option<Map<String, Value>>,
    /// `If-Match`: the content that has to be there.
    pub if_match: Option<EntityTags>,
    /// `If-None-Match`: what must not be there; `*` anything.
    pub if_none_match: Option<EntityTags>,
}

/// Who an upload is by, and what gave him the right.
#[derive(Clone, Debug)]
pub(crate) enum Right {
    /// The rules say.
    Rules,
    /// They said so when the URL was signed, for this owner.
    Signed { owner: Option<String> },
}

/// A file that was written.
#[derive(Clone, Debug)]
pub struct Stored {
    pub document: Arc<Document>,
    /// Whether there was none at its path.
    pub created: bool,
    pub seq: Option<Seq>,
}

/// One upload to be decided.
#[derive(Clone)]
pub(crate) struct Putting {
    pub(crate) target: Target,
    pub(crate) wish: Wish,
    pub(crate) right: Right,
    pub(crate) caller: Caller,
    pub(crate) id: DocumentId,
    /// Of an upload that went on over several requests: it ends in the batch of its file.
    pub(crate) upload: Option<Ending>,
}

impl Files {
    /// Whether the upload may begin: asked before its bytes come, with what is known of them.
    pub(crate) async fn check(&self, putting: &Putting, size: u64, content_type: &str) -> Result<()> {
        let compiled = self.collections.files()?;
        let (putting, content_type) = (putting.clone(), content_type.to_owned());
        let decide = move |tx: &mut Tx<'_>| {
            let file = |owner| putting.file((size, "", &content_type), owner, None, Status::Ready);
            let found = putting.decide(tx, &compiled, file)?;
            usage::add(tx, &putting.target.bucket, found.quota, (size, found.before.map(|before| before.size)))
        };
        self.db.inspect(decide).await
    }

    /// Makes the file of bytes that have arrived. They go where it can't be made, or where its bucket has the same.
    pub(crate) async fn commit(&self, putting: Putting, arrived: Arrived) -> Result<Stored> {
        let key = arrived.key.clone();
        match self.decide(putting, arrived).await {
            Ok((stored, kept)) => {
                if kept != key.as_str() {
                    self.drop_bytes(&key).await;
                }
                Ok(stored)
            }
            Err(error) => {
                // Where the outcome isn't known they may be somebody's: the sweep knows later.
                if error.code() != Code::OutcomeUnknown {
                    self.drop_bytes(&key).await;
                }
                Err(error)
            }
        }
    }

    /// The same, leaving the bytes as they are; says whose key they go by from now on.
    pub(super) async fn decide(&self, putting: Putting, arrived: Arrived) -> Result<(Stored, String)> {
        let caller = putting.caller.clone();
        let decide = move |tx: &mut Tx<'_>, compiled: &Compiled| {
            let Arrived { key, size, sha256, content_type, image } = arrived.clone();
            let bucket = &putting.target.bucket;
            let (index, key_of_place) = place(compiled, &putting.target)?;
            let index = index.to_owned();
            tx.want([Read::Unique { collection: FILES.clone(), index, key: key_of_place }]);
            tx.want([Read::Document { collection: FILES.clone(), id: putting.id.clone() }]);
            tx.want(putting.upload.iter().flat_map(Ending::reads));
            tx.need([register::read(bucket, &sha256), usage::read(bucket)])?;
            let pending = bucket_of(compiled, &putting.target)?.scan;
            let status = if pending { Status::Pending } else { Status::Ready };
            let file = |owner| putting.file((size, &sha256, &content_type), owner, image.clone(), status);
            let found = putting.decide(tx, compiled, file)?;
            let before = found.before.as_ref();
            usage::add(tx, bucket, found.quota, (size, before.map(|before| before.size)))?;
            if before.is_none_or(|before| before.sha256 != sha256) {
                register::take(tx, bucket, &sha256, (&key, size))?;
                if let Some(before) = before {
                    register::release(tx, bucket, &before.sha256)?;
                }
            }
            let kept = register::content(tx, bucket, &sha256)?.map(|content| content.key);
            let document = match &found.document {
                Some(previous) => tx.update(&FILES, previous, found.next.data),
                None => tx.create(&FILES, &found.next.id, found.next.data)?,
            };
            if let Some(ending) = &putting.upload {
                ending.conclude(tx, &document)?;
            }
            Ok((document, found.document.is_none(), kept.unwrap_or_else(|| key.to_string())))
        };
        let outcome = self.db.commit_defined(&caller, (&self.collections, &FILES), decide).await?;
        let (document, created, kept) = outcome.value;
        Ok((Stored { document, created, seq: outcome.seq }, kept))
    }
}

/// What a decision found, and what it comes to.
struct Found {
    document: Option<Arc<Document>>,
    before: Option<File>,
    next: Document,
    quota: Option<u64>,
}

impl Putting {
    /// Conditions, schema and rules, in this order.
    fn decide(&self, tx: &mut Tx<'_>, compiled: &Compiled, file: impl Fn(Option<String>) -> File) -> Flow<Found> {
        let bucket = bucket_of(compiled, &self.target)?;
        let document = at(tx, compiled, &self.target)?;
        let before = document.as_deref().map(File::of).transpose()?;
        tx.want(before.iter().map(|before| register::read(&self.target.bucket, &before.sha256)));
        if let (Some(document), Right::Rules) = (&document, &self.right) {
            authorize_read(tx, compiled, &self.caller, document)?;
        }
        self.check_conditions(before.as_ref())?;
        let owner = match (&before, &self.right) {
            (Some(before), _) => before.owner.clone(),
            (None, Right::Signed { owner }) => owner.clone(),
            (None, Right::Rules) => self.caller.user().map(|user| user.id.to_string()),
        };
        let said = match (&self.wish.data, &document) {
            (Some(data), _) => Some(Value::Object(data.clone())),
            (None, Some(document)) => document.data.get(super::file::DATA).cloned(),
            (None, None) => None,
        };
        let fields = file(owner).into_fields(said);
        let next = next(tx, compiled, document.as_deref(), &self.id, fields)?;
        if matches!(self.right, Right::Rules) {
            authorize_write(tx, compiled, &self.caller, (document.as_deref(), &next), &self.target)?;
        }
        Ok(Found { document, before, next, quota: bucket.quota })
    }

    fn check_conditions(&self, before: Option<&File>) -> Result<()> {
        let failed = |detail: &str| Err(Error::new(Code::PreconditionFailed, detail));
        let matches = |tags: &EntityTags| before.is_some_and(|before| tags.matches(&before.sha256));
        if self.wish.if_match.as_ref().is_some_and(|tags| !matches(tags)) {
            return failed("The file is not there with this content.");
        }
        if self.wish.if_none_match.as_ref().is_some_and(matches) {
            return failed("The file is there already.");
        }
        Ok(())
    }

    fn file(
        &self,
        (size, sha256, content_type): (u64, &str, &str),
        owner: Option<String>,
        image: Option<Value>,
        status: Status,
    ) -> File {
        let (sha256, content_type) = (sha256.to_owned(), content_type.to_owned());
        File { target: self.target.clone(), size, content_type, sha256, owner, status, image }
    }
}

/// A document's next version, checked by the collection's schema.
pub(super) fn next(
    tx: &mut Tx<'_>,
    compiled: &Compiled,
    previous: Option<&Document>,
    id: &DocumentId,
    fields: Map<String, Value>,
) -> Result<Document> {
    let data = built_in::conformed(compiled, fields)?;
    let now = tx.now();
    Ok(match previous {
        Some(previous) => Document { data, updated_at: now.max(previous.updated_at), ..previous.clone() },
        None => Document { id: id.clone(), rev: tx.draw_rev(), created_at: now, updated_at: now, data },
    })
}

/// The bucket's definition.
pub(super) fn bucket_of<'a>(compiled: &'a Compiled, target: &Target) -> Result<&'a Arc<Bucket>> {
    compiled
        .definition
        .buckets
        .get(&target.bucket)
        .ok_or_else(|| Error::new(Code::BucketNotFound, format!("There is no bucket {:?}.", target.bucket.as_str())))
}

/// The document of the file at this place.
pub(super) fn at(tx: &mut Tx<'_>, compiled: &Compiled, target: &Target) -> Flow<Option<Arc<Document>>> {
    let (index, key) = place(compiled, target)?;
    let Some(id) = tx.unique(&FILES, index, &key)? else { return Ok(None) };
    tx.document(&FILES, &id)
}

/// The documents of the files at two places, for no more rounds than one takes.
pub(super) fn at_both(tx: &mut Tx<'_>, compiled: &Compiled, both: [&Target; 2]) -> Flow<()> {
    let places = both.map(|target| place(compiled, target));
    let mut ids = Vec::new();
    for place in &places {
        let (index, key) = place.as_ref().map_err(Clone::clone)?;
        tx.want([Read::Unique { collection: FILES.clone(), index: (*index).to_owned(), key: key.clone() }]);
    }
    for place in places {
        let (index, key) = place?;
        ids.extend(tx.unique(&FILES, index, &key)?);
    }
    tx.need(ids.into_iter().map(|id| Read::Document { collection: FILES.clone(), id }))
}

/// The index of places, and the key of this one in it.
fn place<'a>(compiled: &'a Compiled, target: &Target) -> Result<(&'a str, Vec<u8>)> {
    let is_of_places = |index: &&Index| index.spec.fields.iter().map(|field| field.path.top()).eq(["bucket", "path"]);
    let Some(index) = compiled.unique_indexes().find(is_of_places) else {
        return Err(Error::new(Code::Unavailable, "Files are being prepared; try again."));
    };
    let mut place = Map::new();
    place.insert("bucket".to_owned(), target.bucket.as_str().into());
    place.insert("path".to_owned(), target.path.as_str().into());
    let key = unique_key(&index.spec, &place).ok_or_else(|| Error::internal("a file's place has no key"))?;
    Ok((&index.name, key))
}

/// Whether the rules, or what stands above them, let the caller write a file so.
pub(super) fn authorize_write(
    tx: &mut Tx<'_>,
    compiled: &Compiled,
    caller: &Caller,
    (doc, next): (Option<&Document>, &Document),
    target: &Target,
) -> Flow<()> {
    if caller.bypasses_bucket_rules(&target.bucket, Access::Write)? {
        return Ok(());
    }
    let (before, after) = (Flat::default(), Flat::default());
    let next = after.of(next);
    let operation = match doc {
        Some(doc) => Operation::Update { doc: before.of(doc), next },
        None => Operation::Create { next },
    };
    authorize(tx, compiled, caller, operation)
}

/// Whether the rules allow this; what may not be seen isn't there.
pub(super) fn authorize(tx: &mut Tx<'_>, compiled: &Compiled, caller: &Caller, operation: Operation<'_>) -> Flow<()> {
    let binding = Binding::new(caller.clone());
    tx.authorize(&compiled.rules, &binding, operation).map_err(super::as_file)
}

/// Whether the caller may read the file.
pub(super) fn authorize_read(tx: &mut Tx<'_>, compiled: &Compiled, caller: &Caller, document: &Document) -> Flow<()> {
    let bucket = File::of(document)?.target.bucket;
    if caller.bypasses_bucket_rules(&bucket, Access::Read)? {
        return Ok(());
    }
    authorize(tx, compiled, caller, Operation::Get { doc: Flat::default().of(document) })
}

/// The file at this place, if the caller may read it.
pub(super) fn readable(tx: &mut Tx<'_>, compiled: &Compiled, caller: &Caller, target: &Target) -> Flow<Arc<Document>> {
    bucket_of(compiled, target)?;
    let Some(document) = at(tx, compiled, target)? else { return Err(file_not_found().into()) };
    authorize_read(tx, compiled, caller, &document)?;
    Ok(document)
}

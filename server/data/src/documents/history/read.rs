//! The history of a document, as its caller may read it, and going back to a version.

use basalt_core::change::{seq_from_text, seq_to_text};
use basalt_core::filter::{Filter, Leaf, Place, Scalar};
use basalt_core::limits::PAGE_MAX;
use basalt_core::principal::Access;
use basalt_core::{
    Actor, Caller, ChangeOp, Code, CollectionName, Document, DocumentId, Error, FieldPath, Principal, Result, Seq,
    Timestamp,
};
use basalt_store::{Keyset, List, Read, SortField};
use serde_json::{Map, Value};

use super::HISTORY;
use super::version::{self, Stored};
use crate::collections::Compiled;
use crate::documents::answer::Written;
use crate::documents::gather::Gathered;
use crate::documents::input::WriteOptions;
use crate::documents::service::Documents;
use crate::documents::write::{Act, Given};
use crate::rules::{Binding, ReadVerdict};

/// One version of a document.
#[derive(Clone, Debug)]
pub struct Version {
    pub seq: Seq,
    pub op: ChangeOp,
    pub at: Timestamp,
    /// The id only where it may be told: to services and operators, and to the actor himself.
    pub actor: Actor,
    /// As the caller may read it; `None` where it was deleted.
    pub document: Option<Map<String, Value>>,
}

/// Versions, newest first.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    pub items: Vec<Version>,
    pub next_cursor: Option<String>,
}

impl Documents {
    /// The versions of a document that the caller may read now; of a deleted one only for whom no rules bind.
    pub async fn history(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        id: &DocumentId,
        (cursor, limit): (Option<&str>, u32),
    ) -> Result<HistoryPage> {
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Error::new(Code::BadParameter, format!("limit is 1 to {PAGE_MAX}.")));
        }
        let before = cursor.map(|text| seq_from_text(text).ok_or_else(bad_cursor)).transpose()?;
        let binding = Binding::new(caller.clone());
        self.check_may_read(&binding, collection, id).await?;
        self.follow_history().await?;
        let after = before.map(|seq| Keyset { values: vec![seq_to_text(seq).into()], id: String::new() });
        let page = self.0.store.list(self.versions_of(collection, id, after, limit)?).await?;
        let more = page.next.is_some();
        let mut items = Vec::with_capacity(page.documents.len());
        for stored in page.documents {
            items.push(self.shown(&binding, collection, version::load(stored)?).await?);
        }
        let next_cursor = items.last().filter(|_| more).map(|last| seq_to_text(last.seq));
        Ok(HistoryPage { items, next_cursor })
    }

    /// Makes the document again what it was, as far as the caller reads that version: a write like a PUT of it.
    pub async fn restore(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        id: &DocumentId,
        seq: &str,
        options: WriteOptions,
    ) -> Result<Written> {
        let binding = Binding::new(caller.clone());
        let compiled = self.check_may_read(&binding, collection, id).await?;
        self.follow_history().await?;
        let version = version::id(seq_from_text(seq).ok_or_else(Error::document_not_found)?)?;
        let stored = self.0.store.document(&HISTORY, &version).await?.ok_or_else(Error::document_not_found)?;
        let of = version::of(&self.short_id(collection)?, id);
        if stored.data.get(version::OF).and_then(Value::as_str) != Some(&of) {
            return Err(Error::document_not_found());
        }
        let shown = self.shown(&binding, collection, version::load(stored)?).await?;
        let mut body = shown.document.ok_or_else(|| {
            Error::new(Code::BadRequest, "That version is the document's end: there is nothing to go back to.")
        })?;
        for field in &compiled.protected {
            body.remove(field);
        }
        let given = Given { skips_hooks: true, ..Given::default() };
        self.write_given(caller, collection, id, (Act::Put { body }, given), options).await
    }

    /// Who gets the document as it is now may see what it was.
    async fn check_may_read(
        &self,
        binding: &Binding,
        collection: &CollectionName,
        id: &DocumentId,
    ) -> Result<std::sync::Arc<Compiled>> {
        let compiled = self.0.collections.get(collection)?;
        let unbound = binding.caller().bypasses_rules(collection, Access::Read)?;
        if !unbound {
            self.read(binding, collection, id).await?;
        }
        if compiled.definition.history.is_none() {
            return Err(Error::new(Code::BadRequest, "This collection keeps no history."));
        }
        Ok(compiled)
    }

    fn short_id(&self, collection: &CollectionName) -> Result<String> {
        let catalog = self.0.store.catalog();
        let stored = catalog.collection(collection).ok_or_else(|| Error::collection_not_found(collection.as_str()))?;
        Ok(stored.short_id.clone())
    }

    fn versions_of(
        &self,
        collection: &CollectionName,
        id: &DocumentId,
        after: Option<Keyset>,
        limit: u32,
    ) -> Result<List> {
        let value = Scalar::Text(version::of(&self.short_id(collection)?, id));
        let place = Place::document(FieldPath::parse(version::OF)?);
        Ok(List {
            collection: HISTORY.clone(),
            filter: Filter::Leaf(Leaf::Equal { place, value }),
            sort: vec![SortField { path: FieldPath::parse(version::SEQ)?, descending: true }],
            limit,
            after,
            count: false,
            search: None,
        })
    }

    async fn shown(&self, binding: &Binding, collection: &CollectionName, stored: Stored) -> Result<Version> {
        let document = match stored.document {
            Some(document) => Some(self.masked(binding, collection, document).await?),
            None => None,
        };
        let Stored { seq, op, at, actor, .. } = stored;
        let caller = binding.caller();
        let is_staff = !matches!(caller.principal, Principal::User(_) | Principal::Visitor);
        let actor = if is_staff || caller.actor() == actor { actor } else { Actor { id: None, ..actor } };
        Ok(Version { seq, op, at, actor, document })
    }

    /// The fields that the caller may read of this version, by the rules as they are now.
    async fn masked(
        &self,
        binding: &Binding,
        collection: &CollectionName,
        document: Document,
    ) -> Result<Map<String, Value>> {
        let (compiled, catalog) = (self.0.collections.get(collection)?, self.0.store.catalog());
        let mut facts = Gathered::default();
        loop {
            let reads: Vec<Read> = match compiled.rules.mask(binding, document.clone(), &facts) {
                ReadVerdict::Readable(readable) => return Ok(readable.into_inner().into_flat()),
                ReadVerdict::Hidden(denial) => return Err(denial.into_error(binding.caller())),
                ReadVerdict::Need(reads) => reads,
            };
            facts.read(&self.0.store, &catalog, reads).await?;
        }
    }
}

fn bad_cursor() -> Error {
    Error::new(Code::BadCursor, "That is no cursor of this list.")
}

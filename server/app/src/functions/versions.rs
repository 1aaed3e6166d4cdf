//! The document of a function under a decision: which versions are kept, and what aliases lead to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use basalt_core::{Actor, Document, Error, Result, Rev, Timestamp};
use basalt_runtime::{CodeId, Kind};
use basalt_store::Read;

use super::code::{drop_use, last_use_reads, register_read};
use super::deploy::outdated;
use super::names::{AliasName, FunctionName};
use super::stored::{Kept, Moved, Share, StoredFunction};
use crate::common::names::{FUNCTION_VERSIONS, FUNCTIONS};
use crate::common::{Flow, Tx};

/// Versions that are kept beside those that aliases lead to.
const KEPT: usize = 20;
/// Changes of aliases that are remembered.
const HISTORY: usize = 20;

/// One function's document, being changed.
pub(super) struct Edit {
    name: FunctionName,
    document: Option<Arc<Document>>,
    function: StoredFunction,
    /// The versions that go.
    dropped: Vec<Kept>,
}

/// What goes with a commit: versions, and code that nobody else uses.
pub(super) struct Removal(Vec<(FunctionName, Kept)>);

impl Edit {
    /// On the state that the change was thought out on; `None`: that there is no such function.
    pub(super) fn open(tx: &mut Tx<'_>, name: &FunctionName, seen: Option<&Rev>) -> Flow<Self> {
        let document = tx.document(&FUNCTIONS, &name.id()?)?;
        if document.as_ref().map(|document| &document.rev) != seen {
            return Err(outdated().into());
        }
        let function = match &document {
            Some(document) => StoredFunction::read(document)?,
            None => StoredFunction {
                kind: Kind::Callable,
                counter: 0,
                versions: Vec::new(),
                aliases: BTreeMap::new(),
                history: Vec::new(),
            },
        };
        Ok(Self { name: name.clone(), document, function, dropped: Vec::new() })
    }

    pub(super) fn function(&self) -> &StoredFunction {
        &self.function
    }

    pub(super) fn add_version(&mut self, version: u32, kind: Kind, identity: String, code: Option<CodeId>) {
        self.function.kind = kind;
        self.function.counter = version;
        self.function.versions.push(Kept { version, identity, code });
    }

    /// Lets an alias lead there, or, if `to` is empty, nowhere any more; then lets go what is no longer kept.
    pub(super) fn point(&mut self, alias: &AliasName, to: Vec<Share>, by: &Actor, at: Timestamp) {
        let from = self.function.aliases.remove(alias).unwrap_or_default();
        if !to.is_empty() {
            self.function.aliases.insert(alias.clone(), to.clone());
        }
        self.function.history.push(Moved { alias: alias.clone(), from, to, at, by: by.clone() });
        let old = self.function.history.len().saturating_sub(HISTORY);
        self.function.history.drain(..old);
        self.trim();
    }

    fn trim(&mut self) {
        let versions = std::mem::take(&mut self.function.versions);
        let old = versions.len().saturating_sub(KEPT);
        for (place, kept) in versions.into_iter().enumerate() {
            let used = place >= old || self.function.points_to(kept.version);
            // Where no alias leads anywhere the function goes as a whole.
            if used && !self.function.aliases.is_empty() {
                self.function.versions.push(kept);
            } else {
                self.dropped.push(kept);
            }
        }
    }

    pub(super) fn write(self, tx: &mut Tx<'_>) -> Flow<()> {
        match (self.document, self.function.aliases.is_empty()) {
            (Some(document), true) => tx.delete(&FUNCTIONS, &document),
            (None, true) => {}
            (Some(document), false) => drop(tx.update(&FUNCTIONS, &document, self.function.to_data()?)),
            (None, false) => drop(tx.create(&FUNCTIONS, &self.name.id()?, self.function.to_data()?)?),
        }
        Ok(())
    }
}

impl Removal {
    pub(super) fn of<'a>(edits: impl Iterator<Item = &'a Edit>) -> Self {
        Self(edits.flat_map(|edit| edit.dropped.iter().map(|kept| (edit.name.clone(), kept.clone()))).collect())
    }

    /// Reads all that goes, in two rounds.
    pub(super) fn read(&self, tx: &mut Tx<'_>) -> Flow<()> {
        let mut reads = Vec::new();
        for (name, kept) in &self.0 {
            let id = name.version_id(kept.version)?;
            reads.push(Read::Document { collection: FUNCTION_VERSIONS.clone(), id });
            reads.extend(kept.code.as_ref().map(register_read).transpose()?);
        }
        tx.need(reads)?;
        let mut last = Vec::new();
        for (code, versions) in self.by_code()? {
            last.extend(last_use_reads(tx, code, &versions)?);
        }
        tx.need(last)
    }

    pub(super) fn write(&self, tx: &mut Tx<'_>) -> Flow<()> {
        for (name, kept) in &self.0 {
            let id = name.version_id(kept.version)?;
            if let Some(document) = tx.document(&FUNCTION_VERSIONS, &id)? {
                tx.delete(&FUNCTION_VERSIONS, &document);
            }
            if let Some(code) = &kept.code {
                drop_use(tx, code, id.as_str())?;
            }
        }
        Ok(())
    }

    fn by_code(&self) -> Result<BTreeMap<&CodeId, BTreeSet<String>>, Error> {
        let mut by_code: BTreeMap<&CodeId, BTreeSet<String>> = BTreeMap::new();
        for (name, kept) in &self.0 {
            if let Some(code) = &kept.code {
                by_code.entry(code).or_default().insert(name.version_id(kept.version)?.to_string());
            }
        }
        Ok(by_code)
    }
}

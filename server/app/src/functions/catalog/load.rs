//! Reading what is deployed: all functions of one moment, and of their versions those that an alias leads to.

use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_core::filter::Filter;
use basalt_core::{Document, DocumentId, Result};
use basalt_data::Problems;
use basalt_store::{List, Read};

use super::{Deployed, Function, Version, Weighted};
use crate::common::names::{FUNCTION_VERSIONS, FUNCTIONS};
use crate::common::{Db, Tx};
use crate::functions::config::{self, Declared, Source};
use crate::functions::names::FunctionName;
use crate::functions::stored::{StoredFunction, StoredVersion};

/// Functions of one server.
pub(in crate::functions) const MOST_FUNCTIONS: u32 = 5_000;
/// Versions that are read at once.
const STEP: usize = 200;

/// What was read, and what of it can't be used.
pub(in crate::functions) struct Loaded {
    pub deployed: Deployed,
    /// Written by another version of the server, as it seems: nobody can call them.
    pub closed: Vec<String>,
}

/// Reads all functions; versions that `known` has are taken from there.
pub(in crate::functions) async fn load(db: &Db, known: &Deployed) -> Result<Loaded> {
    let all = List {
        collection: FUNCTIONS.clone(),
        filter: Filter::True,
        search: None,
        sort: Vec::new(),
        limit: MOST_FUNCTIONS,
        after: None,
        count: false,
    };
    let (page, since) = db.store().list_with_end(all).await?;
    let mut stored = Vec::with_capacity(page.documents.len());
    for document in page.documents {
        let name = FunctionName::parse(document.id.as_str()).map_err(basalt_core::Error::internal)?;
        let function = StoredFunction::read(&document)?;
        stored.push((name, function, document));
    }
    let mut versions = Versions { found: BTreeMap::new(), closed: Vec::new() };
    versions.read(db, known, &stored).await?;
    let mut functions = BTreeMap::new();
    for (name, function, document) in stored {
        functions.insert(name.clone(), Arc::new(versions.function(name, function, &document)));
    }
    Ok(Loaded { deployed: Deployed::new(functions, since), closed: versions.closed })
}

struct Versions {
    found: BTreeMap<(FunctionName, u32), Arc<Version>>,
    closed: Vec<String>,
}

type Stored = (FunctionName, StoredFunction, Document);

impl Versions {
    async fn read(&mut self, db: &Db, known: &Deployed, stored: &[Stored]) -> Result<()> {
        let mut unread: Vec<DocumentId> = Vec::new();
        for (name, function, _) in stored {
            for kept in function.versions.iter().filter(|kept| function.points_to(kept.version)) {
                match known.version(name, kept.version).filter(|version| version.identity == kept.identity) {
                    Some(version) => drop(self.found.insert((name.clone(), kept.version), Arc::clone(version))),
                    None => unread.push(name.version_id(kept.version)?),
                }
            }
        }
        for ids in unread.chunks(STEP) {
            for document in documents(db, ids.to_vec()).await? {
                let stored = StoredVersion::read(&document)?;
                let (name, number) = (stored.function.clone(), stored.version);
                match version(stored, &document) {
                    Some(version) => drop(self.found.insert((name, number), Arc::new(version))),
                    None => self.closed.push(format!("{name}@{number}")),
                }
            }
        }
        Ok(())
    }

    fn function(&self, name: FunctionName, stored: StoredFunction, document: &Document) -> Function {
        let aliases = stored.aliases.into_iter().map(|(alias, shares)| {
            let weighted = shares.into_iter().filter_map(|share| {
                let version = self.found.get(&(name.clone(), share.version))?;
                Some(Weighted { version: Arc::clone(version), weight: share.weight })
            });
            (alias, weighted.collect())
        });
        let aliases = aliases.collect();
        Function {
            name,
            kind: stored.kind,
            aliases,
            kept: stored.versions,
            history: stored.history,
            created_at: document.created_at,
            updated_at: document.updated_at,
            rev: document.rev.clone(),
        }
    }
}

/// Those of the versions that are there.
pub(in crate::functions) async fn documents(db: &Db, ids: Vec<DocumentId>) -> Result<Vec<Document>> {
    let read = move |tx: &mut Tx<'_>| {
        tx.need(ids.iter().map(|id| Read::Document { collection: FUNCTION_VERSIONS.clone(), id: id.clone() }))?;
        let mut found = Vec::with_capacity(ids.len());
        for id in &ids {
            found.extend(tx.document(&FUNCTION_VERSIONS, id)?.map(|document| (*document).clone()));
        }
        Ok(found)
    };
    db.inspect(read).await
}

/// A version, compiled; `None` where it can't be.
pub(in crate::functions) fn version(stored: StoredVersion, document: &Document) -> Option<Version> {
    let source = Source::from(stored.source);
    let declared =
        Declared { kind: stored.kind, source: &source, subject: stored.subject.as_deref(), options: &stored.options };
    let mut problems = Problems::default();
    let config = config::read(declared, "", &mut problems).filter(|_| problems.is_empty())?;
    Some(Version {
        function: stored.function,
        number: stored.version,
        code: stored.code,
        config,
        env: stored.env,
        egress: stored.egress,
        created_at: document.created_at,
        by: stored.by,
        identity: stored.identity,
    })
}

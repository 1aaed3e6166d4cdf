//! Collections: what an app declares of them, checked, compiled, and applied as a plan.
//!
//! Promises: a definition is refused whole, with every problem and its place; the same content changes nothing; what
//! is compiled belongs to one epoch of the catalog, so nothing is decided by definitions that no longer hold.

mod admin;
mod applied;
mod buckets;
mod builtin;
mod compiled;
mod definition;
mod indexes;
mod parse;
mod plan;
mod references;
mod schema;
mod told;
mod vectors;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use basalt_core::{CollectionName, Error, FieldError, Result};
use basalt_store::{Catalog, Store};
use serde_json::Value;

use crate::declared::Problems;
use crate::rules::{Access, CompiledRules, Finding};

pub use admin::Described;
pub use applied::{APPLIED_SPACE, Applied};
pub(crate) use buckets::read_buckets;
pub use buckets::{Bucket, FILES, MediaRange, Preset, SIDE_MAX};
pub use builtin::{Builtin, Builtins, OwnedRead};
pub use compiled::{Compiled, TimeFields};
pub(crate) use definition::index_to_json;
pub use definition::{Definition, History};
pub use plan::{Action, Coverage, Plan, PlanItem, PlanOptions, Removals};
pub use references::{Holding, Inverse, Link, OnDelete, Reference, Referrer};
pub use schema::Schema;

/// The collections of this server; cheap to clone.
#[derive(Clone)]
pub struct Collections(Arc<Inner>);

struct Inner {
    store: Store,
    builtins: Builtins,
    cache: RwLock<Cache>,
}

/// What was compiled under one epoch.
#[derive(Default)]
struct Cache {
    epoch: u64,
    compiled: HashMap<CollectionName, Arc<Compiled>>,
}

impl Collections {
    pub fn new(store: Store, builtins: Builtins) -> Self {
        Self(Arc::new(Inner { store, builtins, cache: RwLock::default() }))
    }

    /// A collection that a client may name; system collections are not found.
    pub fn get(&self, name: &CollectionName) -> Result<Arc<Compiled>> {
        if name.is_system() {
            return Err(Error::collection_not_found(name.as_str()));
        }
        self.any(name)
    }

    /// Any collection, for the rooms that own system ones.
    pub fn any(&self, name: &CollectionName) -> Result<Arc<Compiled>> {
        let catalog = self.0.store.catalog();
        {
            let cache = self.0.cache.read().unwrap_or_else(PoisonError::into_inner);
            if cache.epoch == catalog.epoch
                && let Some(compiled) = cache.compiled.get(name)
            {
                return Ok(Arc::clone(compiled));
            }
        }
        let compiled = Arc::new(self.compile(&catalog, name)?);
        let mut cache = self.0.cache.write().unwrap_or_else(PoisonError::into_inner);
        if cache.epoch < catalog.epoch {
            *cache = Cache { epoch: catalog.epoch, compiled: HashMap::new() };
        }
        if cache.epoch == catalog.epoch {
            cache.compiled.insert(name.clone(), Arc::clone(&compiled));
        }
        Ok(compiled)
    }

    /// The epoch that definitions are given under now.
    pub fn epoch(&self) -> u64 {
        self.0.store.catalog().epoch
    }

    pub fn builtins(&self) -> &Builtins {
        &self.0.builtins
    }

    /// A definition in the catalog was checked when it was applied; if it isn't valid now (written by another version)
    /// its collection stays closed.
    fn compile(&self, catalog: &Catalog, name: &CollectionName) -> Result<Compiled> {
        let Some(stored) = catalog.collection(name) else {
            return Err(Error::collection_not_found(name.as_str()));
        };
        let definition = Definition::parse(name, &stored.definition).map_err(Error::internal)?;
        let builtin = self.0.builtins.get(name);
        let mut problems = Problems::default();
        let parts = compiled::compile(&definition, builtin, "", &mut problems);
        let Some(parts) = parts.filter(|_| problems.is_empty()) else {
            let faults = problems.into_faults();
            return Err(Error::internal(format!("the stored definition of {name} is not valid: {faults:?}")));
        };
        Ok(Compiled {
            name: name.clone(),
            epoch: catalog.epoch,
            definition,
            schema: parts.schema,
            rules: parts.rules,
            indexes: stored.indexes.clone(),
            times: parts.times,
            referrers: referrers_to(catalog, name),
            protected: builtin.map(|builtin| builtin.owned_fields.iter().cloned().collect()).unwrap_or_default(),
            built_in: builtin.is_some(),
            buckets: parts.buckets,
        })
    }
}

/// The references that lead to a collection.
fn referrers_to(catalog: &Catalog, name: &CollectionName) -> Vec<Referrer> {
    let leads_here = |definition: &serde_json::Value| {
        let references = definition.get("references").and_then(serde_json::Value::as_object);
        let to = |value: &serde_json::Value| value.get("to").unwrap_or(value) == name.as_str();
        references.is_some_and(|references| references.values().any(to))
    };
    // What isn't valid is closed, and said to be where it is asked for.
    let definitions = catalog
        .collections
        .values()
        .filter(|stored| leads_here(&stored.definition))
        .filter_map(|stored| Definition::parse(&stored.name, &stored.definition).ok());
    definitions.flat_map(|definition| definition.referrers_to(name)).collect()
}

/// Whether a definition that is stored is valid for this server (another version may have written it).
pub fn check_stored(name: &CollectionName, definition: &Value, builtins: &Builtins) -> Result<()> {
    compile_rules(&Definition::parse(name, definition)?, builtins).map(|_| ())
}

/// What can be said of definitions without a server.
#[derive(Debug)]
pub struct Review {
    /// Who can do what.
    pub access: Vec<Access>,
    /// Rules that look like mistakes.
    pub warnings: Vec<Finding>,
    /// What has to be acknowledged before they are applied.
    pub refusals: Vec<FieldError>,
}

/// Checks definitions as if they were the first ones applied.
pub fn review(definitions: &[Definition], builtins: &Builtins) -> Result<Review> {
    let plan = plan::make(&Catalog::default(), builtins, definitions, &PlanOptions::whole([]))?;
    Ok(Review { access: plan.access, warnings: plan.warnings, refusals: plan.refusals })
}

/// The rules of a definition, as they are asked once it is applied.
pub fn compile_rules(definition: &Definition, builtins: &Builtins) -> Result<CompiledRules> {
    let mut problems = Problems::default();
    match compiled::compile(definition, builtins.get(&definition.name), "", &mut problems) {
        Some(parts) if problems.is_empty() => Ok(parts.rules),
        _ => Err(problems.into_error(&format!("The definition of {:?}", definition.name))),
    }
}

#[cfg(test)]
mod tests;

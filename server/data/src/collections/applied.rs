//! What manifests have applied, remembered: a manifest that comes again doesn't undo what was deployed after it.
//!
//! A start with an app applies its definitions anew each time. Where an operator changed a collection in between, the
//! manifest is the older one, and the operator's definition stays; a manifest with something new in that collection
//! is the newer one again. So the cell keeps, for each collection, what a manifest applied last and the hashes of
//! what was applied before.

use std::collections::BTreeMap;

use basalt_core::random::base32hex;
use basalt_core::{Actor, CollectionName, Error, Result, Timestamp};
use basalt_store::{Cell, CellKey, CellWrite, Decide, Origin, Read, Step, View, Writes};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::plan::{Action, Plan, PlanOptions};
use super::{Collections, Definition};

/// The cells of this room: what manifests applied.
pub const APPLIED_SPACE: &str = "manifests";
/// Definitions remembered of each collection.
const REMEMBERED: usize = 32;

/// By collection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Applied(BTreeMap<CollectionName, Vec<String>>);

impl Applied {
    /// Whether this definition was applied before, and something else than a manifest changed the collection since.
    pub(super) fn is_older(&self, definition: &Definition, stored: &Definition) -> bool {
        // Buckets that it doesn't name are none of its business.
        let mut named = stored.clone();
        named.buckets.retain(|bucket, _| definition.buckets.contains_key(bucket));
        let (wanted, stored) = (hash(&definition.to_json()), hash(&named.to_json()));
        let Some(hashes) = self.0.get(&definition.name) else { return false };
        wanted != stored && hashes.last() != Some(&stored) && hashes.contains(&wanted)
    }

    /// The same after these were applied: the last one is what the manifest says now.
    fn with(mut self, definitions: &[&Definition]) -> Self {
        for definition in definitions {
            let hashes = self.0.entry(definition.name.clone()).or_default();
            let hash = hash(&definition.to_json());
            hashes.retain(|known| *known != hash);
            hashes.push(hash);
            let surplus = hashes.len().saturating_sub(REMEMBERED);
            hashes.drain(..surplus);
        }
        self
    }
}

/// Of the canonical form: members are in order.
fn hash(definition: &Value) -> String {
    base32hex(&Sha256::digest(definition.to_string())[..15])
}

impl Collections {
    /// Applies a manifest's definitions, all or nothing, but for those that are older than what is deployed.
    pub async fn apply_manifest(&self, desired: &[Definition], now: Timestamp) -> Result<Plan> {
        let cell = self.0.store.cell(&key()).await?;
        let applied = read(cell.as_ref())?;
        let options = PlanOptions { applied: applied.clone(), ..PlanOptions::whole([]) };
        let plan = self.apply(desired, &options).await?;
        let older = |definition: &&Definition| {
            plan.items.iter().any(|item| item.name == definition.name && item.action == Action::Deployed)
        };
        for definition in desired.iter().filter(older) {
            let collection = definition.name.as_str();
            tracing::warn!(
                collection,
                status = 409,
                "an operator changed this collection after the manifest was applied: what is deployed stays"
            );
        }
        let done: Vec<&Definition> = desired.iter().filter(|definition| !older(definition)).collect();
        let next = applied.clone().with(&done);
        if next != applied {
            self.0.store.commit(Remember { applied: next, at: now }).await?;
        }
        Ok(plan)
    }
}

fn key() -> CellKey {
    CellKey::new(APPLIED_SPACE, "applied")
}

fn read(cell: Option<&Cell>) -> Result<Applied> {
    let Some(cell) = cell else { return Ok(Applied::default()) };
    serde_json::from_value(cell.value.clone()).map_err(Error::internal)
}

/// Nodes that start at the same time with the same manifest write the same.
struct Remember {
    applied: Applied,
    at: Timestamp,
}

impl Decide for Remember {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<()> {
        if view.cell(&key()).is_none() {
            return Step::Need(vec![Read::Cell(key())]);
        }
        let Ok(value) = serde_json::to_value(&self.applied) else {
            return Step::Refuse(Error::internal("hashes can't be written as JSON"));
        };
        let origin = Origin { actor: Actor::SYSTEM, request_id: "manifest".to_owned(), at: self.at };
        let cells = vec![CellWrite::Put { key: key(), value, expires_at: None }];
        Step::Done(Writes { cells, ..Writes::none(origin) }, ())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_definition_that_was_applied_before_is_older_than_what_an_operator_made() {
        let notes = |rule: &str| {
            let name = CollectionName::parse("notes").unwrap();
            Definition::parse(&name, &json!({"rules": {"get": rule}})).unwrap()
        };
        let (first, second, operators) = (notes("false"), notes("true"), notes("auth != null"));
        let fresh = Applied::default();
        assert!(!fresh.is_older(&first, &operators), "nothing is remembered yet");
        let applied = fresh.with(&[&first]);
        assert!(applied.is_older(&first, &operators));
        assert!(!applied.is_older(&first, &first), "nothing was changed since");
        assert!(!applied.is_older(&second, &operators), "the manifest says something new");
        let applied = applied.with(&[&second]);
        assert!(!applied.is_older(&first, &second), "a manifest may go back on its own");
        assert!(applied.is_older(&first, &operators) && applied.is_older(&second, &operators));
    }
}

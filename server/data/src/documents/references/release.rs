//! The job after a deletion: each reference is cleared, or its holder deleted, by a write of its own that holds only
//! while the holder is as it was read and the deleted document is still gone.

use std::time::Duration;

use basalt_core::filter::{Filter, Leaf, Place, Scalar};
use basalt_core::{Caller, Code, CollectionName, Document, DocumentId, Error, FieldPath, Result, key};
use basalt_store::jobs::Job;
use basalt_store::{HeldAs, Keyset, List};
use futures_util::future::join_all;
use serde_json::{Map, Value, json};

use crate::collections::{OnDelete, Referrer};
use crate::documents::decision::Form;
use crate::documents::input::{EntityTags, PatchBody};
use crate::documents::patch::Patch;
use crate::documents::run::HookUse;
use crate::documents::service::Documents;
use crate::documents::write::{Act, Operation};
use crate::jobs::{Handler, JobFuture, Outcome};

/// Holders that are looked at at once.
const BATCH: u32 = 100;
/// How often all holders are gone through, while others change them meanwhile.
const PASSES: usize = 8;

/// Does the jobs of the kind [`super::RELEASE`].
pub struct Release(Documents);

impl Release {
    pub fn new(documents: Documents) -> Self {
        Self(documents)
    }
}

impl Handler for Release {
    fn run<'a>(&'a self, job: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            let Some((collection, id)) = deleted(&job.payload) else {
                return Outcome::Dead { error: "the job names no document".to_owned() };
            };
            match self.0.release(&collection, &id).await {
                Ok(()) => Outcome::Done,
                Err(error) => Outcome::Retry { at: None, error: format!("{error:?}") },
            }
        })
    }

    fn lease(&self) -> Duration {
        Duration::from_mins(5)
    }

    /// A try that runs out of time has come some way.
    fn tries(&self) -> u32 {
        100
    }
}

fn deleted(payload: &Value) -> Option<(CollectionName, DocumentId)> {
    let text = |name: &str| payload.get(name)?.as_str();
    Some((CollectionName::parse(text("collection")?).ok()?, DocumentId::parse(text("id")?).ok()?))
}

/// What became of one holder.
enum Freed {
    Done,
    /// It is another one by now: to be looked at again.
    Changed,
    /// The deleted document is there again.
    Back,
    /// Others refer to it, or its schema wants the reference.
    Refused(Error),
}

impl Documents {
    /// Clears the references to a deleted document and deletes what has to go with it, as their definitions say now.
    async fn release(&self, collection: &CollectionName, id: &DocumentId) -> Result<()> {
        let compiled = match self.0.collections.get(collection) {
            Ok(compiled) => compiled,
            // It is dropped, and its definition with it.
            Err(error) if error.code() == Code::CollectionNotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut refused = None;
        for referrer in compiled.released() {
            let mut passes = 0;
            while self.pass((collection, id), referrer, &mut refused).await? {
                passes += 1;
                if passes == PASSES {
                    return Err(Error::new(Code::Unavailable, "What refers to a deleted document keeps changing."));
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Goes through all holders of a reference once; whether some of them have to be looked at again. One that can't
    /// be freed holds the others up as little as it can.
    async fn pass(
        &self,
        deleted: (&CollectionName, &DocumentId),
        referrer: &Referrer,
        refused: &mut Option<Error>,
    ) -> Result<bool> {
        let (mut again, mut after) = (false, None);
        loop {
            let page = self.0.store.list(holders(referrer, deleted.1, after)).await?;
            let steps = page.documents.iter().map(|holder| self.free(deleted, referrer, holder));
            for freed in join_all(steps).await {
                match freed? {
                    Freed::Done => {}
                    Freed::Changed => again = true,
                    Freed::Back => return Ok(false),
                    Freed::Refused(error) => *refused = Some(error),
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(again),
            }
        }
    }

    async fn free(
        &self,
        (collection, id): (&CollectionName, &DocumentId),
        referrer: &Referrer,
        holder: &Document,
    ) -> Result<Freed> {
        let act = match referrer.on_delete {
            OnDelete::Cascade => Act::Delete,
            _ => Act::Patch { patch: Patch::parse(cleared(holder, &referrer.path, id))?, upsert: false },
        };
        let gone = self.system_operation(collection, id, Act::Check { exists: false });
        let write = Operation {
            if_match: Some(EntityTags::Revs(vec![holder.rev.to_string()])),
            ..self.system_operation(&referrer.collection, &holder.id, act)
        };
        let caller = Caller::system(self.0.clock.now());
        match self.run(&caller, vec![gone, write], None, Form::Transaction, HookUse::Skipped).await {
            Ok(_) => Ok(Freed::Done),
            Err(error) => match error.code() {
                Code::ConditionFailed => Ok(Freed::Back),
                Code::PreconditionFailed | Code::DocumentNotFound => Ok(Freed::Changed),
                Code::Referenced | Code::SchemaViolation => Ok(Freed::Refused(error)),
                _ => Err(error),
            },
        }
    }
}

fn holders(referrer: &Referrer, id: &DocumentId, after: Option<Keyset>) -> List {
    let (place, value) = (Place::document(referrer.path.clone()), Scalar::Text(id.to_string()));
    let by_value = Filter::Leaf(Leaf::Equal { place: place.clone(), value: value.clone() });
    let by_element = Filter::Leaf(Leaf::Contains { place, value });
    let filter = match referrer.held {
        HeldAs::Value => by_value,
        HeldAs::Element => by_element,
        HeldAs::Either => Filter::or([by_value, by_element]),
    };
    let collection = referrer.collection.clone();
    List { collection, filter, search: None, sort: Vec::new(), limit: BATCH, after, count: false }
}

/// The merge patch that takes the id out.
fn cleared(holder: &Document, path: &FieldPath, id: &DocumentId) -> PatchBody {
    let operator = match key::at(&holder.data, path) {
        Some(Value::Array(_)) => json!({ "$remove": [id] }),
        _ => json!({ "$unset": true }),
    };
    let merge = path.names().iter().rev().fold(operator, |inner, name| json!({ name: inner }));
    PatchBody::Merge(match merge {
        Value::Object(map) => map,
        _ => Map::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use basalt_core::{Rev, Timestamp};

    fn patch(data: Value, path: &str) -> Value {
        let at = Timestamp::from_millis(0);
        let Value::Object(data) = data else { panic!("an object") };
        let id = |text| DocumentId::parse(text).unwrap();
        let holder = Document { id: id("h"), rev: Rev::parse("r").unwrap(), created_at: at, updated_at: at, data };
        let PatchBody::Merge(map) = cleared(&holder, &FieldPath::parse(path).unwrap(), &id("x")) else {
            panic!("a merge patch")
        };
        Value::Object(map)
    }

    #[test]
    fn a_field_is_unset_and_an_element_removed() {
        assert_eq!(patch(json!({"a": "x"}), "a"), json!({"a": {"$unset": true}}));
        assert_eq!(patch(json!({"a": ["x", "y"]}), "a"), json!({"a": {"$remove": ["x"]}}));
        assert_eq!(patch(json!({"m": {"a": "x"}}), "m.a"), json!({"m": {"a": {"$unset": true}}}));
    }
}

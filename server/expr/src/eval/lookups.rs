//! `get()`, `exists()` and `unchanged()`.

use basalt_core::limits::EXPRESSION_LOOKUPS;
use basalt_core::{CollectionName, DocumentId, FieldPath, key};
use serde_json::Value;

use super::compare::equal;
use super::stop::{Exhaustion, Stop, Why};
use super::value::Val;
use super::watch::Watch;
use super::{Evaluated, Evaluator, failed};
use crate::doc::Doc;
use crate::env::Found;
use crate::tree::Node;

impl<'a, W: Watch<'a>> Evaluator<'a, W> {
    #[inline(never)]
    pub(super) fn get(&mut self, node: &Node, collection: &'a CollectionName, id: &'a Node) -> Evaluated<'a> {
        match self.look_up(collection, id)? {
            Some(document) => Ok(Val::of(document)),
            None => failed(node, Why::NoDocument),
        }
    }

    #[inline(never)]
    pub(super) fn exists(&mut self, collection: &'a CollectionName, id: &'a Node) -> Evaluated<'a> {
        Ok(Val::Bool(self.look_up(collection, id)?.is_some()))
    }

    fn look_up(&mut self, collection: &'a CollectionName, id: &'a Node) -> Result<Option<&'a Value>, Stop<'a>> {
        let text = match self.value(id)? {
            Val::Text(text) => text,
            other => return failed(id, Why::Unfit("a text as id", other.type_name())),
        };
        // No document has an id of another form.
        let Ok(id) = DocumentId::parse(&text) else { return Ok(None) };
        if self.is_open {
            return Err(Stop::Need);
        }
        let is_known = self.lookups.iter().any(|(known, known_id)| *known == collection && *known_id == id);
        if !is_known {
            if self.lookups.len() == EXPRESSION_LOOKUPS {
                return Err(Stop::Exhausted(Exhaustion::Lookups));
            }
            self.lookups.push((collection, id.clone()));
        }
        match self.env.lookups.find(collection, &id) {
            Found::Document(document) => Ok(Some(document)),
            Found::Missing => Ok(None),
            Found::Unknown => {
                let need = (collection.clone(), id);
                if !self.needs.contains(&need) {
                    self.needs.push(need);
                }
                Err(Stop::Need)
            }
        }
    }

    /// Whether each path is missing in both versions, or equal.
    #[inline(never)]
    pub(super) fn unchanged(&mut self, node: &Node, paths: &'a [FieldPath]) -> Evaluated<'a> {
        for path in paths {
            let holder = |doc: Option<Doc<'a>>| doc.and_then(|doc| doc.holder(path.top()));
            let (Some(doc), Some(next)) = (holder(self.env.doc), holder(self.env.next)) else {
                return self.unbound(node, "unchanged");
            };
            self.steps.take(1)?;
            let is_same = match (key::at(doc, path), key::at(next, path)) {
                (None, None) => true,
                (Some(before), Some(after)) => equal(&Val::of(before), &Val::of(after), &mut self.steps)?,
                _ => false,
            };
            if !is_same {
                return Ok(Val::Bool(false));
            }
        }
        Ok(Val::Bool(true))
    }
}

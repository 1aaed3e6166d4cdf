//! `beforeDocument`.

use basalt_core::document::{ID, OWN_FIELDS};
use basalt_core::{Caller, ChangeOp, Code, CollectionName, DocumentId, Error, Result};
use basalt_data::documents::{BeforeWrite, HookFuture, Hooks, Verdict};
use serde_json::{Map, Value, json};

use crate::functions::calls::Calls;
use crate::functions::sticky;

/// The hooks of all collections.
#[derive(Clone)]
pub struct DocumentHooks(pub Calls);

impl Hooks for DocumentHooks {
    fn concerns(&self, collection: &CollectionName, op: ChangeOp) -> bool {
        self.0.registry.deployed().has_before_document(collection, op)
    }

    fn before<'a>(&'a self, caller: &'a Caller, write: BeforeWrite) -> HookFuture<'a> {
        Box::pin(self.ask(caller, write))
    }
}

impl DocumentHooks {
    async fn ask(&self, caller: &Caller, write: BeforeWrite) -> Result<Verdict> {
        let BeforeWrite { op, collection, id, doc, next } = write;
        // Tries of one write are asked of the same versions.
        let draw = sticky(&caller.request.id);
        let hooks = self.0.registry.deployed().before_document(&collection, op, draw);
        let doc = doc.map_or(Value::Null, |doc| Value::Object(doc.to_flat()));
        let mut now = next.clone();
        for hook in hooks {
            let shown = now.as_ref().map(|fields| shown(&id, fields));
            let change = json!({"op": op, "collection": collection, "id": id, "doc": doc, "next": shown});
            let returned = self.0.ask(caller, hook, &change).await?;
            if let (Some(returned), true) = (returned, op != ChangeOp::Delete) {
                now = Some(fields(&id, returned)?);
            }
        }
        Ok(match now {
            Some(fields) if next.as_ref() != Some(&fields) => Verdict::Replaced(fields),
            _ => Verdict::Unchanged,
        })
    }
}

/// What would be written, with the id that it has or gets.
fn shown(id: &DocumentId, fields: &Map<String, Value>) -> Map<String, Value> {
    let mut shown = Map::with_capacity(fields.len() + 1);
    shown.insert(ID.to_owned(), id.as_str().into());
    shown.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
    shown
}

/// The user's fields of what came back; the server's own are the server's.
fn fields(id: &DocumentId, mut returned: Map<String, Value>) -> Result<Map<String, Value>> {
    if returned.get(ID).is_some_and(|its| its != id.as_str()) {
        return Err(Error::new(Code::IdMismatch, "A before-hook returned a document with another id."));
    }
    returned.retain(|name, _| !OWN_FIELDS.contains(&name.as_str()));
    basalt_core::document::check_fields(&returned)?;
    Ok(returned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_fields_stay_the_servers() {
        let id = DocumentId::parse("d1").unwrap();
        let map = |value: Value| value.as_object().cloned().unwrap();
        let returned = map(json!({"id": "d1", "rev": "r", "createdAt": "x", "n": 1}));
        assert_eq!(fields(&id, returned).unwrap(), map(json!({"n": 1})));
        assert_eq!(shown(&id, &map(json!({"n": 1}))), map(json!({"id": "d1", "n": 1})));
        let other = fields(&id, map(json!({"id": "d2"}))).unwrap_err();
        assert_eq!(other.code(), Code::IdMismatch);
        assert!(fields(&id, map(json!({"$bad": 1}))).is_err());
    }
}

//! Conditions on events: CEL over `{seq, op, collection, id, doc, before, actor, requestId, at}`.

use basalt_core::change::{Body, seq_to_text};
use basalt_core::{Change, ChangeOp, Code, Error, FieldError, Result};
use basalt_expr::{Env, Expression, Outcome, Scope, Undeclared};
use serde_json::{Value, json};

use crate::events::Event;

/// A compiled condition; cheap to clone.
#[derive(Clone, Debug)]
pub struct EventFilter(Expression);

impl EventFilter {
    /// `path` names the parameter in faults.
    pub fn compile(source: &str, path: &str) -> Result<Self> {
        let scope = Scope { doc: true, event: true, ..Scope::default() };
        Expression::compile(source, &scope, &Undeclared).map(Self).map_err(|faults| {
            let fault = |fault: &basalt_expr::Fault| FieldError {
                line: Some(fault.line),
                column: Some(fault.column),
                ..FieldError::new(path, Code::BadFilter.as_str(), fault.message.clone())
            };
            let detail = "The filter can't be used, see errors.";
            Error::new(Code::BadFilter, detail).with_errors(faults.iter().map(fault).collect())
        })
    }

    /// Whether it is true of a change; an error is not.
    pub fn holds(&self, change: &Change) -> bool {
        let doc = match change.op {
            ChangeOp::Create | ChangeOp::Update => &change.after,
            ChangeOp::Delete => &change.before,
        };
        let value = |body: &Option<Body>| body.as_ref().map_or(Value::Null, |body| Value::Object((**body).clone()));
        let doc = value(doc);
        let event = json!({
            "seq": seq_to_text(change.seq), "op": change.op, "collection": change.collection, "id": change.id,
            "before": value(&change.before), "actor": change.actor, "requestId": change.request_id, "at": change.at,
        });
        self.is_true(&event, &doc)
    }

    /// The same of an event on its way to a target; `id` is the document's there, too.
    pub fn meets(&self, event: &Event) -> bool {
        let of_document = event.doc.get("id").and_then(Value::as_str).filter(|_| event.collection.is_some());
        let id = of_document.unwrap_or(&event.subject);
        let names = json!({
            "seq": event.seq, "op": event.op, "collection": event.collection, "id": id,
            "before": event.before, "actor": event.actor, "requestId": event.request_id, "at": event.at,
        });
        self.is_true(&names, &event.doc)
    }

    fn is_true(&self, event: &Value, doc: &Value) -> bool {
        self.0.evaluate(&Env { params: Some(event), ..Env::of_document(doc) }) == Outcome::True
    }
}

#[cfg(test)]
mod tests {
    use basalt_core::change::ActorKind;
    use basalt_core::{Actor, CollectionName, DocumentId, Timestamp};
    use serde_json::Map;

    use super::*;

    fn change(op: ChangeOp, after: Value, before: Value) -> Change {
        let map = |value: Value| -> Option<Map<String, Value>> { value.as_object().cloned() };
        Change {
            seq: 7,
            collection: CollectionName::parse("orders").unwrap(),
            id: DocumentId::parse("o1").unwrap(),
            op,
            after: map(after).map(Body::from),
            before: map(before).map(Body::from),
            actor: Actor { kind: ActorKind::User, id: Some("ann".into()) },
            request_id: "r1".into(),
            trace: None,
            depth: 0,
            at: Timestamp::from_millis(0),
        }
    }

    fn holds(source: &str, change: &Change) -> bool {
        EventFilter::compile(source, "/filter").unwrap().holds(change)
    }

    #[test]
    fn an_event_has_its_names_and_its_document() {
        let paid = change(ChangeOp::Update, json!({"status": "paid", "total": 3}), json!({"status": "open"}));
        for condition in [
            "op == 'update' && collection == 'orders' && id == 'o1'",
            "doc.status == 'paid' && before.status == 'open'",
            "has(before.status) && !has(before.total)",
            "actor.type == 'user' && actor.id == 'ann' && requestId == 'r1'",
            "timestamp(at) < timestamp('1970-01-01T00:00:01Z')",
            "seq == '0000000000000007'",
        ] {
            assert!(holds(condition, &paid), "{condition}");
        }
        assert!(!holds("doc.missing == 1", &paid), "an error is no match");
        let created = change(ChangeOp::Create, json!({"n": 1}), Value::Null);
        assert!(holds("before == null && doc.n == 1", &created));
        let deleted = change(ChangeOp::Delete, Value::Null, json!({"n": 1}));
        assert!(holds("op == 'delete' && doc.n == 1", &deleted), "the document as it was");
    }

    #[test]
    fn what_an_event_has_not_is_a_fault_with_its_place() {
        for source in ["status == 'paid'", "auth.id == 'x'", "op ==", "request.time == null"] {
            let error = EventFilter::compile(source, "/filter").unwrap_err();
            assert_eq!(error.code(), Code::BadFilter);
            assert!(error.errors()[0].line.is_some(), "{source}: {error:?}");
        }
    }
}

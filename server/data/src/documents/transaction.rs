//! The body of a transaction: `{"operations":[{"op":"create"|"replace"|"patch"|"delete"|"check", …}]}`.
//!
//! `replace` is a PUT: it creates what is missing, unless `ifMatch` asks for what is there.

use basalt_core::document::ID;
use basalt_core::limits::TRANSACTION_OPERATIONS;
use basalt_core::random::Random;
use basalt_core::{Code, CollectionName, DocumentId, Error, Result, Rev, Timestamp};
use serde_json::{Map, Value};

use super::decision::Form;
use super::input::{Condition, EntityTags, PatchBody, map, optional_flag, optional_text, unknown_field};
use super::patch::Patch;
use super::write::{Act, Given, Operation};

/// Where ids and revisions come from.
pub(super) struct Draw<'a> {
    pub now: Timestamp,
    pub random: &'a dyn Random,
}

impl Draw<'_> {
    pub(super) fn id(&self) -> DocumentId {
        DocumentId::generate(self.now, self.random)
    }

    pub(super) fn rev(&self) -> Rev {
        Rev::generate(self.random)
    }
}

pub(super) fn parse(body: Map<String, Value>, draw: &Draw<'_>) -> Result<Vec<Operation>> {
    let mut operations = None;
    for (name, value) in body {
        match (name.as_str(), value) {
            ("operations", Value::Array(items)) => operations = Some(items),
            ("operations", _) => return Err(bad("operations is a list.")),
            _ => return Err(unknown_field(&name)),
        }
    }
    let items = operations.ok_or_else(|| bad("A transaction has operations."))?;
    if items.is_empty() || items.len() > TRANSACTION_OPERATIONS {
        return Err(bad(format!("A transaction has 1 to {TRANSACTION_OPERATIONS} operations.")));
    }
    let parse = |(index, item)| operation(item, draw).map_err(|error| Form::Transaction.locate(error, index));
    items.into_iter().enumerate().map(parse).collect()
}

/// The members of an operation, taken one by one; what is left is unknown.
struct Members(Map<String, Value>);

impl Members {
    fn take(&mut self, name: &str) -> Value {
        self.0.remove(name).unwrap_or(Value::Null)
    }

    fn text(&mut self, name: &str) -> Result<Option<String>> {
        let value = self.take(name);
        optional_text(name, value)
    }

    fn required(&mut self, name: &str) -> Result<String> {
        self.text(name)?.ok_or_else(|| bad(format!("{name:?} is missing.")))
    }

    fn object(&mut self, name: &str) -> Result<Map<String, Value>> {
        match self.take(name) {
            Value::Object(map) => Ok(map),
            _ => Err(bad(format!("{name:?} has to be an object."))),
        }
    }

    fn flag(&mut self, name: &str) -> Result<Option<bool>> {
        let value = self.take(name);
        optional_flag(name, &value)
    }

    fn finish(self) -> Result<()> {
        self.0.keys().next().map_or(Ok(()), |name| Err(unknown_field(name)))
    }
}

fn operation(item: Value, draw: &Draw<'_>) -> Result<Operation> {
    let Value::Object(item) = item else { return Err(bad("An operation is an object.")) };
    let mut members = Members(item);
    let op = members.required("op")?;
    let collection = CollectionName::parse_public(&members.required("collection")?)?;
    let act = act(&op, &mut members)?;
    let id = members.text("id")?.map(|id| DocumentId::parse(&id)).transpose()?;
    let id = match (&act, id) {
        (Act::Create { body, .. }, id) => created_id(id, body, || draw.id())?,
        (_, Some(id)) => id,
        (_, None) => return Err(bad("\"id\" is missing.")),
    };
    let (mut if_match, mut condition) = (None, None);
    if !matches!(act, Act::Create { .. }) {
        if_match = members.text("ifMatch")?.map(|text| tags(&text));
        condition = take_condition(&mut members)?;
    }
    members.finish()?;
    let (rev, given) = (draw.rev(), Given::default());
    Ok(Operation { collection, id, act, if_match, if_none_match: None, condition, select: None, rev, given })
}

fn act(op: &str, members: &mut Members) -> Result<Act> {
    Ok(match op {
        "create" => {
            let body = members.object("data")?;
            let is_drawn = !members.0.contains_key(ID) && !body.contains_key(ID);
            Act::Create { body, is_drawn }
        }
        "replace" => Act::Put { body: members.object("data")? },
        "patch" => {
            let body = match members.take("patch") {
                Value::Object(map) => PatchBody::Merge(map),
                list @ Value::Array(_) => PatchBody::Json(list),
                _ => return Err(bad("\"patch\" has to be an object, or a list as a JSON Patch is.")),
            };
            Act::Patch { patch: Patch::parse(body)?, upsert: members.flag("upsert")?.unwrap_or(false) }
        }
        "delete" => Act::Delete,
        "check" => Act::Check { exists: members.flag("exists")?.unwrap_or(true) },
        _ => return Err(bad("\"op\" is create, replace, patch, delete or check.")),
    })
}

/// The id of a new document: the client's choice, by the operation or in the body, else a drawn one.
pub(super) fn created_id(
    chosen: Option<DocumentId>,
    body: &Map<String, Value>,
    draw: impl FnOnce() -> DocumentId,
) -> Result<DocumentId> {
    match (chosen, body.get(ID)) {
        (Some(id), _) => Ok(id),
        (None, Some(Value::String(id))) => DocumentId::parse(id),
        (None, Some(_)) => Err(bad("An id is a text.")),
        (None, None) => Ok(draw()),
    }
}

/// A revision as documents show it, or as a list of entity tags.
fn tags(text: &str) -> EntityTags {
    EntityTags::parse(text).unwrap_or_else(|_| EntityTags::Revs(vec![text.to_owned()]))
}

fn take_condition(members: &mut Members) -> Result<Option<Condition>> {
    let source = members.text("where")?;
    let vars = members.take("vars");
    match source {
        Some(source) => Ok(Some(Condition { source, vars: map("vars", vars)? })),
        None if vars.is_null() => Ok(None),
        None => Err(bad("\"vars\" are bound in \"where\", which is missing.")),
    }
}

fn bad(detail: impl Into<String>) -> Error {
    Error::new(Code::BadRequest, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Counting;
    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn parse_body(body: Value) -> Result<Vec<Operation>> {
        let Value::Object(map) = body else { panic!("an object") };
        parse(map, &Draw { now: Timestamp::from_millis(0), random: &Counting })
    }

    #[test]
    fn every_kind_of_operation_is_read() {
        let operations = parse_body(json!({"operations": [
            {"op": "create", "collection": "a", "data": {"id": "x"}},
            {"op": "create", "collection": "a", "data": {}},
            {"op": "replace", "collection": "a", "id": "y", "data": {"n": 1}, "ifMatch": "r"},
            {"op": "patch", "collection": "a", "id": "z", "patch": {"n": {"$increment": 1}}, "where": "doc.n > vars.n", "vars": {"n": 1}, "upsert": true},
            {"op": "patch", "collection": "a", "id": "z", "patch": [{"op": "remove", "path": "/n"}]},
            {"op": "delete", "collection": "a", "id": "z", "ifMatch": "*"},
            {"op": "check", "collection": "a", "id": "z", "exists": false},
        ]}))
        .unwrap();
        assert_eq!(operations[0].id.as_str(), "x");
        assert_eq!(operations[1].id.as_str().len(), 24);
        assert_eq!(operations[2].if_match, Some(EntityTags::Revs(vec!["r".into()])));
        assert!(matches!(operations[3].act, Act::Patch { upsert: true, .. }));
        assert!(operations[3].condition.is_some());
        assert_eq!(operations[5].if_match, Some(EntityTags::Any));
        assert!(matches!(operations[6].act, Act::Check { exists: false }));
    }

    #[test]
    fn faults_name_their_operation() {
        let good = json!({"op": "create", "collection": "a", "data": {}});
        for (operation, code) in [
            (json!(1), Code::BadRequest),
            (json!({"collection": "a"}), Code::BadRequest),
            (json!({"op": "upsert", "collection": "a"}), Code::BadRequest),
            (json!({"op": "delete", "collection": "a"}), Code::BadRequest),
            (json!({"op": "delete", "collection": "_sessions", "id": "x"}), Code::CollectionNotFound),
            (json!({"op": "delete", "collection": "a", "id": "x", "data": {}}), Code::UnknownField),
            (json!({"op": "create", "collection": "a", "data": {}, "where": "true"}), Code::UnknownField),
            (json!({"op": "create", "collection": "a", "data": {}, "ifMatch": "r"}), Code::UnknownField),
            (json!({"op": "create", "collection": "a"}), Code::BadRequest),
            (json!({"op": "create", "collection": "a", "data": {"id": 7}}), Code::BadRequest),
            (json!({"op": "create", "collection": "a", "data": {"id": "a b"}}), Code::BadRequest),
            (json!({"op": "patch", "collection": "a", "id": "x", "patch": 1}), Code::BadRequest),
            (json!({"op": "patch", "collection": "a", "id": "x", "patch": {"$increment": 1}}), Code::BadPatch),
            (json!({"op": "check", "collection": "a", "id": "x", "exists": "no"}), Code::BadParameter),
            (json!({"op": "delete", "collection": "a", "id": "x", "vars": {}}), Code::BadRequest),
        ] {
            let error = parse_body(json!({"operations": [good, operation]})).unwrap_err();
            assert_eq!(error.code(), code, "{operation}");
            assert_eq!(error.extensions()["operation"], 1, "{operation}");
        }
    }

    #[test]
    fn a_transaction_has_1_to_500_operations() {
        let operation = json!({"op": "create", "collection": "a", "data": {}});
        assert!(parse_body(json!({"operations": vec![operation.clone(); 500]})).is_ok());
        assert!(parse_body(json!({"operations": vec![operation; 501]})).is_err());
        for bad in [json!({}), json!({"operations": []}), json!({"operations": {}}), json!({"ops": []})] {
            assert!(parse_body(bad).is_err());
        }
    }
}

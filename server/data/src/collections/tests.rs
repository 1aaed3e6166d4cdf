//! Plans, on catalogs made by hand.

use std::sync::Arc;

use basalt_core::{Code, CollectionName, Error, FieldPath};
use basalt_store::{Catalog, CatalogChange, Collection, Index, IndexKind, IndexSpec, IndexState, SortField};
use serde_json::{Value, json};

use super::*;
use crate::rules::RuleOp;

fn name(text: &str) -> CollectionName {
    CollectionName::parse(text).unwrap()
}

fn definition(text: &str, value: &Value) -> Definition {
    Definition::parse(&name(text), value).unwrap()
}

fn ordered(field: &str) -> IndexSpec {
    let path = FieldPath::parse(field).unwrap();
    IndexSpec { kind: IndexKind::Ordered, fields: vec![SortField { path, descending: false }] }
}

fn builtins() -> Builtins {
    let users = Builtin {
        name: name("users"),
        indexes: vec![ordered("email")],
        owned_fields: vec!["email".into(), "roles".into()],
        owned_read: OwnedRead::Rule("auth.id == doc.id".into()),
        ruled: vec![RuleOp::Get, RuleOp::List, RuleOp::Update],
    };
    let sessions = Builtin {
        name: name("_sessions"),
        indexes: Vec::new(),
        owned_fields: Vec::new(),
        owned_read: OwnedRead::Nobody,
        ruled: Vec::new(),
    };
    Builtins::new([users, sessions])
}

/// The catalog after these changes.
fn apply(catalog: &Catalog, changes: &[CatalogChange]) -> Catalog {
    let mut next = Catalog { epoch: catalog.epoch + 1, collections: catalog.collections.clone() };
    for change in changes {
        match change {
            CatalogChange::Drop { name } => {
                next.collections.remove(name);
            }
            CatalogChange::Put { name, definition, indexes } => {
                let ready = |spec: &IndexSpec| Index { name: "i".into(), spec: spec.clone(), state: IndexState::Ready };
                let collection = Collection {
                    name: name.clone(),
                    short_id: "x".into(),
                    definition: Arc::new(definition.clone()),
                    indexes: indexes.iter().map(ready).collect(),
                    key_columns: Vec::new(),
                };
                next.collections.insert(name.clone(), Arc::new(collection));
            }
        }
    }
    next
}

fn fresh() -> Catalog {
    let empty = Catalog::default();
    apply(&empty, &plan::for_builtins(&empty, &builtins()).unwrap())
}

fn make(catalog: &Catalog, desired: &[Definition], removals: &[&str]) -> Result<Plan> {
    let options = PlanOptions::whole(removals.iter().map(ToString::to_string));
    plan::make(catalog, &builtins(), desired, &options)
}

fn faults(error: &Error) -> Vec<(&str, &str)> {
    error.errors().iter().map(|fault| (fault.path.as_str(), fault.code.as_str())).collect()
}

#[test]
fn the_same_content_changes_nothing() {
    let notes = definition(
        "notes",
        &json!({
            "rules": {"read": "auth.id == doc.owner || auth.id in doc.members"},
            "indexes": [{"fields": ["title"]}],
            "references": {"owner": "users"},
        }),
    );
    let catalog = fresh();
    let plan = make(&catalog, std::slice::from_ref(&notes), &[]).unwrap();
    assert_eq!(plan.items, [PlanItem { name: name("notes"), action: Action::Added }]);
    let [CatalogChange::Put { indexes, .. }] = plan.changes.as_slice() else { panic!("one change") };
    let kinds: Vec<_> = indexes.iter().map(|i| (i.kind, i.fields[0].path.to_string())).collect();
    let expected = [
        (IndexKind::Ordered, "title".to_owned()),
        (IndexKind::Ordered, "owner".to_owned()),
        (IndexKind::Contains, "owner".to_owned()),
        (IndexKind::Contains, "members".to_owned()),
    ];
    assert_eq!(kinds, expected, "references and the list rule's fields get indexes by themselves");

    let catalog = apply(&catalog, &plan.changes);
    let again = make(&catalog, &[notes], &[]).unwrap();
    assert!(again.changes_nothing());
    assert_eq!(again.items[0].action, Action::Unchanged);
}

#[test]
fn what_is_different_is_told_part_by_part() {
    let before = json!({"rules": {"get": "true", "update": "auth != null"}, "schema": {"type": "object"}});
    let after = json!({"rules": {"get": "true", "update": "false", "delete": "false"}, "indexes": [{"fields": ["a"]}]});
    let catalog = fresh();
    let catalog = apply(&catalog, &make(&catalog, &[definition("notes", &before)], &[]).unwrap().changes);
    let plan = make(&catalog, &[definition("notes", &after)], &[]).unwrap();
    let Action::Changed(what) = &plan.items[0].action else { panic!("changed") };
    assert_eq!(what, &["indexes", "rules.delete", "rules.update", "schema"]);
}

#[test]
fn what_is_absent_is_kept_unless_it_is_named() {
    let catalog = fresh();
    let catalog = apply(&catalog, &make(&catalog, &[definition("old", &json!({}))], &[]).unwrap().changes);
    let plan = make(&catalog, &[], &[]).unwrap();
    assert_eq!(plan.items, [PlanItem { name: name("old"), action: Action::Kept }]);
    assert!(plan.changes_nothing());
    let plan = make(&catalog, &[], &["old"]).unwrap();
    assert_eq!(plan.items[0].action, Action::Removed);
    assert!(matches!(plan.changes.as_slice(), [CatalogChange::Drop { .. }]));
    assert_eq!(faults(&make(&catalog, &[], &["users"]).unwrap_err()), [("/collections/users", "built_in")]);
}

#[test]
fn an_open_write_rule_has_to_be_acknowledged() {
    let rules =
        json!({"create": "true", "update": "auth == null || doc.a == 1", "delete": "auth != null", "read": "true"});
    let plan = make(&fresh(), &[definition("notes", &json!({"rules": rules}))], &[]).unwrap();
    let refused = plan.refused().unwrap();
    assert_eq!(refused.code(), Code::PlanRefused);
    let needed = "acknowledgement_needed";
    let open = [("/collections/notes/rules/create", needed), ("/collections/notes/rules/update", needed)];
    assert_eq!(faults(&refused), open);
    let acknowledged = definition("notes", &json!({"rules": rules, "acknowledge": ["create", "update"]}));
    assert!(make(&fresh(), &[acknowledged], &[]).unwrap().refused().is_none());
    let write = definition("notes", &json!({"rules": {"write": "1 == 1"}, "acknowledge": "write"}));
    assert!(make(&fresh(), &[write], &[]).unwrap().refused().is_none());
}

#[test]
fn the_guard_of_a_field_is_not_dropped_by_leaving_it_out() {
    let guarded = json!({"rules": {"read": "true", "fields": {"pay": {"read": "false"}}}, "hidden": ["pin"]});
    let open = definition("notes", &json!({"rules": {"read": "true"}}));
    let catalog = fresh();
    let catalog = apply(&catalog, &make(&catalog, &[definition("notes", &guarded)], &[]).unwrap().changes);
    let plan = make(&catalog, std::slice::from_ref(&open), &["notes.pin"]).unwrap();
    assert_eq!(faults(&plan.refused().unwrap()), [("/collections/notes/rules/fields/pay", "removal_needed")]);
    assert!(make(&catalog, std::slice::from_ref(&open), &["notes.pin", "notes.pay"]).unwrap().refused().is_none());
    let edited = plan::make(&catalog, &builtins(), &[open], &PlanOptions::part()).unwrap();
    assert!(edited.refused().is_none(), "a definition that is edited as a whole says what it wants");
}

#[test]
fn built_in_collections_are_ruled_as_far_as_their_room_allows() {
    let users = |value: Value| make(&fresh(), &[definition("users", &value)], &[]);
    let plan =
        users(json!({"rules": {"get": "true", "update": "auth.id == doc.id"}, "indexes": [{"fields": ["city"]}]}));
    let plan = plan.unwrap();
    let [CatalogChange::Put { indexes, .. }] = plan.changes.as_slice() else { panic!("one change") };
    assert_eq!(indexes, &[ordered("city"), ordered("email")]);
    let refused = users(json!({"rules": {"create": "auth != null", "delete": "false"}}));
    let own = [("/collections/users/rules/create", "not_ruled"), ("/collections/users/rules/delete", "not_ruled")];
    assert_eq!(faults(&refused.unwrap_err()), own);
    let schema = users(json!({"schema": {"properties": {"email": {}}}})).unwrap_err();
    assert_eq!(faults(&schema), [("/collections/users/schema/properties/email", "bad_schema")]);
}

#[test]
fn bad_definitions_are_refused_with_every_place() {
    let bad = definition(
        "notes",
        &json!({
            "rules": {"read": "doc.a ==", "create": "auth.nope == 1"}, "schema": {"type": "x"},
            "references": {"a": "nowhere"},
        }),
    );
    let error = make(&fresh(), &[bad], &[]).unwrap_err();
    assert_eq!(error.code(), Code::InvalidDefinition);
    let mut paths: Vec<_> = error.errors().iter().map(|fault| fault.path.as_str()).collect();
    paths.dedup();
    assert_eq!(
        paths,
        [
            "/collections/notes/references/a",
            "/collections/notes/schema/type",
            "/collections/notes/rules/read",
            "/collections/notes/rules/create",
        ]
    );
}

#[test]
fn a_plan_is_printed_for_people() {
    let catalog = fresh();
    let catalog = apply(&catalog, &make(&catalog, &[definition("old", &json!({}))], &[]).unwrap().changes);
    let notes = definition("notes", &json!({"rules": {"update": "auth != null", "create": "true"}}));
    let text = make(&catalog, &[notes], &[]).unwrap().to_string();
    let starts: Vec<_> = text.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        starts,
        [
            "+ notes  added",
            ". old    kept (not in the manifest)",
            "who can do what (services and operators aside):",
            "  notes  get, list, delete",
            "! notes create",
            "! notes update",
            "! notes update",
            "! notes update",
            "x /collections/notes/rules/create",
        ]
    );
}

#[test]
fn definitions_are_reviewed_without_a_server() {
    let notes = definition("notes", &json!({"rules": {"create": "true"}, "references": {"owner": "users"}}));
    let reviewed = review(&[notes], &builtins()).unwrap();
    assert_eq!((reviewed.access.len(), reviewed.warnings.len(), reviewed.refusals.len()), (5, 1, 1));
}

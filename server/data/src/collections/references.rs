//! References: fields that hold the ids of other documents, and the way back.

use std::collections::BTreeMap;

use basalt_core::document::{OWN_FIELDS, pointer_token};
use basalt_core::{CollectionName, FieldPath};
use basalt_store::HeldAs;
use serde_json::{Map, Value, json};

use super::definition::Definition;
use super::parse::read_path;
use crate::declared::{Problems, Table, text, wrong_type};

/// What a field's value (an id, or a list of ids) refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub to: CollectionName,
    pub on_delete: OnDelete,
}

/// What becomes of a reference when the document that it names is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDelete {
    /// It stays, and leads nowhere.
    #[default]
    Keep,
    /// It is taken out: the field, or the element of the list.
    Clear,
    /// The document that holds it is deleted, too.
    Cascade,
    /// As long as it is held the other can't be deleted.
    Restrict,
}

/// A reference as the collection that it leads to sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    pub collection: CollectionName,
    pub path: FieldPath,
    pub on_delete: OnDelete,
    pub held: HeldAs,
}

/// A back reference: the documents of a collection that refer to this one by `path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inverse {
    pub collection: CollectionName,
    pub path: FieldPath,
}

/// What the schema says of the values of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    Id,
    Ids,
    /// Nothing is said: an id, or a list of them.
    Either,
    /// The reference is a field of the elements of a list: it is followed, but not found by an index.
    InElements,
}

/// A way from a document to others.
#[derive(Clone, Copy, Debug)]
pub enum Link<'a> {
    Reference(&'a FieldPath, &'a Reference),
    Inverse(&'a str, &'a Inverse),
}

impl Definition {
    /// The link that a path begins with, and how many of its names it takes.
    pub fn link(&self, names: &[String]) -> Option<(Link<'_>, usize)> {
        let first = names.first()?;
        if let Some((name, inverse)) = self.inverse.get_key_value(first) {
            return Some((Link::Inverse(name, inverse), 1));
        }
        let leads = |(path, _): &(&FieldPath, &Reference)| names.starts_with(path.names());
        let (path, reference) = self.references.iter().filter(leads).min_by_key(|(path, _)| path.names().len())?;
        Some((Link::Reference(path, reference), path.names().len()))
    }

    /// What has to be known when a document of another collection is deleted.
    pub(super) fn referrers_to(&self, target: &CollectionName) -> Vec<Referrer> {
        let leads = |(_, reference): &(&FieldPath, &Reference)| reference.to == *target;
        let referrer = |(path, reference): (&FieldPath, &Reference)| {
            let held = self.holding(path).held()?;
            let (collection, path) = (self.name.clone(), path.clone());
            Some(Referrer { collection, path, on_delete: reference.on_delete, held })
        };
        self.references.iter().filter(leads).filter_map(referrer).collect()
    }

    /// Why what becomes of a reference can't be kept to.
    pub(super) fn fault_of(&self, path: &FieldPath, on_delete: OnDelete) -> Option<&'static str> {
        if on_delete == OnDelete::Keep {
            return None;
        }
        let (_, holders) = path.names().split_last()?;
        let within_maps = self.schema.as_ref().is_some_and(|schema| are_maps(schema, holders));
        if !holders.is_empty() && !within_maps {
            return Some("onDelete needs a reference at the top, or in maps that the schema declares as objects.");
        }
        let required = self.schema.as_ref().is_some_and(|schema| is_required(schema, path.names()));
        let cleared = on_delete == OnDelete::Clear && required && self.holding(path) != Holding::Ids;
        cleared.then_some("The schema requires this field: it can't be cleared.")
    }

    pub fn holding(&self, path: &FieldPath) -> Holding {
        self.schema.as_ref().map_or(Holding::Either, |schema| holding(schema, path.names()))
    }
}

fn holding(schema: &Value, names: &[String]) -> Holding {
    let Some((first, rest)) = names.split_first() else {
        return match (is_a(schema, "string"), is_a(schema, "array")) {
            (true, false) => Holding::Id,
            (false, true) => Holding::Ids,
            _ => Holding::Either,
        };
    };
    match schema.get("properties").and_then(|properties| properties.get(first)) {
        Some(inner) if !rest.is_empty() && is_a(inner, "array") => Holding::InElements,
        Some(inner) => holding(inner, rest),
        None => Holding::Either,
    }
}

fn are_maps(schema: &Value, names: &[String]) -> bool {
    let Some((first, rest)) = names.split_first() else { return true };
    let inner = schema.get("properties").and_then(|properties| properties.get(first));
    inner.is_some_and(|inner| is_a(inner, "object") && !is_a(inner, "array") && are_maps(inner, rest))
}

fn is_required(schema: &Value, names: &[String]) -> bool {
    let Some((last, holders)) = names.split_last() else { return false };
    let holder = holders.iter().try_fold(schema, |schema, name| schema.get("properties")?.get(name));
    let required = holder.and_then(|holder| holder.get("required")).and_then(Value::as_array);
    required.is_some_and(|required| required.iter().any(|name| name == last))
}

fn is_a(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        _ => false,
    }
}

impl Holding {
    /// `None`: no index finds it.
    pub fn held(self) -> Option<HeldAs> {
        match self {
            Self::Id => Some(HeldAs::Value),
            Self::Ids => Some(HeldAs::Element),
            Self::Either => Some(HeldAs::Either),
            Self::InElements => None,
        }
    }
}

impl Reference {
    pub(super) fn to_json(&self) -> Value {
        match self.on_delete {
            OnDelete::Keep => self.to.as_str().into(),
            action => json!({ "to": self.to, "onDelete": action.as_str() }),
        }
    }
}

impl OnDelete {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Clear => "clear",
            Self::Cascade => "cascade",
            Self::Restrict => "restrict",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Keep, Self::Clear, Self::Cascade, Self::Restrict].into_iter().find(|action| action.as_str() == text)
    }
}

impl Inverse {
    pub(super) fn to_json(&self) -> Value {
        format!("{}.{}", self.collection, self.path).into()
    }
}

pub(super) fn read_references(value: &Value, path: &str, problems: &mut Problems) -> BTreeMap<FieldPath, Reference> {
    let Some(entries) = entries(value, "a table of references", path, problems) else { return BTreeMap::new() };
    let mut references = BTreeMap::new();
    for (field, target) in entries {
        let path = format!("{path}/{}", pointer_token(field));
        let Some(from) = read_path(field).filter(|from| !OWN_FIELDS.contains(&from.top())) else {
            problems.add(&path, "bad_field_name", format!("{field:?} is not the path of a field of yours."));
            continue;
        };
        if let Some(to) = read_reference(target, &path, problems) {
            references.insert(from, to);
        }
    }
    references
}

/// `"users"` or `{ to = "users", onDelete = "keep" }`.
fn read_reference(value: &Value, path: &str, problems: &mut Problems) -> Option<Reference> {
    let mut on_delete = OnDelete::Keep;
    let name = if value.is_string() {
        text(value, path, problems)?
    } else {
        let mut table = Table::open(value, path, problems)?;
        let to = table.text("to", problems);
        if let Some(action) = table.text("onDelete", problems) {
            on_delete = OnDelete::parse(action).unwrap_or_else(|| {
                let message = "onDelete is keep, clear, cascade or restrict.";
                problems.add(&table.path_of("onDelete"), "bad_reference", message);
                OnDelete::Keep
            });
        }
        if to.is_none() {
            problems.add(table.path(), "required", "A reference says which collection it is to.");
        }
        table.finish(problems);
        to?
    };
    let to = read_target(name, path, problems)?;
    Some(Reference { to, on_delete })
}

fn read_target(name: &str, path: &str, problems: &mut Problems) -> Option<CollectionName> {
    match CollectionName::parse(name) {
        Ok(name) if !name.is_system() => Some(name),
        _ => {
            problems.add(path, "bad_reference", format!("{name:?} is not the name of a collection."));
            None
        }
    }
}

/// `{ replies = "replies.note" }`: the collection, and the path of its reference to this one.
pub(super) fn read_inverse(value: &Value, path: &str, problems: &mut Problems) -> BTreeMap<String, Inverse> {
    let Some(entries) = entries(value, "a table of back references", path, problems) else { return BTreeMap::new() };
    let mut inverse = BTreeMap::new();
    for (name, source) in entries {
        let path = format!("{path}/{}", pointer_token(name));
        if read_path(name).is_none_or(|name| name.names().len() != 1 || OWN_FIELDS.contains(&name.top())) {
            problems.add(&path, "bad_field_name", format!("{name:?} can't name a back reference."));
            continue;
        }
        let Some(source) = text(source, &path, problems) else { continue };
        let Some((collection, field)) = source.split_once('.').and_then(|(c, field)| Some((c, read_path(field)?)))
        else {
            let message = format!("{source:?} is not the path of a reference of another collection.");
            problems.add(&path, "bad_reference", message);
            continue;
        };
        if let Some(collection) = read_target(collection, &path, problems) {
            inverse.insert(name.clone(), Inverse { collection, path: field });
        }
    }
    inverse
}

fn entries<'a>(
    value: &'a Value,
    expected: &str,
    path: &str,
    problems: &mut Problems,
) -> Option<&'a Map<String, Value>> {
    if value.as_object().is_none() {
        wrong_type(path, expected, value, problems);
    }
    value.as_object()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_says_whether_it_is_one_or_many() {
        let schema = json!({"properties": {
            "author": {"type": ["string", "null"]},
            "images": {"type": "array"},
            "meta": {"type": "object", "properties": {"editor": {"type": "string"}}},
            "comments": {"type": "array", "items": {"type": "object"}},
        }});
        for (path, expected) in [
            ("author", Holding::Id),
            ("images", Holding::Ids),
            ("meta.editor", Holding::Id),
            ("meta.other", Holding::Either),
            ("comments.author", Holding::InElements),
            ("unknown", Holding::Either),
        ] {
            assert_eq!(holding(&schema, FieldPath::parse(path).unwrap().names()), expected, "{path}");
        }
    }

    #[test]
    fn a_path_begins_with_its_shortest_reference() {
        let notes = CollectionName::parse("notes").unwrap();
        let value = json!({
            "references": {"a": "users", "a.b": "files", "c.d": "users"}, "inverse": {"replies": "replies.note"},
        });
        let definition = Definition::parse(&notes, &value).unwrap();
        let taken = |path: &str| {
            let path = FieldPath::parse(path).unwrap();
            definition.link(path.names()).map(|(_, taken)| taken)
        };
        assert_eq!(taken("a.b.c"), Some(1));
        assert_eq!(taken("c.d.e"), Some(2));
        assert_eq!(taken("c"), None);
        assert_eq!(taken("replies.author"), Some(1));
    }
}

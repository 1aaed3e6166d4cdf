//! What a deploy does, told to people and programs.

use basalt_core::{Code, Error, FieldError};
use serde_json::{Map, Value, json};

use super::options::{Kind, Options};

/// One thing of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) name: String,
    /// `added`, `changed`, `unchanged`, `kept` (it isn't in the app, and stays), `deployed` (changed here after the app
    /// that says this) or `removed`.
    pub(super) change: &'static str,
    /// What is different, where that can be said.
    pub(super) what: Vec<String>,
    /// Further members: a function's version.
    pub(super) more: Map<String, Value>,
}

/// A change that may break what clients do, or that lets everybody in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Breaking {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) path: String,
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// Everything that one deploy does.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) collections: Vec<Item>,
    pub(super) buckets: Vec<Item>,
    pub(super) channels: Vec<Item>,
    pub(super) roles: Vec<Item>,
    pub(super) functions: Vec<Item>,
    pub(super) schedules: Vec<Item>,
    pub(super) webhooks: Vec<Item>,
    /// Who can do what, before and after, where that changes.
    pub(super) access: Vec<Value>,
    pub(super) breaking: Vec<Breaking>,
    pub(super) warnings: Vec<String>,
    /// What has to be said otherwise than by acknowledging.
    pub(super) refusals: Vec<FieldError>,
}

impl Item {
    pub(super) fn new(name: impl Into<String>, change: &'static str) -> Self {
        Self { name: name.into(), change, what: Vec::new(), more: Map::new() }
    }

    fn to_json(&self) -> Value {
        let mut item = self.more.clone();
        item.insert("name".to_owned(), self.name.as_str().into());
        item.insert("change".to_owned(), self.change.into());
        if !self.what.is_empty() {
            item.insert("what".to_owned(), self.what.clone().into());
        }
        Value::Object(item)
    }

    fn changes(&self) -> bool {
        ["added", "changed", "removed"].contains(&self.change)
    }
}

impl Breaking {
    /// What `acknowledge` names.
    fn thing(&self) -> String {
        format!("{}:{}", word(self.kind), self.name)
    }

    fn to_json(&self) -> Value {
        json!({ "thing": self.thing(), "path": self.path, "code": self.code, "message": self.message })
    }
}

impl Told {
    fn lists(&self) -> [(&'static str, &Vec<Item>); 7] {
        [
            ("collections", &self.collections),
            ("buckets", &self.buckets),
            ("channels", &self.channels),
            ("roles", &self.roles),
            ("functions", &self.functions),
            ("schedules", &self.schedules),
            ("webhooks", &self.webhooks),
        ]
    }

    pub(super) fn changes_nothing(&self) -> bool {
        self.lists().iter().all(|(_, items)| !items.iter().any(Item::changes))
    }

    pub(super) fn plan(&self) -> Value {
        let mut plan = Map::new();
        for (name, items) in self.lists() {
            plan.insert(name.to_owned(), items.iter().map(Item::to_json).collect());
        }
        plan.insert("access".to_owned(), self.access.clone().into());
        plan.insert("warnings".to_owned(), self.warnings.clone().into());
        Value::Object(plan)
    }

    pub(super) fn breaking_json(&self) -> Value {
        self.breaking.iter().map(Breaking::to_json).collect()
    }

    /// 409 where something has to be acknowledged or removed by name first.
    pub(super) fn refused(&self, options: &Options) -> Option<Error> {
        let unsaid = self.breaking.iter().filter(|breaking| !options.acknowledges(breaking.kind, &breaking.name));
        let faults = unsaid.map(|breaking| {
            let message = format!("{} Acknowledge it by {:?} if that is meant.", breaking.message, breaking.thing());
            FieldError::new(&breaking.path, breaking.code, message)
        });
        let faults: Vec<FieldError> = faults.chain(self.refusals.iter().cloned()).collect();
        if faults.is_empty() {
            return None;
        }
        let detail = "The plan is refused: something in it has to be acknowledged or named first.";
        let error = Error::new(Code::PlanRefused, detail).with_errors(faults);
        let error = error.with("plan", self.plan()).with("breaking", self.breaking_json());
        Some(error.with("refusals", json!(self.refusals)))
    }
}

pub(super) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Collection => "collection",
        Kind::Field => "field",
        Kind::Bucket => "bucket",
        Kind::Channel => "channel",
        Kind::Role => "role",
        Kind::Function => "function",
        Kind::Schedule => "schedule",
        Kind::Webhook => "webhook",
    }
}

/// What becomes of declared things, given those that are there: each by its name and what it says.
pub(super) fn compared<T: PartialEq>(
    declared: &[(String, T)],
    stored: &[(String, T)],
    removed: &std::collections::BTreeSet<String>,
) -> Vec<Item> {
    let mut items = Vec::new();
    for (name, wanted) in declared {
        let change = match stored.iter().find(|(other, _)| other == name) {
            None => "added",
            Some((_, there)) if there == wanted => "unchanged",
            Some(_) => "changed",
        };
        items.push(Item::new(name, change));
    }
    for (name, _) in stored.iter().filter(|(name, _)| !declared.iter().any(|(other, _)| other == name)) {
        items.push(Item::new(name, if removed.contains(name) { "removed" } else { "kept" }));
    }
    items.sort_by(|one, other| one.name.cmp(&other.name));
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_is_compared_with_what_is_there() {
        let named = |names: &[(&str, u8)]| names.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<Vec<_>>();
        let (declared, stored) =
            (named(&[("a", 1), ("b", 1), ("c", 1)]), named(&[("b", 1), ("c", 2), ("d", 1), ("e", 1)]));
        let items = compared(&declared, &stored, &["d".to_owned()].into());
        let told: Vec<_> = items.iter().map(|item| (item.name.as_str(), item.change)).collect();
        let expected = [("a", "added"), ("b", "unchanged"), ("c", "changed"), ("d", "removed"), ("e", "kept")];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_breaks_is_refused_until_it_is_acknowledged() {
        let breaking = Breaking {
            kind: Kind::Collection,
            name: "notes".into(),
            path: "/collections/notes/rules/get".into(),
            code: "access_closed",
            message: "Nobody may.".into(),
        };
        let told = Told { breaking: vec![breaking], ..Told::default() };
        let options = |acknowledge: &[&str]| {
            let acknowledge: Vec<String> = acknowledge.iter().map(ToString::to_string).collect();
            Options::parse(&[], &acknowledge, None).unwrap()
        };
        let error = told.refused(&options(&["function:notes"])).unwrap();
        assert_eq!((error.code(), error.errors()[0].code.as_str()), (Code::PlanRefused, "access_closed"));
        assert!(told.refused(&options(&["collection:notes"])).is_none());
        assert!(told.refused(&Options::owners()).is_none());
        assert!(Options::parse(&["notes".into()], &[], None).is_err());
    }
}

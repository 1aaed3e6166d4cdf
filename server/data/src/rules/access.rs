//! Who can do what, as far as rules say without a document.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::compiled::CompiledRules;
use super::lint::{reach, reach_of_signed_in};
use super::texts::RuleOp;

/// How far a rule lets somebody through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// Nothing, whatever the document.
    Never,
    /// Some documents, or some of such people.
    Depends,
    /// Everything.
    Always,
}

/// One operation of one collection.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    pub collection: String,
    pub op: &'static str,
    /// People without a token.
    pub visitor: Reach,
    /// Whoever made himself an account.
    pub signed_in: Reach,
    /// `None`: there is no rule, so it is nobody's.
    pub rule: Option<String>,
}

/// Every operation of a collection.
pub fn access(rules: &CompiledRules) -> Vec<Access> {
    let entry = |op: RuleOp| {
        let rule = rules.operation(op);
        Access {
            collection: rules.collection().to_string(),
            op: op.as_str(),
            visitor: rule.map_or(Reach::Never, |rule| reach(rule, &Value::Null)),
            signed_in: rule.map_or(Reach::Never, reach_of_signed_in),
            rule: rule.map(|rule| rule.source().to_owned()),
        }
    };
    RuleOp::ALL.map(entry).into()
}

/// For people: a line for each collection, such as `notes  get, list: signed in, where the rule allows; delete: nobody`.
pub fn told_access(access: &[Access]) -> Vec<String> {
    let width = access.iter().map(|entry| entry.collection.len()).max().unwrap_or(0);
    let mut collections: BTreeMap<&str, Vec<(&'static str, Vec<&'static str>)>> = BTreeMap::new();
    for entry in access {
        let groups = collections.entry(&entry.collection).or_default();
        let whom = whom(entry);
        match groups.iter_mut().find(|(told, _)| *told == whom) {
            Some((_, ops)) => ops.push(entry.op),
            None => groups.push((whom, vec![entry.op])),
        }
    }
    let group = |(whom, ops): &(&str, Vec<&str>)| format!("{}: {whom}", ops.join(", "));
    let line = |(name, groups): (&str, Vec<_>)| {
        format!("{name:width$}  {}", groups.iter().map(group).collect::<Vec<_>>().join("; "))
    };
    collections.into_iter().map(line).collect()
}

/// Services and operators aside, whom rules don't bind.
fn whom(entry: &Access) -> &'static str {
    match (entry.visitor, entry.signed_in) {
        (Reach::Always, _) => "everybody",
        (Reach::Depends, _) => "everybody, where the rule allows",
        (Reach::Never, Reach::Always) => "whoever is signed in",
        (Reach::Never, Reach::Depends) => "signed in, where the rule allows",
        (Reach::Never, Reach::Never) => "nobody",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_reaches_of_a_collection_are_told_together() {
        let entry = |collection: &str, op, visitor, signed_in| Access {
            collection: collection.to_owned(),
            op,
            visitor,
            signed_in,
            rule: None,
        };
        let told = told_access(&[
            entry("notes", "get", Reach::Never, Reach::Depends),
            entry("notes", "list", Reach::Never, Reach::Depends),
            entry("notes", "create", Reach::Never, Reach::Never),
            entry("a", "get", Reach::Always, Reach::Always),
        ]);
        assert_eq!(
            told,
            ["a      get: everybody", "notes  get, list: signed in, where the rule allows; create: nobody"]
        );
    }
}

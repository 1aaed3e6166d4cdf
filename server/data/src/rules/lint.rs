//! Rules that look like mistakes.

use basalt_core::filter::{Filter, Leaf, Place, Root, Scalar};
use basalt_core::{CollectionName, DocumentId, FieldPath, Timestamp};
use basalt_expr::{Env, Expression, Found, Lookups, Lowered, RequestValues};
use serde::Serialize;
use serde_json::{Value, json};

use super::access::Reach;
use super::compiled::CompiledRules;
use super::texts::RuleOp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Everybody may do this, without signing in.
    Open,
    /// Whoever makes an account may do this to everything.
    SignedInIsAllowed,
    /// An update rule that doesn't look at what comes out.
    NextIgnored,
    /// An update rule that tests a field which the update may change.
    TestedFieldMayChange,
    /// An update or delete rule without a get rule: who finds nothing changes nothing.
    Unreachable,
    /// A field that the list rule tests without an index.
    NoIndex,
}

/// A rule that looks like a mistake.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    pub kind: FindingKind,
    pub collection: String,
    pub rule: &'static str,
    pub message: String,
}

/// Whether everybody may do this, signed in or not, whatever the document.
pub fn is_open(rule: &Expression) -> bool {
    reach(rule, &Value::Null) == Reach::Always
}

/// Of a condition: for each of its alternatives that would read every document, the fields that an index would help.
pub type Scans<'a> = &'a dyn Fn(&Filter) -> Vec<Vec<FieldPath>>;

/// What looks like a mistake.
pub fn lint(rules: &CompiledRules, scans: Scans<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |kind, rule: RuleOp, message: String| {
        let collection = rules.collection().to_string();
        findings.push(Finding { kind, collection, rule: rule.as_str(), message });
    };
    for op in RuleOp::ALL {
        let Some(rule) = rules.operation(op) else { continue };
        if is_open(rule) {
            add(FindingKind::Open, op, open_message(op));
        } else if op.is_write() && reach_of_signed_in(rule) == Reach::Always {
            let message = format!("Whoever makes an account may {} every document.", op.as_str());
            add(FindingKind::SignedInIsAllowed, op, message);
        }
    }
    for op in [RuleOp::Update, RuleOp::Delete] {
        if rules.operation(op).is_some() && rules.get.is_none() {
            let message =
                format!("Nobody may {}: that takes the right to get, too, and there is no get rule.", op.as_str());
            add(FindingKind::Unreachable, op, message);
        }
    }
    if let Some(update) = rules.update.as_ref().filter(|update| !is_constant(update)) {
        lint_update(update, &mut |kind, message| add(kind, RuleOp::Update, message));
    }
    if let Some(list) = &rules.list {
        for fields in unindexed(list, scans) {
            let names = fields.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let message =
                format!("A list reads every document: where the rule tests {names}, no index of the collection helps.");
            add(FindingKind::NoIndex, RuleOp::List, message);
        }
    }
    findings
}

/// The alternatives of a list rule that no index serves, as far as it is known without the caller: for a visitor, for
/// somebody new, and for somebody who holds every role and claim that the rule names.
fn unindexed(list: &Expression, scans: Scans<'_>) -> Vec<Vec<FieldPath>> {
    let (id, method) = ("linter".to_owned(), "GET".to_owned());
    let request = RequestValues { id, method, time: Timestamp::from_millis(0), ip: None };
    let mut found: Vec<Vec<FieldPath>> = Vec::new();
    for auth in [Value::Null, newcomer(), holder(list)] {
        let lowered =
            list.lower(&Env { auth: &auth, request: Some(&request), lookups: &AllThere(json!({})), ..Env::empty() });
        let Ok(Lowered::Filter(filter)) = lowered else { continue };
        for fields in scans(&filter) {
            if !fields.is_empty() && !found.contains(&fields) {
                found.push(fields);
            }
        }
    }
    found
}

/// Somebody with all roles that the rule names, and a text in each claim.
fn holder(rule: &Expression) -> Value {
    let mut auth = newcomer();
    auth["anonymous"] = json!(false);
    auth["roles"] = rule.texts().into_iter().collect();
    for path in rule.auth_paths() {
        if let Some((claims, names)) = path.split_first()
            && claims == "claims"
        {
            give(&mut auth["claims"], names);
        }
    }
    auth
}

/// A text at this place; what is read deeper is a map.
fn give(place: &mut Value, names: &[String]) {
    match names.split_first() {
        None if place.is_null() => *place = json!("a claim"),
        None => {}
        Some((name, deeper)) => {
            if !place.is_object() {
                *place = json!({});
            }
            give(&mut place[name.as_str()], deeper);
        }
    }
}

fn lint_update(update: &Expression, add: &mut dyn FnMut(FindingKind, String)) {
    let source = update.source();
    let looks_at_next = update.names().contains(&"next") || source.contains("unchanged");
    if !looks_at_next && !demands_own_id(update) {
        let message = "The update rule never looks at next: whoever may update may write anything, also another owner.";
        add(FindingKind::NextIgnored, message.to_owned());
    }
    for field in update.equality_fields() {
        let top = field.top();
        let settled = mentions_next(source, top) || mentions_unchanged(source, top);
        if looks_at_next && !settled && top != basalt_core::document::ID {
            let message =
                format!("The update rule tests doc.{field}, and the update may change it: add unchanged('{top}').");
            add(FindingKind::TestedFieldMayChange, message);
        }
    }
}

/// Whether a user may change none but the document that has his id: that can't become another's. `false` where the rule
/// asks for more of him, which may be anything.
fn demands_own_id(update: &Expression) -> bool {
    let id = basalt_core::document::ID;
    let of_id_alone = update.auth_paths().iter().all(|path| path.is_empty() || **path == [id]);
    if !of_id_alone || update.names().contains(&"request") {
        return false;
    }
    let auth = newcomer();
    let Ok(Lowered::Filter(filter)) = update.lower(&Env { auth: &auth, lookups: &AnyOrNone, ..Env::empty() }) else {
        return false;
    };
    auth["id"].as_str().is_some_and(|own| demands_id(&filter, own))
}

fn demands_id(filter: &Filter, own: &str) -> bool {
    let is_id = |place: &Place| place.root == Root::Document && place.path.names() == [basalt_core::document::ID];
    match filter {
        Filter::Leaf(Leaf::Equal { place, value: Scalar::Text(id) }) => is_id(place) && id == own,
        Filter::And(parts) => parts.iter().any(|part| demands_id(part, own)),
        Filter::Or(parts) => parts.iter().all(|part| demands_id(part, own)),
        Filter::False | Filter::Error => true,
        Filter::True | Filter::Not(_) | Filter::Leaf(_) => false,
    }
}

fn mentions_next(source: &str, field: &str) -> bool {
    [format!("next.{field}"), format!("next['{field}']"), format!("next[\"{field}\"]")]
        .iter()
        .any(|mention| source.contains(mention.as_str()))
}

fn mentions_unchanged(source: &str, field: &str) -> bool {
    source.split("unchanged").skip(1).any(|rest| {
        let arguments = rest.split(')').next().unwrap_or_default();
        arguments.contains(&format!("'{field}'")) || arguments.contains(&format!("\"{field}\""))
    })
}

fn open_message(op: RuleOp) -> String {
    match op {
        RuleOp::Get | RuleOp::List => "Everybody may read this, without signing in.".to_owned(),
        RuleOp::Create | RuleOp::Update | RuleOp::Delete => {
            format!("Everybody may {} documents, without signing in.", op.as_str())
        }
    }
}

fn is_constant(rule: &Expression) -> bool {
    rule.names().is_empty()
}

/// Somebody who has nothing but an account, whose id no document holds.
fn newcomer() -> Value {
    json!({
        "id": "newcomer-of-the-linter", "email": null, "emailVerified": false, "anonymous": true, "roles": [],
        "claims": {}, "mfa": false, "method": "anonymous", "orgs": {},
    })
}

/// What is false for a newcomer may be true for a holder of a role or a claim.
pub(super) fn reach_of_signed_in(rule: &Expression) -> Reach {
    match reach(rule, &newcomer()) {
        Reach::Never if rule.names().contains(&"auth") => Reach::Depends,
        reach => reach,
    }
}

/// Whatever the documents and the request are.
pub(super) fn reach(rule: &Expression, auth: &Value) -> Reach {
    let prospects = rule.prospects(&Env { auth, limiter: Some(&AlwaysGranted), ..Env::empty() });
    match (prospects.can_be_true, prospects.can_be_untrue) {
        (true, false) => Reach::Always,
        (true, true) => Reach::Depends,
        (false, _) => Reach::Never,
    }
}

/// Every document that is looked up is there, and empty.
struct AllThere(Value);

impl Lookups for AllThere {
    fn find(&self, _: &CollectionName, _: &DocumentId) -> Found<'_> {
        Found::Document(&self.0)
    }
}

/// Nothing is known of what is looked up.
struct AnyOrNone;

impl Lookups for AnyOrNone {
    fn find(&self, _: &CollectionName, _: &DocumentId) -> Found<'_> {
        Found::Unknown
    }
}

/// Every `limit()` has a token left.
pub(super) struct AlwaysGranted;

impl basalt_expr::Limiter for AlwaysGranted {
    fn take(&self, _: &str, _: u32, _: std::time::Duration) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::tests::rules;

    fn findings(value: &Value) -> Vec<(FindingKind, &'static str)> {
        let year = || vec![FieldPath::parse("year").unwrap()];
        // Stands for the store: whatever isn't settled is said to be read for the year.
        let scans =
            |filter: &Filter| if *filter == Filter::True || filter.is_never_true() { Vec::new() } else { vec![year()] };
        lint(&rules(value), &scans).into_iter().map(|finding| (finding.kind, finding.rule)).collect()
    }

    #[test]
    fn what_looks_like_a_mistake_is_found() {
        use FindingKind::{NextIgnored, NoIndex, Open, SignedInIsAllowed, TestedFieldMayChange, Unreachable};
        let findings = |rules: &Value| -> Vec<_> {
            findings(rules).into_iter().filter(|(kind, _)| *kind != Unreachable).collect()
        };
        assert_eq!(findings(&json!({"create": "true"})), [(Open, "create")]);
        assert_eq!(findings(&json!({"create": "auth == null || auth.id == next.owner"})), [(Open, "create")]);
        assert_eq!(findings(&json!({"create": "auth != null"})), [(SignedInIsAllowed, "create")]);
        assert_eq!(findings(&json!({"get": "auth != null"})), []);
        assert_eq!(findings(&json!({"update": "auth.id == doc.owner"})), [(NextIgnored, "update")]);
        assert_eq!(
            findings(&json!({"update": "auth.id == doc.owner && next.title != ''"})),
            [(TestedFieldMayChange, "update")]
        );
        assert_eq!(findings(&json!({"update": "auth.id == doc.owner && unchanged('owner', 'x')"})), []);
        assert_eq!(findings(&json!({"update": "auth.id == doc.owner && next.owner == auth.id"})), []);
        assert_eq!(findings(&json!({"update": "'editor' in auth.roles && unchanged('a')"})), []);
        assert_eq!(findings(&json!({"list": "doc.year > 1990"})), [(NoIndex, "list")]);
        assert_eq!(findings(&json!({"list": "'editor' in auth.roles && doc.year > 1990"})), [(NoIndex, "list")]);
        assert_eq!(
            findings(&json!({"list": "auth.claims.a.b == 'x' || auth.claims.from <= doc.year"})),
            [(NoIndex, "list")]
        );
        assert_eq!(findings(&json!({"list": "auth.id in auth.roles"})), []);
    }

    #[test]
    fn writes_that_nobody_reaches_are_found() {
        let found = findings(&json!({"update": "false", "delete": "false"}));
        assert_eq!(found, [(FindingKind::Unreachable, "update"), (FindingKind::Unreachable, "delete")]);
        assert_eq!(findings(&json!({"get": "auth.id == doc.id", "update": "false"})), []);
    }

    #[test]
    fn whose_document_it_is_is_settled_where_its_id_is_demanded_of_everybody() {
        let warned =
            |rule: &str| findings(&json!({"get": rule, "update": rule})) == [(FindingKind::NextIgnored, "update")];
        for rule in [
            "auth.id == doc.id",
            "doc.id == auth.id && !doc.locked",
            "auth.id == doc.id && auth.id in doc.editors || doc.id == auth.id && doc.open",
        ] {
            assert_eq!(findings(&json!({"get": rule, "update": rule})), [], "{rule}");
        }
        for rule in [
            "auth.id == doc.id || auth.id in doc.editors",
            "auth.id == doc.id || 'admin' in auth.roles",
            "auth.id == doc.id || auth.claims.of == doc.of",
            "auth.id == doc.id || auth.claims.level > 5",
            "auth.id == doc.id || auth.emailVerified",
            "auth.id == doc.id || request.time > timestamp(doc.until)",
            "auth.id == doc.id || get('admins', auth.id).chief == true",
            "auth.id == doc.id || exists('admins', auth.id)",
            "auth.id != doc.id",
            "auth != null && doc.id != 'x'",
            "auth != null && doc.id == 'x'",
            "!(auth.id == doc.id)",
        ] {
            assert!(warned(rule), "{rule}");
        }
    }
}

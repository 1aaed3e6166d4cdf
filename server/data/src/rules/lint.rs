//! Who can read what, and rules that look like mistakes.

use basalt_core::FieldPath;
use basalt_expr::{Env, Expression};
use serde::Serialize;
use serde_json::{Value, json};

use super::compiled::CompiledRules;
use super::texts::RuleOp;

/// How far a rule lets somebody through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

/// Who can do what, as far as rules say without a document.
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

/// Whether everybody may do this, signed in or not, whatever the document.
pub fn is_open(rule: &Expression) -> bool {
    reach(rule, &Value::Null) == Reach::Always
}

/// What looks like a mistake. `indexed` says whether an index begins with a field.
pub fn lint(rules: &CompiledRules, indexed: &dyn Fn(&FieldPath) -> bool) -> Vec<Finding> {
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
        for field in list.doc_fields().unwrap_or_default() {
            if field.top() != basalt_core::document::ID && !indexed(&field) {
                let message = format!("The list rule tests {field}, and no index begins with it.");
                add(FindingKind::NoIndex, RuleOp::List, message);
            }
        }
    }
    findings
}

fn lint_update(update: &Expression, add: &mut dyn FnMut(FindingKind, String)) {
    let source = update.source();
    let looks_at_next = update.names().contains(&"next") || source.contains("unchanged");
    if !looks_at_next {
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
fn reach_of_signed_in(rule: &Expression) -> Reach {
    match reach(rule, &newcomer()) {
        Reach::Never if rule.names().contains(&"auth") => Reach::Depends,
        reach => reach,
    }
}

/// Whatever the documents and the request are.
fn reach(rule: &Expression, auth: &Value) -> Reach {
    let prospects = rule.prospects(&Env { auth, limiter: Some(&AlwaysGranted), ..Env::empty() });
    match (prospects.can_be_true, prospects.can_be_untrue) {
        (true, false) => Reach::Always,
        (true, true) => Reach::Depends,
        (false, _) => Reach::Never,
    }
}

/// Every `limit()` has a token left.
pub(super) struct AlwaysGranted;

impl basalt_expr::Limiter for AlwaysGranted {
    fn take(&self, _: &str, _: u32, _: std::time::Duration) -> bool {
        true
    }
}

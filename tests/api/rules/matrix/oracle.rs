//! What each rule means, said once more in Rust. `None` is an error of the rule, which denies.

use serde_json::{Map, Value};

/// Whom rules bind and whom they don't.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    /// What he may do, the rules say.
    ByRules,
    /// By scopes or a role alone: whether he reads the collection, and whether he writes it.
    ByRights { reads: bool, writes: bool },
}

/// A caller as rules see him; `None` is a visitor.
#[derive(Clone, Debug, Default)]
pub(super) struct Auth {
    pub(super) id: String,
    pub(super) roles: Vec<String>,
    pub(super) team: Option<String>,
    pub(super) anonymous: bool,
}

pub(super) struct Rule {
    /// With `X` in the place of `doc` or `next`.
    pub(super) text: &'static str,
    pub(super) holds: fn(Option<&Auth>, &Map<String, Value>) -> Option<bool>,
}

/// Three-valued: an error, unless one side decides alone.
fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    not(or(not(a), not(b)))
}

fn not(a: Option<bool>) -> Option<bool> {
    a.map(|value| !value)
}

fn text_is(value: Option<&Value>, wanted: Option<&str>) -> Option<bool> {
    Some(value? == &Value::from(wanted?))
}

/// `wanted in value`
fn contains(value: Option<&Value>, wanted: Option<&str>) -> Option<bool> {
    match (value?, wanted?) {
        (Value::Array(items), wanted) => Some(items.iter().any(|item| item == wanted)),
        (Value::Object(map), wanted) => Some(map.contains_key(wanted)),
        _ => None,
    }
}

fn number_at_least(value: Option<&Value>, least: f64) -> Option<bool> {
    match value? {
        Value::Number(number) => Some(number.as_f64()? >= least),
        _ => None,
    }
}

fn role(auth: Option<&Auth>, wanted: &str) -> Option<bool> {
    Some(auth?.roles.iter().any(|role| role == wanted))
}

fn id(auth: Option<&Auth>) -> Option<&str> {
    auth.map(|auth| auth.id.as_str())
}

pub(super) const RULES: &[Rule] = &[
    Rule { text: "true", holds: |_, _| Some(true) },
    Rule { text: "false", holds: |_, _| Some(false) },
    Rule { text: "auth != null", holds: |auth, _| Some(auth.is_some()) },
    Rule { text: "auth.id == X.owner", holds: |auth, doc| text_is(doc.get("owner"), id(auth)) },
    Rule {
        text: "auth.id == X.owner || X.public == true",
        holds: |auth, doc| {
            let public = doc.get("public").map(|value| value == &Value::Bool(true));
            or(text_is(doc.get("owner"), id(auth)), public)
        },
    },
    Rule { text: "X.public == true", holds: |_, doc| Some(doc.get("public")? == &Value::Bool(true)) },
    Rule { text: "!(X.public == true)", holds: |_, doc| Some(doc.get("public")? != &Value::Bool(true)) },
    Rule { text: "auth.id in X.members", holds: |auth, doc| contains(doc.get("members"), id(auth)) },
    Rule { text: "!(auth.id in X.members)", holds: |auth, doc| not(contains(doc.get("members"), id(auth))) },
    Rule {
        text: "auth.id == X.owner || auth.id in X.members || 'editor' in auth.roles",
        holds: |auth, doc| {
            let owner = text_is(doc.get("owner"), id(auth));
            or(or(owner, contains(doc.get("members"), id(auth))), role(auth, "editor"))
        },
    },
    Rule { text: "'editor' in auth.roles", holds: |auth, _| role(auth, "editor") },
    Rule {
        text: "'editor' in auth.roles && X.level >= 3",
        holds: |auth, doc| and(role(auth, "editor"), number_at_least(doc.get("level"), 3.0)),
    },
    Rule { text: "X.level >= 3", holds: |_, doc| number_at_least(doc.get("level"), 3.0) },
    Rule { text: "!(X.level >= 3)", holds: |_, doc| not(number_at_least(doc.get("level"), 3.0)) },
    Rule { text: "auth.claims.team == X.team", holds: |auth, doc| text_is(doc.get("team"), auth?.team.as_deref()) },
    Rule {
        text: "has(X.team) && X.team in ['red', 'green']",
        holds: |_, doc| {
            let team = doc.get("team").map(|team| team == "red" || team == "green");
            and(Some(doc.contains_key("team")), team)
        },
    },
    Rule { text: "!has(X.owner)", holds: |_, doc| Some(!doc.contains_key("owner")) },
    Rule { text: "X.owner == null", holds: |_, doc| Some(doc.get("owner")?.is_null()) },
    Rule {
        text: "auth != null && !auth.anonymous && X.title.startsWith('p')",
        holds: |auth, doc| {
            let title = match doc.get("title") {
                Some(Value::String(title)) => Some(title.starts_with('p')),
                _ => None,
            };
            and(and(Some(auth.is_some()), auth.map(|auth| !auth.anonymous)), title)
        },
    },
    Rule {
        text: "X.access[auth.id] == 'write'",
        holds: |auth, doc| {
            let access = doc.get("access")?.as_object()?;
            text_is(access.get(id(auth)?), Some("write"))
        },
    },
    Rule {
        text: "X.members.exists(m, m == auth.id) || X.level == 1",
        holds: |auth, doc| {
            // Only lists are walked through: over a map it is an error.
            let found = match (doc.get("members"), auth) {
                (Some(Value::Array(items)), Some(auth)) => Some(items.iter().any(|item| *item == auth.id.as_str())),
                (Some(Value::Array(items)), None) if items.is_empty() => Some(false),
                _ => None,
            };
            or(found, doc.get("level").map(|level| level == 1))
        },
    },
];

impl Rule {
    pub(super) fn on(&self, name: &str) -> String {
        self.text.replace('X', name)
    }

    /// Whether it lets the caller through: an error denies.
    pub(super) fn allows(&self, auth: Option<&Auth>, document: &Map<String, Value>) -> bool {
        (self.holds)(auth, document) == Some(true)
    }
}

//! A plan, told to people: what becomes of what, and who can do what from now on.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::IsTerminal as _;

use serde_json::Value;

/// Of a plan that does nothing.
pub(super) const NOTHING: &str = "Nothing changes.\n";

const LISTS: [(&str, &str); 7] = [
    ("collections", "collection"),
    ("buckets", "bucket"),
    ("channels", "channel"),
    ("roles", "role"),
    ("functions", "function"),
    ("schedules", "schedule"),
    ("webhooks", "webhook"),
];

/// Colours, where a terminal shows them.
struct Paint(bool);

impl Paint {
    fn new() -> Self {
        Self(std::io::stdout().is_terminal())
    }

    fn of(&self, colour: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A line for each thing that changes, then whose access changes, then what to look at.
pub(super) fn told_plan(answer: &Value) -> String {
    painted(answer, &Paint::new())
}

fn painted(answer: &Value, paint: &Paint) -> String {
    let plan = &answer["plan"];
    let mut told = String::new();
    for (list, kind) in LISTS {
        for item in plan[list].as_array().into_iter().flatten() {
            if let Some(line) = told_item(item, kind, paint) {
                let _ = writeln!(told, "{line}");
            }
        }
    }
    told.push_str(&lit_access(plan["access"].as_array().into_iter().flatten(), paint));
    for warning in plan["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let _ = writeln!(told, "{} {warning}", paint.of("33", "!"));
    }
    for breaking in answer["breaking"].as_array().into_iter().flatten() {
        let (thing, message) = (word(breaking, "thing"), word(breaking, "message"));
        let _ = writeln!(told, "{} {thing}: {message}", paint.of("31;1", "BREAKING"));
    }
    if told.is_empty() { NOTHING.to_owned() } else { told }
}

/// `None` where nothing becomes of it.
fn told_item(item: &Value, kind: &str, paint: &Paint) -> Option<String> {
    let name = word(item, "name");
    let version = item["version"].as_u64().map(|version| format!(" (version {version})")).unwrap_or_default();
    let what: Vec<&str> = item["what"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let what = if what.is_empty() { String::new() } else { format!(": {}", what.join(", ")) };
    Some(match word(item, "change") {
        "added" => format!("{} {kind} {name}{version}", paint.of("32", "+")),
        "changed" => format!("{} {kind} {name}{version}{what}", paint.of("33", "~")),
        "removed" => format!("{} {kind} {name}", paint.of("31", "-")),
        "kept" => format!(". {kind} {name} is not in the app, and stays (--remove {kind}:{name} takes it away)"),
        "deployed" => format!("< {kind} {name} stays as it was changed on the server"),
        _ => return None,
    })
}

/// Who can do what from now on, a line for each change.
pub(super) fn told_access<'a>(changes: impl Iterator<Item = &'a Value>) -> String {
    lit_access(changes, &Paint::new())
}

fn lit_access<'a>(changes: impl Iterator<Item = &'a Value>, paint: &Paint) -> String {
    let mut told = String::new();
    for change in changes {
        if told.is_empty() {
            let _ = writeln!(told, "who can do what:");
        }
        let colour = match word(change, "change") {
            "opened" => "31;1",
            "closed" => "33;1",
            _ => "36",
        };
        let (before, after) = (whom(&change["before"]), whom(&change["after"]));
        let line = format!("{} {}: {before} → {after}", word(change, "collection"), word(change, "op"));
        let _ = writeln!(told, "  {}", paint.of(colour, &line));
    }
    told
}

/// Services and operators aside, whom rules don't bind.
fn whom(access: &Value) -> String {
    let whom = match (access["visitor"].as_str(), access["signedIn"].as_str()) {
        (Some("always"), _) => "everybody",
        (Some("depends"), _) => "everybody, where the rule allows",
        (_, Some("always")) => "whoever is signed in",
        (_, Some("depends")) => "signed in, where the rule allows",
        _ => return "nobody".to_owned(),
    };
    match access["rule"].as_str().filter(|rule| *rule != "true") {
        Some(rule) => format!("{whom} ({rule})"),
        None => whom.to_owned(),
    }
}

/// What to say so that a plan is applied all the same; nothing where all of it was acknowledged.
pub(super) fn told_refusal(answer: &Value, acknowledged: &[String]) -> String {
    let mut told = String::new();
    let breaking = answer["breaking"].as_array().into_iter().flatten();
    let mut things: BTreeSet<&str> = breaking.map(|breaking| word(breaking, "thing")).collect();
    if things.iter().any(|thing| !acknowledged.iter().any(|known| known == thing)) {
        things.extend(acknowledged.iter().map(String::as_str));
        let things = things.into_iter().collect::<Vec<_>>().join(",");
        let _ = writeln!(told, "If that is meant, deploy with --acknowledge {things}");
    }
    for refusal in answer["refusals"].as_array().into_iter().flatten() {
        let _ = writeln!(told, "{}: {}", word(refusal, "path"), word(refusal, "message"));
    }
    told
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_is_told_line_by_line() {
        let answer = json!({
            "plan": {
                "collections": [
                    {"name": "a", "change": "added"}, {"name": "b", "change": "unchanged"},
                    {"name": "c", "change": "changed", "what": ["schema", "rules.get"]}, {"name": "d", "change": "kept"},
                ],
                "functions": [{"name": "f", "change": "changed", "version": 3}],
                "access": [{"collection": "c", "op": "get", "change": "opened",
                    "before": {"visitor": "never", "signedIn": "depends", "rule": "auth.id == doc.owner"},
                    "after": {"visitor": "always", "signedIn": "always", "rule": "true"}},
                    {"collection": "functions/f", "op": "invoke", "change": "closed",
                    "before": {"visitor": "never", "signedIn": "always", "rule": "auth != null"}, "after": null}],
                "warnings": ["look"],
            },
            "breaking": [{"thing": "collection:c", "message": "Everybody."}],
        });
        let expected = "+ collection a\n~ collection c: schema, rules.get\n\
            . collection d is not in the app, and stays (--remove collection:d takes it away)\n~ function f (version 3)\n\
            who can do what:\n  c get: signed in, where the rule allows (auth.id == doc.owner) → everybody\n  \
            functions/f invoke: whoever is signed in (auth != null) → nobody\n! look\n\
            BREAKING collection:c: Everybody.\n";
        let plain = Paint(false);
        assert_eq!(painted(&answer, &plain), expected);
        assert!(painted(&answer, &Paint(true)).contains("\x1b[31;1mc get: "), "what is opened is lit up");
        let told = |acknowledged: &[&str]| {
            let acknowledged: Vec<String> = acknowledged.iter().map(ToString::to_string).collect();
            told_refusal(&answer, &acknowledged)
        };
        assert_eq!(told(&[]), "If that is meant, deploy with --acknowledge collection:c\n");
        assert_eq!(told(&["bucket:b"]), "If that is meant, deploy with --acknowledge bucket:b,collection:c\n");
        assert_eq!(told(&["collection:c"]), "");
        assert_eq!(painted(&json!({"plan": {}}), &plain), "Nothing changes.\n");
    }
}

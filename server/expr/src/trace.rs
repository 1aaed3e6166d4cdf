//! The simulator's view of an evaluation: each node's value, and why.

use serde_json::Value;

use crate::eval::{Stop, Val, Watch};
use crate::tree::{Kind, Node};

/// Steps that are kept.
const STEPS: usize = 1_000;
/// Lists and maps are shown up to this size, bytes of JSON.
const SHOWN: usize = 2_048;

/// One node of an evaluation, for the simulator: the source's bytes `from..to`, its value (or `None` for an error) and
/// why. A part comes before what it is part of; what was not needed is absent. Large lists and maps are shown as a text
/// that tells their size.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct TraceStep {
    pub from: usize,
    pub to: usize,
    pub value: Option<Value>,
    pub why: String,
}

pub(crate) struct Trace<'s> {
    source: &'s str,
    pub(crate) steps: Vec<TraceStep>,
}

impl<'s> Trace<'s> {
    pub(crate) fn new(source: &'s str) -> Self {
        Self { source, steps: Vec::new() }
    }

    fn text(&self, node: &Node) -> &str {
        self.source.get(node.span.from()..node.span.end()).unwrap_or_default()
    }

    /// What a part was, when it was computed last.
    fn seen_value(&self, node: &Node) -> String {
        let step = self.steps.iter().rev().find(|step| step.from == node.span.from() && step.to == node.span.end());
        match step {
            Some(TraceStep { value: Some(value), .. }) => short(value),
            Some(_) => "an error".to_owned(),
            None => format!("`{}`", self.text(node)),
        }
    }

    fn why(&self, node: &Node, value: &Value) -> String {
        let both = |sides: &[Node; 2], sign: &str| {
            format!("{} {sign} {}", self.seen_value(&sides[0]), self.seen_value(&sides[1]))
        };
        let is_true = *value == Value::Bool(true);
        match &node.kind {
            Kind::And(_) if is_true => "every part is true".to_owned(),
            Kind::And(parts) => self.deciding(parts, false, "is false"),
            Kind::Or(parts) if is_true => self.deciding(parts, true, "is true"),
            Kind::Or(_) => "no part is true".to_owned(),
            Kind::Not(of) => format!("`{}` is {}", self.text(of), self.seen_value(of)),
            Kind::Equal { sides, negated } => {
                both(sides, if is_true == *negated { "is not equal to" } else { "is equal to" })
            }
            Kind::Order(_, sides) => {
                format!("of {} and {}", self.seen_value(&sides[0]), self.seen_value(&sides[1]))
            }
            Kind::In(sides) => both(sides, if is_true { "is in" } else { "is not in" }),
            Kind::Has { name, .. } => {
                if is_true {
                    format!("there is a field `{name}`")
                } else {
                    format!("there is no field `{name}`")
                }
            }
            Kind::Exists { collection, id } => {
                let is = if is_true { "is" } else { "is no document" };
                format!("{} {is} in {collection}", self.seen_value(id))
            }
            Kind::Unchanged(_) if is_true => "the fields are the same in doc and next".to_owned(),
            Kind::Unchanged(_) => "a field differs between doc and next".to_owned(),
            Kind::Limit(limit) => format!("a token of `{}` was taken", limit.name),
            _ => format!("it is {}", short(value)),
        }
    }

    fn deciding(&self, parts: &[Node], value: bool, is: &str) -> String {
        let value = Some(Value::Bool(value));
        let decided = parts.iter().find(|part| {
            let last = self.steps.iter().rev().find(|s| s.from == part.span.from() && s.to == part.span.end());
            last.is_some_and(|step| step.value == value)
        });
        decided.map_or_else(|| format!("a part {is}"), |part| format!("`{}` {is}", self.text(part)))
    }
}

impl<'a> Watch<'a> for Trace<'_> {
    const SEES: bool = true;

    fn seen(&mut self, node: &'a Node, result: &Result<Val<'a>, Stop<'a>>) {
        if self.steps.len() >= STEPS {
            return;
        }
        let (value, why) = match result {
            Ok(value) => {
                let value = shown(value);
                let why = self.why(node, &value);
                (Some(value), why)
            }
            Err(Stop::Error(failure)) if failure.at == node.span => (None, failure.reason()),
            Err(Stop::Error(failure)) => {
                let part = self.source.get(failure.at.from()..failure.at.end()).unwrap_or_default();
                (None, format!("`{part}`: {}", failure.reason()))
            }
            Err(Stop::Need) => (None, "a document has to be read first".to_owned()),
            Err(Stop::Limited) => (None, "no token was left".to_owned()),
            Err(Stop::Exhausted(exhaustion)) => (None, exhaustion.describe()),
        };
        self.steps.push(TraceStep { from: node.span.from(), to: node.span.end(), value, why });
    }
}

fn shown(value: &Val<'_>) -> Value {
    match value {
        Val::List(list) if list.len() > SHOWN => Value::from(format!("a list of {}", list.len())),
        Val::List(_) | Val::Map(_) => {
            let json = value.to_json();
            if json.to_string().len() <= SHOWN {
                return json;
            }
            match json {
                Value::Array(items) => Value::from(format!("a list of {}", items.len())),
                Value::Object(map) => Value::from(format!("a map of {}", map.len())),
                other => other,
            }
        }
        other => other.to_json(),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 {
        return text;
    }
    text.chars().take(79).chain(['…']).collect()
}

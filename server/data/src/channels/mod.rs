//! Channels: what an app declares of them. A definition belongs to a pattern of names, and is refused whole, with every
//! problem and its place.

mod pattern;

use basalt_core::{ChannelName, Result};
use serde_json::{Map, Value};

use crate::declared::{Problems, Table};
use crate::rules::{ChannelRuleTexts, ChannelRules};

pub use pattern::Pattern;

/// The entry of one pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub pattern: Pattern,
    pub rules: ChannelRuleTexts,
}

/// A definition, ready to be asked.
#[derive(Clone, Debug)]
pub struct Channel {
    pattern: Pattern,
    rules: ChannelRules,
}

/// All of them, of one moment.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    /// The more particular first.
    channels: Vec<Channel>,
    nobodys: ChannelRules,
}

impl Definition {
    /// From what the admin API is given.
    pub fn parse(pattern: &str, value: &Value) -> Result<Self> {
        let mut problems = Problems::default();
        match Self::read(pattern, value, "", &mut problems) {
            Some(definition) if problems.is_empty() => Ok(definition),
            _ => Err(problems.into_error("The channel's definition")),
        }
    }

    pub(crate) fn read(pattern: &str, value: &Value, path: &str, problems: &mut Problems) -> Option<Self> {
        let pattern = match Pattern::parse(pattern) {
            Ok(pattern) => Some(pattern),
            Err(why) => {
                problems.add(path, "bad_name", why);
                None
            }
        };
        let mut table = Table::open(value, path, problems)?;
        let rules = table.take("rules").map(|(rules, path)| read_rules(rules, &path, problems));
        table.finish(problems);
        let definition = Self { pattern: pattern?, rules: rules.unwrap_or_default() };
        if let Err(faults) = definition.compile(path) {
            problems.extend(faults);
        }
        Some(definition)
    }

    /// As it is declared.
    pub fn to_json(&self) -> Map<String, Value> {
        let rules = [("join", &self.rules.join), ("publish", &self.rules.publish)];
        let rules = rules.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.as_deref()?.into())));
        Map::from_iter([("rules".to_owned(), Value::Object(rules.collect()))])
    }

    fn compile(&self, path: &str) -> Result<Channel, Vec<basalt_core::FieldError>> {
        let rules = ChannelRules::compile(self.pattern.as_str(), &self.rules, &format!("{path}/rules"))?;
        Ok(Channel { pattern: self.pattern.clone(), rules })
    }
}

fn read_rules(value: &Value, path: &str, problems: &mut Problems) -> ChannelRuleTexts {
    let Some(mut table) = Table::open(value, path, problems) else { return ChannelRuleTexts::default() };
    let join = table.text("join", problems).map(str::to_owned);
    let publish = table.text("publish", problems).map(str::to_owned);
    table.finish(problems);
    ChannelRuleTexts { join, publish }
}

impl Channels {
    /// One that isn't valid now (written by another version) stays closed; it is handed back.
    pub fn new(definitions: impl IntoIterator<Item = Definition>) -> (Self, Vec<Pattern>) {
        let (mut channels, mut closed) = (Vec::new(), Vec::new());
        for definition in definitions {
            let compiled = definition.compile("").unwrap_or_else(|_| {
                closed.push(definition.pattern.clone());
                Channel { pattern: definition.pattern.clone(), rules: ChannelRules::default() }
            });
            channels.push(compiled);
        }
        channels.sort_by(|one, other| one.pattern.shape().cmp(other.pattern.shape()));
        (Self { channels, nobodys: ChannelRules::default() }, closed)
    }

    /// The rules of a channel, and what its pattern captured. Where no pattern fits, nobody is allowed anything.
    pub fn of(&self, name: &ChannelName) -> (&ChannelRules, Value) {
        let found = self.channels.iter().find_map(|channel| Some((&channel.rules, channel.pattern.captures(name)?)));
        let (rules, params) = found.unwrap_or((&self.nobodys, Map::new()));
        (rules, Value::Object(params))
    }
}

#[cfg(test)]
mod tests {
    use basalt_core::{Caller, Code, Principal, Timestamp};
    use serde_json::json;

    use super::*;
    use crate::rules::{Binding, ChannelOperation, DenialKind, NoFacts, Verdict};

    fn definition(pattern: &str, rules: &Value) -> Definition {
        Definition::parse(pattern, &json!({ "rules": rules })).unwrap()
    }

    fn asked(channels: &Channels, name: &str, operation: ChannelOperation<'_>) -> Result<(), DenialKind> {
        let caller = Caller { principal: Principal::Visitor, ..Caller::system(Timestamp::from_millis(0)) };
        let name = ChannelName::parse(name).unwrap();
        let (rules, params) = channels.of(&name);
        match rules.authorize(&Binding::new(caller), (&name, &params), operation, &NoFacts) {
            Verdict::Allow(_) => Ok(()),
            Verdict::Deny(denial) => Err(denial.kind),
            Verdict::Need(_) => panic!("nothing is looked up"),
        }
    }

    #[test]
    fn the_more_particular_pattern_rules_and_without_one_nobody_may() {
        let (channels, closed) = Channels::new([
            definition("room:{room}", &json!({"join": "params.room == 'a'"})),
            definition("room:lobby", &json!({"join": "true", "publish": "event == 'hi' && data.n > 1"})),
        ]);
        assert!(closed.is_empty());
        let join = |name| asked(&channels, name, ChannelOperation::Join);
        assert!(join("room:a").is_ok() && join("room:lobby").is_ok());
        assert!(matches!(join("room:b"), Err(DenialKind::RuleDenied)));
        for none in ["room", "room:a:b", "other"] {
            assert!(matches!(join(none), Err(DenialKind::RuleMissing)), "{none}");
        }
        let publish = |name, n: i64| {
            asked(&channels, name, ChannelOperation::Publish { event: &json!("hi"), data: &json!({ "n": n }) })
        };
        assert!(publish("room:lobby", 2).is_ok());
        assert!(matches!(publish("room:lobby", 1), Err(DenialKind::RuleDenied)));
        assert!(matches!(publish("room:a", 2), Err(DenialKind::RuleMissing)));
    }

    #[test]
    fn a_definition_is_refused_with_every_problem() {
        let value = json!({"rules": {"join": "data.x == 1", "publish": "nope", "leave": "true"}, "colour": 1});
        let error = Definition::parse("room:{room}", &value).unwrap_err();
        let mut paths: Vec<&str> = error.errors().iter().map(|fault| fault.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(error.code(), Code::InvalidDefinition);
        assert_eq!(paths, ["/colour", "/rules/join", "/rules/leave", "/rules/publish"]);
        let found = definition("a", &json!({"join": "true"}));
        assert_eq!(Value::Object(found.to_json()), json!({"rules": {"join": "true"}}));
    }
}

//! The rules of channels: who may be in one, and who may say what in it.

use basalt_core::principal::Access;
use basalt_core::{ChannelName, FieldError};
use basalt_expr::{Env, Expression, MessageValues, Scope, Undeclared};
use serde_json::Value;

use super::authorize::{Asking, No, env, refused};
use super::binding::Binding;
use super::compiled::{compile_one, report};
use super::facts::{FactLookups, Facts};
use super::verdict::Verdict;

/// The rules as they are written; one that is absent allows nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelRuleTexts {
    pub join: Option<String>,
    pub publish: Option<String>,
}

/// The same, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct ChannelRules {
    pattern: Option<String>,
    join: Option<Expression>,
    publish: Option<Expression>,
}

/// What is about to be done in a channel.
#[derive(Clone, Copy, Debug)]
pub enum ChannelOperation<'a> {
    /// To hear what is said in it and who is there.
    Join,
    /// `event` is a text.
    Publish { event: &'a Value, data: &'a Value },
}

impl ChannelRules {
    /// Compiles; all faults at once, below the `path` of the rules.
    pub fn compile(pattern: &str, texts: &ChannelRuleTexts, path: &str) -> Result<Self, Vec<FieldError>> {
        let mut faults = Vec::new();
        let mut compiled =
            |name: &str, text: Option<&String>, scope: &Scope| match compile_one(text?, scope, &Undeclared) {
                Ok(expression) => Some(expression),
                Err(found) => {
                    faults.extend(report(&format!("{path}/{name}"), "", &found));
                    None
                }
            };
        let join = compiled("join", texts.join.as_ref(), &join_scope());
        let publish = compiled("publish", texts.publish.as_ref(), &publish_scope());
        if faults.is_empty() { Ok(Self { pattern: Some(pattern.to_owned()), join, publish }) } else { Err(faults) }
    }

    /// May this caller do this in a channel, of whose name the pattern captured `params`?
    pub fn authorize(
        &self,
        binding: &Binding,
        (channel, params): (&ChannelName, &Value),
        operation: ChannelOperation<'_>,
        facts: &dyn Facts,
    ) -> Verdict {
        let asking = Asking::new(binding, facts);
        match binding.caller().bypasses_channel_rules(channel, self.pattern.as_deref(), operation.access()) {
            Ok(true) => return Verdict::Allow(asking.permit()),
            Err(error) => return refused(error),
            Ok(false) => {}
        }
        let lookups = FactLookups::new(facts);
        let values = Env { params: Some(params), ..env(binding, None, None, &lookups) };
        let asked = match operation {
            ChannelOperation::Join => asking.decide(self.join.as_ref(), "join", &values),
            ChannelOperation::Publish { event, data } => {
                let values = Env { message: Some(MessageValues { event, data }), ..values };
                asking.decide(self.publish.as_ref(), "publish", &values)
            }
        };
        match asked {
            Ok(()) => Verdict::Allow(asking.permit()),
            Err(No::Denied(denial)) => Verdict::Deny(denial),
            Err(No::Need(reads)) => Verdict::Need(reads),
        }
    }

    /// Whether the right to be there depends on the request, and so on the time.
    pub fn join_is_of_its_time(&self) -> bool {
        self.join.as_ref().is_some_and(|rule| rule.names().contains(&"request"))
    }
}

impl ChannelOperation<'_> {
    fn access(self) -> Access {
        match self {
            Self::Join => Access::Read,
            Self::Publish { .. } => Access::Write,
        }
    }
}

/// `limit()` is for what is done once: who is there is asked again and again.
fn join_scope() -> Scope {
    Scope { auth: true, request: true, params: true, lookups: true, ..Scope::default() }
}

fn publish_scope() -> Scope {
    Scope { message: true, limit: true, ..join_scope() }
}

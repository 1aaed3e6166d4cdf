//! Who may call: the function's rule, on what it looks up, with the tokens that it takes.

use std::sync::Arc;

use basalt_core::{Caller, Code, Error, Result};
use basalt_data::rules::{Binding, InvokeRule, NoFacts, Verdict};
use serde_json::Value;

use super::{Calls, Resolved};
use crate::common::{Flow, Tx};

impl Calls {
    pub(in crate::functions) async fn authorize(
        &self,
        caller: &Caller,
        resolved: &Resolved,
        input: &Value,
    ) -> Result<()> {
        let (rule, function) = (resolved.version.config.invoke.as_ref(), resolved.version.function.as_str());
        let binding = Binding::new(caller.clone());
        match InvokeRule::authorize(rule, &binding, function, input, &NoFacts) {
            Verdict::Allow(_) => return Ok(()),
            Verdict::Deny(denial) => return Err(denial.into_error(caller)),
            Verdict::Need(_) => {}
        }
        let asked = Arc::new(Asked { binding, resolved: resolved.clone(), input: input.clone() });
        let decision = |writes: bool| {
            let asked = Arc::clone(&asked);
            move |tx: &mut Tx<'_>| asked.decide(tx, writes)
        };
        let decided = match self.db.inspect(decision(false)).await {
            // There are tokens to take.
            Ok(true) => self.db.commit(caller, decision(true)).await.map(drop),
            other => other.map(drop),
        };
        decided.map_err(|error| match error.code() {
            Code::CollectionNotFound => {
                Error::new(Code::RuleDenied, "A rule denies this.").caused_by("the rule looks into no collection")
            }
            _ => error,
        })
    }
}

struct Asked {
    binding: Binding,
    resolved: Resolved,
    input: Value,
}

impl Asked {
    /// Whether there is something to be written.
    fn decide(&self, tx: &mut Tx<'_>, writes: bool) -> Flow<bool> {
        let version = &self.resolved.version;
        let (rule, function) = (version.config.invoke.as_ref(), version.function.as_str());
        match InvokeRule::authorize(rule, &self.binding, function, &self.input, tx) {
            Verdict::Allow(permit) => {
                let cells = permit.cells();
                let any = !cells.is_empty();
                if writes {
                    for cell in cells {
                        tx.write_cell(cell);
                    }
                }
                Ok(any)
            }
            Verdict::Deny(denial) => Err(denial.into_error(self.binding.caller()).into()),
            Verdict::Need(reads) => tx.need_more(reads),
        }
    }
}

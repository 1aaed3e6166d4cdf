//! The rule of a function: who may call it.

use basalt_core::FieldError;
use basalt_expr::{Env, Expression, Scope, Undeclared};
use serde_json::Value;

use super::access::{Access, Reach};
use super::authorize::{Asking, No, env, refused};
use super::binding::Binding;
use super::compiled::{compile_one, report};
use super::facts::{FactLookups, Facts};
use super::lint::{reach, reach_of_signed_in};
use super::verdict::Verdict;

/// An `invoke` rule, ready to be asked. It sees `auth`, `request` and `input`.
#[derive(Clone, Debug)]
pub struct InvokeRule(Expression);

impl InvokeRule {
    /// Compiles; `path` is the rule's place in what declares it.
    pub fn compile(source: &str, path: &str) -> Result<Self, Vec<FieldError>> {
        let scope = Scope { auth: true, request: true, input: true, lookups: true, limit: true, ..Scope::default() };
        compile_one(source, &scope, &Undeclared).map(Self).map_err(|found| report(path, "", &found))
    }

    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// Who may call a function by this rule, as far as that is known without a call: `named` is what plans call it.
    pub fn access(rule: Option<&Self>, named: String) -> Access {
        Access {
            collection: named,
            op: "invoke",
            visitor: rule.map_or(Reach::Never, |rule| reach(&rule.0, &Value::Null)),
            signed_in: rule.map_or(Reach::Never, |rule| reach_of_signed_in(&rule.0)),
            rule: rule.map(|rule| rule.source().trim().to_owned()),
        }
    }

    /// May this caller call the function with this? Without a rule nobody may whom rules bind.
    pub fn authorize(
        rule: Option<&Self>,
        binding: &Binding,
        function: &str,
        input: &Value,
        facts: &dyn Facts,
    ) -> Verdict {
        let asking = Asking::new(binding, facts);
        match binding.caller().bypasses_invoke_rules(function) {
            Ok(true) => return Verdict::Allow(asking.permit()),
            Err(error) => return refused(error),
            Ok(false) => {}
        }
        let lookups = FactLookups::new(facts);
        let values = Env { input: Some(input), ..env(binding, None, None, &lookups) };
        match asking.decide(rule.map(|rule| &rule.0), "invoke", &values) {
            Ok(()) => Verdict::Allow(asking.permit()),
            Err(No::Denied(denial)) => Verdict::Deny(denial),
            Err(No::Need(reads)) => Verdict::Need(reads),
        }
    }
}

#[cfg(test)]
mod tests {
    use basalt_core::{Caller, Principal, Timestamp};
    use serde_json::json;

    use super::*;
    use crate::rules::{DenialKind, NoFacts};

    fn asked(rule: Option<&str>, input: &Value) -> Result<(), DenialKind> {
        let rule = rule.map(|source| InvokeRule::compile(source, "/invoke").unwrap());
        let caller = Caller { principal: Principal::Visitor, ..Caller::system(Timestamp::from_millis(0)) };
        match InvokeRule::authorize(rule.as_ref(), &Binding::new(caller), "add", input, &NoFacts) {
            Verdict::Allow(_) => Ok(()),
            Verdict::Deny(denial) => Err(denial.kind),
            Verdict::Need(_) => panic!("nothing is looked up"),
        }
    }

    #[test]
    fn a_rule_sees_the_input_and_without_one_nobody_may_call() {
        assert!(asked(Some("input.n > 1"), &json!({"n": 2})).is_ok());
        assert!(matches!(asked(Some("input.n > 1"), &json!({"n": 1})), Err(DenialKind::RuleDenied)));
        assert!(matches!(asked(Some("input.n > 1"), &json!("text")), Err(DenialKind::RuleDenied)));
        assert!(matches!(asked(Some("auth != null"), &json!(null)), Err(DenialKind::RuleDenied)));
        assert!(matches!(asked(None, &json!(null)), Err(DenialKind::RuleMissing)));
        assert!(InvokeRule::compile("doc.n == 1", "/invoke").is_err());
    }

    #[test]
    fn who_may_call_is_known_as_far_as_the_rule_says_it() {
        use Reach::{Always, Depends, Never};
        for (source, visitor, signed_in) in [
            ("true", Always, Always),
            ("auth == null || auth != null", Always, Always),
            ("auth != null", Never, Always),
            ("input.n > 1", Depends, Depends),
            ("auth.id == input.owner", Never, Depends),
            ("'editor' in auth.roles", Never, Depends),
            ("request.method == 'POST'", Depends, Depends),
            ("limit('ip', 10, duration('1m'))", Always, Always),
            ("false", Never, Never),
        ] {
            let rule = InvokeRule::compile(source, "/invoke").unwrap();
            let access = InvokeRule::access(Some(&rule), "functions/add".to_owned());
            assert_eq!((access.visitor, access.signed_in), (visitor, signed_in), "{source}");
        }
        let nobody = InvokeRule::access(None, "functions/add".to_owned());
        assert_eq!((nobody.visitor, nobody.signed_in, nobody.rule), (Never, Never, None));
    }
}

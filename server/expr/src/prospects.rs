//! What a condition can come to while documents and the request are still open.

use crate::env::Env;
use crate::eval::{Evaluator, Stop, Unwatched};
use crate::tree::{Kind, Node};

/// What a condition can come to, whatever stands for the names that have no value yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prospects {
    pub can_be_true: bool,
    /// False, or an error.
    pub can_be_untrue: bool,
}

pub(crate) fn of(root: &Node, env: &Env<'_>) -> Prospects {
    let outcomes = outcomes(root, env);
    Prospects { can_be_true: outcomes.0 & TRUE.0 != 0, can_be_untrue: outcomes.0 & !TRUE.0 != 0 }
}

/// A set of truth values.
#[derive(Clone, Copy)]
struct Outcomes(u8);

const TRUE: Outcomes = Outcomes(1);
const FALSE: Outcomes = Outcomes(2);
const ERROR: Outcomes = Outcomes(4);
const ANY: Outcomes = Outcomes(7);

/// An upper bound: parts are taken as independent of one another.
fn outcomes(node: &Node, env: &Env<'_>) -> Outcomes {
    let all = |parts: &[Node]| parts.iter().map(|part| outcomes(part, env)).collect::<Vec<_>>();
    match &node.kind {
        Kind::And(parts) => all(parts).into_iter().fold(TRUE, |sum, part| joined(sum, part, FALSE)),
        Kind::Or(parts) => all(parts).into_iter().fold(FALSE, |sum, part| joined(sum, part, TRUE)),
        Kind::Not(of) => negated(outcomes(of, env)),
        Kind::Ternary(parts) => {
            let condition = outcomes(&parts[0], env);
            let branches = [(TRUE, &parts[1]), (FALSE, &parts[2])];
            let taken = branches.into_iter().filter(|(way, _)| condition.0 & way.0 != 0);
            taken.fold(Outcomes(condition.0 & ERROR.0), |sum, (_, branch)| Outcomes(sum.0 | outcomes(branch, env).0))
        }
        _ => match Evaluator::open(*env, Unwatched).condition(node) {
            Ok(true) => TRUE,
            Ok(false) => FALSE,
            Err(Stop::Error(_) | Stop::Exhausted(_)) => ERROR,
            Err(Stop::Need | Stop::Limited) => ANY,
        },
    }
}

/// The value that decides wins over an error, an error over the other value.
fn joined(left: Outcomes, right: Outcomes, decider: Outcomes) -> Outcomes {
    let other = if decider.0 == TRUE.0 { FALSE } else { TRUE };
    let settled = (left.0 | right.0) & decider.0;
    let undecided = |side: Outcomes| side.0 & !decider.0 != 0;
    let error = if undecided(left) && undecided(right) { (left.0 | right.0) & ERROR.0 } else { 0 };
    Outcomes(settled | error | (left.0 & right.0 & other.0))
}

fn negated(of: Outcomes) -> Outcomes {
    let swapped = |from: Outcomes, to: Outcomes| if of.0 & from.0 == 0 { 0 } else { to.0 };
    Outcomes(swapped(TRUE, FALSE) | swapped(FALSE, TRUE) | (of.0 & ERROR.0))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::scope::{Scope, Undeclared};
    use crate::{Expression, Limiter};

    struct Granted;

    impl Limiter for Granted {
        fn take(&self, _: &str, _: u32, _: std::time::Duration) -> bool {
            true
        }
    }

    fn prospects(source: &str, auth: &Value) -> (bool, bool) {
        let scope = Scope {
            auth: true,
            request: true,
            doc: true,
            next: true,
            lookups: true,
            unchanged: true,
            limit: true,
            ..Scope::default()
        };
        let expression = Expression::compile(source, &scope, &Undeclared).unwrap();
        let found = expression.prospects(&Env { auth, limiter: Some(&Granted), ..Env::empty() });
        (found.can_be_true, found.can_be_untrue)
    }

    #[test]
    fn what_no_document_changes_is_known() {
        let ann = json!({"id": "ann", "roles": ["hr"]});
        for source in ["true || doc.a == 1", "'hr' in auth.roles || next.a > doc.a", "!(auth == null && doc.a)"] {
            assert_eq!(prospects(source, &ann), (true, false), "{source}");
        }
        for source in [
            "auth.id == doc.owner",
            "next.owner == auth.id && unchanged('owner')",
            "'hr' in auth.roles && next.open",
            "auth != null ? doc.open : false",
        ] {
            assert_eq!(prospects(source, &Value::Null), (false, true), "{source}");
            assert_eq!(prospects(source, &ann), (true, true), "{source}");
        }
        for source in ["auth == null && doc.a", "false && exists('a', doc.b)"] {
            assert_eq!(prospects(source, &ann), (false, true), "{source}");
        }
        for source in [
            "has(doc.a)",
            "request.method == 'GET'",
            "unchanged('a')",
            "exists('a', 'b')",
            "!(auth.id == 'x' && doc.open)",
            "auth.id == doc.a || doc.open",
        ] {
            assert_eq!(prospects(source, &Value::Null), (true, true), "{source}");
        }
        assert_eq!(prospects("auth == null && limit('a', 1, duration('1s'))", &Value::Null), (true, false));
    }
}

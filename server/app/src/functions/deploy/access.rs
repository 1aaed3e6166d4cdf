//! Who may call a function, before a deploy and after it.

use basalt_data::rules::{Access, InvokeRule, Reach};

use crate::functions::catalog::Weighted;
use crate::functions::config::FunctionConfig;
use crate::functions::names::{AliasName, FunctionName, LIVE};

/// `None` of a function that nobody calls, since it is of another kind.
pub(super) fn of_config(name: &FunctionName, alias: &AliasName, config: &FunctionConfig) -> Option<Access> {
    let at = if alias.as_str() == LIVE { String::new() } else { format!("@{alias}") };
    config.is_called().then(|| InvokeRule::access(config.invoke.as_ref(), format!("functions/{name}{at}")))
}

/// By whichever of the versions that an alias leads to: one call goes to this, another to that.
pub(super) fn of_shares(name: &FunctionName, alias: &AliasName, shares: &[Weighted]) -> Option<Access> {
    shares.iter().filter_map(|share| of_config(name, alias, &share.version.config)).reduce(either)
}

fn either(one: Access, other: Access) -> Access {
    let reach = |one: Reach, other: Reach| if one == other { one } else { Reach::Depends };
    let rule = match (one.rule, other.rule) {
        (Some(one), Some(other)) if one != other => Some(format!("({one}) || ({other})")),
        (one, other) => one.or(other),
    };
    Access {
        visitor: reach(one.visitor, other.visitor),
        signed_in: reach(one.signed_in, other.signed_in),
        rule,
        ..other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_versions_a_call_reaches_either() {
        use Reach::{Always, Depends, Never};
        let access = |visitor, signed_in, rule: Option<&str>| Access {
            collection: "functions/add".into(),
            op: "invoke",
            visitor,
            signed_in,
            rule: rule.map(str::to_owned),
        };
        let (open, own) = (access(Always, Always, Some("true")), access(Never, Always, Some("auth != null")));
        let mixed = either(open.clone(), own);
        assert_eq!(mixed, access(Depends, Always, Some("(true) || (auth != null)")));
        assert_eq!(either(open.clone(), open.clone()), open);
        assert_eq!(either(open, access(Never, Never, None)), access(Depends, Depends, Some("true")));
    }
}

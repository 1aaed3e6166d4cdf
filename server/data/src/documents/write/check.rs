//! An operation that writes nothing: the transaction goes on only if it holds.

use basalt_core::{Code, Error};

use super::operation::{Context, Effect, EffectKind, Prepared};
use super::sight::{Sight, check_condition, check_preconditions};
use crate::documents::state::{Decided, Stop};

/// What the caller can't read isn't there for him.
pub(super) fn check(prepared: &Prepared<'_>, context: &Context<'_>, exists: bool, sight: Sight) -> Decided<Effect> {
    let seen = match sight {
        Sight::Seen(seen) => Some(seen),
        Sight::Absent | Sight::Hidden => None,
    };
    if seen.is_some() != exists {
        let detail = if exists { "There is no such document." } else { "The document is there." };
        return Err(Stop::Refuse(Error::new(Code::ConditionFailed, detail)));
    }
    check_preconditions(prepared, seen.as_ref())?;
    check_condition(prepared, context, seen.as_ref())?;
    let rev = seen.map(|seen| seen.document.rev.clone());
    let id = prepared.operation.id.clone();
    Ok(Effect { kind: EffectKind::Checked, id, rev, body: None, as_written: false, before: None, after: None })
}

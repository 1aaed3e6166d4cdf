//! A patch of the fields that are a user's own.

use std::collections::BTreeSet;

use basalt_core::{Document, Result, Timestamp};
use basalt_data::collections::Compiled;
use basalt_data::documents::{PatchBody, built_in};
use basalt_expr::Flat;
use serde_json::{Map, Value};

/// The fields after a merge patch (whose values may be operators) by who reads `readable` of the user; the server's
/// fields can't be changed by one.
pub(super) fn patched(
    users: &Compiled,
    (user, readable): (&Document, &Document),
    patch: &Map<String, Value>,
    now: Timestamp,
) -> Result<Map<String, Value>> {
    let unreadable = unreadable(users, user, readable);
    let data = built_in::patched(users, (user, readable), &unreadable, PatchBody::Merge(patch.clone()), now)?;
    users.check_protected(Some(Flat::default().of(user)), Some(Flat::default().of(&with(user, &data))))?;
    Ok(data)
}

/// The user with these fields.
pub(super) fn with(user: &Document, data: &Map<String, Value>) -> Document {
    Document { data: data.clone(), ..user.clone() }
}

/// The fields that are kept from a reader, whether they are there or not.
fn unreadable(users: &Compiled, stored: &Document, readable: &Document) -> BTreeSet<String> {
    let masked = stored.data.keys().filter(|name| !readable.data.contains_key(*name));
    let hidden = users.definition.hidden.iter().filter(|name| !readable.data.contains_key(*name));
    hidden.chain(masked).cloned().collect()
}

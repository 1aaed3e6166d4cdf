//! A patch of the fields that are a user's own.

use std::collections::BTreeSet;

use basalt_core::{Document, Result, Timestamp};
use basalt_data::collections::Compiled;
use basalt_data::documents::{PatchBody, built_in};
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
    users.check_protected(Some(&flat(user, &user.data)), Some(&flat(user, &data)))?;
    Ok(data)
}

/// A user with these fields, as rules see him.
pub(super) fn flat(user: &Document, data: &Map<String, Value>) -> Value {
    Value::Object(Document { data: data.clone(), ..user.clone() }.into_flat())
}

/// The fields that are kept from a reader, whether they are there or not.
fn unreadable(users: &Compiled, stored: &Document, readable: &Document) -> BTreeSet<String> {
    let masked = stored.data.keys().filter(|name| !readable.data.contains_key(*name));
    let hidden = users.definition.hidden.iter().filter(|name| !readable.data.contains_key(*name));
    hidden.chain(masked).cloned().collect()
}

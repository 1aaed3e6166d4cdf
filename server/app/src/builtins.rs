//! What these rooms keep in built-in collections.

use std::sync::Arc;

use basalt_core::{CollectionName, FieldPath, Result};
use basalt_data::collections::{Builtin, OwnedRead};
use basalt_data::documents::{Behaviour, Behaviours, UsersBehaviour};
use basalt_data::rules::RuleOp;
use basalt_store::{IndexKind, IndexSpec, SortField};

use crate::common::names::{AUDIT, CHANNELS, KEYS, OPERATOR_SESSIONS, OPERATORS, OWNED, ROLES, SESSIONS, USERS};

/// The built-in collections of this crate's rooms, to be declared when the server is assembled.
pub fn builtins() -> Result<Vec<Builtin>> {
    Ok(vec![
        users()?,
        system(&SESSIONS, vec![index("expiresAt")?]),
        system(&KEYS, Vec::new()),
        system(&OPERATORS, Vec::new()),
        system(&OPERATOR_SESSIONS, Vec::new()),
        system(&ROLES, Vec::new()),
        system(&CHANNELS, Vec::new()),
        system(&AUDIT, Vec::new()),
    ])
}

/// What generic doors do to the built-in collections of this crate's rooms: the own fields of users, and nothing else.
pub fn behaviours() -> Behaviours {
    Behaviours::new([(USERS.clone(), Arc::new(UsersBehaviour) as Arc<dyn Behaviour>)])
}

/// Made and deleted by sign-up, by the user himself and by the admin API alone.
fn users() -> Result<Builtin> {
    Ok(Builtin {
        name: USERS.clone(),
        indexes: vec![index("email")?, index("username")?],
        owned_fields: OWNED.iter().map(ToString::to_string).collect(),
        owned_read: OwnedRead::Rule("auth.id == doc.id".to_owned()),
        ruled: vec![RuleOp::Get, RuleOp::List, RuleOp::Update],
    })
}

fn system(name: &CollectionName, indexes: Vec<IndexSpec>) -> Builtin {
    Builtin { name: name.clone(), indexes, owned_fields: Vec::new(), owned_read: OwnedRead::Nobody, ruled: Vec::new() }
}

fn index(field: &str) -> Result<IndexSpec> {
    let field = SortField { path: FieldPath::parse(field)?, descending: false };
    Ok(IndexSpec { kind: IndexKind::Ordered, fields: vec![field] })
}

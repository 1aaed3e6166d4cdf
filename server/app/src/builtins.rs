//! What these rooms keep in built-in collections.

use std::sync::Arc;

use basalt_core::{Caller, ChangeOp, Code, CollectionName, Error, FieldPath, Result};
use basalt_data::collections::{Builtin, OwnedRead};
use basalt_data::documents::{Behaviour, Behaviours, BuiltInWrite, Extra, Reaction, UsersBehaviour};
use basalt_data::jobs::DEAD_LETTERS;
use basalt_data::rules::{Facts, RuleOp};
use basalt_store::{IndexKind, IndexSpec, SortField};

use crate::common::names::{
    AUDIT, CHANNELS, DEPLOYMENTS, FILES, FUNCTION_CODE, FUNCTION_VERSIONS, FUNCTIONS, KEYS, OPERATOR_SESSIONS,
    OPERATORS, OUTBOX, OWNED, ROLES, SCHEDULES, SESSIONS, USERS, WEBHOOKS,
};
use crate::files::OWNED as OWNED_BY_FILES;

/// The built-in collections of this crate's rooms, to be declared when the server is assembled.
pub fn builtins() -> Result<Vec<Builtin>> {
    Ok(vec![
        users()?,
        files()?,
        system(&SESSIONS, vec![index("expiresAt")?]),
        system(&KEYS, Vec::new()),
        system(&OPERATORS, Vec::new()),
        system(&OPERATOR_SESSIONS, Vec::new()),
        system(&ROLES, Vec::new()),
        system(&CHANNELS, Vec::new()),
        system(&AUDIT, Vec::new()),
        system(&FUNCTIONS, Vec::new()),
        system(&FUNCTION_VERSIONS, Vec::new()),
        system(&FUNCTION_CODE, Vec::new()),
        system(&SCHEDULES, Vec::new()),
        system(&WEBHOOKS, Vec::new()),
        system(&DEPLOYMENTS, Vec::new()),
        system(&OUTBOX, Vec::new()),
        system(&DEAD_LETTERS, vec![index("diedAt")?, indexed(&["kind", "diedAt"])?]),
    ])
}

/// What generic doors do to the built-in collections of this crate's rooms: the own fields of users, and nothing else.
pub fn behaviours() -> Behaviours {
    let files: (_, Arc<dyn Behaviour>) = (FILES.clone(), Arc::new(FilesBehaviour));
    Behaviours::new([(USERS.clone(), Arc::new(UsersBehaviour) as Arc<dyn Behaviour>), files])
}

/// Written by the doors of their buckets alone, since their bytes go along.
struct FilesBehaviour;

impl Behaviour for FilesBehaviour {
    fn permits(&self, _: ChangeOp) -> Result<()> {
        let detail = "Files are written by /v1/buckets; what you say of one by PATCH …/metadata there.";
        Err(Error::new(Code::MethodNotAllowed, detail))
    }

    fn react(&self, _: &Caller, _: BuiltInWrite<'_>, _: &dyn Facts) -> Reaction {
        Reaction::Go(Extra::default())
    }
}

/// Who may read them is for the rules of their buckets.
fn files() -> Result<Builtin> {
    let place = ["bucket", "path"].map(|field| Ok(SortField { path: FieldPath::parse(field)?, descending: false }));
    let place = place.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(Builtin {
        name: FILES.clone(),
        indexes: vec![IndexSpec { kind: IndexKind::Unique, fields: place }, index("folder")?],
        owned_fields: OWNED_BY_FILES.iter().map(ToString::to_string).collect(),
        owned_read: OwnedRead::Reader,
        ruled: Vec::new(),
    })
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
    indexed(&[field])
}

fn indexed(fields: &[&str]) -> Result<IndexSpec> {
    let field = |name: &&str| Ok(SortField { path: FieldPath::parse(name)?, descending: false });
    Ok(IndexSpec { kind: IndexKind::Ordered, fields: fields.iter().map(field).collect::<Result<_>>()? })
}

//! The roles that users may be given (`/v1/admin/roles`, `[roles]` of an app): documents of `_roles`, whose changes let
//! every node forget what it knows of users, and beside them the [`Graph`] that says what counts for whom.

mod graph;

use basalt_core::filter::Filter;
use basalt_core::{Caller, Code, Document, DocumentId, Error, FieldError, Result, Timestamp};
use basalt_store::{CellKey, List, Read};
use serde_json::{Map, Value, json};

pub(super) use graph::{Graph, read};

use super::Auth;
use crate::common::names::ROLES;
use crate::common::{Entry, Flow, Trail, Tx, cell, refuse, rights};

const DESCRIPTION_CHARACTERS: usize = 500;
const MOST_INHERITED: usize = 32;

#[derive(Clone)]
pub struct Roles {
    auth: Auth,
}

/// What a role is declared to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    pub description: Option<String>,
    /// Other roles whose rights its holders have, too.
    pub inherits: Vec<String>,
}

/// Who declares.
#[derive(Clone, Copy)]
enum Origin {
    Call,
    Manifest,
}

/// A role to be declared, and where this is told.
type Wanted = (DocumentId, Role, Trail);

/// A role as operators see it.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleInfo {
    pub name: DocumentId,
    pub role: Role,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Roles {
    pub(super) fn new(auth: Auth) -> Self {
        Self { auth }
    }

    /// All roles, by name.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<RoleInfo>> {
        rights::admin_read(caller)?;
        let list = List {
            collection: ROLES.clone(),
            filter: Filter::True,
            search: None,
            sort: Vec::new(),
            limit: u32::try_from(graph::MOST).unwrap_or(u32::MAX),
            after: None,
            count: false,
        };
        let page = self.auth.parts.db.store().list(list).await?;
        page.documents.iter().map(info).collect()
    }

    pub async fn get(&self, caller: &Caller, name: &DocumentId) -> Result<RoleInfo> {
        rights::admin_read(caller)?;
        info(&self.auth.parts.db.store().document(&ROLES, name).await?.ok_or_else(not_found)?)
    }

    /// Declares a role or changes it; the same content changes nothing.
    pub async fn put(&self, caller: &Caller, name: &DocumentId, role: Role) -> Result<RoleInfo> {
        self.declare(caller, vec![(name.clone(), role)]).await?;
        self.get(caller, name).await
    }

    /// Declares several at once, all or none; other roles stay as they are.
    pub async fn declare(&self, caller: &Caller, roles: Vec<(DocumentId, Role)>) -> Result<()> {
        self.declare_those(caller, roles, Origin::Call).await
    }

    /// Declares those of an app's manifest. What it said already when it was last applied is left as it is: an operator
    /// may have changed or removed it since.
    pub async fn declare_manifest(&self, caller: &Caller, roles: Vec<(DocumentId, Role)>) -> Result<()> {
        if roles.is_empty() {
            return Ok(());
        }
        self.declare_those(caller, roles, Origin::Manifest).await
    }

    async fn declare_those(&self, caller: &Caller, roles: Vec<(DocumentId, Role)>, origin: Origin) -> Result<()> {
        rights::admin_own(caller)?;
        for (_, role) in &roles {
            role.check()?;
        }
        let db = &self.auth.parts.db;
        let roles: Vec<Wanted> = roles.into_iter().map(|(name, role)| (name, role, Trail::new(db, caller))).collect();
        let decide = move |tx: &mut Tx<'_>| {
            let reads = roles.iter().flat_map(|(name, _, trail)| [document_read(name), trail.read()]);
            tx.need(reads.chain([graph::read(), cell(&applied_key())]))?;
            let wanted = match origin {
                Origin::Call => roles.iter().collect(),
                Origin::Manifest => newly_said(tx, &roles)?,
            };
            let before = Graph::load(tx)?;
            let mut graph = before.clone();
            for (name, role, _) in &wanted {
                graph.set(name.as_str(), &role.inherits);
            }
            let faults: Vec<FieldError> =
                wanted.iter().flat_map(|(name, role, _)| graph.faults(name.as_str(), &role.inherits)).collect();
            if !faults.is_empty() {
                return Err(Error::new(Code::SchemaViolation, "The role is not valid.").with_errors(faults).into());
            }
            for (name, role, trail) in wanted {
                put(tx, name, role, trail)?;
            }
            if graph != before {
                graph.save(tx);
            }
            Ok(())
        };
        self.auth.parts.commit(caller, decide).await?;
        Ok(())
    }

    /// Takes a role back: it counts for nobody from now on. One that others inherit from is 409 `referenced`.
    pub async fn delete(&self, caller: &Caller, name: &DocumentId) -> Result<()> {
        rights::admin_own(caller)?;
        let (name, trail) = (name.clone(), Trail::new(&self.auth.parts.db, caller));
        let decide = move |tx: &mut Tx<'_>| {
            tx.need([document_read(&name), graph::read(), trail.read()])?;
            let Some(document) = tx.document(&ROLES, &name)? else { return Err(not_found().into()) };
            let mut graph = Graph::load(tx)?;
            if let Some(heir) = graph.heir(name.as_str()) {
                return refuse(Code::Referenced, &format!("The role {heir:?} inherits from it."));
            }
            graph.remove(name.as_str());
            graph.save(tx);
            tx.delete(&ROLES, &document);
            trail.note(tx, entry("roles.delete", &name, Some(document.data.clone()), None))
        };
        self.auth.parts.commit(caller, decide).await?;
        Ok(())
    }
}

impl Auth {
    /// The roles that count for a user: what he was given, with what that inherits from.
    pub(super) async fn effective_roles(&self, granted: Vec<String>) -> Result<Vec<String>> {
        if granted.is_empty() {
            return Ok(granted);
        }
        self.parts.db.inspect(move |tx| Ok(Graph::load(tx)?.effective(&granted))).await
    }
}

impl Role {
    fn check(&self) -> Result<()> {
        let mut errors = Vec::new();
        if self.description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION_CHARACTERS) {
            let message = format!("A description has at most {DESCRIPTION_CHARACTERS} characters.");
            errors.push(FieldError::new("/description", "too_long", message));
        }
        if self.inherits.len() > MOST_INHERITED {
            let message = format!("A role inherits from at most {MOST_INHERITED} others.");
            errors.push(FieldError::new("/inherits", "too_many", message));
        }
        if errors.is_empty() {
            return Ok(());
        }
        Err(Error::new(Code::SchemaViolation, "The role is not valid.").with_errors(errors))
    }

    fn to_data(&self) -> Map<String, Value> {
        let description = self.description.clone().map(|text| ("description".to_owned(), text.into()));
        description.into_iter().chain([("inherits".to_owned(), json!(self.inherits))]).collect()
    }
}

/// What the manifest says otherwise than when it was last applied, which this is noted to be.
fn newly_said<'a>(tx: &mut Tx<'_>, roles: &'a [Wanted]) -> Flow<Vec<&'a Wanted>> {
    let applied = tx.cell(&applied_key())?.unwrap_or_default();
    let said = |(name, role, _): &&Wanted| applied.get(name.as_str()) != Some(&Value::Object(role.to_data()));
    let wanted: Vec<&Wanted> = roles.iter().filter(said).collect();
    if !wanted.is_empty() {
        let now = roles.iter().map(|(name, role, _)| (name.to_string(), Value::Object(role.to_data())));
        tx.put_cell(&applied_key(), Value::Object(now.collect()), None);
    }
    Ok(wanted)
}

/// What a manifest said of its roles when it was last applied.
fn applied_key() -> CellKey {
    CellKey::new("_roles", "applied")
}

fn put(tx: &mut Tx<'_>, name: &DocumentId, role: &Role, trail: &Trail) -> Flow<()> {
    let data = role.to_data();
    let former = tx.document(&ROLES, name)?;
    let before = former.as_ref().map(|document| document.data.clone());
    if before.as_ref() == Some(&data) {
        return Ok(());
    }
    match former {
        Some(former) => drop(tx.update(&ROLES, &former, data.clone())),
        None => drop(tx.create(&ROLES, name, data.clone())?),
    }
    trail.note(tx, entry("roles.put", name, before, Some(data)))
}

fn document_read(name: &DocumentId) -> Read {
    Read::Document { collection: ROLES.clone(), id: name.clone() }
}

fn info(document: &Document) -> Result<RoleInfo> {
    let inherits = document.data.get("inherits").cloned().unwrap_or_default();
    let role = Role {
        description: document.data.get("description").and_then(Value::as_str).map(str::to_owned),
        inherits: serde_json::from_value(inherits).map_err(Error::internal)?,
    };
    let Document { id, created_at, updated_at, .. } = document;
    Ok(RoleInfo { name: id.clone(), role, created_at: *created_at, updated_at: *updated_at })
}

fn not_found() -> Error {
    Error::new(Code::RoleNotFound, "There is no such role.")
}

fn entry(
    action: &'static str,
    role: &DocumentId,
    before: Option<Map<String, Value>>,
    after: Option<Map<String, Value>>,
) -> Entry {
    Entry { action, target: ("role", role.to_string()), before, after }
}

//! Secrets of functions: set and never shown. Their values are sealed under the master secret, so the database alone
//! tells none of them; what functions say that holds one is told with `[secret]` in its place.

mod redact;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use basalt_core::{Caller, Code, Error, Result, Timestamp};
use basalt_store::CellKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Registry;
use super::names::{AliasName, SecretName};
use crate::common::{Db, Entry, Flow, Sealer, Secret, Trail, Tx, cell, rights};

pub use redact::Redactor;

/// What the ids of entries in the audit begin with that tell of a change of a secret: cells are not in the log.
pub(super) const MARK: &str = "secrets-";
const SPACE: &str = "_function_secrets";
/// What values are sealed for.
pub(super) const PURPOSE: &str = "function secrets";
/// Values of one server.
const MOST: usize = 500;
const VALUE_BYTES: usize = 16 << 10;

/// The secrets of one alias: those of its own, and those of all aliases that it has no own ones of.
#[derive(Debug, Default)]
pub struct Secrets {
    values: BTreeMap<String, String>,
    redactor: Redactor,
}

/// All of them, opened.
#[derive(Default)]
pub(super) struct Opened {
    /// `None`: for every alias without its own.
    by_alias: BTreeMap<Option<AliasName>, BTreeMap<SecretName, String>>,
    /// Ready for use, by alias; the last is of aliases that have none of their own.
    ready: BTreeMap<AliasName, Arc<Secrets>>,
    common: Arc<Secrets>,
}

/// What is told of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretInfo {
    pub name: SecretName,
    /// `None`: for every alias without its own.
    pub alias: Option<AliasName>,
    pub updated_at: Timestamp,
}

/// The list of secrets, in one cell; each value has its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Index(Vec<Indexed>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Indexed {
    name: SecretName,
    alias: Option<AliasName>,
    updated_at: Timestamp,
}

impl Secrets {
    fn new<'a>(values: impl Iterator<Item = (&'a SecretName, &'a String)>) -> Self {
        let values: BTreeMap<String, String> = values.map(|(name, value)| (name.to_string(), value.clone())).collect();
        let redactor = Redactor::new(values.values());
        Self { values, redactor }
    }

    /// By name, as `ctx.secrets` shows them.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }
}

impl Opened {
    fn new(by_alias: BTreeMap<Option<AliasName>, BTreeMap<SecretName, String>>) -> Self {
        let nothing = BTreeMap::new();
        let common = by_alias.get(&None).unwrap_or(&nothing);
        let own = by_alias.iter().filter_map(|(alias, own)| Some((alias.as_ref()?, own)));
        // The later of two of a name is the alias' own.
        let ready = own.map(|(alias, own)| (alias.clone(), Arc::new(Secrets::new(common.iter().chain(own)))));
        let ready = ready.collect();
        let common = Arc::new(Secrets::new(common.iter()));
        Self { by_alias, ready, common }
    }

    pub(super) fn of(&self, alias: &AliasName) -> Arc<Secrets> {
        Arc::clone(self.ready.get(alias).unwrap_or(&self.common))
    }

    /// The value for an alias, or for every one.
    pub(super) fn value(&self, name: &str, alias: &AliasName) -> Option<&str> {
        let own = self.by_alias.get(&Some(alias.clone())).and_then(|own| own.get(name));
        own.or_else(|| self.by_alias.get(&None)?.get(name)).map(String::as_str)
    }
}

/// Reads and opens all of them.
pub(super) async fn load(db: &Db, sealer: &Sealer) -> Result<Opened> {
    let stored = db
        .inspect(|tx| {
            let index = Index::load(tx)?;
            tx.need(index.0.iter().map(|one| cell(&value_key(&one.name, one.alias.as_ref()))))?;
            let mut found = Vec::with_capacity(index.0.len());
            for one in index.0 {
                let value = tx.cell(&value_key(&one.name, one.alias.as_ref()))?;
                found.push((one, value));
            }
            Ok(found)
        })
        .await?;
    let mut by_alias: BTreeMap<Option<AliasName>, BTreeMap<SecretName, String>> = BTreeMap::new();
    for (one, value) in stored {
        let opened = value.as_ref().and_then(Value::as_str).and_then(|text| sealer.open(&context(&one), text));
        let Some(opened) = opened else {
            tracing::error!(name = one.name.as_str(), "a secret was sealed under another master secret: set it anew");
            continue;
        };
        by_alias.entry(one.alias).or_default().insert(one.name, opened.expose().to_owned());
    }
    Ok(Opened::new(by_alias))
}

impl Registry {
    /// Names only, by name.
    pub async fn list_secrets(&self, caller: &Caller) -> Result<Vec<SecretInfo>> {
        rights::admin_read(caller)?;
        let index = self.db().inspect(Index::load).await?;
        let told = |one: Indexed| SecretInfo { name: one.name, alias: one.alias, updated_at: one.updated_at };
        Ok(index.0.into_iter().map(told).collect())
    }

    /// Sets a secret, for one alias or for all; functions see it from their next call on.
    pub async fn set_secret(
        &self,
        caller: &Caller,
        (name, alias): (&SecretName, Option<&AliasName>),
        value: &Secret,
    ) -> Result<()> {
        rights::admin_own(caller)?;
        if value.expose().is_empty() || value.expose().len() > VALUE_BYTES {
            let detail = format!("A secret's value has 1 to {VALUE_BYTES} bytes.");
            return Err(Error::new(Code::BadRequest, detail));
        }
        let db = self.db();
        let one = Indexed { name: name.clone(), alias: alias.cloned(), updated_at: db.now() };
        let sealed = self.sealer().seal(&context(&one), value, db.random());
        let trail = Trail::marked(db, caller, MARK)?;
        let decide = move |tx: &mut Tx<'_>| {
            let key = value_key(&one.name, one.alias.as_ref());
            tx.need([cell(&index_key()), cell(&key), trail.read()])?;
            let mut index = Index::load(tx)?;
            index.put(&one)?;
            index.save(tx);
            tx.put_cell(&key, sealed.as_str().into(), None);
            trail.note(tx, entry("secrets.set", &one))
        };
        db.commit(caller, decide).await?;
        self.reload_secrets().await
    }

    /// Those of these names that there are, for what `"${NAME}"` stands for.
    pub fn secret_values(&self, names: &BTreeSet<String>, alias: &AliasName) -> BTreeMap<String, String> {
        let opened = self.opened();
        let value = |name: &String| Some((name.clone(), opened.value(name, alias)?.to_owned()));
        names.iter().filter_map(value).collect()
    }

    pub async fn delete_secret(&self, caller: &Caller, name: &SecretName, alias: Option<&AliasName>) -> Result<()> {
        rights::admin_own(caller)?;
        let db = self.db();
        let one = Indexed { name: name.clone(), alias: alias.cloned(), updated_at: db.now() };
        let trail = Trail::marked(db, caller, MARK)?;
        let decide = move |tx: &mut Tx<'_>| {
            tx.need([cell(&index_key()), trail.read()])?;
            let mut index = Index::load(tx)?;
            let count = index.0.len();
            index.0.retain(|other| !one.is_of(other));
            if index.0.len() == count {
                return Err(Error::new(Code::SecretNotFound, "There is no such secret.").into());
            }
            index.save(tx);
            tx.delete_cell(&value_key(&one.name, one.alias.as_ref()));
            trail.note(tx, entry("secrets.delete", &one))
        };
        db.commit(caller, decide).await?;
        self.reload_secrets().await
    }
}

impl Index {
    fn load(tx: &mut Tx<'_>) -> Flow<Self> {
        let stored = tx.cell(&index_key())?.unwrap_or_else(|| json!([]));
        Ok(serde_json::from_value(stored).map_err(Error::internal)?)
    }

    fn save(&self, tx: &mut Tx<'_>) {
        tx.put_cell(&index_key(), json!(self.0), None);
    }

    fn put(&mut self, one: &Indexed) -> Result<()> {
        self.0.retain(|other| !one.is_of(other));
        if self.0.len() >= MOST {
            return Err(Error::new(Code::QuotaExceeded, format!("There are at most {MOST} secrets.")));
        }
        self.0.push(one.clone());
        self.0.sort_unstable_by(|a, b| (&a.name, &a.alias).cmp(&(&b.name, &b.alias)));
        Ok(())
    }
}

impl Indexed {
    fn is_of(&self, other: &Self) -> bool {
        (&self.name, &self.alias) == (&other.name, &other.alias)
    }
}

fn index_key() -> CellKey {
    CellKey::new(SPACE, "index")
}

fn value_key(name: &SecretName, alias: Option<&AliasName>) -> CellKey {
    CellKey::new(SPACE, place(name, alias))
}

fn place(name: &SecretName, alias: Option<&AliasName>) -> String {
    format!("{}/{name}", alias.map_or("*", AliasName::as_str))
}

/// A sealed value opens in its own place only.
fn context(one: &Indexed) -> String {
    place(&one.name, one.alias.as_ref())
}

fn entry(action: &'static str, one: &Indexed) -> Entry {
    Entry { action, target: ("secret", place(&one.name, one.alias.as_ref())), before: None, after: None }
}

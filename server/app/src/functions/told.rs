//! What the admin API is told of functions and their versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_core::{Actor, Caller, Code as ErrorCode, Error, Result, Timestamp};
use basalt_runtime::{Code, CodeId, Kind};
use serde_json::Value;

use super::Registry;
use super::catalog::{Deployed, Function, documents};
use super::names::{AliasName, FunctionName, not_found};
use super::stored::{Egress, StoredSource, StoredVersion};
use crate::common::rights;

/// A version, told.
#[derive(Clone, Debug)]
pub struct VersionInfo {
    pub version: u32,
    pub kind: Kind,
    pub subject: Option<String>,
    /// Options as they hold: those of its code, of the settings and of the app put together.
    pub options: Value,
    /// Its file, or its URL.
    pub source: String,
    pub export: Option<String>,
    pub code: Option<CodeId>,
    pub env: BTreeMap<String, String>,
    pub egress: Egress,
    pub created_at: Timestamp,
    pub by: Actor,
    /// Those that lead to it.
    pub aliases: Vec<AliasName>,
}

impl Registry {
    /// All functions, of this moment.
    pub fn list(&self, caller: &Caller) -> Result<Arc<Deployed>> {
        rights::admin_read(caller)?;
        Ok(self.deployed())
    }

    pub fn get(&self, caller: &Caller, name: &FunctionName) -> Result<Arc<Function>> {
        rights::admin_read(caller)?;
        self.deployed().function(name.as_str()).cloned().ok_or_else(|| not_found(name.as_str()))
    }

    /// Those that are kept, the newest first.
    pub async fn versions(&self, caller: &Caller, name: &FunctionName) -> Result<Vec<VersionInfo>> {
        let function = self.get(caller, name)?;
        let numbers: Vec<u32> = function.versions().collect();
        let mut versions = self.read_versions(&function, &numbers).await?;
        versions.sort_by_key(|version| std::cmp::Reverse(version.version));
        Ok(versions)
    }

    /// One version, and its sources by path; of a WebAssembly module and a function elsewhere there are none.
    pub async fn version(
        &self,
        caller: &Caller,
        name: &FunctionName,
        number: u32,
    ) -> Result<(VersionInfo, BTreeMap<String, String>)> {
        let function = self.get(caller, name)?;
        let none = || Error::new(ErrorCode::VersionNotFound, "There is no such version, or it is no longer kept.");
        let version = self.read_versions(&function, &[number]).await?.pop().ok_or_else(none)?;
        let Some(code) = &version.code else { return Ok((version, BTreeMap::new())) };
        let sources = match &*self.code(code).await? {
            Code::Script { sources, .. } => sources.clone(),
            Code::Wasm { .. } => BTreeMap::new(),
        };
        Ok((version, sources))
    }

    async fn read_versions(&self, function: &Function, numbers: &[u32]) -> Result<Vec<VersionInfo>> {
        let ids = numbers.iter().map(|number| function.name.version_id(*number)).collect::<Result<Vec<_>>>()?;
        let found = documents(self.db(), ids).await?;
        found.iter().map(|document| Ok(function.told(StoredVersion::read(document)?, document.created_at))).collect()
    }
}

impl Function {
    fn told(&self, stored: StoredVersion, created_at: Timestamp) -> VersionInfo {
        let leads =
            |alias: &&AliasName| self.aliases[*alias].iter().any(|share| share.version.number == stored.version);
        let aliases = self.aliases.keys().filter(leads).cloned().collect();
        let (source, export) = match stored.source {
            StoredSource::Module { entry, export } => (entry, Some(export)),
            StoredSource::Wasm { entry } => (entry, None),
            StoredSource::Remote { url, .. } => (url, None),
        };
        VersionInfo {
            version: stored.version,
            kind: stored.kind,
            subject: stored.subject,
            options: stored.options,
            source,
            export,
            code: stored.code,
            env: stored.env,
            egress: stored.egress,
            created_at,
            by: stored.by,
            aliases,
        }
    }
}

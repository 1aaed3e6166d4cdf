//! Aliases: which versions get a function's calls. A change of one holds on all nodes as soon as the log tells of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use basalt_core::{Caller, Code, Error, FieldError, Result};
use basalt_store::Read;

use super::Registry;
use super::catalog::Function;
use super::deploy::{deletion, moved, outdated};
use super::names::{AliasName, FunctionName, not_found};
use super::stored::Share;
use super::versions::{Edit, Removal};
use crate::common::names::FUNCTIONS;
use crate::common::{Trail, Tx, rights};

/// Versions of one alias.
const MOST: usize = 10;
/// How often a change is thought out anew because something was deployed meanwhile.
const TRIES: u32 = 8;

/// Where to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rollback {
    /// Where the alias led before its last change.
    Before,
    To(u32),
}

impl Registry {
    /// What an alias leads to.
    pub fn alias(&self, caller: &Caller, name: &FunctionName, alias: &AliasName) -> Result<Vec<Share>> {
        rights::admin_read(caller)?;
        let deployed = self.deployed();
        let function = deployed.function(name.as_str()).ok_or_else(|| not_found(name.as_str()))?;
        function.shares(alias.as_str()).ok_or_else(no_alias)
    }

    /// Lets an alias lead to these versions; it is made where there is none.
    pub async fn put_alias(
        &self,
        caller: &Caller,
        (name, alias): (&FunctionName, &AliasName),
        shares: Vec<Share>,
    ) -> Result<Vec<Share>> {
        check(&shares)?;
        self.point(caller, name, alias, move |function| {
            let missing = shares.iter().enumerate().find(|(_, share)| !function.has(share.version));
            match missing {
                None => Ok(shares.clone()),
                Some((index, share)) => Err(no_version(share.version, &format!("/versions/{index}/version"))),
            }
        })
        .await
    }

    /// The function can't be called by this alias any more; one without any alias is gone.
    pub async fn delete_alias(&self, caller: &Caller, name: &FunctionName, alias: &AliasName) -> Result<()> {
        let there = |function: &Function| {
            if function.aliases.contains_key(alias) { Ok(Vec::new()) } else { Err(no_alias()) }
        };
        self.point(caller, name, alias, there).await.map(drop)
    }

    /// Goes back; to go back again is to go forth.
    pub async fn roll_back(
        &self,
        caller: &Caller,
        (name, alias): (&FunctionName, &AliasName),
        to: Rollback,
    ) -> Result<Vec<Share>> {
        self.point(caller, name, alias, move |function| match to {
            Rollback::To(version) if function.has(version) => Ok(vec![Share { version, weight: 100 }]),
            Rollback::To(version) => Err(no_version(version, "/version")),
            Rollback::Before => function.before(alias),
        })
        .await
    }

    /// Takes a function away with all its versions.
    pub async fn delete_function(&self, caller: &Caller, name: &FunctionName) -> Result<()> {
        rights::admin_own(caller)?;
        let _alone = self.deploying().await;
        for _ in 0..TRIES {
            let (name, by, trail) = (name.clone(), caller.actor(), Trail::new(self.db(), caller));
            let decide = move |tx: &mut Tx<'_>| {
                let id = name.id()?;
                tx.need([Read::Document { collection: FUNCTIONS.clone(), id: id.clone() }, trail.read()])?;
                let Some(document) = tx.document(&FUNCTIONS, &id)? else { return Err(not_found(name.as_str()).into()) };
                let (mut edit, now) = (Edit::open(tx, &name, Some(&document.rev))?, tx.now());
                let aliases: Vec<AliasName> = edit.function().aliases.keys().cloned().collect();
                for alias in &aliases {
                    edit.point(alias, Vec::new(), &by, now);
                }
                let removal = Removal::of([&edit].into_iter());
                removal.read(tx)?;
                edit.write(tx)?;
                removal.write(tx)?;
                trail.note(tx, deletion(name.as_str(), &document))
            };
            match self.db().commit(caller, decide).await {
                Err(error) if error.code() == Code::PreconditionFailed => {}
                outcome => {
                    outcome?;
                    return self.reload().await;
                }
            }
        }
        Err(busy())
    }

    /// Thinks out on what is deployed where an alias shall lead, and lets it.
    async fn point(
        &self,
        caller: &Caller,
        name: &FunctionName,
        alias: &AliasName,
        think: impl Fn(&Function) -> Result<Vec<Share>>,
    ) -> Result<Vec<Share>> {
        rights::admin_own(caller)?;
        let _alone = self.deploying().await;
        for _ in 0..TRIES {
            self.reload().await?;
            let deployed = self.deployed();
            let function = deployed.function(name.as_str()).ok_or_else(|| not_found(name.as_str()))?;
            let shares = think(function)?;
            if function.shares(alias.as_str()).as_ref() == Some(&shares) {
                return Ok(shares);
            }
            match self.try_point(caller, Arc::clone(function), alias, shares.clone()).await {
                Ok(()) => {
                    self.reload().await?;
                    return Ok(shares);
                }
                Err(error) if error.code() == Code::PreconditionFailed => {}
                Err(error) => return Err(error),
            }
        }
        Err(busy())
    }

    async fn try_point(
        &self,
        caller: &Caller,
        function: Arc<Function>,
        alias: &AliasName,
        shares: Vec<Share>,
    ) -> Result<()> {
        let (alias, by, trail) = (alias.clone(), caller.actor(), Trail::new(self.db(), caller));
        let decide = move |tx: &mut Tx<'_>| {
            let id = function.name.id()?;
            tx.need([Read::Document { collection: FUNCTIONS.clone(), id: id.clone() }, trail.read()])?;
            if tx.document(&FUNCTIONS, &id)?.is_none() {
                return Err(outdated().into());
            }
            let (mut edit, now) = (Edit::open(tx, &function.name, Some(&function.rev))?, tx.now());
            let from = edit.function().aliases.get(&alias).cloned().unwrap_or_default();
            edit.point(&alias, shares.clone(), &by, now);
            let removal = Removal::of([&edit].into_iter());
            removal.read(tx)?;
            edit.write(tx)?;
            removal.write(tx)?;
            trail.note(tx, moved(function.name.as_str(), &alias, &from, &shares))
        };
        self.db().commit(caller, decide).await.map(drop)
    }
}

impl Function {
    fn has(&self, version: u32) -> bool {
        self.versions().any(|kept| kept == version)
    }

    /// Where an alias led before its last change, as far as those versions are kept.
    fn before(&self, alias: &AliasName) -> Result<Vec<Share>> {
        let now = self.shares(alias.as_str()).ok_or_else(no_alias)?;
        let moves = self.history.iter().rev().filter(|moved| moved.alias == *alias);
        let kept = |shares: &&Vec<Share>| !shares.is_empty() && shares.iter().all(|share| self.has(share.version));
        let found = moves.map(|moved| &moved.from).filter(|from| **from != now).find(kept);
        let none = || Error::new(Code::VersionNotFound, "There is nothing to go back to.");
        found.cloned().ok_or_else(none)
    }
}

fn check(shares: &[Share]) -> Result<()> {
    let versions: BTreeSet<u32> = shares.iter().map(|share| share.version).collect();
    let fault = if shares.is_empty() || shares.len() > MOST {
        format!("An alias leads to 1 to {MOST} versions.")
    } else if versions.len() < shares.len() {
        "Each version is there once.".to_owned()
    } else if shares.iter().any(|share| share.weight == 0)
        || shares.iter().map(|share| u64::from(share.weight)).sum::<u64>() != 100
    {
        "Each weight is at least 1, and together they make 100.".to_owned()
    } else {
        return Ok(());
    };
    let errors = vec![FieldError::new("/versions", "bad_weights", fault.clone())];
    Err(Error::new(Code::BadRequest, fault).with_errors(errors))
}

fn no_alias() -> Error {
    Error::new(Code::AliasNotFound, "There is no such alias.")
}

fn no_version(version: u32, path: &str) -> Error {
    let detail = format!("There is no version {version}, or it is no longer kept.");
    let errors = vec![FieldError::new(path, "version_not_found", detail.clone())];
    Error::new(Code::VersionNotFound, detail).with_errors(errors)
}

fn busy() -> Error {
    Error::new(Code::Unavailable, "Others are deploying, too; try again.")
}

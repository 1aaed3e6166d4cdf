//! The use cases of the admin API: definitions looked at, changed and dropped by operators and services.

use std::sync::Arc;
use std::time::Duration;

use basalt_core::principal::{OperatorRole, Scope};
use basalt_core::{BucketName, Caller, Code, CollectionName, Error, Principal, Result, Timestamp};
use basalt_store::decide::is_stale_epoch;
use basalt_store::{Catalog, CatalogChange, IndexState};
use serde_json::{Map, Value, json};

use super::buckets::{self, FILES};
use super::definition::index_to_json;
use super::plan::{self, Plan, PlanOptions, Removals};
use super::{Collections, Compiled, Definition};
use crate::declared::{Problems, Table};
use crate::rules::{self, Access, Simulated, Simulation, SimulationStep, Supposed};

/// Tries to apply a plan while others change the catalog.
const TRIES: u32 = 8;
/// How long a node waits to hear of the catalog that refused its plan.
const NEWS: Duration = Duration::from_secs(2);

/// A collection as the admin API shows it.
#[derive(Clone, Debug)]
pub struct Described {
    pub name: CollectionName,
    /// As in the manifest.
    pub definition: Value,
    /// Every index with its state, automatic ones too.
    pub indexes: Vec<Value>,
    /// Whether a room of the server owns it.
    pub built_in: bool,
}

impl Collections {
    /// What applying these definitions would do.
    pub fn plan(&self, desired: &[Definition], options: &PlanOptions) -> Result<Plan> {
        plan::make(&self.0.store.catalog(), &self.0.builtins, desired, options)
    }

    /// Applies definitions, all or nothing; a plan with refusals is 409 `plan_refused`. Answers with what was done.
    pub async fn apply(&self, desired: &[Definition], options: &PlanOptions) -> Result<Plan> {
        for _ in 0..TRIES {
            let plan = self.plan(desired, options)?;
            if let Some(refused) = plan.refused() {
                return Err(refused.with("plan", plan.to_json()));
            }
            if plan.changes_nothing() || self.define(plan.epoch, plan.changes.clone()).await? {
                return Ok(plan);
            }
        }
        Err(overtaken())
    }

    /// Brings the built-in collections to what their rooms need: at every start, before anything else.
    pub async fn define_builtins(&self) -> Result<()> {
        for _ in 0..TRIES {
            let catalog = self.0.store.catalog();
            let changes = plan::for_builtins(&catalog, &self.0.builtins)?;
            if changes.is_empty() || self.define(catalog.epoch, changes).await? {
                return Ok(());
            }
        }
        Err(overtaken())
    }

    /// All collections but the system's.
    pub fn describe_all(&self, caller: &Caller) -> Result<Vec<Described>> {
        require(caller, OperatorRole::Viewer)?;
        let catalog = self.0.store.catalog();
        let names = catalog.collections.keys().filter(|name| !name.is_system());
        names.map(|name| self.describe_in(&catalog, name)).collect()
    }

    pub fn describe(&self, caller: &Caller, name: &CollectionName) -> Result<Described> {
        require(caller, OperatorRole::Viewer)?;
        if name.is_system() {
            return Err(Error::collection_not_found(name.as_str()));
        }
        self.describe_in(&self.0.store.catalog(), name)
    }

    /// What `PUT` of this definition would do.
    pub fn plan_put(&self, caller: &Caller, name: &CollectionName, definition: &Value) -> Result<Plan> {
        require(caller, OperatorRole::Viewer)?;
        self.plan(&[Definition::parse(name, definition)?], &PlanOptions::part()).map_err(below_the_body)
    }

    /// Defines or redefines one collection.
    pub async fn put(&self, caller: &Caller, name: &CollectionName, definition: &Value) -> Result<Plan> {
        require(caller, OperatorRole::Owner)?;
        let definition = Definition::parse(name, definition)?;
        self.apply(&[definition], &PlanOptions::part()).await.map_err(below_the_body)
    }

    /// Drops a collection with its documents; `confirm` has to be its name.
    pub async fn drop_collection(&self, caller: &Caller, name: &CollectionName, confirm: Option<&str>) -> Result<Plan> {
        require(caller, OperatorRole::Owner)?;
        self.describe(caller, name)?;
        if self.0.builtins.get(name).is_some() {
            return Err(Error::new(Code::Forbidden, "A built-in collection can't be dropped."));
        }
        if confirm != Some(name.as_str()) {
            let detail = format!("Dropping a collection drops its documents: repeat with confirm={name}.");
            return Err(Error::new(Code::PlanRefused, detail));
        }
        let removals = Removals::Named([name.to_string()].into());
        self.apply(&[], &PlanOptions { removals, ..PlanOptions::part() }).await
    }

    /// All buckets, each as in the manifest.
    pub fn buckets(&self, caller: &Caller) -> Result<Vec<(BucketName, Value)>> {
        require(caller, OperatorRole::Viewer)?;
        Ok(self.files()?.definition.buckets.iter().map(|(name, bucket)| (name.clone(), bucket.to_json())).collect())
    }

    pub fn bucket(&self, caller: &Caller, name: &BucketName) -> Result<Value> {
        require(caller, OperatorRole::Viewer)?;
        self.files()?.definition.buckets.get(name).map(|bucket| bucket.to_json()).ok_or_else(|| bucket_not_found(name))
    }

    /// What `PUT` of this bucket would do.
    pub fn plan_bucket(&self, caller: &Caller, name: &BucketName, entry: &Value) -> Result<Plan> {
        require(caller, OperatorRole::Viewer)?;
        self.plan(&[bucket_alone(name, entry)?], &PlanOptions::part()).map_err(|error| below(&error, &at(name)))
    }

    /// Defines or redefines one bucket.
    pub async fn put_bucket(&self, caller: &Caller, name: &BucketName, entry: &Value) -> Result<Plan> {
        require(caller, OperatorRole::Owner)?;
        let definition = bucket_alone(name, entry)?;
        self.apply(&[definition], &PlanOptions::part()).await.map_err(|error| below(&error, &at(name)))
    }

    /// Drops a bucket. That it is empty is for who asks to know.
    pub async fn drop_bucket(&self, caller: &Caller, name: &BucketName) -> Result<Plan> {
        require(caller, OperatorRole::Owner)?;
        self.bucket(caller, name)?;
        let files = self.files()?.definition.clone();
        let options = PlanOptions { removals: Removals::Bucket(name.clone()), ..PlanOptions::part() };
        let rest =
            Definition { buckets: files.buckets.into_iter().filter(|(other, _)| other != name).collect(), ..files };
        self.apply(&[rest], &options).await
    }

    /// The collection of the files' documents.
    pub fn files(&self) -> Result<Arc<Compiled>> {
        self.any(&CollectionName::parse(FILES)?)
    }

    /// Who can do what: every operation of every collection.
    pub fn access(&self, caller: &Caller) -> Result<Vec<Access>> {
        require(caller, OperatorRole::Viewer)?;
        let catalog = self.0.store.catalog();
        let mut entries = Vec::new();
        for name in catalog.collections.keys().filter(|name| !name.is_system()) {
            entries.extend(self.any(name)?.access());
        }
        Ok(entries)
    }

    /// Tries rules on supposed callers and documents: `{collection,op,auth,doc,next,request,rules}`. Look-ups find what
    /// is stored.
    pub async fn simulate(&self, caller: &Caller, body: &Map<String, Value>, now: Timestamp) -> Result<Simulated> {
        require(caller, OperatorRole::Viewer)?;
        let mut problems = Problems::default();
        let body = Value::Object(body.clone());
        let mut table = Table::open(&body, "", &mut problems).ok_or_else(|| Error::internal("an object is none"))?;
        let simulation = Simulation::read(&mut table, now, &mut problems);
        let texts = table.take("rules").map(|(rules, path)| super::parse::read_rules(rules, &path, &mut problems));
        table.finish(&mut problems);
        let simulation = match simulation {
            Some(simulation) if problems.is_empty() => simulation,
            _ => {
                return Err(
                    Error::new(Code::BadRequest, "This can't be simulated.").with_errors(problems.into_faults())
                );
            }
        };
        let current = self.get(&simulation.collection)?;
        let compiled = match texts {
            None => current.rules.clone(),
            Some(texts) => {
                let definition = Definition { rules: texts, ..current.definition.clone() };
                self.compile_rules(&definition)?
            }
        };
        let mut facts = Supposed::open();
        loop {
            match simulation.run(&compiled, &facts)? {
                SimulationStep::Done(simulated) => return Ok(simulated),
                SimulationStep::Need(reads) => self.look_up(reads, &mut facts).await?,
            }
        }
    }

    /// The rules of definitions that aren't applied, for `rules check` and `rules test`.
    pub fn compile_rules(&self, definition: &Definition) -> Result<rules::CompiledRules> {
        super::compile_rules(definition, &self.0.builtins)
    }

    /// Each round puts in what was asked for, so an evaluation (which asks for ten at most) ends.
    async fn look_up(&self, reads: Vec<basalt_store::Read>, facts: &mut Supposed) -> Result<()> {
        for read in reads {
            if let basalt_store::Read::Document { collection, id } = read {
                let known = self.0.store.catalog().collection(&collection).is_some();
                let document = if known { self.0.store.document(&collection, &id).await? } else { None };
                facts.put(collection, id, document);
            }
        }
        Ok(())
    }

    fn describe_in(&self, catalog: &Catalog, name: &CollectionName) -> Result<Described> {
        let stored = catalog.collection(name).ok_or_else(|| Error::collection_not_found(name.as_str()))?;
        let asked_for = Definition::parse(name, &stored.definition).map(|definition| definition.indexes);
        let asked_for = asked_for.unwrap_or_default();
        let indexes = stored.indexes.iter().map(|index| {
            let mut shown = index_to_json(&index.spec);
            shown["automatic"] = json!(!asked_for.contains(&index.spec));
            shown["state"] = json!(match &index.state {
                IndexState::Building => "building",
                IndexState::Ready => "ready",
                IndexState::Failed(_) => "failed",
            });
            if let IndexState::Failed(conflicts) = &index.state {
                shown["conflicts"] = json!(conflicts);
            }
            shown
        });
        Ok(Described {
            name: name.clone(),
            definition: stored.definition.as_ref().clone(),
            indexes: indexes.collect(),
            built_in: self.0.builtins.get(name).is_some(),
        })
    }

    /// `false`: the catalog has moved on, so the changes have to be worked out anew.
    async fn define(&self, epoch: u64, changes: Vec<CatalogChange>) -> Result<bool> {
        let mut news = self.0.store.catalog_changes();
        match self.0.store.define(epoch, changes).await {
            Ok(_) => Ok(true),
            Err(error) if is_stale_epoch(&error) => {
                let newer = news.wait_for(|catalog: &Arc<Catalog>| catalog.epoch > epoch);
                // Late news only make the next try fail in the same way.
                drop(tokio::time::timeout(NEWS, newer).await);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

impl Compiled {
    /// Who can do what here.
    pub fn access(&self) -> Vec<Access> {
        if self.buckets.is_empty() {
            return rules::access(&self.rules);
        }
        self.buckets.iter().flat_map(|(bucket, rules)| buckets::access(bucket, rules)).collect()
    }
}

fn overtaken() -> Error {
    Error::new(Code::Unavailable, "The definitions kept changing meanwhile; try again.")
}

pub(crate) fn bucket_not_found(name: &BucketName) -> Error {
    Error::new(Code::BucketNotFound, format!("There is no bucket {:?}.", name.as_str()))
}

/// A definition that says nothing but this of the files.
fn bucket_alone(name: &BucketName, entry: &Value) -> Result<Definition> {
    let value = json!({ "buckets": { name.as_str(): entry } });
    Definition::parse(&CollectionName::parse(FILES)?, &value)
        .map_err(|error| below(&error, &format!("/buckets/{name}")))
}

/// Where a plan tells of a bucket.
fn at(name: &BucketName) -> String {
    format!("/collections/{FILES}/buckets/{name}")
}

/// The body of the admin API is one definition: its places begin there.
fn below_the_body(error: Error) -> Error {
    let named = error.errors().iter().find_map(|fault| {
        let rest = fault.path.strip_prefix("/collections/")?;
        Some(format!("/collections/{}", &rest[..rest.find('/').unwrap_or(rest.len())]))
    });
    match named {
        Some(prefix) => below(&error, &prefix),
        None => error,
    }
}

/// Places below this one begin there.
fn below(error: &Error, prefix: &str) -> Error {
    let relative = |path: &str| path.strip_prefix(prefix).map(str::to_owned);
    let faults = error.errors().iter().map(|fault| {
        let path = relative(&fault.path).unwrap_or_else(|| fault.path.clone());
        basalt_core::FieldError { path, ..fault.clone() }
    });
    let mut plain = Error::new(error.code(), error.detail()).with_errors(faults.collect());
    for (name, value) in error.extensions() {
        plain = plain.with(name, value.clone());
    }
    plain
}

/// Definitions are the operators' (and of services with the scope `admin`).
fn require(caller: &Caller, least: OperatorRole) -> Result<()> {
    match &caller.principal {
        Principal::System => Ok(()),
        Principal::Operator(operator) if operator.role >= least => Ok(()),
        Principal::Operator(_) => Err(Error::operator_role(least)),
        Principal::Service(key) => key.require(&Scope::Admin),
        Principal::User(_) => Err(Error::new(Code::Forbidden, "Only operators may do this.")),
        Principal::Visitor => Err(Error::unauthenticated()),
    }
}

//! What is deployed, as every node holds it: rules, conditions and schemas compiled, once per version.

mod follow;
mod load;
mod pick;
mod subscriptions;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use basalt_core::{Actor, ChangeOp, Code, CollectionName, Error, Result, Rev, Seq, Timestamp};
use basalt_data::events::Subscription;
use basalt_runtime::{CodeId, Kind};

use super::config::{FunctionConfig, Schedule, Trigger, UserEvent};
use super::names::{AliasName, FunctionName, LIVE, not_found};
use super::stored::{Egress, Kept, Moved, Share};

pub(super) use follow::Follow;
pub(super) use load::{MOST_FUNCTIONS, documents, load};
pub use pick::sticky;

/// All functions, of one moment.
#[derive(Default)]
pub struct Deployed {
    functions: BTreeMap<FunctionName, Arc<Function>>,
    /// The place in the log that this is as new as.
    pub(super) since: Seq,
    subscriptions: Arc<Vec<Arc<Subscription>>>,
    before_documents: HashMap<CollectionName, Vec<Arc<Function>>>,
    before_users: Vec<Arc<Function>>,
}

pub struct Function {
    pub name: FunctionName,
    /// Of the newest version.
    pub kind: Kind,
    pub aliases: BTreeMap<AliasName, Vec<Weighted>>,
    /// The oldest first.
    pub(super) kept: Vec<Kept>,
    pub history: Vec<Moved>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub(super) rev: Rev,
}

/// What an alias leads to; the weights of one make 100.
#[derive(Clone)]
pub struct Weighted {
    pub version: Arc<Version>,
    pub weight: u32,
}

/// Never changes.
#[derive(Clone, Debug)]
pub struct Version {
    pub function: FunctionName,
    pub number: u32,
    /// `None` of a remote function.
    pub code: Option<CodeId>,
    pub config: FunctionConfig,
    pub env: BTreeMap<String, String>,
    pub egress: Egress,
    pub created_at: Timestamp,
    pub by: Actor,
    pub(super) identity: String,
}

/// The version that one call goes to.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub version: Arc<Version>,
    pub alias: AliasName,
}

/// One function's schedule, as its live version has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    pub function: FunctionName,
    pub schedule: Schedule,
}

impl Deployed {
    pub(super) fn new(functions: BTreeMap<FunctionName, Arc<Function>>, since: Seq) -> Self {
        let mut before_documents: HashMap<CollectionName, Vec<Arc<Function>>> = HashMap::new();
        let mut before_users = Vec::new();
        for function in functions.values() {
            let mut collections: Vec<&CollectionName> =
                function.live().filter_map(|version| version.config.trigger.before_collection()).collect();
            collections.sort_unstable_by_key(|name| name.as_str());
            collections.dedup();
            for collection in collections {
                before_documents.entry(collection.clone()).or_default().push(Arc::clone(function));
            }
            if function.live().any(|version| version.config.kind == Kind::BeforeUser) {
                before_users.push(Arc::clone(function));
            }
        }
        let subscriptions = Arc::new(functions.values().filter_map(subscriptions::of).collect());
        Self { functions, since, subscriptions, before_documents, before_users }
    }

    pub fn function(&self, name: &str) -> Option<&Arc<Function>> {
        self.functions.get(name)
    }

    /// By name.
    pub fn functions(&self) -> impl Iterator<Item = &Arc<Function>> {
        self.functions.values()
    }

    /// The version that a call of an alias (`live` where none is said) goes to; `draw` is of 0 to 99.
    pub fn resolve(&self, name: &str, alias: Option<&str>, draw: u32) -> Result<Resolved> {
        let function = self.function(name).ok_or_else(|| not_found(name))?;
        function.pick(alias.unwrap_or(LIVE), draw)
    }

    /// The live functions that have a say before such a write, by name.
    pub fn before_document(&self, collection: &CollectionName, op: ChangeOp, draw: u32) -> Vec<Resolved> {
        let Some(functions) = self.before_documents.get(collection) else { return Vec::new() };
        let asked = |resolved: &Resolved| match &resolved.version.config.trigger {
            Trigger::BeforeDocument { collection: its, on } => its == collection && on.contains(&op),
            _ => false,
        };
        functions.iter().filter_map(|function| function.pick(LIVE, draw).ok()).filter(asked).collect()
    }

    /// Whether any live function has one.
    pub fn has_before_document(&self, collection: &CollectionName, op: ChangeOp) -> bool {
        let Some(functions) = self.before_documents.get(collection) else { return false };
        let asked = |version: &Arc<Version>| match &version.config.trigger {
            Trigger::BeforeDocument { collection: its, on } => its == collection && on.contains(&op),
            _ => false,
        };
        functions.iter().any(|function| function.live().any(asked))
    }

    /// The live functions that have a say before a user is made or signs in, by name.
    pub fn before_user(&self, moment: UserEvent, draw: u32) -> Vec<Resolved> {
        let asked = |resolved: &Resolved| match &resolved.version.config.trigger {
            Trigger::BeforeUser { on } => on.contains(&moment),
            _ => false,
        };
        self.before_users.iter().filter_map(|function| function.pick(LIVE, draw).ok()).filter(asked).collect()
    }

    /// What live functions want of events.
    pub fn subscriptions(&self) -> Arc<Vec<Arc<Subscription>>> {
        Arc::clone(&self.subscriptions)
    }

    /// The schedules that live functions declare, by name.
    pub fn schedules(&self) -> Vec<Scheduled> {
        let of = |function: &Arc<Function>| match &function.newest_live()?.config.trigger {
            Trigger::Schedule(schedule) => {
                Some(Scheduled { function: function.name.clone(), schedule: schedule.clone() })
            }
            _ => None,
        };
        self.functions.values().filter_map(of).collect()
    }

    /// What aliases lead to.
    pub(super) fn codes(&self) -> BTreeSet<&CodeId> {
        let shares = self.functions.values().flat_map(|function| function.aliases.values()).flatten();
        shares.filter_map(|share| share.version.code.as_ref()).collect()
    }

    pub(super) fn version(&self, name: &FunctionName, number: u32) -> Option<&Arc<Version>> {
        let shares = self.functions.get(name)?.aliases.values().flatten();
        shares.map(|share| &share.version).find(|version| version.number == number)
    }
}

impl Function {
    /// The versions that `live` leads to.
    fn live(&self) -> impl Iterator<Item = &Arc<Version>> {
        self.aliases.get(LIVE).into_iter().flatten().map(|share| &share.version)
    }

    /// The one of those that was deployed last.
    pub fn newest_live(&self) -> Option<&Arc<Version>> {
        self.live().max_by_key(|version| version.number)
    }

    pub fn pick(&self, alias: &str, draw: u32) -> Result<Resolved> {
        let none = || {
            Error::new(Code::AliasNotFound, format!("The function {:?} has no alias of that name.", self.name.as_str()))
        };
        let (alias, shares) = self.aliases.get_key_value(alias).ok_or_else(none)?;
        let version = pick::by_weight(shares, draw).ok_or_else(none)?;
        Ok(Resolved { version: Arc::clone(version), alias: alias.clone() })
    }

    /// The numbers of the versions that are kept, the oldest first.
    pub fn versions(&self) -> impl Iterator<Item = u32> {
        self.kept.iter().map(|kept| kept.version)
    }

    /// What an alias leads to.
    pub fn shares(&self, alias: &str) -> Option<Vec<Share>> {
        let share = |share: &Weighted| Share { version: share.version.number, weight: share.weight };
        self.aliases.get(alias).map(|shares| shares.iter().map(share).collect())
    }
}

impl Trigger {
    fn before_collection(&self) -> Option<&CollectionName> {
        match self {
            Self::BeforeDocument { collection, .. } => Some(collection),
            _ => None,
        }
    }
}

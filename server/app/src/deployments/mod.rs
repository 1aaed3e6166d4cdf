//! Room `deployments`: what was deployed of an app as a whole, and what a crash left half done.
//!
//! A deployment is written down, with what it brings, before anything of it is applied; every part of it may be applied
//! again. So a server that starts finishes what another left, and the same deploy again finishes it, too.

mod content;
mod list;

use basalt_core::{Actor, Caller, Code, CollectionName, Document, DocumentId, Error, Result, Timestamp};
use basalt_store::{CellKey, Read};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use list::DeploymentPage;

use crate::common::names::DEPLOYMENTS;
use crate::common::{Db, Entry, Trail, Tx, rights};

/// Deployments that are remembered.
const REMEMBERED: u32 = 100;

#[derive(Clone)]
pub struct Deployments {
    db: Db,
}

/// Where a deployment came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// `POST /v1/admin/deploy`.
    Deploy,
    /// The folder that a server was started with.
    Start,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Applying,
    Applied,
    /// Some of it may hold; the same deploy again goes on.
    Failed,
    /// A later one came before it was applied.
    Superseded,
}

/// What is to be applied.
#[derive(Clone, Debug)]
pub struct NewDeployment {
    pub from: Origin,
    /// All files, packed.
    pub content: Vec<u8>,
    /// What was asked for beside the files.
    pub options: Value,
    /// What it changes, for people.
    pub plan: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    pub id: DocumentId,
    pub at: Timestamp,
    pub by: Actor,
    pub from: Origin,
    pub state: State,
    /// Of the content: the same files have the same one.
    pub hash: String,
    pub plan: Value,
    pub error: Option<String>,
}

/// What a deployment that isn't finished brought.
#[derive(Clone, Debug)]
pub struct Unfinished {
    pub deployment: Deployment,
    pub content: Vec<u8>,
    pub options: Value,
}

/// What is kept of one.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    by: Actor,
    from: Origin,
    state: State,
    hash: String,
    parts: usize,
    options: Value,
    plan: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Deployments {
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Writes down what is about to be applied; what was unfinished before is superseded.
    pub async fn begin(&self, caller: &Caller, new: NewDeployment) -> Result<Deployment> {
        rights::admin_own(caller)?;
        let id = self.db.new_id();
        let parts = content::write(&self.db, caller, &id, &new.content).await?;
        let NewDeployment { from, content, options, plan } = new;
        let hash = content::hash(&content);
        let stored =
            Stored { by: caller.actor(), from, state: State::Applying, hash, parts, options, plan, error: None };
        let unfinished: Vec<DocumentId> = self.unfinished_ids().await?;
        let (trail, data) = (Trail::new(&self.db, caller), stored.to_data()?);
        let decide = move |tx: &mut Tx<'_>| {
            tx.need(unfinished.iter().chain([&id]).map(read).chain([trail.read()]))?;
            for other in &unfinished {
                let Some(document) = tx.document(&DEPLOYMENTS, other)? else { continue };
                let mut data = document.data.clone();
                data.insert("state".to_owned(), json!(State::Superseded));
                tx.update(&DEPLOYMENTS, &document, data);
            }
            let target = ("app", id.to_string());
            let after = Map::from_iter([("plan".to_owned(), data.get("plan").cloned().unwrap_or_default())]);
            trail.note(tx, Entry { action: "app.deploy", target, before: None, after: Some(after) })?;
            tx.create(&DEPLOYMENTS, &id, data.clone())
        };
        deployment(&self.db.commit(caller, decide).await?.value)
    }

    /// Writes down what became of it. What it brought is no longer needed.
    pub async fn finish(&self, caller: &Caller, id: &DocumentId, outcome: Result<(), &Error>) -> Result<()> {
        let (state, error) = match outcome {
            Ok(()) => (State::Applied, None),
            Err(error) => (State::Failed, Some(error.detail().to_owned())),
        };
        let named = id.clone();
        let decide = move |tx: &mut Tx<'_>| {
            let Some(document) = tx.document(&DEPLOYMENTS, &named)? else { return Ok(0) };
            let mut data = document.data.clone();
            data.insert("state".to_owned(), json!(state));
            if let Some(error) = &error {
                data.insert("error".to_owned(), error.as_str().into());
            }
            tx.update(&DEPLOYMENTS, &document, data);
            Ok(Stored::of(&document)?.parts)
        };
        let parts = self.db.commit(caller, decide).await?.value;
        content::forget(&self.db, caller, id, parts).await?;
        self.prune(caller).await
    }

    /// The last deployment, where it was never finished: the server that applied it is gone.
    pub async fn unfinished(&self) -> Result<Option<Unfinished>> {
        let Some(document) = self.newest(1).await?.into_iter().next() else { return Ok(None) };
        let (deployment, stored) = (deployment(&document)?, Stored::of(&document)?);
        if deployment.state != State::Applying {
            return Ok(None);
        }
        let content = content::read(&self.db, &deployment.id, stored.parts).await?;
        // What is so old that its content is gone is nobody's wish any more.
        Ok(content.map(|content| Unfinished { deployment, content, options: stored.options }))
    }

    /// Whether a server that starts with this content should apply it: not where that was done last, nor where it was
    /// done before and something else was deployed since.
    pub async fn at_start(&self, content: &[u8]) -> Result<AtStart> {
        let hash = content::hash(content);
        let known = self.newest(REMEMBERED).await?.iter().map(deployment).collect::<Result<Vec<_>>>()?;
        let mut applied = known.iter().filter(|deployment| deployment.state == State::Applied);
        Ok(match applied.next() {
            Some(last) if last.hash == hash => AtStart::Same,
            Some(last) if last.from == Origin::Deploy && applied.any(|before| before.hash == hash) => AtStart::Older,
            _ => AtStart::New,
        })
    }

    async fn unfinished_ids(&self) -> Result<Vec<DocumentId>> {
        let known = self.newest(REMEMBERED).await?;
        let applying = json!(State::Applying);
        let unfinished = known.into_iter().filter(|document| document.data.get("state") == Some(&applying));
        Ok(unfinished.map(|document| document.id).collect())
    }

    async fn prune(&self, caller: &Caller) -> Result<()> {
        let surplus = self.newest(2 * REMEMBERED).await?.into_iter().skip(REMEMBERED as usize);
        let ids: Vec<DocumentId> = surplus.map(|document| document.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let decide = move |tx: &mut Tx<'_>| {
            tx.need(ids.iter().map(read))?;
            for id in &ids {
                if let Some(document) = tx.document(&DEPLOYMENTS, id)? {
                    tx.delete(&DEPLOYMENTS, &document);
                }
            }
            Ok(())
        };
        self.db.commit(caller, decide).await?;
        Ok(())
    }
}

/// What a start does with the folder that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtStart {
    New,
    /// It was applied last: nothing to do.
    Same,
    /// Something newer was deployed: that stays.
    Older,
}

impl Stored {
    fn of(document: &Document) -> Result<Self> {
        serde_json::from_value(Value::Object(document.data.clone())).map_err(Error::internal)
    }

    fn to_data(&self) -> Result<Map<String, Value>> {
        match serde_json::to_value(self).map_err(Error::internal)? {
            Value::Object(data) => Ok(data),
            _ => Err(Error::new(Code::Internal, "a struct is no object")),
        }
    }
}

fn deployment(document: &Document) -> Result<Deployment> {
    let Stored { by, from, state, hash, plan, error, .. } = Stored::of(document)?;
    Ok(Deployment { id: document.id.clone(), at: document.created_at, by, from, state, hash, plan, error })
}

fn read(id: &DocumentId) -> Read {
    let collection: CollectionName = DEPLOYMENTS.clone();
    Read::Document { collection, id: id.clone() }
}

/// The cell of one part of what a deployment brings.
fn part(id: &DocumentId, index: usize) -> CellKey {
    CellKey::new("_deployment_parts", format!("{id}-{index}"))
}

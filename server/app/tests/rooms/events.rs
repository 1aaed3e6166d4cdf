//! Functions and webhooks that aren't there: who wants what, and takes it how, is said by the test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use basalt_app::schedules::{Brought, Schedules, SchedulesParts};
use basalt_app::triggers::{self, Triggers, TriggersParts};
use basalt_app::{Db, builtins, schedules};
use basalt_core::principal::{OperatorPrincipal, OperatorRole};
use basalt_core::{Actor, Caller, Clock, CollectionName, Document, DocumentId, Principal, Rev};
use basalt_data::changes::Changes;
use basalt_data::collections::{Builtins, Collections};
use basalt_data::events::{Delivery, Event, Lane, Received, Receiver, Subscribers, Subscription, Target, TargetKind};
use basalt_data::jobs::{Handlers, Runner, RunnerOptions};
use basalt_data::manifest::ScheduleSection;
use basalt_store::testkit::TestDb;
use basalt_store::{CatalogChange, Decide, DocumentWrite, Origin, Read, Step, Store, View, Writes};
use serde_json::{Map, Value};
use tokio::sync::Notify;

use crate::world::id;

type Answer = dyn Fn(&Delivery) -> Received + Send + Sync;

/// All functions and webhooks of a server.
pub(crate) struct Fakes {
    subscriptions: Mutex<Arc<Vec<Arc<Subscription>>>>,
    answer: Mutex<Arc<Answer>>,
    seen: Mutex<Vec<Delivery>>,
    pub arrived: Notify,
    pub brought: Mutex<Vec<(String, ScheduleSection)>>,
}

impl Default for Fakes {
    fn default() -> Self {
        Self {
            subscriptions: Mutex::default(),
            answer: Mutex::new(Arc::new(|_| Received::Done)),
            seen: Mutex::default(),
            arrived: Notify::new(),
            brought: Mutex::default(),
        }
    }
}

impl Fakes {
    pub(crate) fn subscribe(&self, target: &str, wants: impl Fn(&Event) -> bool + Send + Sync + 'static) {
        let subscription = Subscription { target: Target::parse(target).unwrap(), wants: Box::new(wants) };
        let mut held = self.subscriptions.lock().unwrap();
        let mut all = (**held).clone();
        all.push(Arc::new(subscription));
        *held = Arc::new(all);
    }

    pub(crate) fn answer(&self, answer: impl Fn(&Delivery) -> Received + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Arc::new(answer);
    }

    pub(crate) fn seen(&self) -> Vec<Delivery> {
        self.seen.lock().unwrap().clone()
    }

    /// What one target took, as `subject:n` of the documents.
    pub(crate) fn taken(&self, target: &str) -> Vec<String> {
        let of = |delivery: &Delivery| delivery.target.to_string() == target;
        let told = |delivery: Delivery| format!("{}:{}", delivery.event.subject, delivery.event.doc["n"]);
        self.seen().into_iter().filter(of).map(told).collect()
    }
}

impl Subscribers for Fakes {
    fn subscriptions(&self) -> Arc<Vec<Arc<Subscription>>> {
        self.subscriptions.lock().unwrap().clone()
    }
}

impl Receiver for Fakes {
    fn lane(&self, target: &Target) -> Option<Lane> {
        (target.name != "gone").then_some(Lane { concurrency: 8, tries: 3, timeout: Duration::from_mins(1) })
    }

    fn receive<'a>(&'a self, delivery: &'a Delivery) -> std::pin::Pin<Box<dyn Future<Output = Received> + Send + 'a>> {
        Box::pin(async move {
            let answer = Arc::clone(&*self.answer.lock().unwrap());
            let received = answer(delivery);
            self.seen.lock().unwrap().push(delivery.clone());
            self.arrived.notify_one();
            received
        })
    }
}

impl Brought for Fakes {
    fn schedules(&self) -> Vec<(String, ScheduleSection)> {
        self.brought.lock().unwrap().clone()
    }
}

/// A node's triggers and schedules.
pub(crate) struct Events {
    pub store: Store,
    pub fakes: Arc<Fakes>,
    pub triggers: Triggers,
    pub schedules: Schedules,
    pub jobs: Runner,
}

impl Events {
    /// On a database of its own, with a collection `notes`.
    pub(crate) async fn first(db: &TestDb) -> Self {
        let collections = Collections::new(db.store.clone(), Builtins::new(builtins().unwrap()));
        collections.define_builtins().await.unwrap();
        let notes = CatalogChange::Put { name: notes(), definition: Value::Object(Map::new()), indexes: Vec::new() };
        db.store.define(db.store.catalog().epoch, vec![notes]).await.unwrap();
        db.store.indexes_built().await.unwrap();
        let events = Self::node(db, db.store.clone(), Arc::default());
        events.triggers.begin().await.unwrap();
        events
    }

    /// A further node that has the same functions.
    pub(crate) fn node(db: &TestDb, store: Store, fakes: Arc<Fakes>) -> Self {
        let (clock, random) = (db.clock.clone(), db.random.clone());
        let rooms = Db::new(store.clone(), clock.clone(), random.clone());
        let receiver = |_| Arc::clone(&fakes) as Arc<dyn Receiver>;
        let kinds = [TargetKind::Function, TargetKind::Webhook];
        let triggers = Triggers::new(TriggersParts {
            db: rooms.clone(),
            changes: Changes::new(store.clone()),
            subscribers: vec![fakes.clone()],
            receivers: BTreeMap::from(kinds.map(|kind| (kind, receiver(kind)))),
            spans: Arc::new(basalt_core::trace::NoSpans),
        });
        let schedules = Schedules::new(SchedulesParts { db: rooms, brought: fakes.clone(), receiver: fakes.clone() });
        let handlers = Handlers::default()
            .with_family(triggers::FAMILY, triggers.deliveries())
            .with_family(schedules::FAMILY, schedules.runs_of_jobs());
        let jobs = Runner::new(store.clone(), handlers, clock, random, RunnerOptions::default());
        Self { store, fakes, triggers, schedules, jobs }
    }

    /// Enqueues what the log has, and delivers what is due.
    pub(crate) async fn deliver(&self) -> usize {
        self.triggers.follow().await.unwrap();
        self.jobs.run_due().await.unwrap()
    }

    /// A document as it is to be; `None`: it goes.
    pub(crate) async fn write(&self, db: &TestDb, document: &str, data: Option<Value>) {
        let rev = Rev::generate(db.random.as_ref());
        let data = data.map(crate::world::object);
        let put = Put { id: id(document), rev, data, at: db.clock.now() };
        self.store.commit(put).await.unwrap();
    }
}

struct Put {
    id: DocumentId,
    rev: Rev,
    data: Option<Map<String, Value>>,
    at: basalt_core::Timestamp,
}

impl Decide for Put {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, view: &View) -> Step<()> {
        let Some(previous) = view.document(&notes(), &self.id) else {
            return Step::Need(vec![Read::Document { collection: notes(), id: self.id.clone() }]);
        };
        let previous = previous.cloned();
        let write = match (&self.data, previous) {
            (Some(data), previous) => {
                let (id, rev, created_at) = (self.id.clone(), self.rev.clone(), self.at);
                let document = Document { id, rev, created_at, updated_at: self.at, data: data.clone() };
                DocumentWrite::Put { collection: notes(), document: Arc::new(document), previous }
            }
            (None, Some(previous)) => DocumentWrite::Delete { collection: notes(), previous },
            (None, None) => panic!("there is nothing to delete"),
        };
        let origin = Origin { actor: Actor::SYSTEM, request_id: "r1".into(), at: self.at };
        Step::Done(Writes { documents: vec![write], ..Writes::none(origin) }, ())
    }
}

pub(crate) fn notes() -> CollectionName {
    CollectionName::parse("notes").unwrap()
}

pub(crate) fn operator(db: &TestDb, role: OperatorRole) -> Caller {
    let operator = OperatorPrincipal { id: id("operator"), email: "op@example.com".into(), role };
    Caller { principal: Principal::Operator(Arc::new(operator)), ..Caller::system(db.clock.now()) }
}

pub(crate) fn visitor(db: &TestDb) -> Caller {
    Caller { principal: Principal::Visitor, ..Caller::system(db.clock.now()) }
}

//! The one task that owns the room's state. It never waits for the store: tasks of its own do, and send mail.

mod channels;
pub(super) mod connections;
mod follow;
mod messages;
mod recent;
mod rights;
mod subscriptions;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use basalt_core::random::{self, Random};
use basalt_core::{Caller, Change, ChannelName, Clock, Code, Principal, Result, Seq, Timestamp};
use basalt_data::changes::{Changes, Tail};
use basalt_data::documents::Documents;
use basalt_data::documents::live::Watched;
use basalt_store::{Catalog, Store};
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::channels::Rooms;
use super::channels::between::{News, Word};
use super::channels::declared::Known;
use super::channels::rights::Granted;
use super::frames::{self, ClientFrame, Said, SubscriptionId};
use super::metrics::{self, Census};
use super::outbox::Outbox;
use super::queries::resume::MOST_BEHIND;
use super::queries::{Answer, Place, Queries, QueryId, Reply, Wish};
use super::{Arrival, Handover, Listener, RealtimeParts};
use crate::common::Db;
use crate::principals::Principals;
pub(super) use channels::Going;
pub(super) use connections::ConnectionId;
use connections::Connections;
use recent::Recent;

/// How often it looks at what is due by the clock.
const TICK: Duration = Duration::from_millis(100);
/// How often it counts what would take a look at every connection.
const CENSUS: Duration = Duration::from_secs(5);
/// Reads and decisions under way at once.
const AT_ONCE: usize = 32;
/// Messages taken between two looks at the log.
const IN_A_ROW: usize = 256;
/// How long clients are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(2);
/// When clients are asked to come back after a stop: spread over this time.
const COME_BACK_MS: u64 = 5_000;

/// What the hub is told.
pub(super) enum Mail {
    Open(ConnectionId, Box<Arrival>, Arc<Outbox>),
    Frame(ConnectionId, Post),
    Gone(ConnectionId, Going),
    /// Its queue ran over with answers to its own frames.
    Overflowed(ConnectionId),
    /// It reads again after its queue ran over.
    Resumed(ConnectionId),
    /// Who a token speaks for, and until when.
    Authenticated {
        connection: ConnectionId,
        ticket: u64,
        since: Seq,
        outcome: Result<(Principal, Option<Timestamp>)>,
    },
    Decided {
        connection: ConnectionId,
        subscription: SubscriptionId,
        ticket: u64,
        outcome: Box<Result<Watched>>,
    },
    Taken {
        query: QueryId,
        outcome: Result<Reply>,
    },
    /// Documents that a query looks up, asked for when the log was at `since`.
    Found {
        query: QueryId,
        since: Seq,
        outcome: Result<Vec<(Place, Answer)>>,
    },
    /// Whether one may be in a channel.
    MembershipDecided {
        connection: ConnectionId,
        channel: ChannelName,
        ticket: u64,
        outcome: Result<Granted>,
    },
    /// Whether the first of a connection's messages may be said.
    PublishDecided {
        connection: ConnectionId,
        ticket: u64,
        outcome: Result<Granted>,
    },
    /// Somebody who has no connection says something, and may.
    Say {
        channel: ChannelName,
        said: Said,
        caller: Box<Caller>,
        done: oneshot::Sender<Result<()>>,
    },
    WhoIsThere(ChannelName, oneshot::Sender<(Vec<Value>, usize)>),
    /// The declared channels were read anew.
    Declared(Result<()>),
    /// Of another node.
    Word(Word),
    Drain(oneshot::Sender<()>),
}

/// A client's frame on its way; it counts as pending until it is taken up.
pub(super) struct Post {
    frame: ClientFrame,
    pending: Arc<AtomicUsize>,
}

impl Post {
    pub(super) fn new(frame: ClientFrame, pending: &Arc<AtomicUsize>) -> Self {
        pending.fetch_add(1, Ordering::Relaxed);
        Self { frame, pending: Arc::clone(pending) }
    }

    fn open(self) -> ClientFrame {
        self.pending.fetch_sub(1, Ordering::Relaxed);
        self.frame
    }
}

pub(super) struct Hub {
    documents: Documents,
    principals: Principals,
    changes: Changes,
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    mail: mpsc::UnboundedSender<Mail>,
    handover: Arc<Handover>,
    catalog: watch::Receiver<Arc<Catalog>>,
    connections: Connections,
    queries: Queries,
    recent: Recent,
    /// What of the log was looked at.
    tail: Tail,
    slots: Arc<Semaphore>,
    tasks: JoinSet<()>,
    tickets: u64,
    /// When the waiting frames were counted last.
    counted: Option<Instant>,
    db: Db,
    declared: Known,
    listener: Option<Arc<dyn Listener>>,
    rooms: Rooms,
    /// The way to other nodes, where there can be some.
    nodes: Option<mpsc::Sender<Vec<News>>>,
    /// What sends on it.
    between: JoinSet<()>,
    /// Other nodes have to be told anew who is here.
    tell_all: bool,
    /// Somebody waits for the last client to go.
    draining: Option<(oneshot::Sender<()>, Instant)>,
}

impl Hub {
    pub(super) fn new(
        parts: &RealtimeParts,
        declared: Known,
        mail: mpsc::UnboundedSender<Mail>,
        handover: Arc<Handover>,
        listener: Option<Arc<dyn Listener>>,
    ) -> Self {
        let position = parts.changes.end();
        Self {
            documents: parts.documents.clone(),
            principals: parts.principals.clone(),
            changes: parts.changes.clone(),
            store: parts.store.clone(),
            clock: Arc::clone(&parts.clock),
            random: Arc::clone(&parts.random),
            mail,
            handover,
            catalog: parts.store.catalog_changes(),
            connections: Connections::default(),
            queries: Queries::new(parts.store.log_id()),
            recent: Recent::new(position),
            tail: parts.changes.tail(position),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            tasks: JoinSet::new(),
            tickets: 0,
            counted: None,
            db: Db::new(parts.store.clone(), Arc::clone(&parts.clock), Arc::clone(&parts.random)),
            declared,
            listener,
            rooms: Rooms::default(),
            nodes: None,
            between: JoinSet::new(),
            tell_all: false,
            draining: None,
        }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Mail>, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let handover = Arc::clone(&self.handover);
        let mut stopped = *stop.borrow_and_update();
        self.meet();
        while !stopped {
            tokio::select! {
                () = handover.wake.notified() => self.follow().await,
                Some(mail) = inbox.recv() => {
                    self.receive(mail);
                    for _ in 0..IN_A_ROW {
                        let Ok(mail) = inbox.try_recv() else { break };
                        self.receive(mail);
                    }
                }
                changed = self.catalog.changed() => match changed {
                    Ok(()) => self.definitions_changed(),
                    // The store is closing.
                    Err(_) => stopped = true,
                },
                _ = ticks.tick() => self.tick(),
                changed = stop.changed() => stopped = changed.is_err() || *stop.borrow(),
            }
            self.grant_wishes();
        }
        // The last that other nodes hear of this one is that it goes.
        drop(self.nodes.take());
        drop(tokio::time::timeout(FAREWELL, self.between.join_next()).await);
        self.tasks.shutdown().await;
    }

    fn receive(&mut self, mail: Mail) {
        match mail {
            Mail::Open(id, arrival, outbox) => self.open(id, *arrival, outbox),
            Mail::Frame(id, post) => {
                let frame = post.open();
                self.obey(id, frame);
            }
            Mail::Gone(id, going) => self.gone(id, going),
            Mail::Overflowed(id) => self.stall(id),
            Mail::Resumed(id) => self.resume(id),
            Mail::Authenticated { connection, ticket, since, outcome } => {
                self.authenticated(connection, ticket, since, outcome);
            }
            Mail::Decided { connection, subscription, ticket, outcome } => {
                self.decided(connection, &subscription, ticket, *outcome);
            }
            Mail::Taken { query, outcome } => {
                metrics::taken();
                self.queries.taken(query, outcome, Instant::now());
            }
            Mail::Found { query, since, outcome } => {
                // What has changed meanwhile is asked for again, when it is needed.
                let recent = &self.recent;
                let outcome = outcome.map(|found| {
                    let is_fresh = |place: &Place| !recent.touched(since, std::iter::once(place));
                    found.into_iter().filter(|(place, _)| is_fresh(place)).collect()
                });
                self.queries.found(query, outcome);
            }
            Mail::MembershipDecided { connection, channel, ticket, outcome } => {
                self.membership_decided(connection, &channel, ticket, outcome);
            }
            Mail::PublishDecided { connection, ticket, outcome } => self.publish_decided(connection, ticket, outcome),
            Mail::Say { channel, said, caller, done } => {
                // Who asked may have gone.
                let _ = done.send(self.say(&channel, &said, Some(&caller), None));
            }
            Mail::WhoIsThere(channel, done) => {
                let found = self.rooms.find(&channel).map(|room| room.presence.state());
                let _ = done.send(found.unwrap_or_default());
            }
            Mail::Declared(outcome) => self.declared(outcome),
            Mail::Word(word) => self.heard(word),
            Mail::Drain(done) => self.drain(done),
        }
        self.grant_wishes();
    }

    /// What a client's frame asks for. While it isn't known who he is, his frames wait.
    fn obey(&mut self, id: ConnectionId, frame: ClientFrame) {
        let Some(link) = self.connections.get_mut(id) else { return };
        if let Some(waiting) = link.waits() {
            waiting.push_back(frame);
            return;
        }
        match frame {
            ClientFrame::Auth { id: name, token } => self.authenticate(id, name, token),
            ClientFrame::Subscribe(subscription) => self.subscribe(id, subscription),
            ClientFrame::Unsubscribe { id: subscription } => self.unsubscribe(id, &subscription),
            ClientFrame::Join(join) => self.join(id, join),
            ClientFrame::Leave { id: name, channel } => self.leave(id, name.as_ref(), &channel),
            ClientFrame::Track(track) => self.track(id, track),
            ClientFrame::Publish(publish) => self.publish(id, publish),
            ClientFrame::Ping { id: name } => link.say(&frames::pong(name.as_deref())),
        }
    }

    /// What the queries want done, until they want no more.
    fn grant_wishes(&mut self) {
        while !self.queries.wishes.is_empty() {
            for wish in std::mem::take(&mut self.queries.wishes) {
                match wish {
                    Wish::Take { query, watched, beyond, since } => self.take(query, watched, beyond, since),
                    Wish::LookUp { query, places } => self.look_up(query, places),
                    Wish::Overflowed(key) => {
                        if let Some((connection, _)) = self.connections.find(key) {
                            self.stall(connection);
                        }
                    }
                    Wish::Failed(key, error) => self.failed(key, &error),
                    Wish::Decide(key) => self.decide_again(key),
                }
            }
        }
    }

    fn take(&mut self, query: QueryId, watched: Arc<Watched>, beyond: usize, since: Option<Seq>) {
        let (documents, store) = (self.documents.clone(), self.store.clone());
        let beyond = u32::try_from(beyond).unwrap_or(u32::MAX);
        self.spawn(async move {
            let outcome = match documents.take(&watched, beyond).await {
                Ok(taken) => Ok(Reply { missed: missed(&store, since, taken.seq).await, taken }),
                Err(error) => Err(error),
            };
            Mail::Taken { query, outcome }
        });
    }

    fn look_up(&mut self, query: QueryId, places: Vec<Place>) {
        let (store, since) = (self.store.clone(), self.tail.position());
        self.spawn(async move {
            let outcome = look_up(&store, places).await;
            Mail::Found { query, since, outcome }
        });
    }

    /// Does something that waits, and sends what comes of it.
    fn spawn(&mut self, work: impl Future<Output = Mail> + Send + 'static) {
        let (slots, mail) = (Arc::clone(&self.slots), self.mail.clone());
        self.tasks.spawn(async move {
            // The semaphore is never closed.
            let _slot = slots.acquire().await;
            // A hub that is gone needs no answer.
            let _ = mail.send(work.await);
        });
        while self.tasks.try_join_next().is_some() {}
    }

    fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    fn tick(&mut self) {
        self.pass_what_nobody_heard();
        self.queries.due(Instant::now());
        self.expire();
        self.renew_times();
        self.tick_channels();
        self.tell_all_nodes();
        self.take_census();
        if self.draining.as_ref().is_some_and(|(_, until)| self.connections.len() == 0 || Instant::now() >= *until) {
            self.drained();
        }
    }

    fn take_census(&mut self) {
        let now = Instant::now();
        if self.counted.is_none_or(|counted| now.duration_since(counted) >= CENSUS) {
            self.counted = Some(now);
            metrics::waiting(self.connections.waiting_frames());
        }
        let census = Census {
            connections: self.connections.len(),
            subscriptions: self.connections.subscriptions(),
            queries: self.queries.len(),
            channels: self.rooms.len(),
            members: self.rooms.members(),
        };
        census.tell();
    }

    /// Each client is told when to come back, not all at the same time.
    fn drain(&mut self, done: oneshot::Sender<()>) {
        for link in self.connections.all() {
            let draw = u64::from_be_bytes(random::bytes::<8>(&*self.random)) % COME_BACK_MS;
            link.say(&frames::goodbye(draw));
            link.end(1001, "the server stops");
        }
        self.draining = Some((done, Instant::now() + FAREWELL));
        if self.connections.len() == 0 {
            self.drained();
        }
    }

    fn drained(&mut self) {
        if let Some((done, _)) = self.draining.take() {
            // Who asked may have given up waiting.
            let _ = done.send(());
        }
    }
}

async fn look_up(store: &Store, places: Vec<Place>) -> Result<Vec<(Place, Answer)>> {
    let mut found = Vec::with_capacity(places.len());
    for place in places {
        let answer = match store.document(&place.0, &place.1).await {
            Ok(document) => document.map(|document| Arc::new(document.into_flat())),
            Err(error) if error.code() == Code::CollectionNotFound => None,
            Err(error) => return Err(error),
        };
        found.push((place, answer));
    }
    Ok(found)
}

/// The changes after `since` up to a result's place; `None` where they are too many, or no longer in the log.
async fn missed(store: &Store, since: Option<Seq>, end: Seq) -> Option<Vec<Change>> {
    let since = since.filter(|since| *since <= end)?;
    let mut changes = store.changes(since, MOST_BEHIND).await.ok()?;
    let is_all = changes.len() < MOST_BEHIND as usize;
    changes.retain(|change| change.seq <= end);
    is_all.then_some(changes)
}

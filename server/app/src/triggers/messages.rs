//! What is said in channels. It is stored nowhere: between its being said and its being enqueued, some milliseconds
//! later, it is in the memory of one node.

use std::sync::Arc;

use basalt_core::Actor;
use basalt_data::events::{ChannelMessage, Event, Subscribers};
use basalt_store::{Decide, Origin, Step, View, Writes};
use tokio::sync::{Mutex, mpsc, watch};

use super::{Triggers, jobs, measure};

/// Messages that wait; more are dropped and counted.
const QUEUE: usize = 4_096;
/// Messages that are enqueued at once.
const BATCH: usize = 100;

/// The way from channels to functions; cheap to clone.
#[derive(Clone)]
pub struct Messages {
    subscribers: Arc<Vec<Arc<dyn Subscribers>>>,
    said: mpsc::Sender<ChannelMessage>,
    waiting: Arc<Mutex<mpsc::Receiver<ChannelMessage>>>,
}

impl Messages {
    pub(super) fn new(subscribers: Vec<Arc<dyn Subscribers>>) -> Self {
        let (said, waiting) = mpsc::channel(QUEUE);
        Self { subscribers: Arc::new(subscribers), said, waiting: Arc::new(Mutex::new(waiting)) }
    }

    /// Whether there is anybody to tell.
    pub fn are_wanted(&self) -> bool {
        self.subscribers.iter().any(|subscribers| !subscribers.subscriptions().is_empty())
    }

    /// Never waits.
    pub fn say(&self, message: ChannelMessage) {
        if self.said.try_send(message).is_err() {
            measure::dropped(1);
        }
    }

    /// The next of them, of which there is one at least.
    async fn next(&self) -> Vec<ChannelMessage> {
        let mut messages = Vec::new();
        // This is a sender itself: the channel doesn't close.
        self.waiting.lock().await.recv_many(&mut messages, BATCH).await;
        messages
    }
}

impl Triggers {
    pub(super) async fn hear(&self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                said = self.0.messages.next() => self.enqueue_messages(said).await,
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
    }

    async fn enqueue_messages(&self, said: Vec<ChannelMessage>) {
        let now = self.db().now();
        let mut all = Vec::new();
        for message in said {
            let event = Event::of_message(message);
            match jobs(self.wanting(&event), &event, now) {
                Ok(jobs) => all.extend(jobs),
                Err(error) => tracing::warn!(?error, "a message of a channel can't be brought to functions"),
            }
        }
        if all.is_empty() {
            return;
        }
        let count = all.len();
        let origin = Origin { actor: Actor::SYSTEM, request_id: "messages".to_owned(), at: now };
        match self.db().store().commit(Enqueue(Writes { jobs: all, ..Writes::none(origin) })).await {
            Ok(_) => measure::enqueue(count),
            Err(error) => {
                measure::dropped(count);
                tracing::warn!(?error, count, "messages of channels can't be brought to functions");
            }
        }
    }
}

struct Enqueue(Writes);

impl Decide for Enqueue {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, _: &View) -> Step<()> {
        Step::Done(self.0.clone(), ())
    }
}

//! Room `realtime`: live queries and channels over long-lived connections.
//!
//! What it promises:
//! * Each distinct (query, rights) is evaluated once per change, however many watch it; what is sent is encoded once.
//! * There is no hole between a snapshot and the changes after it, and changes come in the order of the log.
//! * Rights are the caller's at each moment: whoever loses them hears no more within a second.
//! * Nothing waits for a client. Who reads too slowly is told to begin anew; memory is bounded whatever clients do.
//!
//! One task, the [`hub`], owns all state and never waits: connections and the log send it mail, and what has to be
//! read is read by tasks that send the result back. Floors: [`frames`] (what is said), [`transport`] (how it looks on
//! the wire), [`outbox`] (what waits for a client), [`bell`] (how it is told that something does), [`Connection`] (one client, as the HTTP floor holds it),
//! [`queries`] (shared queries; pure),
//! [`channels`] (who says what to whom, and who is there; pure but for what goes between nodes), [`doors`] (channels for
//! those who have no connection). What speaks over connections adds its frames to [`frames`] and an arm to `Hub::obey`.

mod bell;
mod channels;
mod connection;
mod doors;
mod feed;
mod frames;
mod hub;
mod metrics;
mod outbox;
mod queries;
mod transport;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use basalt_core::random::Random;
use basalt_core::{Caller, Clock, Code, Error, Result};
use basalt_data::changes::Changes;
use basalt_data::documents::Documents;
use basalt_data::events::ChannelMessage;
use basalt_store::Store;
use tokio::sync::{mpsc, oneshot, watch};

pub use bell::Bell;
pub use channels::declared::ChannelInfo;
pub use connection::{Connection, Refusal};
pub use feed::Feed;
pub use frames::{Join, Said, Subscription};
pub use outbox::{Next, Outbox, Pushed};
pub use transport::Transport;

use crate::common::Secret;
use crate::principals::Principals;
use channels::declared::Known;
use connection::Budget;
use feed::Handover;
use hub::{Hub, Mail};

/// Connections of one node.
const MOST_CONNECTIONS: usize = 20_000;

/// What the room stands on.
pub struct RealtimeParts {
    pub store: Store,
    pub changes: Changes,
    pub documents: Documents,
    pub principals: Principals,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
}

/// Who hears what is said in channels beside those who are in them: port of this room.
pub trait Listener: Send + Sync {
    /// Whether there is anybody: else nothing is made ready for him.
    fn listens(&self) -> bool;

    /// Never waits.
    fn heard(&self, message: ChannelMessage);
}

/// The room; cheap to clone.
#[derive(Clone)]
pub struct Realtime(Arc<Inner>);

struct Inner {
    parts: RealtimeParts,
    mail: mpsc::UnboundedSender<Mail>,
    inbox: std::sync::Mutex<Option<mpsc::UnboundedReceiver<Mail>>>,
    handover: Arc<Handover>,
    next: AtomicU64,
    open: Arc<AtomicUsize>,
    declared: Known,
    listener: OnceLock<Arc<dyn Listener>>,
}

/// A client that comes in.
pub struct Arrival {
    pub caller: Caller,
    /// What proved who he is.
    pub token: Option<Secret>,
    pub transport: Transport,
    /// Whether a browser sends him: then no service key is taken.
    pub browser: bool,
    /// Of the thread that serves him.
    pub bell: Bell,
}

impl Realtime {
    pub fn new(parts: RealtimeParts) -> Self {
        // Without a bound of its own: each connection has a bounded number of messages in it (see `connection`).
        let (mail, inbox) = mpsc::unbounded_channel();
        metrics::describe();
        Self(Arc::new(Inner {
            parts,
            mail,
            inbox: std::sync::Mutex::new(Some(inbox)),
            handover: Arc::default(),
            next: AtomicU64::new(1),
            open: Arc::default(),
            declared: Known::default(),
            listener: OnceLock::new(),
        }))
    }

    /// Has somebody hear what is said in channels on this node: before [`Realtime::run`], and once.
    pub fn listen(&self, listener: Arc<dyn Listener>) {
        if self.0.listener.set(listener).is_err() {
            tracing::error!("somebody listens to channels already");
        }
    }

    /// What the node's tailer feeds; it has to be fed from where [`Realtime::run`] begins, or before.
    pub fn feed(&self) -> Feed {
        Feed(Arc::clone(&self.0.handover))
    }

    /// Lets a client in.
    pub fn connect(&self, arrival: Arrival) -> Result<Connection> {
        let taken = Budget::take(&self.0.open);
        if taken.count() > MOST_CONNECTIONS || self.0.mail.is_closed() {
            let detail = "This node holds as many connections as it can.";
            return Err(Error::new(Code::Overloaded, detail).retry_after(std::time::Duration::from_secs(5)));
        }
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        Ok(Connection::open(id, arrival, self.0.mail.clone(), taken))
    }

    /// Serves until `stop` is true; once only.
    pub async fn run(&self, stop: watch::Receiver<bool>) {
        let inbox = self.0.inbox.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(inbox) = inbox else { return };
        let Inner { parts, declared, mail, handover, listener, .. } = &*self.0;
        let listener = listener.get().cloned();
        Hub::new(parts, declared.clone(), mail.clone(), Arc::clone(handover), listener).run(inbox, stop).await;
    }

    /// Says goodbye to every client, with a hint when to come back, and lets no more in.
    pub async fn drain(&self) {
        let (done, wait) = oneshot::channel();
        if self.0.mail.send(Mail::Drain(done)).is_ok() {
            // A hub that is gone has no clients.
            let _ = wait.await;
        }
    }
}

//! Many subscribers at once, and when each got each change.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};

use super::socket::{Kind, Socket};
use crate::error::Result;

const THREADS: usize = 2;
/// Connections that a thread opens at the same time.
const AT_ONCE: usize = 32;
/// How long deliveries are waited for before they count as lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection to be: who opens it, and what it subscribes to.
pub(crate) struct Member {
    pub(crate) token: Arc<str>,
    pub(crate) subscriptions: Vec<String>,
}

/// Open connections; dropping it closes them. Two threads serve them, so that what the server sends on two cores isn't
/// waited for on one.
pub(crate) struct Crowd {
    pub(crate) tally: Arc<Tally>,
    /// What goes wrong.
    troubles: mpsc::Receiver<Result<(), String>>,
    /// Dropped, and the threads end.
    _stops: Vec<oneshot::Sender<()>>,
}

/// What all of them got. Each thread notes its own: none waits for another that the server has put off its core.
#[derive(Default)]
pub(crate) struct Tally {
    /// Counts what is measured, one thing after the other.
    phase: AtomicUsize,
    changes: AtomicUsize,
    odd: AtomicUsize,
    /// When the n-th change was asked for; its n-th frame is that change at each subscriber.
    asked: RwLock<Vec<Instant>>,
    lanes: [Mutex<Lane>; THREADS],
}

#[derive(Default)]
struct Lane {
    micros: Vec<u32>,
    last: Option<Instant>,
}

/// The changes that one subscriber got.
struct Seen {
    lane: usize,
    phase: usize,
    changes: usize,
}

impl Crowd {
    /// Opens them all, and waits until each has its snapshots.
    pub(crate) async fn gather(address: &str, mut members: Vec<Member>) -> Result<Self> {
        let tally = Arc::<Tally>::default();
        let (tell, mut troubles) = mpsc::channel(THREADS * 2);
        let mut stops = Vec::new();
        for lane in 0..THREADS {
            let left = THREADS - lane;
            let own = members.split_off(members.len() - members.len() / left);
            let (stop, stopped) = oneshot::channel();
            stops.push(stop);
            let (address, tally, tell) = (address.to_owned(), Arc::clone(&tally), tell.clone());
            let runtime = crate::runtime()?;
            std::thread::spawn(move || runtime.block_on(serve(&address, (lane, own), &tally, &tell, stopped)));
        }
        for _ in 0..THREADS {
            troubles.recv().await.ok_or("no crowd")??;
        }
        Ok(Self { tally, troubles, _stops: stops })
    }

    /// Waits for that many deliveries in all; what came and what didn't.
    pub(crate) async fn delivered(&mut self, wanted: usize) -> Result<Delivered> {
        let end = Instant::now() + PATIENCE;
        while self.tally.changes.load(Ordering::Relaxed) < wanted && Instant::now() < end {
            if let Ok(trouble) = self.troubles.try_recv() {
                trouble?;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let (count, odd) = (self.tally.changes.swap(0, Ordering::Relaxed), self.tally.odd.swap(0, Ordering::Relaxed));
        let Lane { mut micros, last } = self.tally.next_phase();
        micros.sort_unstable();
        Ok(Delivered { count, lost: wanted.abs_diff(count) + odd, micros, last })
    }
}

/// What came of some changes.
pub(crate) struct Delivered {
    pub(crate) count: usize,
    /// Deliveries too few or too many, and frames that should not have come.
    pub(crate) lost: usize,
    /// From the request to the delivery, shortest first.
    pub(crate) micros: Vec<u32>,
    pub(crate) last: Option<Instant>,
}

impl Delivered {
    pub(crate) fn percentile_millis(&self, share: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index within the samples")]
        let at = (self.micros.len().saturating_sub(1) as f64 * share) as usize;
        self.micros.get(at).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    }
}

impl Tally {
    /// A change is asked for now.
    pub(crate) fn ask(&self) {
        self.asked.write().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
    }

    /// What all threads noted of the one that ends.
    fn next_phase(&self) -> Lane {
        self.phase.fetch_add(1, Ordering::Relaxed);
        self.asked.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.lanes.iter().fold(Lane::default(), |mut all, lane| {
            let own = std::mem::take(&mut *lane.lock().unwrap_or_else(PoisonError::into_inner));
            all.micros.extend(own.micros);
            all.last = all.last.max(own.last);
            all
        })
    }

    fn note(&self, kind: Kind, seen: &mut Seen) {
        match kind {
            Kind::Change => {
                let (now, phase) = (Instant::now(), self.phase.load(Ordering::Relaxed));
                if seen.phase != phase {
                    *seen = Seen { phase, changes: 0, ..*seen };
                }
                let asked = self.asked.read().unwrap_or_else(PoisonError::into_inner).get(seen.changes).copied();
                let mut lane = self.lanes[seen.lane].lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(asked) = asked {
                    let micros = u32::try_from(now.duration_since(asked).as_micros()).unwrap_or(u32::MAX);
                    lane.micros.push(micros);
                }
                lane.last = Some(now);
                seen.changes += 1;
                drop(lane);
                self.changes.fetch_add(1, Ordering::Relaxed);
            }
            Kind::Snapshot | Kind::Odd => {
                self.odd.fetch_add(1, Ordering::Relaxed);
            }
            Kind::Ok | Kind::Ping => {}
        }
    }
}

/// Opens some and follows them until it is stopped; says when all are open, and what goes wrong.
async fn serve(
    address: &str,
    (lane, members): (usize, Vec<Member>),
    tally: &Arc<Tally>,
    tell: &mpsc::Sender<Result<(), String>>,
    stopped: oneshot::Receiver<()>,
) {
    let outcome = match open_all(address, members).await {
        Ok(sockets) => {
            let mut followers = JoinSet::new();
            for socket in sockets {
                let (tally, mut seen) = (Arc::clone(tally), Seen { lane, phase: 0, changes: 0 });
                followers.spawn(socket.follow(move |kind| tally.note(kind, &mut seen)));
            }
            // Who gathers them may have given up.
            let _ = tell.send(Ok(())).await;
            tokio::select! {
                _ = stopped => Ok(()),
                Some(error) = followers.join_next() => Err(format!("a subscriber's connection ended: {error:?}")),
            }
        }
        Err(error) => Err(error.to_string()),
    };
    let _ = tell.send(outcome).await;
}

async fn open_all(address: &str, members: Vec<Member>) -> Result<Vec<Socket>> {
    let mut openings = JoinSet::new();
    let mut sockets = Vec::with_capacity(members.len());
    for member in members {
        if openings.len() >= AT_ONCE {
            sockets.extend(joined(openings.join_next().await)?);
        }
        openings.spawn(open(address.to_owned(), member));
    }
    while let Some(opened) = joined(openings.join_next().await)? {
        sockets.push(opened);
    }
    Ok(sockets)
}

async fn open(address: String, member: Member) -> Result<Socket, String> {
    let mut socket = Socket::open(&address, &member.token).await.map_err(|error| error.to_string())?;
    for subscription in &member.subscriptions {
        socket.send(subscription).await.map_err(|error| error.to_string())?;
    }
    socket.snapshots(member.subscriptions.len()).await.map_err(|error| error.to_string())?;
    Ok(socket)
}

fn joined(opened: Option<Result<Result<Socket, String>, JoinError>>) -> Result<Option<Socket>> {
    let Some(opened) = opened else { return Ok(None) };
    Ok(Some(opened??))
}

//! The reader of the log.

use std::time::Duration;

use basalt_core::{Change, Code, Result, Seq, Timestamp};
use basalt_data::events::Event;
use basalt_store::NewJob;
use tokio::sync::watch;
use tokio::time::Instant;

use super::lease::{self, CONSUMER, LetGo, Move, Moved};
use super::{Triggers, jobs, measure};

/// Changes that are read at once.
const BATCH: u32 = 500;
/// Bytes of events that one commit enqueues; a single event's may be more.
const BYTES: usize = 1 << 20;
/// The most that one commit takes.
const MOST_BYTES: usize = 4 << 20;
/// How often the place is noted while nobody wants what is read.
const NOTE_EVERY: Duration = Duration::from_secs(5);
/// How long a reader that nobody wakes waits.
const POLL: Duration = Duration::from_millis(500);
/// How often a reader looks whether the one that has the log has let go of it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long it waits when the store fails.
const PAUSE: Duration = Duration::from_secs(1);

/// Where this node stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// As the cursor has it.
    noted: Seq,
    /// Up to here all was looked at.
    read: Seq,
    /// When the cursor was last moved.
    noted_at: Timestamp,
}

/// The reader of one node.
struct Follower<'a> {
    triggers: &'a Triggers,
    place: Option<Place>,
    /// Another node reads, for so long; and when that was seen.
    theirs: Option<(Timestamp, Instant)>,
    /// Deliveries that it enqueued.
    enqueued: usize,
}

/// What a turn left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// There may be more.
    More,
    Idle,
}

impl Triggers {
    /// Puts the reader at the log's end, if it stands nowhere yet: to be called before anything is written.
    pub async fn begin(&self) -> Result<()> {
        let mut follower = Follower::new(self);
        follower.find_place().await.map(drop)
    }

    /// Reads the log while this node has the lease, and takes what is said in channels, until `stop` is true.
    pub async fn run(&self, stop: watch::Receiver<bool>) {
        tokio::join!(self.read(stop.clone()), self.hear(stop));
    }

    async fn read(&self, mut stop: watch::Receiver<bool>) {
        let mut follower = Follower::new(self);
        while !*stop.borrow() {
            let pause = match follower.turn().await {
                Ok(Turn::More) => continue,
                Ok(Turn::Idle) => POLL,
                Err(error) => {
                    tracing::warn!(?error, "triggers can't read the log");
                    follower.place = None;
                    PAUSE
                }
            };
            tokio::select! {
                () = self.0.passed.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        let let_go = LetGo { node: self.0.node.clone(), at: self.db().now() };
        if let Err(error) = self.db().store().commit(let_go).await {
            tracing::debug!(?error, "the lease of triggers runs out by itself");
        }
    }

    /// Brings what the log has to its targets now, and says how many jobs that made.
    pub async fn follow(&self) -> Result<usize> {
        let mut follower = Follower::new(self);
        while follower.turn().await? == Turn::More {}
        follower.note().await?;
        Ok(follower.enqueued)
    }
}

impl<'a> Follower<'a> {
    fn new(triggers: &'a Triggers) -> Self {
        Self { triggers, place: None, theirs: None, enqueued: 0 }
    }

    async fn turn(&mut self) -> Result<Turn> {
        let now = self.triggers.db().now();
        if self.theirs.is_some_and(|(until, seen)| until > now && seen.elapsed() < LOOK_AGAIN) {
            return Ok(Turn::Idle);
        }
        let Some(place) = self.find_place().await? else { return Ok(Turn::Idle) };
        let place = self.pass(place);
        let changes = match self.triggers.db().store().changes(place.read, BATCH).await {
            Ok(changes) => changes,
            Err(error) if error.code() == Code::CursorExpired => return self.jump(place).await,
            Err(error) => return Err(error),
        };
        let Some(last) = changes.last().map(|change| change.seq) else {
            measure::lag(Duration::ZERO);
            self.note_sometimes(now).await?;
            return Ok(Turn::Idle);
        };
        measure::lag(now.since(changes[0].at));
        if self.triggers.is_wanted() {
            self.enqueue(&changes, now).await?;
        }
        if let Some(place) = &mut self.place {
            place.read = last.max(place.read);
        }
        self.note_sometimes(now).await?;
        // Whoever lost the log to another node has no place any more.
        Ok(if self.place.is_some() { Turn::More } else { Turn::Idle })
    }

    /// Goes on beyond what nobody wanted when it came.
    fn pass(&mut self, mut place: Place) -> Place {
        if let Some(end) = self.triggers.0.passed.beyond(place.read) {
            place.read = end;
            self.place = Some(place);
        }
        place
    }

    /// Where the reader stands; `None`: another node reads.
    async fn find_place(&mut self) -> Result<Option<Place>> {
        if self.place.is_some() {
            return Ok(self.place);
        }
        let db = self.triggers.db();
        let now = db.now();
        let lease = db.store().cell(&lease::key()).await?;
        if let Some(lease) = lease
            && lease::holder(&lease.value) != Some(&self.triggers.0.node)
            && let Some(until) = lease.expires_at.filter(|until| *until > now)
        {
            self.theirs = Some((until, Instant::now()));
            return Ok(None);
        }
        let stands = match self.triggers.0.parts.changes.cursor(CONSUMER).await {
            Err(error) if error.code() == Code::CursorExpired => None,
            stands => stands?,
        };
        let seq = if let Some(seq) = stands {
            seq
        } else {
            let end = self.triggers.0.parts.changes.end();
            if self.commit(None, end, Vec::new()).await? != Moved::Done {
                return Ok(None);
            }
            end
        };
        self.triggers.0.passed.forget();
        self.place = Some(Place { noted: seq, read: seq, noted_at: now });
        Ok(self.place)
    }

    /// Enqueues what is wanted of these changes, in as many commits as it takes.
    async fn enqueue(&mut self, changes: &[Change], now: Timestamp) -> Result<()> {
        let log_id = self.triggers.db().store().log_id().to_owned();
        let (mut waiting, mut bytes, mut reached) = (Vec::new(), 0, None);
        for change in changes {
            let size = |body: &Option<basalt_core::change::Body>| body.as_ref().map_or(0, |body| body.text().len());
            let size = size(&change.after) + size(&change.before) + 512;
            let jobs = match Event::of_change(change, &log_id) {
                Some(event) => jobs(self.triggers.wanting(&event), &event, now)?,
                None => Vec::new(),
            };
            let more = size * jobs.len();
            if !waiting.is_empty() && bytes + more > BYTES {
                self.enqueue_those(std::mem::take(&mut waiting), reached).await?;
                bytes = 0;
            }
            // What one change makes may be more than a commit takes: its place is reached with the last of it.
            let most = (MOST_BYTES / size.max(1)).max(1);
            let mut jobs = jobs;
            while jobs.len() > most {
                let rest = jobs.split_off(most);
                self.enqueue_those(std::mem::replace(&mut jobs, rest), reached).await?;
            }
            bytes += size * jobs.len();
            waiting.extend(jobs);
            reached = Some(change.seq);
        }
        if waiting.is_empty() { Ok(()) } else { self.enqueue_those(waiting, reached).await }
    }

    /// `reached`: where the reader stands with these, `None` where it was.
    async fn enqueue_those(&mut self, jobs: Vec<NewJob>, reached: Option<Seq>) -> Result<()> {
        let Some(place) = self.place else { return Ok(()) };
        let to = reached.unwrap_or(place.noted).max(place.noted);
        let count = jobs.len();
        if self.commit(Some(place.noted), to, jobs).await? == Moved::Done {
            self.enqueued += count;
            measure::enqueue(count);
        }
        Ok(())
    }

    async fn note_sometimes(&mut self, now: Timestamp) -> Result<()> {
        match self.place {
            Some(place) if place.read > place.noted && now.since(place.noted_at) >= NOTE_EVERY => self.note().await,
            _ => Ok(()),
        }
    }

    /// Moves the cursor to what was looked at.
    async fn note(&mut self) -> Result<()> {
        match self.place {
            Some(place) if place.read > place.noted => {
                self.commit(Some(place.noted), place.read, Vec::new()).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// The log was trimmed beyond the reader: what is gone is said, and left out.
    async fn jump(&mut self, place: Place) -> Result<Turn> {
        let to = self.triggers.db().store().log_trimmed().max(place.read + 1);
        tracing::error!(from = place.noted, to, "triggers fell out of the change log: changes were missed");
        self.commit(Some(place.noted), to, Vec::new()).await?;
        Ok(Turn::More)
    }

    async fn commit(&mut self, from: Option<Seq>, to: Seq, jobs: Vec<NewJob>) -> Result<Moved> {
        let (db, at) = (self.triggers.db(), self.triggers.db().now());
        let (node, log) = (self.triggers.0.node.clone(), db.store().log_id().to_owned());
        let changes = self.triggers.0.parts.changes.clone();
        let (moved, _) = db.store().commit(Move { node, log, changes, from, to, jobs, at }).await?;
        match moved {
            Moved::Done => {
                if let Some(place) = &mut self.place {
                    *place = Place { noted: to, read: place.read.max(to), noted_at: at };
                }
            }
            Moved::NotOurs { until } => (self.place, self.theirs) = (None, Some((until, Instant::now()))),
            Moved::Elsewhere => self.place = None,
        }
        Ok(moved)
    }
}

//! One shared query: its subscribers, its members, and the reading of its result.

use std::collections::HashMap;
use std::sync::Arc;

use basalt_core::{Change, Code, CollectionName, DocumentId, Error, Result, Seq};
use basalt_data::documents::live::{RESULT_MOST, Taken, Watched, too_large};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::super::frames::{self, SubscriptionId};
use super::super::outbox::Outbox;
use super::deliver::{Subscriber, deliver, deliver_to, send, tails};
use super::index::Filing;
use super::judge::{Judged, judge, read_row};
use super::known::{Answer, Known, Place};
use super::members::{BEYOND, Members, Row, Step, difference, print_of_list};
use super::parcel::Parcel;
use super::{PAUSE, QueryId, Reply, Wish, place_text, resume};
use crate::common::hex;

/// Changes that are kept while a result is read; more, and it is read once more.
const MOST_KEPT: usize = 2_000;

/// Readings that may fail in a row.
const MOST_FAILURES: u32 = 20;

/// One subscription of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SubscriptionKey(pub(crate) u64);

/// Where a subscriber's frames go.
#[derive(Clone)]
pub(crate) struct Reach {
    pub(crate) id: SubscriptionId,
    pub(crate) outbox: Arc<Outbox>,
}

/// One who waits for the next result.
pub(crate) struct Joiner {
    pub(crate) key: SubscriptionKey,
    pub(crate) reach: Reach,
    /// The list that he holds already: a snapshot that is the same isn't sent.
    pub(crate) holds: Option<u64>,
    /// The place in the log that he says he knows the result as of.
    pub(crate) since: Option<String>,
}

pub(super) struct Query {
    id: QueryId,
    pub(super) watched: Arc<Watched>,
    pub(super) filing: Filing,
    /// Of places in the log: to which log, query and rights they belong.
    binding: String,
    members: Option<Members>,
    /// The place that the members are as of.
    seq: Seq,
    subscribers: HashMap<SubscriptionKey, Subscriber>,
    waiting: Vec<Joiner>,
    reading: Option<Reading>,
    /// Documents that rows look up.
    known: Known,
    /// Changes that wait for such documents, where some are being read.
    looking: Option<Vec<Arc<Change>>>,
    refresh: PutOff,
    decide: PutOff,
    /// Readings that failed, one after the other, and when the next one may begin.
    failures: u32,
    not_before: Option<Instant>,
}

/// A result that is being read.
struct Reading {
    /// Whether it replaces the members; else they are up to date, and it is for those who wait alone.
    replaces: bool,
    joiners: Vec<Joiner>,
    /// Changes since the reading began, where it replaces the members.
    kept: Vec<Arc<Change>>,
    overflowed: bool,
    /// What subscribers were told since the reading began, where it doesn't.
    told: Vec<Parcel>,
}

/// Something that is done at once, but not again too soon.
#[derive(Default)]
struct PutOff {
    wanted: bool,
    last: Option<Instant>,
}

impl PutOff {
    fn is_due(&self, now: Instant) -> bool {
        self.wanted && self.last.is_none_or(|last| now.duration_since(last) >= PAUSE)
    }

    fn take(&mut self, now: Instant) -> bool {
        let due = self.is_due(now);
        if due {
            *self = Self { wanted: false, last: Some(now) };
        }
        due
    }
}

impl Query {
    pub(super) fn new(id: QueryId, watched: Arc<Watched>, filing: Filing, log_id: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(log_id.as_bytes());
        hash.update(watched.identity().0);
        let binding = hex(&hash.finalize()[..8]);
        Self {
            id,
            watched,
            filing,
            binding,
            members: None,
            seq: 0,
            subscribers: HashMap::new(),
            waiting: Vec::new(),
            reading: None,
            known: Known::default(),
            looking: None,
            refresh: PutOff { wanted: true, last: None },
            decide: PutOff::default(),
            failures: 0,
            not_before: None,
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.members.as_ref().map_or(0, Members::len)
    }

    pub(super) fn join(&mut self, joiner: Joiner) {
        self.waiting.push(joiner);
    }

    /// Takes a subscriber out. What list he holds is known if nothing was told to him alone that the members don't hold
    /// yet.
    pub(super) fn leave(&mut self, key: SubscriptionKey) -> Option<u64> {
        self.waiting.retain(|joiner| joiner.key != key);
        if let Some(reading) = &mut self.reading {
            reading.joiners.retain(|joiner| joiner.key != key);
        }
        let subscriber = self.subscribers.remove(&key)?;
        if subscriber.after > self.seq {
            return None;
        }
        self.members.as_ref().map(|members| print_of_list(members.visible()))
    }

    pub(super) fn is_deserted(&self) -> bool {
        let joiners = self.reading.as_ref().map_or(0, |reading| reading.joiners.len());
        self.subscribers.is_empty() && self.waiting.is_empty() && joiners == 0
    }

    /// Whether there is something to do that waits for its time.
    pub(super) fn is_put_off(&self) -> bool {
        let must_read = self.refresh.wanted || self.members.is_none() || !self.waiting.is_empty();
        self.decide.wanted || (self.reading.is_none() && must_read)
    }

    /// The result is to be read anew, and nothing that was looked up counts.
    pub(super) fn refresh_soon(&mut self) {
        self.known = Known::default();
        self.refresh.wanted = true;
    }

    /// The rights of its subscribers are to be decided anew.
    pub(super) fn decide_soon(&mut self) {
        self.decide.wanted = true;
    }

    pub(super) fn due(&mut self, now: Instant, wishes: &mut Vec<Wish>) {
        if self.decide.take(now) {
            let waiting = self.waiting.iter().chain(self.reading.iter().flat_map(|reading| &reading.joiners));
            wishes.extend(self.subscribers.keys().copied().chain(waiting.map(|joiner| joiner.key)).map(Wish::Decide));
        }
    }

    /// Begins to read where somebody waits for it and nothing is being read.
    pub(super) fn read_if_wanted(&mut self) -> Option<Wish> {
        let now = Instant::now();
        let replaces = self.refresh.is_due(now) || self.members.is_none();
        let must_wait = self.reading.is_some() || self.not_before.is_some_and(|time| now < time);
        if must_wait || (!replaces && self.waiting.is_empty()) {
            return None;
        }
        if replaces {
            self.refresh = PutOff { wanted: false, last: Some(now) };
        }
        let joiners = std::mem::take(&mut self.waiting);
        // What waits for a look-up waits for the result instead.
        let kept = if replaces { self.looking.take().unwrap_or_default() } else { Vec::new() };
        self.reading = Some(Reading { replaces, joiners, kept, overflowed: false, told: Vec::new() });
        Some(Wish::Take { query: self.id, watched: Arc::clone(&self.watched), beyond: BEYOND, since: self.resumed() })
    }

    /// The earliest place that somebody who waits goes on from.
    fn resumed(&self) -> Option<Seq> {
        self.reading.as_ref()?.joiners.iter().filter_map(|joiner| self.resumes(joiner)).min()
    }

    /// Where one who waits goes on from, if he can: the result doesn't depend on more than its own documents, and it is
    /// the same query under the same rights.
    fn resumes(&self, joiner: &Joiner) -> Option<Seq> {
        let (seq, binding) = resume::parse(joiner.since.as_deref()?)?;
        (binding == self.binding && self.watched.can_be_resumed()).then_some(seq)
    }

    /// Changes of one commit that may concern it.
    pub(super) fn commit(&mut self, changes: &[Arc<Change>], wishes: &mut Vec<Wish>) {
        if let Some(reading) = &mut self.reading
            && reading.replaces
        {
            if reading.kept.len() + changes.len() > MOST_KEPT {
                reading.kept.clear();
                reading.overflowed = true;
            } else {
                reading.kept.extend_from_slice(changes);
            }
            return;
        }
        if let Some(looking) = &mut self.looking {
            looking.extend_from_slice(changes);
            if looking.len() > MOST_KEPT {
                self.looking = None;
                self.refresh.wanted = true;
            }
            return;
        }
        self.apply(changes, wishes);
    }

    /// A document that rows look up is another now.
    pub(super) fn source_changed(&mut self, collection: &CollectionName, id: &DocumentId) {
        self.known.forget(collection, id);
        self.refresh.wanted = true;
    }

    /// Documents that rows look up were read; the changes that waited for them go on.
    pub(super) fn found(&mut self, outcome: Result<Vec<(Place, Answer)>>, wishes: &mut Vec<Wish>) {
        match outcome {
            Ok(found) => found.into_iter().for_each(|(place, answer)| self.known.learn(place, answer)),
            Err(error) => {
                tracing::warn!(?error, "what a live query looks up can't be read; its result is read anew");
                self.looking = None;
                self.refresh.wanted = true;
            }
        }
        for commit in commits(&self.looking.take().unwrap_or_default()) {
            self.commit(commit, wishes);
        }
    }

    fn apply(&mut self, changes: &[Arc<Change>], wishes: &mut Vec<Wish>) {
        if self.watched.is_document() {
            self.refresh.wanted = true;
            return;
        }
        let Some(members) = &mut self.members else { return };
        let asked = self.known.asked();
        let later = changes.iter().map(AsRef::as_ref).filter(|change| change.seq > self.seq);
        let judged: Vec<_> = later.map(|change| (change, judge(&self.watched, change, &asked))).collect();
        let unknown = asked.unknown();
        if !unknown.is_empty() {
            self.looking = Some(changes.to_vec());
            wishes.push(Wish::LookUp { query: self.id, places: unknown });
            return;
        }
        let (mut steps, mut seq) = (Vec::new(), self.seq);
        for (change, judged) in judged {
            seq = seq.max(change.seq);
            match judged {
                Ok(Judged::In(row, body)) => members.put(row, &body, &mut steps),
                Ok(Judged::Out) => members.remove(&change.id, &mut steps),
                Ok(Judged::Open) => self.refresh.wanted = true,
                Err(error) => {
                    tracing::error!(?error, "a change can't be shown; the query is read anew");
                    self.refresh.wanted = true;
                }
            }
        }
        self.seq = seq;
        let (too_many, runs_out) = (is_too_large(&self.watched, members), members.runs_out());
        self.tell(steps, seq, wishes);
        if too_many {
            self.fail(&too_large(), wishes);
        }
        self.refresh.wanted |= runs_out;
    }

    /// Sends the steps of one commit to all subscribers.
    fn tell(&mut self, steps: Vec<Step>, seq: Seq, wishes: &mut Vec<Wish>) {
        if steps.is_empty() {
            return;
        }
        let text = place_text(seq, &self.binding);
        let tails = tails(&text, steps);
        let parcel = Parcel::changes(seq, text, tails);
        deliver(&parcel, &self.subscribers, wishes);
        if let Some(reading) = &mut self.reading
            && !reading.replaces
        {
            reading.told.push(parcel);
            if reading.told.len() > MOST_KEPT {
                reading.told.clear();
                reading.overflowed = true;
            }
        }
    }

    /// A result has been read. Where it can't be, nobody stays.
    pub(super) fn taken(&mut self, outcome: Result<Reply>, now: Instant, wishes: &mut Vec<Wish>) {
        let Some(reading) = self.reading.take() else { return };
        let reply = match outcome {
            Ok(reply) => reply,
            Err(error) if is_passing(&error) && self.failures < MOST_FAILURES => {
                self.failures += 1;
                self.not_before = Some(now + PAUSE * self.failures);
                self.waiting.splice(0..0, reading.joiners);
                self.refresh.wanted |= reading.replaces;
                // What was missed meanwhile is in the next one.
                tracing::warn!(?error, "a live result can't be read; it is tried again");
                return;
            }
            Err(error) => {
                self.waiting.extend(reading.joiners);
                return self.fail(&error, wishes);
            }
        };
        self.failures = 0;
        if reading.overflowed && !reading.replaces {
            self.waiting.splice(0..0, reading.joiners);
            return;
        }
        self.refresh.wanted |= reading.overflowed;
        self.arrive(reading, reply, wishes);
    }

    fn arrive(&mut self, reading: Reading, reply: Reply, wishes: &mut Vec<Wish>) {
        let Reply { taken: Taken { rows, complete, seq }, missed } = reply;
        let rows: Vec<Row> = rows.into_iter().map(|row| read_row(&self.watched, row)).collect();
        let visible = &rows[..rows.len().min(self.watched.limit().unwrap_or(usize::MAX))];
        let text = place_text(seq, &self.binding);
        let docs = visible.iter().filter_map(|row| row.body.as_ref());
        let print = print_of_list(visible);
        let none = reading.joiners.is_empty();
        let tail = if none { frames::snapshot(&text, std::iter::empty()) } else { frames::snapshot(&text, docs) };
        let snapshot = Parcel::snapshot(seq, Arc::clone(&text), tail);
        let mut welcomes = Vec::with_capacity(reading.joiners.len());
        for joiner in reading.joiners {
            let resumed = self.resumes(&joiner).zip(missed.as_ref()).filter(|(since, _)| *since <= seq);
            let resumed = resumed.map(|(since, missed)| resume::steps(&self.watched, since, missed, visible));
            welcomes.push((joiner, resumed));
        }
        if reading.replaces {
            let steps = self.members.as_ref().map(|old| difference(old.visible(), visible)).unwrap_or_default();
            self.members = Some(Members::new(rows, self.watched.limit(), complete));
            self.seq = seq;
            self.tell(steps, seq, wishes);
        }
        let mut addressed = snapshot.addressed();
        for (Joiner { key, reach, holds, since: _ }, resumed) in welcomes {
            let transport = reach.outbox.transport();
            match resumed {
                Some(steps) => {
                    // No snapshot tells him that he goes on.
                    send(key, &reach, transport.frame(&frames::ok(Some(&reach.id)), None), wishes);
                    let parcel = Parcel::changes(seq, Arc::clone(&text), tails(&text, steps));
                    if parcel.frames() > 0 {
                        send(key, &reach, parcel.addressed().to(&reach.id, transport), wishes);
                    }
                }
                None if holds == Some(print) => {}
                None => send(key, &reach, addressed.to(&reach.id, transport), wishes),
            }
            self.subscribers.insert(key, Subscriber { reach, after: seq });
            // What others were told since the reading began, he hasn't been.
            for parcel in reading.told.iter().filter(|parcel| parcel.seq > seq) {
                deliver_to(parcel, key, &self.subscribers, wishes);
            }
        }
        for commit in commits(&reading.kept) {
            self.commit(commit, wishes);
        }
    }

    /// Ends all its subscriptions.
    fn fail(&mut self, error: &Error, wishes: &mut Vec<Wish>) {
        let waiting = self.waiting.drain(..).map(|joiner| joiner.key);
        let all = self.subscribers.drain().map(|(key, _)| key).chain(waiting);
        wishes.extend(all.map(|key| Wish::Failed(key, error.clone())));
    }
}

/// Changes of one commit follow one another and have one origin.
pub(crate) fn commits(changes: &[Arc<Change>]) -> impl Iterator<Item = &[Arc<Change>]> {
    changes.chunk_by(|one, next| one.request_id == next.request_id && one.at == next.at && one.actor == next.actor)
}

fn is_too_large(watched: &Watched, members: &Members) -> bool {
    watched.limit().is_none() && members.len() > RESULT_MOST as usize
}

/// Whether another try may succeed.
fn is_passing(error: &Error) -> bool {
    matches!(error.code(), Code::Overloaded | Code::Unavailable | Code::Timeout | Code::Internal)
}

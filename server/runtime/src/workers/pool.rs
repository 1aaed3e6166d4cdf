//! Who runs where. Pure: it knows no processes, only how many calls each worker has.
//!
//! A worker has calls of one version at a time, so what one function does to its worker never concerns another's call.
//! A function may take a further worker only while more are free than it has: the others always find one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// An instance's name and its code's: calls with the same key share instances.
pub(super) type Key = Arc<str>;
pub(super) type WorkerId = u64;

/// Calls in a worker beyond which the function rather takes another one.
const SOFT: usize = 8;
/// Calls in a worker.
const HARD: usize = 64;

/// A place for one call.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seat<H> {
    pub(super) handle: H,
    pub(super) worker: WorkerId,
    pub(super) key: Key,
    /// The version's number in the worker.
    pub(super) version: u32,
}

pub(super) struct Pool<H, W> {
    most: usize,
    spread: usize,
    idle_most: usize,
    workers: BTreeMap<WorkerId, Member<H>>,
    waiting: VecDeque<(Key, VecDeque<W>)>,
    /// Workers that have been asked for and aren't there yet.
    starting: usize,
    /// A function shares a worker that would rather have another.
    crowded: bool,
    /// Idle instances in all workers.
    idle: usize,
    ticks: u64,
}

struct Member<H> {
    handle: H,
    /// The version that has calls here, and how many.
    running: Option<(Key, usize)>,
    held: BTreeMap<Key, Held>,
    numbers: u32,
    since: Instant,
}

struct Held {
    number: u32,
    idle: usize,
    used: u64,
}

/// What a worker is told to forget.
pub(super) type Forgotten<H> = Vec<(H, u32)>;

impl<H: Clone, W> Pool<H, W> {
    pub(super) fn new(most: usize, spread: usize, idle_most: usize) -> Self {
        let (workers, waiting) = (BTreeMap::new(), VecDeque::new());
        Self { most, spread, idle_most, workers, waiting, starting: 0, crowded: false, idle: 0, ticks: 0 }
    }

    /// A place now, where there is one and nobody with the same key waits. `is_stuck` tells of workers that have been
    /// silent for a while: what else is sent there may wait long.
    pub(super) fn take(&mut self, key: &Key, is_stuck: &dyn Fn(&H) -> bool) -> Option<Seat<H>> {
        if self.waiting.iter().any(|(waiting, _)| waiting == key) {
            return None;
        }
        self.place(key, is_stuck)
    }

    pub(super) fn wait(&mut self, key: &Key, who: W) {
        match self.waiting.iter_mut().find(|(waiting, _)| waiting == key) {
            Some((_, queue)) => queue.push_back(who),
            None => self.waiting.push_back((Arc::clone(key), VecDeque::from([who]))),
        }
    }

    /// Places for those who wait, in turn by their keys.
    pub(super) fn settle(&mut self, is_stuck: &dyn Fn(&H) -> bool) -> Vec<(W, Seat<H>)> {
        let mut placed = Vec::new();
        let mut refused = 0;
        while refused < self.waiting.len() {
            let Some((key, mut queue)) = self.waiting.pop_front() else { break };
            match self.place(&key, is_stuck) {
                Some(seat) => {
                    placed.extend(queue.pop_front().map(|who| (who, seat)));
                    refused = 0;
                }
                None => refused += 1,
            }
            if !queue.is_empty() {
                self.waiting.push_back((key, queue));
            }
        }
        placed
    }

    /// Whether another worker has to be started, for those who wait or to spread what runs; counted as starting from then
    /// on.
    pub(super) fn start_another(&mut self) -> bool {
        let wanted = self.waiting.iter().filter(|(key, _)| self.may_grow(key)).count();
        let wanted = wanted.max(usize::from(std::mem::take(&mut self.crowded)));
        let start = wanted > self.starting && self.workers.len() + self.starting < self.most;
        self.starting += usize::from(start);
        start
    }

    pub(super) fn started(&mut self, worker: WorkerId, handle: H, now: Instant) {
        self.starting = self.starting.saturating_sub(1);
        let member = Member { handle, running: None, held: BTreeMap::new(), numbers: 0, since: now };
        self.workers.insert(worker, member);
    }

    /// A worker that was asked for won't come. Those who wait for it are given back where there is no other.
    pub(super) fn failed(&mut self) -> Vec<W> {
        self.starting = self.starting.saturating_sub(1);
        if self.workers.is_empty() && self.starting == 0 {
            return self.waiting.drain(..).flat_map(|(_, queue)| queue).collect();
        }
        Vec::new()
    }

    /// A call is over; `kept` tells that an instance waits for the next. What is too much is forgotten.
    pub(super) fn leave(&mut self, worker: WorkerId, key: &Key, kept: bool, now: Instant) -> Forgotten<H> {
        let Some(member) = self.workers.get_mut(&worker) else { return Vec::new() };
        if let Some((_, calls)) = &mut member.running {
            *calls -= 1;
            if *calls == 0 {
                member.running = None;
                member.since = now;
            }
        }
        if let Some(held) = member.held.get_mut(key) {
            held.idle += usize::from(kept);
            self.idle += usize::from(kept);
        }
        if self.idle > self.idle_most { self.shrink() } else { Vec::new() }
    }

    pub(super) fn remove(&mut self, worker: WorkerId) -> Option<H> {
        let member = self.workers.remove(&worker)?;
        self.count();
        Some(member.handle)
    }

    /// Takes a worker out if it has no calls; says whether it did.
    pub(super) fn remove_idle(&mut self, worker: WorkerId) -> bool {
        let idle = self.workers.get(&worker).is_some_and(|member| member.running.is_none());
        idle && self.remove(worker).is_some()
    }

    /// Takes a version out of all workers that have no calls of it.
    pub(super) fn forget(&mut self, mut which: impl FnMut(&Key) -> bool) -> Forgotten<H> {
        let mut forgotten = Vec::new();
        for member in self.workers.values_mut() {
            let running = member.running.as_ref().map(|(key, _)| Arc::clone(key));
            member.held.retain(|key, held| {
                let keep = running.as_ref() == Some(key) || !which(key);
                if !keep {
                    forgotten.push((member.handle.clone(), held.number));
                }
                keep
            });
        }
        self.count();
        forgotten
    }

    /// Takes out workers that have had nothing to do since `before`, all but one.
    pub(super) fn retire(&mut self, before: Instant) -> Vec<H> {
        let idle = self.workers.iter().filter(|(_, member)| member.running.is_none() && member.since < before);
        let mut idle: Vec<WorkerId> = idle.map(|(id, _)| *id).collect();
        if idle.len() == self.workers.len() {
            idle.pop();
        }
        idle.into_iter().filter_map(|id| self.remove(id)).collect()
    }

    pub(super) fn handles(&self) -> impl Iterator<Item = &H> {
        self.workers.values().map(|member| &member.handle)
    }

    pub(super) fn workers(&self) -> usize {
        self.workers.len()
    }

    pub(super) fn idle(&self) -> usize {
        self.idle
    }

    pub(super) fn calls(&self) -> usize {
        self.workers.values().filter_map(|member| member.running.as_ref()).map(|(_, calls)| calls).sum()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.iter().map(|(_, queue)| queue.len()).sum()
    }

    fn place(&mut self, key: &Key, is_stuck: &dyn Fn(&H) -> bool) -> Option<Seat<H>> {
        let worker = self.choose(key, is_stuck)?;
        self.ticks += 1;
        let mine = self.workers.values().filter(|member| member.running.as_ref().is_some_and(|(mine, _)| mine == key));
        let mine = mine.count();
        let member = self.workers.get_mut(&worker)?;
        match &mut member.running {
            Some((_, calls)) => {
                *calls += 1;
                self.crowded |= mine < self.spread;
            }
            running @ None => *running = Some((Arc::clone(key), 1)),
        }
        if !member.held.contains_key(key) {
            member.numbers = member.numbers.wrapping_add(1);
        }
        let number = member.numbers;
        let held = member.held.entry(Arc::clone(key)).or_insert(Held { number, idle: 0, used: 0 });
        if held.idle > 0 {
            held.idle -= 1;
            self.idle -= 1;
        }
        held.used = self.ticks;
        let (key, version) = (Arc::clone(key), held.number);
        Some(Seat { handle: member.handle.clone(), worker, key, version })
    }

    fn choose(&self, key: &Key, is_stuck: &dyn Fn(&H) -> bool) -> Option<WorkerId> {
        let mine = self.workers.iter().filter_map(|(id, member)| match &member.running {
            Some((running, calls)) if running == key => Some((*calls, *id, is_stuck(&member.handle))),
            _ => None,
        });
        let mine: Vec<(usize, WorkerId, bool)> = mine.collect();
        let lively = mine.iter().filter(|(_, _, stuck)| !stuck).min();
        let lively = lively.filter(|(calls, _, _)| *calls < SOFT).map(|(_, id, _)| *id);
        let free = || self.free(key).filter(|_| self.may_grow(key));
        let other = if mine.len() < self.spread { free().or(lively) } else { lively.or_else(free) };
        // With none better, and no worker to come, the least loaded one, stuck or not.
        let may_come = self.may_grow(key) && self.workers.len() < self.most;
        let any = || mine.iter().min().filter(|(calls, _, _)| *calls < HARD && !may_come).map(|(_, id, _)| *id);
        other.or_else(any)
    }

    /// A worker without calls: one that has an instance, or else the one that has been idle for the shortest time.
    fn free(&self, key: &Key) -> Option<WorkerId> {
        let free = self.workers.iter().filter(|(_, member)| member.running.is_none());
        let rank = |member: &Member<H>| (member.held.get(key).map_or(0, |held| 1 + held.idle.min(1)), member.since);
        free.max_by_key(|(_, member)| rank(member)).map(|(id, _)| *id)
    }

    fn may_grow(&self, key: &Key) -> bool {
        let running = self.workers.values().filter_map(|member| member.running.as_ref());
        let (mine, all) = running.fold((0, 0), |(mine, all), (other, _)| (mine + usize::from(other == key), all + 1));
        self.most.saturating_sub(all) > mine
    }

    /// Forgets the versions that were used least lately, a little more than needed.
    fn shrink(&mut self) -> Forgotten<H> {
        let mut ages: Vec<(u64, usize)> = self
            .workers
            .values()
            .flat_map(|member| {
                let running = member.running.as_ref().map(|(key, _)| Arc::clone(key));
                member.held.iter().filter(move |(key, _)| running.as_ref() != Some(*key))
            })
            .map(|(_, held)| (held.used, held.idle))
            .collect();
        ages.sort_unstable();
        let mut surplus = self.idle.saturating_sub(self.idle_most - self.idle_most / 16);
        let mut newest = 0;
        for (used, idle) in ages {
            if surplus == 0 {
                break;
            }
            surplus = surplus.saturating_sub(idle);
            newest = used;
        }
        let mut forgotten = Vec::new();
        for member in self.workers.values_mut() {
            let running = member.running.as_ref().map(|(key, _)| Arc::clone(key));
            member.held.retain(|key, held| {
                let keep = held.used > newest || running.as_ref() == Some(key);
                if !keep {
                    forgotten.push((member.handle.clone(), held.number));
                }
                keep
            });
        }
        self.count();
        forgotten
    }

    fn count(&mut self) {
        self.idle = self.workers.values().flat_map(|member| member.held.values()).map(|held| held.idle).sum();
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;

//! The versions that the worker has, their instances, and the calls under way.

use std::collections::BTreeMap;
use std::io::{Error, Result};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::gauge::Gauge;
use super::instance::{Instance, Kit, Turn};
use super::outbox::Outbox;
use super::{compile, natives};
use crate::wire::{Bundle, CallNumber, End, Ended, Order, Refusal, Start, Word};

/// Instances of one version that wait for their next call.
const IDLE: usize = 16;
/// An instance with a larger heap isn't kept.
const IDLE_BYTES: u64 = 24 << 20;
/// A heap is measured after so many calls, and after those that took long.
const MEASURED_CALLS: u32 = 32;
const MEASURED_MICROSECONDS: u128 = 5_000;

pub(super) struct Calls {
    kit: Kit,
    versions: BTreeMap<u32, Version>,
    running: BTreeMap<CallNumber, Running>,
    ended: u32,
}

struct Version {
    bundle: Rc<Bundle>,
    idle: Vec<Instance>,
    /// Of the heap that was last measured.
    memory: u64,
}

struct Running {
    instance: Instance,
    version: u32,
    cold: bool,
    fresh: bool,
}

impl Calls {
    pub(super) fn new(out: Outbox, gauge: Gauge) -> Result<Self> {
        let image = compile::image().map_err(|error| Error::other(error.to_string()))?;
        let kit = Kit { out, image: Arc::new(image), gauge: Rc::new(gauge) };
        Ok(Self { kit, versions: BTreeMap::new(), running: BTreeMap::new(), ended: 0 })
    }

    /// When something is due.
    pub(super) fn next_moment(&self) -> Option<Instant> {
        self.running.values().map(|running| running.instance.next_moment()).min()
    }

    pub(super) fn obey(&mut self, order: Order, body: Bytes) -> Result<()> {
        match order {
            Order::Define { version } => self.define(version, body),
            Order::Forget { version } => {
                self.versions.remove(&version);
                Ok(())
            }
            Order::Start(start) => self.start(&start, body),
            Order::Reply { call, host, value } => self.reply(call, host, value, body),
            Order::Refuse { call, host, refusal } => self.refuse(call, host, &refusal),
            Order::Taken { call, open } => self.taken(call, open),
            Order::Cancel { call } => self.end(call, End::Canceled, &[]),
            Order::Compile { evaluate, bounds } => compile::compile(&self.kit, &body, evaluate, bounds),
        }
    }

    fn define(&mut self, version: u32, body: Bytes) -> Result<()> {
        let bundle = Bundle::decode(body).ok_or_else(|| Error::other("no bundle"))?;
        self.versions.insert(version, Version { bundle: Rc::new(bundle), idle: Vec::new(), memory: 0 });
        Ok(())
    }

    fn start(&mut self, start: &Start, mut body: Bytes) -> Result<()> {
        // The others' answers don't wait for what this call does with the thread.
        self.kit.out.flush()?;
        let text = body.split_to(start.text.min(body.len()));
        let text = std::str::from_utf8(&text).map_err(Error::other)?;
        let Some(version) = self.versions.get_mut(&start.version) else {
            return self.ended(start.call, End::Unknown, &[], &Ending::default());
        };
        let idle = if start.fresh { None } else { version.idle.pop() };
        let cold = idle.is_none();
        let made = match idle {
            Some(mut instance) => {
                instance.renew(start.bounds);
                Ok(instance)
            }
            None => Instance::make(&self.kit, &version.bundle, start.bounds),
        };
        let mut instance = match made {
            Ok(instance) => instance,
            Err(end) => return self.ended(start.call, end, &[], &Ending { cold, ..Ending::default() }),
        };
        let turn = instance.start(start.call, start.bounds, text, &body);
        self.running.insert(start.call, Running { instance, version: start.version, cold, fresh: start.fresh });
        self.after(start.call, turn)
    }

    fn reply(&mut self, call: CallNumber, host: u32, value: usize, mut body: Bytes) -> Result<()> {
        let value = body.split_to(value.min(body.len()));
        let value = std::str::from_utf8(&value).map_err(Error::other)?;
        self.resume(call, |instance| {
            let Some(resolve) = instance.shared().answered(host) else { return Turn::Waits };
            instance.go_on(|ctx| {
                let reply = natives::replied(ctx, value, &body)?;
                resolve.restore(ctx)?.call::<_, ()>((reply,))?;
                Ok(None)
            })
        })
    }

    fn refuse(&mut self, call: CallNumber, host: u32, refusal: &Refusal) -> Result<()> {
        self.resume(call, |instance| {
            let Some(resolve) = instance.shared().answered(host) else { return Turn::Waits };
            instance.go_on(|ctx| {
                let reply = natives::refused(ctx, refusal)?;
                resolve.restore(ctx)?.call::<_, ()>((reply,))?;
                Ok(None)
            })
        })
    }

    fn taken(&mut self, call: CallNumber, open: bool) -> Result<()> {
        self.resume(call, |instance| {
            let waiting = instance.shared().taken(open);
            instance.go_on(|ctx| {
                for resolve in waiting {
                    resolve.restore(ctx)?.call::<_, ()>((open,))?;
                }
                Ok(None)
            })
        })
    }

    /// What was asked of a call that is over by now is nobody's.
    fn resume(&mut self, call: CallNumber, act: impl FnOnce(&mut Instance) -> Turn) -> Result<()> {
        let Some(running) = self.running.get_mut(&call) else { return Ok(()) };
        let turn = act(&mut running.instance);
        self.after(call, turn)
    }

    /// Fires timers, and ends what waits beyond its time.
    pub(super) fn pass_time(&mut self) -> Result<()> {
        let now = Instant::now();
        let due = self.running.iter().filter(|(_, running)| running.instance.next_moment() <= now);
        let due: Vec<CallNumber> = due.map(|(call, _)| *call).collect();
        for call in due {
            let Some(running) = self.running.get_mut(&call) else { continue };
            if running.instance.wall() <= now {
                self.end(call, End::TimedOut, &[])?;
            } else {
                let turn = running.instance.fire(now);
                self.after(call, turn)?;
            }
        }
        Ok(())
    }

    fn after(&mut self, call: CallNumber, turn: Turn) -> Result<()> {
        if let Some(running) = self.running.get(&call) {
            running.instance.shared().broken()?;
        }
        match turn {
            Turn::Waits => Ok(()),
            Turn::Over(end, result) => self.end(call, end, &result),
        }
    }

    fn end(&mut self, call: CallNumber, end: End, result: &[u8]) -> Result<()> {
        let Some(Running { mut instance, version, cold, fresh }) = self.running.remove(&call) else { return Ok(()) };
        let cpu = instance.used().as_micros();
        self.ended = self.ended.wrapping_add(1);
        let measured = cold || cpu > MEASURED_MICROSECONDS || self.ended.is_multiple_of(MEASURED_CALLS);
        let reusable = instance.close(&end) && !fresh;
        let (host_calls, logs_dropped) = (instance.shared().host_calls(), instance.shared().logs_dropped());
        let mut memory = 0;
        let mut kept = false;
        if let Some(version) = self.versions.get_mut(&version) {
            if measured {
                version.memory = memory_of(&instance);
            }
            memory = version.memory;
            kept = reusable && version.idle.len() < IDLE && memory <= IDLE_BYTES;
            if kept {
                version.idle.push(instance);
            }
        }
        let cpu = u64::try_from(cpu).unwrap_or(u64::MAX);
        self.ended(call, end, &[result], &Ending { cold, kept, cpu, memory, host_calls, logs_dropped })
    }

    fn ended(&self, call: CallNumber, end: End, result: &[&[u8]], ending: &Ending) -> Result<()> {
        let Ending { cold, kept, cpu, memory, host_calls, logs_dropped } = *ending;
        self.kit.out.say(&Word::Ended(Ended { call, end, cold, kept, cpu, memory, host_calls, logs_dropped }), result)
    }
}

/// What a call had at its height, as far as that was seen, or has at its end.
fn memory_of(instance: &Instance) -> u64 {
    instance.memory().max(instance.height())
}

#[derive(Default)]
struct Ending {
    cold: bool,
    kept: bool,
    cpu: u64,
    memory: u64,
    host_calls: u32,
    logs_dropped: u32,
}

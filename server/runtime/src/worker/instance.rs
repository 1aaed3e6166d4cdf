//! One instance: an engine of its own with the modules of one version in it. It runs one call at a time.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rquickjs::context::intrinsic;
use rquickjs::{Context, Ctx, Object, Persistent, Promise, Runtime, Value};

use super::bytecode;
use super::clock::{Watch, thread_time};
use super::gauge::Gauge;
use super::modules::Known;
use super::natives;
use super::outbox::Outbox;
use super::rejections::Rejections;
use super::shared::Shared;
use super::thrown;
use crate::prelude::{self, Image};
use crate::report::Outcome;
use crate::wire::{Bounds, Bundle, CallNumber, End};

/// Of the engine's own stack; the thread's is 8 MiB.
const STACK_BYTES: usize = 1 << 20;
/// Jobs between two looks at the clock.
const JOBS: u32 = 64;
/// Jobs that may be left when a call has ended; with more the instance is thrown away.
const LEFT_JOBS: u32 = 1_000;

/// Everything of the engine but `eval`: code comes as bytecode alone.
type Intrinsics = (
    intrinsic::Date,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
    intrinsic::Performance,
    intrinsic::WeakRef,
    intrinsic::DOMException,
);

/// What all instances of a worker share.
pub(super) struct Kit {
    pub(super) out: Outbox,
    pub(super) image: Arc<Image>,
    pub(super) gauge: Rc<Gauge>,
}

pub(super) struct Instance {
    // Values of the engine are let go before the engine, by `drop`.
    shared: Rc<Shared>,
    rejections: Rc<Rejections>,
    loaded: Option<Loaded>,
    answer: Answer,
    context: Context,
    runtime: Runtime,
    watch: Rc<Watch>,
    allowance: Allowance,
}

struct Loaded {
    entry: Persistent<Object<'static>>,
    namespace: Persistent<Object<'static>>,
}

/// What the running call may still have.
#[derive(Clone, Copy)]
struct Allowance {
    wall: Instant,
    cpu: Duration,
    used: Duration,
    result: usize,
    memory: usize,
}

type Kept = Persistent<Promise<'static>>;
type Answer = Option<Kept>;

/// Where a call is after a turn.
pub(super) enum Turn {
    Waits,
    Over(End, Bytes),
}

impl Instance {
    /// An engine with the modules of `bundle` in it. What that takes is the first call's, which `bounds` are of.
    pub(super) fn make(kit: &Kit, bundle: &Rc<Bundle>, bounds: Bounds) -> Result<Self, End> {
        let mut instance = Self::empty(kit, bundle, bounds).map_err(|error| thrown::of_engine(&error))?;
        let shared = Rc::clone(&instance.shared);
        let mut loaded = None;
        let mut evaluated = None;
        let bundle = Rc::clone(bundle);
        let image = Arc::clone(&kit.image);
        instance.turn(|ctx| {
            let entry = prelude::install(ctx, &image, natives::natives(ctx, &shared)?)?;
            let code = bundle.module(&bundle.entry).ok_or(rquickjs::Error::Unknown)?;
            let (module, promise) = bytecode::load(ctx, code)?.eval()?;
            evaluated = Some(Persistent::save(ctx, promise));
            loaded = Some((Persistent::save(ctx, entry), Persistent::save(ctx, module.namespace()?)));
            Ok(None)
        })?;
        let is_there = instance.settled(evaluated).map_err(|end| instance.weighed(end))?;
        instance.loaded = loaded.map(|(entry, namespace)| Loaded { entry, namespace });
        if instance.watch.was_stopped() {
            return Err(End::TimedOut);
        }
        if is_there {
            Ok(instance)
        } else {
            Err(thrown::says("the module waits at its top level for what never comes"))
        }
    }

    fn empty(kit: &Kit, bundle: &Rc<Bundle>, bounds: Bounds) -> rquickjs::Result<Self> {
        let runtime = Runtime::new()?;
        runtime.set_max_stack_size(STACK_BYTES);
        runtime.set_memory_limit(bounds.memory);
        runtime.set_loader(Known(Rc::clone(bundle)), Known(Rc::clone(bundle)));
        let watch = Rc::new(Watch::new(Rc::clone(&kit.gauge)));
        let asked = Rc::clone(&watch);
        runtime.set_interrupt_handler(Some(Box::new(move || asked.is_over())));
        let context = Context::custom::<Intrinsics>(&runtime)?;
        let shared = Rc::new(Shared::new(kit.out.clone()));
        let rejections = Rejections::of(&runtime);
        let allowance = Allowance::of(bounds);
        Ok(Self { shared, rejections, loaded: None, answer: None, context, runtime, watch, allowance })
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Processor time of the call.
    pub(super) fn used(&self) -> Duration {
        self.allowance.used
    }

    /// When the call has to be over.
    pub(super) fn wall(&self) -> Instant {
        self.allowance.wall
    }

    /// When something is due.
    pub(super) fn next_moment(&self) -> Instant {
        let timer = self.shared.timers.borrow().next();
        timer.map_or(self.allowance.wall, |timer| timer.min(self.allowance.wall))
    }

    /// Bytes of the heap. Every object is looked at, so it isn't asked after each call.
    pub(super) fn memory(&self) -> u64 {
        u64::try_from(self.runtime.memory_usage().malloc_size).unwrap_or(0)
    }

    /// Bytes that the call has added to the process, at the most that was seen.
    pub(super) fn height(&self) -> u64 {
        self.watch.height()
    }

    /// Near its limit the engine can't make an error, and `null` is thrown: which code may do as well. What was taken is
    /// let go while the error comes up: the most that the process ever had tells.
    fn weighed(&self, end: End) -> End {
        let is_null = matches!(&end, End::Threw(what) if what.name == thrown::NULL);
        let most = self.allowance.memory / 2;
        if is_null && self.memory().max(self.watch.most()) > most as u64 { End::OutOfMemory } else { end }
    }

    /// Another call begins in an instance that was kept.
    pub(super) fn renew(&mut self, bounds: Bounds) {
        self.watch.begin();
        self.allowance = Allowance::of(bounds);
        self.runtime.set_memory_limit(bounds.memory);
    }

    pub(super) fn start(&mut self, call: CallNumber, bounds: Bounds, text: &str, input: &[u8]) -> Turn {
        self.shared.begin(call, bounds);
        let Some(loaded) = &self.loaded else { return Turn::Over(End::Unknown, Bytes::new()) };
        let (entry, namespace) = (loaded.entry.clone(), loaded.namespace.clone());
        self.go_on(|ctx| {
            let promise = prelude::invoke(ctx, &entry.restore(ctx)?, namespace.restore(ctx)?, text, input)?;
            Ok(Some(Persistent::save(ctx, promise)))
        })
    }

    /// Something that the call waits for has come.
    pub(super) fn go_on(&mut self, act: impl FnOnce(&Ctx<'_>) -> rquickjs::Result<Answer>) -> Turn {
        match self.turn(act).and_then(|()| self.judge()) {
            Ok(turn) => turn,
            // What was thrown while the engine was stopped says nothing.
            Err(_) if self.watch.was_stopped() => Turn::Over(End::TimedOut, Bytes::new()),
            Err(end) => Turn::Over(self.weighed(end), Bytes::new()),
        }
    }

    pub(super) fn fire(&mut self, now: Instant) -> Turn {
        let Some(callback) = self.shared.timers.borrow_mut().take(now) else { return Turn::Waits };
        self.go_on(|ctx| {
            // An error thrown in a timer is nobody's result.
            if callback.restore(ctx)?.call::<_, Value<'_>>(()).is_err() {
                drop(ctx.catch());
            }
            Ok(None)
        })
    }

    pub(super) fn declared(&mut self) -> Result<Vec<crate::Declaration>, End> {
        let Some(loaded) = &self.loaded else { return Err(End::Unknown) };
        let (entry, namespace) = (loaded.entry.clone(), loaded.namespace.clone());
        let mut declarations = Vec::new();
        self.turn(|ctx| {
            declarations = prelude::declarations(&entry.restore(ctx)?, namespace.restore(ctx)?)?;
            Ok(None)
        })?;
        Ok(declarations)
    }

    /// Ends the call; says whether the instance may run another.
    pub(super) fn close(&mut self, end: &End) -> bool {
        let clean = matches!(end, End::Nothing | End::Returned | End::Threw(_) | End::BadResult(_));
        let tidy = clean && !self.watch.was_stopped() && !self.shared.is_too_large();
        self.shared.clear();
        let mut empty = tidy && self.run_jobs(LEFT_JOBS, None);
        if tidy && self.tell_rejections() {
            empty &= self.run_jobs(LEFT_JOBS, None);
        }
        self.answer = None;
        self.rejections.clear();
        self.shared.hush();
        empty && !self.watch.was_stopped()
    }

    /// Runs code within the call's limits, and then the jobs that it left.
    fn turn(&mut self, act: impl FnOnce(&Ctx<'_>) -> rquickjs::Result<Answer>) -> Result<(), End> {
        let before = thread_time();
        let left = self.allowance.cpu.saturating_sub(self.allowance.used);
        self.watch.arm(self.allowance.wall, before + left);
        let acted = self.context.with(|ctx| act(&ctx).map_err(|error| thrown::of(&ctx, &error)));
        let acted = acted.map(|answer| {
            if answer.is_some() {
                self.answer = answer;
            }
            // What a reason tells of itself may be code, and leave jobs.
            if self.run_jobs(u32::MAX, self.answer.as_ref()) && self.tell_rejections() {
                self.run_jobs(u32::MAX, self.answer.as_ref());
            }
        });
        self.allowance.used += thread_time().saturating_sub(before);
        acted
    }

    /// Runs jobs until there are none, until `answer` is there, or until so many have run; says whether none is left.
    fn run_jobs(&self, most: u32, answer: Option<&Kept>) -> bool {
        for count in 1..=most {
            match self.runtime.execute_pending_job() {
                Ok(false) => return true,
                Ok(true) => {}
                Err(error) => error.0.with(|ctx| drop(ctx.catch())),
            }
            let look = count % JOBS == 0;
            if look && (self.watch.is_over() || self.settled(answer.cloned()).is_ok_and(|settled| settled)) {
                return false;
            }
        }
        false
    }

    /// Tells of rejections that nobody has handled by now; says whether there were any. Those of the top level are the
    /// first call's, and that of the answer is the call's end.
    fn tell_rejections(&self) -> bool {
        let Some(loaded) = self.loaded.as_ref().filter(|_| !self.watch.was_stopped()) else { return false };
        if self.rejections.are_none() {
            return false;
        }
        let (entry, answer) = (loaded.entry.clone(), self.answer.clone());
        self.context.with(|ctx| {
            let Ok(entry) = entry.restore(&ctx) else { return false };
            let answer = answer.and_then(|answer| answer.restore(&ctx).ok()).map(Promise::into_value);
            self.rejections.tell(&ctx, &entry, answer.as_ref())
        })
    }

    /// Whether a promise is; an error where it was rejected.
    fn settled(&self, promise: Answer) -> Result<bool, End> {
        let Some(promise) = promise else { return Ok(false) };
        self.context.with(|ctx| {
            let promise = promise.restore(&ctx).map_err(|error| thrown::of(&ctx, &error))?;
            match promise.result::<Value<'_>>() {
                None => Ok(false),
                Some(Ok(_)) => Ok(true),
                Some(Err(error)) => Err(thrown::of(&ctx, &error)),
            }
        })
    }

    /// Where the call is.
    fn judge(&self) -> Result<Turn, End> {
        if self.watch.was_stopped() {
            return Err(End::TimedOut);
        }
        if self.shared.is_too_large() {
            return Err(self.too_large());
        }
        let Some(answer) = self.answer.clone() else { return Ok(Turn::Waits) };
        let outcome = self.context.with(|ctx| {
            let failed = |error| thrown::of(&ctx, &error);
            match answer.restore(&ctx).map_err(failed)?.result::<Value<'_>>() {
                None => Ok(None),
                Some(value) => value.and_then(prelude::outcome).map_err(failed).map(Some),
            }
        })?;
        match outcome {
            None => Ok(Turn::Waits),
            Some(Outcome::Returned(Some(bytes))) if bytes.len() > self.allowance.result => Err(self.too_large()),
            Some(Outcome::Returned(Some(bytes))) => Ok(Turn::Over(End::Returned, bytes)),
            Some(Outcome::Threw(thrown)) => Err(thrown::end(thrown)),
            Some(Outcome::BadResult(why)) => Err(End::BadResult(why)),
            Some(_) => Ok(Turn::Over(End::Nothing, Bytes::new())),
        }
    }

    fn too_large(&self) -> End {
        End::BadResult(format!("the result is larger than {} bytes", self.allowance.result))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.shared.clear();
        self.rejections.clear();
        self.answer = None;
        self.loaded = None;
    }
}

impl Allowance {
    fn of(bounds: Bounds) -> Self {
        let wall = Instant::now() + Duration::from_micros(bounds.wall);
        let Bounds { cpu, result, memory, .. } = bounds;
        Self { wall, cpu: Duration::from_micros(cpu), used: Duration::ZERO, result, memory }
    }
}

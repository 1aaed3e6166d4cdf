//! One call, from the place in a worker to the report.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::hub::{GRACE, Hub, Place};
use super::pool::Key;
use super::worker::{Event, UnderWay, Worker, sayable};
use crate::asked::Asked;
use crate::bundle::Code;
use crate::compile::original_stack;
use crate::host::{HostApi, HostError, HostReply, HostRequest};
use crate::invocation::{HttpHead, Input, Invocation, Isolation, Limits};
use crate::prelude;
use crate::report::{LogLine, Outcome, Report};
use crate::wire::{Bounds, CallNumber, End, Ended, Order, Refusal, Start, Word};

/// After its deadline a call is answered even if nobody has said what became of it.
const LAST: Duration = Duration::from_secs(2);
/// Pieces of an answer's body between the call and who reads it.
const PIECES: usize = 4;
/// Stacks in the lines of one call that are translated: further ones tell the places of what runs.
const STACKS: u32 = 8;

/// A call that a worker expects.
pub(super) struct Entered {
    place: Place,
    number: CallNumber,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Entered {
    /// `None` where the worker has gone since the place was given: nothing of the call has run.
    pub(super) fn at(hub: &Hub, place: Place, limits: &Limits) -> Option<Self> {
        let number = place.handle.next_number();
        let events = enter(hub, &place.handle, number, Some(Arc::clone(&place.key)), limits)?;
        Some(Self { place, number, events })
    }
}

/// Runs the call in its place.
pub(super) async fn run(
    hub: &Hub,
    entered: Entered,
    bundle: &[u8],
    invocation: Invocation,
    host: Arc<dyn HostApi>,
) -> Report {
    let Entered { place, number, events } = entered;
    let started = Instant::now();
    let text = prelude::call_text(&invocation);
    let (limits, fresh) = (invocation.limits, invocation.isolation == Isolation::Fresh);
    let (input, answer) = match invocation.input {
        Input::Json(input) => (input, None),
        Input::Http(http) => (http.body, Some(http.answer)),
    };
    let worker = Arc::clone(&place.handle);
    worker.define(place.version, bundle);
    let start = Start { call: number, version: place.version, text: text.len(), fresh, bounds: bounds(&limits) };
    worker.send(&Order::Start(start), &[text.as_bytes(), &input]);
    let mut call = Call {
        hub,
        worker: &worker,
        code: invocation.code,
        stacks: STACKS,
        number,
        host,
        events,
        asked: Asked::default(),
        answer,
        body: None,
        pieces: VecDeque::new(),
        whole: false,
        ended: false,
        deadline: started + limits.wall,
    };
    let (outcome, ended) = call.drive().await;
    call.ended = true;
    report(started, outcome, ended.as_ref())
}

/// From now on the keeper watches the call; what the worker says of it comes out of the channel.
pub(super) fn enter(
    hub: &Hub,
    worker: &Worker,
    number: CallNumber,
    key: Option<Key>,
    limits: &Limits,
) -> Option<mpsc::UnboundedReceiver<Event>> {
    // Bounded by what the worker may say of a call at all, which `Worker` counts.
    let (events, heard) = mpsc::unbounded_channel();
    let under_way = UnderWay {
        key,
        events,
        hard: Instant::now() + limits.wall + GRACE,
        wall: limits.wall,
        cpu: limits.cpu,
        memory: limits.memory,
        host_calls: limits.host_calls,
        bytes: sayable(limits),
        asked: BTreeMap::new(),
    };
    hub.enter(worker, number, under_way).then_some(heard)
}

pub(super) fn bounds(limits: &Limits) -> Bounds {
    let microseconds = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Bounds {
        wall: microseconds(limits.wall),
        cpu: microseconds(limits.cpu),
        memory: limits.memory,
        result: limits.result,
        log: limits.log,
        host_calls: limits.host_calls,
    }
}

struct Call<'a> {
    hub: &'a Hub,
    worker: &'a Worker,
    code: Arc<Code>,
    stacks: u32,
    number: CallNumber,
    host: Arc<dyn HostApi>,
    events: mpsc::UnboundedReceiver<Event>,
    asked: Asked,
    /// Where the head goes that wasn't sent yet.
    answer: Option<oneshot::Sender<HttpHead>>,
    body: Option<mpsc::Sender<Bytes>>,
    pieces: VecDeque<Bytes>,
    whole: bool,
    ended: bool,
    deadline: Instant,
}

impl Call<'_> {
    async fn drive(&mut self) -> (Outcome, Option<Ended>) {
        let mut over = None;
        loop {
            if matches!(over, Some((Outcome::Returned(_), _))) {
                // What is on its way may still arrive while there is time.
                if Instant::now() >= self.deadline {
                    self.pieces.clear();
                }
            } else if over.is_some() {
                self.pieces.clear();
            }
            if self.pieces.is_empty() {
                if self.whole {
                    self.body = None;
                }
                if let Some((outcome, ended)) = over.take() {
                    return (outcome, ended);
                }
            }
            let until = if over.is_some() { self.deadline } else { self.deadline + LAST };
            let body = self.body.clone();
            let room = async {
                match &body {
                    Some(body) => body.reserve().await.ok(),
                    None => None,
                }
            };
            tokio::select! {
                event = self.events.recv(), if over.is_none() => match event {
                    Some(Event::Said(Word::Ended(ended), result)) => over = Some(ending(ended, result)),
                    Some(Event::Said(word, body)) => self.hear(word, body),
                    Some(Event::Lost(outcome)) => over = Some((outcome, None)),
                    None => over = Some((Outcome::WorkerLost, None)),
                },
                Some((host, replied)) = self.asked.next(), if over.is_none() && !self.asked.is_empty() => self.reply(host, replied),
                permit = room, if !self.pieces.is_empty() => self.pass_on(permit),
                () = tokio::time::sleep_until(until.into()) => {
                    over.get_or_insert((Outcome::WorkerLost, None));
                }
            }
        }
    }

    fn hear(&mut self, word: Word, mut body: Bytes) {
        match word {
            Word::Host { host, op, arguments, .. } => {
                let arguments = body.split_to(arguments.min(body.len()));
                match serde_json::from_slice::<Value>(&arguments) {
                    Ok(arguments) => self.asked.ask(host, &self.host, HostRequest { op, arguments, body }),
                    Err(_) => self.refuse(host, &no_json()),
                }
            }
            Word::Log { level, message, stack, .. } => {
                let message = body.split_to(message.min(body.len()));
                let stack = body.split_to(stack.min(body.len()));
                let message = self.told(&String::from_utf8_lossy(&message), &String::from_utf8_lossy(&stack));
                let fields = serde_json::from_slice(&body).unwrap_or_default();
                self.host.log(LogLine { at: self.hub.clock.now(), level, message, fields });
            }
            Word::Head { status, .. } => self.head(status, &body),
            Word::Piece { .. } if self.body.is_some() => self.pieces.push_back(body),
            Word::Piece { .. } => self.taken(false),
            Word::Whole { .. } => self.whole = true,
            // Answers to other questions than a call.
            Word::Unfiltered { .. } | Word::Ended(_) | Word::Compiled | Word::Declared(_) | Word::Faulty(_) => {}
        }
    }

    /// A line with its stack, where it has one.
    fn told(&mut self, message: &str, stack: &str) -> String {
        if stack.is_empty() {
            return message.to_owned();
        }
        let Some(left) = self.stacks.checked_sub(1) else { return format!("{message}\n{stack}") };
        self.stacks = left;
        format!("{message}\n{}", original_stack(&self.code, stack))
    }

    fn reply(&self, host: u32, replied: Result<HostReply, HostError>) {
        match replied {
            Ok(HostReply { value, body }) => {
                let value = value.to_string();
                self.worker.answered(self.number, host);
                let order = Order::Reply { call: self.number, host, value: value.len() };
                self.worker.send(&order, &[value.as_bytes(), &body]);
            }
            Err(error) => self.refuse(host, &error),
        }
    }

    fn refuse(&self, host: u32, error: &HostError) {
        let HostError { status, code, message, details } = error.clone();
        let refusal = Refusal { status, code, message, details: Value::Object(details).to_string() };
        self.worker.answered(self.number, host);
        self.worker.send(&Order::Refuse { call: self.number, host, refusal }, &[]);
    }

    fn head(&mut self, status: u16, headers: &[u8]) {
        let Some(answer) = self.answer.take() else { return };
        let headers = serde_json::from_slice(headers).unwrap_or_default();
        let (give, body) = mpsc::channel(PIECES);
        // With nobody there to read, the pieces are told so.
        if answer.send(HttpHead { status, headers, body }).is_ok() {
            self.body = Some(give);
        }
    }

    fn pass_on(&mut self, permit: Option<mpsc::Permit<'_, Bytes>>) {
        let open = permit.is_some();
        if let Some((permit, piece)) = permit.zip(self.pieces.pop_front()) {
            permit.send(piece);
        }
        if !open {
            self.body = None;
            self.pieces.clear();
        }
        self.taken(open);
    }

    fn taken(&self, open: bool) {
        self.worker.send(&Order::Taken { call: self.number, open }, &[]);
    }
}

/// Who drops a call ends it.
impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.worker.send(&Order::Cancel { call: self.number }, &[]);
        }
    }
}

fn ending(mut ended: Ended, result: Bytes) -> (Outcome, Option<Ended>) {
    let outcome = match std::mem::replace(&mut ended.end, End::Nothing) {
        End::Nothing => Outcome::Returned(None),
        End::Returned => Outcome::Returned(Some(result)),
        End::Threw(thrown) => Outcome::Threw(*thrown),
        End::TimedOut => Outcome::TimedOut,
        End::OutOfMemory => Outcome::OutOfMemory,
        End::BadResult(why) => Outcome::BadResult(why),
        End::Canceled | End::Unknown => Outcome::WorkerLost,
    };
    (outcome, Some(ended))
}

fn report(started: Instant, outcome: Outcome, ended: Option<&Ended>) -> Report {
    Report {
        outcome,
        cold: ended.is_some_and(|ended| ended.cold),
        wall: started.elapsed(),
        cpu: ended.map_or(Duration::ZERO, |ended| Duration::from_micros(ended.cpu)),
        peak_memory: ended.map_or(0, |ended| ended.memory),
        host_calls: ended.map_or(0, |ended| ended.host_calls),
        logs_dropped: ended.map_or(0, |ended| ended.logs_dropped),
    }
}

fn no_json() -> HostError {
    let (code, message) = ("validation_failed".to_owned(), "the arguments are no JSON".to_owned());
    HostError { status: 422, code, message, details: serde_json::Map::new() }
}

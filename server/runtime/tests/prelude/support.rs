//! An instance with made-up natives. Time passes when nothing else is to be done, so no test waits.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use basalt_runtime::{Code, HttpInput, Input};
use basalt_runtime::{CodeId, Context, Invocation, Isolation, Kind, Limits, Outcome, Sources, compile, prelude};
use bytes::Bytes;
use rquickjs::loader::{BuiltinLoader, BuiltinResolver};
use rquickjs::promise::PromiseState;
use rquickjs::{ArrayBuffer, CatchResultExt, Ctx, Function, Module, Object, Persistent, Promise, Runtime};
use serde_json::{Value, json};

/// What the host answers: a value and bytes, or a refusal.
pub(crate) type Answer = Result<(Value, Vec<u8>), (u16, &'static str, Value)>;
type Host = Box<dyn FnMut(&str, Value, Vec<u8>) -> Answer>;

#[derive(Default)]
pub(crate) struct Seen {
    /// `(level, message, fields)`.
    pub logs: Vec<(String, String, Value)>,
    pub calls: Vec<(String, Value, Vec<u8>)>,
    pub head: Option<(u16, Value)>,
    pub pieces: Vec<Vec<u8>>,
    pub ended: bool,
    pub reads_on: bool,
}

/// Values before what they live in: the engine aborts where they outlive it.
pub(crate) struct Instance {
    entry: Persistent<Object<'static>>,
    namespace: Persistent<Object<'static>>,
    context: rquickjs::Context,
    runtime: Runtime,
    pub seen: Rc<RefCell<Seen>>,
    host: Rc<RefCell<Host>>,
    timers: Rc<Timers>,
}

#[derive(Default)]
struct Timers {
    next: Cell<u32>,
    now: Cell<f64>,
    waiting: RefCell<BTreeMap<u32, (f64, Persistent<Function<'static>>)>>,
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.timers.waiting.borrow_mut().clear();
    }
}

/// A module whose one function `f` is a callable with this body; the names of `basalt:functions` are at hand.
pub(crate) fn callable(body: &str) -> Instance {
    Instance::new(&format!(
        "import * as basalt from 'basalt:functions';
         import {{ callable, FunctionError, cel, where, increment }} from 'basalt:functions';
         export const f = callable(async (input, ctx) => {{ {body} }});"
    ))
}

/// What such a function returns for `null`.
pub(crate) fn returned(body: &str) -> Value {
    callable(body).returns(&Value::Null)
}

impl Instance {
    pub(crate) fn new(source: &str) -> Self {
        Self::of(&[("functions/f.js", source)])
    }

    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), Bytes::copy_from_slice(text.as_bytes())));
        let sources = Sources { entry: "functions/f.js".to_owned(), files: files.collect() };
        let Code::Script { entry, modules, .. } = compile::strip(&sources).unwrap() else { unreachable!() };
        let runtime = Runtime::new().unwrap();
        let mut resolver = BuiltinResolver::default().with_module(compile::FUNCTIONS);
        let mut loader = BuiltinLoader::default();
        for (path, text) in &modules {
            resolver = resolver.with_module(path.as_str());
            loader = loader.with_module(path.as_str(), text.as_str());
        }
        runtime.set_loader(resolver, loader);
        let context = rquickjs::Context::full(&runtime).unwrap();
        let seen = Rc::new(RefCell::new(Seen { reads_on: true, ..Seen::default() }));
        let host: Rc<RefCell<Host>> = Rc::new(RefCell::new(Box::new(|op, _, _| panic!("nobody expected {op}"))));
        let timers = Rc::new(Timers::default());
        let (start, namespace) = context.with(|ctx| {
            let natives = natives(&ctx, &seen, &host, &timers);
            let start = prelude::install(&ctx, &image(), natives).catch(&ctx).unwrap();
            let module = Module::declare(ctx.clone(), entry.as_str(), modules[&entry].as_str()).catch(&ctx).unwrap();
            let (module, evaluated) = module.eval().catch(&ctx).unwrap();
            evaluated.finish::<()>().catch(&ctx).unwrap();
            (Persistent::save(&ctx, start), Persistent::save(&ctx, module.namespace().unwrap()))
        });
        Self { runtime, context, entry: start, namespace, seen, host, timers }
    }

    pub(crate) fn host(self, host: impl FnMut(&str, Value, Vec<u8>) -> Answer + 'static) -> Self {
        *self.host.borrow_mut() = Box::new(host);
        self
    }

    pub(crate) fn declarations(&self) -> Vec<basalt_runtime::Declaration> {
        self.context.with(|ctx| {
            let entry = self.entry.clone().restore(&ctx).unwrap();
            prelude::declarations(&entry, self.namespace.clone().restore(&ctx).unwrap()).catch(&ctx).unwrap()
        })
    }

    pub(crate) fn returns(&self, input: &Value) -> Value {
        match self.call("f", Kind::Callable, input) {
            Outcome::Returned(Some(text)) => serde_json::from_slice(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn throws(&self) -> basalt_runtime::Thrown {
        match self.call("f", Kind::Callable, &Value::Null) {
            Outcome::Threw(thrown) => thrown,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn call(&self, export: &str, kind: Kind, input: &Value) -> Outcome {
        let text = Bytes::from(input.to_string());
        self.run(&invocation(export, kind, Input::Json(text.clone())), &text)
    }

    /// An http function's answer is in `seen`.
    pub(crate) fn request(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Outcome {
        let (answer, _) = tokio::sync::oneshot::channel();
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let bytes = Bytes::copy_from_slice(body);
        let http = HttpInput { method: method.into(), url: url.into(), headers, body: bytes, answer };
        self.run(&invocation("f", Kind::Http, Input::Http(http)), body)
    }

    fn run(&self, invocation: &Invocation, input: &[u8]) -> Outcome {
        self.context.with(|ctx| {
            let entry = self.entry.clone().restore(&ctx).unwrap();
            let namespace = self.namespace.clone().restore(&ctx).unwrap();
            let call = prelude::call_text(invocation);
            let promise = prelude::invoke(&ctx, &entry, namespace, &call, input).catch(&ctx).unwrap();
            while promise.state() == PromiseState::Pending {
                let moved = ctx.execute_pending_job() || self.fire_next(&ctx);
                assert!(moved, "the call waits for what never comes");
            }
            prelude::outcome(promise.result().unwrap().catch(&ctx).unwrap()).unwrap()
        })
    }

    /// The timer that is due first; whether there was one.
    fn fire_next(&self, ctx: &Ctx<'_>) -> bool {
        let first =
            self.timers.waiting.borrow().iter().map(|(id, (at, _))| (*at, *id)).min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((at, id)) = first else { return false };
        self.timers.now.set(at);
        let (_, callback) = self.timers.waiting.borrow_mut().remove(&id).unwrap();
        callback.restore(ctx).unwrap().call::<_, ()>(()).catch(ctx).unwrap();
        true
    }

    /// Whatever is left to do once the call has ended.
    pub(crate) fn drain(&self) {
        while self.runtime.execute_pending_job().unwrap() {}
    }
}

fn invocation(export: &str, kind: Kind, input: Input) -> Invocation {
    Invocation {
        id: "inv1".to_owned(),
        function: export.to_owned(),
        instance: "f@1/live".to_owned(),
        code: Arc::new(Code::Wasm { id: CodeId(String::new()), module: String::new() }),
        export: export.to_owned(),
        kind,
        input,
        context: Context {
            auth: json!({"id": "u1"}),
            alias: "live".to_owned(),
            version: 3,
            idempotency_key: Some("e1".to_owned()),
            attempt: 2,
            traceparent: None,
            secrets: [("TOKEN".to_owned(), "s3cret".to_owned())].into(),
            env: [("MODE".to_owned(), "test".to_owned())].into(),
        },
        limits: Limits::default(),
        isolation: Isolation::default(),
    }
}

/// As a worker does it: once, in a context of its own.
fn image() -> Arc<prelude::Image> {
    static IMAGE: OnceLock<Arc<prelude::Image>> = OnceLock::new();
    let compile = || {
        let context = rquickjs::Context::full(&Runtime::new().unwrap()).unwrap();
        context.with(|ctx| Arc::new(prelude::Image::compile(&ctx).catch(&ctx).unwrap()))
    };
    IMAGE.get_or_init(compile).clone()
}

fn copied(bytes: Option<ArrayBuffer<'_>>) -> Vec<u8> {
    #[expect(unsafe_code, reason = "no JavaScript runs while they are copied")]
    bytes.map_or_else(Vec::new, |bytes| unsafe { bytes.as_bytes() }.unwrap_or_default().to_vec())
}

fn natives<'js>(
    ctx: &Ctx<'js>,
    seen: &Rc<RefCell<Seen>>,
    host: &Rc<RefCell<Host>>,
    timers: &Rc<Timers>,
) -> prelude::Natives<'js> {
    let (calls, logs, heads, pieces, ends) = (seen.clone(), seen.clone(), seen.clone(), seen.clone(), seen.clone());
    let (host, set, clear) = (host.clone(), timers.clone(), timers.clone());
    let host_call = move |ctx: Ctx<'js>, op: String, arguments: String, body: Option<ArrayBuffer<'js>>| {
        let arguments: Value = serde_json::from_str(&arguments).unwrap();
        let body = copied(body);
        calls.borrow_mut().calls.push((op.clone(), arguments.clone(), body.clone()));
        let (promise, resolve, _) = Promise::new(&ctx)?;
        let reply = Object::new(ctx.clone())?;
        match (host.borrow_mut())(&op, arguments, body) {
            Ok((value, body)) => {
                reply.set("ok", true)?;
                reply.set("value", value.to_string())?;
                reply.set("body", ArrayBuffer::new_copy(ctx.clone(), body)?)?;
            }
            Err((status, code, details)) => {
                reply.set("ok", false)?;
                reply.set("status", status)?;
                reply.set("code", code)?;
                reply.set("message", format!("refused: {code}"))?;
                reply.set("details", details.to_string())?;
            }
        }
        resolve.call::<_, ()>((reply,))?;
        Ok::<_, rquickjs::Error>(promise)
    };
    let set_timer = move |ctx: Ctx<'js>, milliseconds: f64, callback: Function<'js>| {
        set.next.set(set.next.get() + 1);
        let at = set.now.get() + milliseconds;
        set.waiting.borrow_mut().insert(set.next.get(), (at, Persistent::save(&ctx, callback)));
        set.next.get()
    };
    let chunk = move |ctx: Ctx<'js>, piece: ArrayBuffer<'js>| {
        pieces.borrow_mut().pieces.push(copied(Some(piece)));
        let (promise, resolve, _) = Promise::new(&ctx)?;
        resolve.call::<_, ()>((pieces.borrow().reads_on,))?;
        Ok::<_, rquickjs::Error>(promise)
    };
    prelude::Natives {
        host_call: Function::new(ctx.clone(), host_call).unwrap(),
        log: Function::new(ctx.clone(), move |level: String, message: String, fields: String| {
            logs.borrow_mut().logs.push((level, message, serde_json::from_str(&fields).unwrap()));
        })
        .unwrap(),
        set_timer: Function::new(ctx.clone(), set_timer).unwrap(),
        clear_timer: Function::new(ctx.clone(), move |id: u32| {
            clear.waiting.borrow_mut().remove(&id);
        })
        .unwrap(),
        random_bytes: Function::new(ctx.clone(), |ctx: Ctx<'js>, length: usize| {
            ArrayBuffer::new_copy(ctx, (0..length).map(|n| u8::try_from(n % 256).unwrap()).collect::<Vec<_>>())
        })
        .unwrap(),
        http_head: Function::new(ctx.clone(), move |status: u16, headers: String| {
            heads.borrow_mut().head = Some((status, serde_json::from_str(&headers).unwrap()));
        })
        .unwrap(),
        http_chunk: Function::new(ctx.clone(), chunk).unwrap(),
        http_end: Function::new(ctx.clone(), move || ends.borrow_mut().ended = true).unwrap(),
    }
}

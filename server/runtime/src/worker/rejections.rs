//! Promises that were rejected and that nobody has handled so far.
//!
//! As in browsers it counts who has handled one when the jobs of the turn have run.

use std::cell::RefCell;
use std::rc::Rc;

use rquickjs::{Ctx, Object, Persistent, Runtime, Value};

use crate::prelude;

/// More of one turn aren't told: the rest of a flood says the same.
const AT_ONCE: usize = 64;

/// Values of the engine, which have to be let go before it ends: [`Rejections::clear`].
#[derive(Default)]
pub(super) struct Rejections(RefCell<Vec<Rejection>>);

struct Rejection {
    promise: Persistent<Value<'static>>,
    reason: Persistent<Value<'static>>,
}

impl Rejections {
    /// Those of one engine, from now on.
    pub(super) fn of(runtime: &Runtime) -> Rc<Self> {
        let rejections = Rc::new(Self::default());
        let all = Rc::clone(&rejections);
        runtime.set_host_promise_rejection_tracker(Some(Box::new(move |ctx, promise, reason, is_handled| {
            let promise = Persistent::save(&ctx, promise);
            if is_handled {
                all.handled(&promise);
            } else {
                all.rejected(Rejection { promise, reason: Persistent::save(&ctx, reason) });
            }
        })));
        rejections
    }

    fn rejected(&self, rejection: Rejection) {
        let mut open = self.0.borrow_mut();
        if open.len() < AT_ONCE {
            open.push(rejection);
        }
    }

    fn handled(&self, promise: &Persistent<Value<'static>>) {
        let mut open = self.0.borrow_mut();
        // Mostly it is the last one.
        if let Some(at) = open.iter().rposition(|rejection| rejection.promise == *promise) {
            open.remove(at);
        }
    }

    pub(super) fn are_none(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Writes a line of each, but of `answer`; says whether there were any.
    pub(super) fn tell<'js>(&self, ctx: &Ctx<'js>, entry: &Object<'js>, answer: Option<&Value<'js>>) -> bool {
        let mut told = false;
        for Rejection { promise, reason } in self.0.take() {
            let (Ok(promise), Ok(reason)) = (promise.restore(ctx), reason.restore(ctx)) else { continue };
            if answer == Some(&promise) {
                continue;
            }
            told = true;
            // Fails where the code of a reason is stopped, or where there is no memory.
            if prelude::unhandled(entry, reason).is_err() {
                drop(ctx.catch());
            }
        }
        told
    }

    pub(super) fn clear(&self) {
        drop(self.0.take());
    }
}

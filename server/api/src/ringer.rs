//! One worker's bell: a task of the worker wakes its own connections.

use actix_web::rt::{spawn, task::JoinHandle};
use basalt_app::realtime::Bell;

/// Ends with the worker's application, which its connections hold.
pub(crate) struct Ringer {
    bell: Bell,
    task: JoinHandle<()>,
}

impl Ringer {
    /// To be called on the worker's thread.
    pub(crate) fn start() -> Self {
        let bell = Bell::new();
        let own = bell.clone();
        Self { bell, task: spawn(async move { own.run().await }) }
    }

    pub(crate) fn bell(&self) -> Bell {
        self.bell.clone()
    }
}

impl Drop for Ringer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

//! Collections and documents, and the jobs that writes leave.

use std::sync::Arc;

use basalt_app::MasterSecret;
use basalt_app::files::images::{self, SweepHandler};
use basalt_app::files::{Files, LET_GO, LetGoHandler, UPLOAD_OVER, UploadOverHandler};
use basalt_app::schedules::{self, Schedules};
use basalt_app::triggers::{self, Triggers};
use basalt_core::Result;
use basalt_data::collections::{Builtins, Collections};
use basalt_data::documents::{Documents, Hooks, Parts, RELEASE, Release, history_collection};
use basalt_data::jobs::{Handlers, Runner, RunnerOptions};
use basalt_store::Store;

use super::tracing::Tracing;
use crate::outside::Outside;

pub(super) async fn collections(store: &Store) -> Result<Collections> {
    let builtins = basalt_app::builtins()?.into_iter().chain([history_collection()?]);
    let collections = Collections::new(store.clone(), Builtins::new(builtins));
    collections.define_builtins().await?;
    Ok(collections)
}

pub(super) fn documents(
    store: &Store,
    collections: &Collections,
    master: &MasterSecret,
    hooks: Arc<dyn Hooks>,
    tracing: &Tracing,
    outside: &Outside,
) -> Documents {
    Documents::new(Parts {
        store: store.clone(),
        collections: collections.clone(),
        clock: Arc::clone(&outside.clock),
        random: Arc::clone(&outside.random),
        cursor_key: master.derive("cursors", ""),
        behaviours: basalt_app::behaviours(),
        hooks,
        spans: Arc::clone(&tracing.spans),
    })
}

/// The rooms whose work is left by commits.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) documents: &'a Documents,
    pub(super) files: &'a Files,
    pub(super) functions: &'a super::Functions,
}

/// What is done after commits.
pub(super) fn jobs(
    store: &Store,
    work: Work<'_>,
    triggers: &Triggers,
    schedules: &Schedules,
    outside: &Outside,
) -> Runner {
    let Work { documents, files, functions } = work;
    let handlers = Handlers::default()
        .with(RELEASE, Arc::new(Release::new(documents.clone())))
        .with(LET_GO, Arc::new(LetGoHandler(files.clone())))
        .with(UPLOAD_OVER, Arc::new(UploadOverHandler(files.clone())))
        .with(images::SWEEP, Arc::new(SweepHandler(files.clone())))
        .with_family(triggers::FAMILY, triggers.deliveries())
        .with_family(schedules::FAMILY, schedules.runs_of_jobs());
    let handlers = super::calls::handlers(handlers, functions);
    let (clock, random) = (Arc::clone(&outside.clock), Arc::clone(&outside.random));
    Runner::new(store.clone(), handlers, clock, random, RunnerOptions::default())
}

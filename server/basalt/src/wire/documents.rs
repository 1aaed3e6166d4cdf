//! Collections and documents, and the jobs that writes leave.

use std::sync::Arc;

use basalt_app::MasterSecret;
use basalt_app::files::images::{self, SweepHandler};
use basalt_app::files::{Files, LET_GO, LetGoHandler, UPLOAD_OVER, UploadOverHandler};
use basalt_core::Result;
use basalt_data::collections::{Builtins, Collections};
use basalt_data::documents::{Documents, NoHooks, Parts, RELEASE, Release, history_collection};
use basalt_data::jobs::{Handlers, Runner, RunnerOptions};
use basalt_store::Store;

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
    outside: &Outside,
) -> Documents {
    Documents::new(Parts {
        store: store.clone(),
        collections: collections.clone(),
        clock: Arc::clone(&outside.clock),
        random: Arc::clone(&outside.random),
        cursor_key: master.derive("cursors", ""),
        behaviours: basalt_app::behaviours(),
        hooks: Arc::new(NoHooks),
    })
}

/// What is done after commits.
pub(super) fn jobs(store: &Store, documents: &Documents, files: &Files, outside: &Outside) -> Runner {
    let handlers = Handlers::default()
        .with(RELEASE, Arc::new(Release::new(documents.clone())))
        .with(LET_GO, Arc::new(LetGoHandler(files.clone())))
        .with(UPLOAD_OVER, Arc::new(UploadOverHandler(files.clone())))
        .with(images::SWEEP, Arc::new(SweepHandler(files.clone())));
    let (clock, random) = (Arc::clone(&outside.clock), Arc::clone(&outside.random));
    Runner::new(store.clone(), handlers, clock, random, RunnerOptions::default())
}

use basalt_core::{Actor, Result, Timestamp};
use basalt_store::jobs::Job;
use basalt_store::{CellKey, CellWrite, Decide, Origin, Step, Store, View, Writes};
use serde_json::json;

/// The cells that keep dead jobs, by the job's id.
pub const DEAD_SPACE: &str = "dead_jobs";

/// Keeps a dead job, then takes it out of the queue: in this order, so that dying in between loses nothing.
pub(super) async fn bury(store: &Store, job: &Job, error: &str, now: Timestamp) -> Result<()> {
    let value = json!({
        "kind": job.kind, "payload": job.payload, "attempts": job.attempt, "error": error,
        "enqueuedAt": job.enqueued_at, "diedAt": now,
    });
    let key = CellKey::new(DEAD_SPACE, job.id.to_string());
    let origin = Origin { actor: Actor::SYSTEM, request_id: format!("job-{}", job.id), at: now };
    let cells = vec![CellWrite::Put { key, value, expires_at: None }];
    store.commit(Bury(Writes { documents: Vec::new(), cells, jobs: Vec::new(), origin })).await?;
    store.complete_jobs(std::slice::from_ref(job)).await?;
    Ok(())
}

struct Bury(Writes);

impl Decide for Bury {
    type Out = ();

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn step(&mut self, _: &View) -> Step<()> {
        Step::Done(self.0.clone(), ())
    }
}

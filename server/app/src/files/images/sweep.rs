//! Renditions beyond what is kept go.

use basalt_core::Result;
use basalt_data::jobs::{Handler, JobFuture, Outcome};
use basalt_store::jobs::Job;

use super::kept;
use crate::common::Tx;
use crate::files::Files;

/// Steps of one job; what is left then is the next one's.
const STEPS: usize = 1_000;

/// Does [`super::SWEEP`].
pub struct SweepHandler(pub Files);

impl Handler for SweepHandler {
    fn run<'a>(&'a self, _: &'a Job) -> JobFuture<'a> {
        Box::pin(async move {
            match self.0.sweep_renditions().await {
                Ok(()) => Outcome::Done,
                Err(error) => Outcome::Retry { at: None, error: error.to_string() },
            }
        })
    }
}

impl Files {
    async fn sweep_renditions(&self) -> Result<()> {
        // Some room more, so that the next one doesn't begin it anew.
        let most = self.images.options.kept / 10 * 9;
        for _ in 0..STEPS {
            let decide = move |tx: &mut Tx<'_>| kept::sweep(tx, most);
            let swept = self.db.commit(&self.system(), decide).await?.value;
            self.drop_all(&swept.gone).await;
            if !swept.again {
                break;
            }
        }
        Ok(())
    }
}

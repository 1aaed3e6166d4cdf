//! What a start deploys: what a crash left, then the folder that the server was started with.

use basalt_app::deployments::{AtStart, Origin};
use basalt_core::{Caller, Code, Error, Result};
use serde_json::Value;

use super::{Deployer, Options};
use crate::bundle::{Bundle, unpack};

impl Deployer {
    /// What is done when a server starts, before it serves.
    pub(crate) async fn start(&self, caller: &Caller, folder: Option<&Bundle>) -> Result<()> {
        self.finish_unfinished(caller).await?;
        match folder {
            Some(bundle) => self.deploy_folder(caller, bundle).await.map(drop),
            None => Ok(()),
        }
    }

    /// Finishes what a server that is gone had begun to apply. That it can't be is told and stops nothing: what was
    /// deployed before still holds.
    async fn finish_unfinished(&self, caller: &Caller) -> Result<()> {
        let Some(unfinished) = self.0.deployments.unfinished().await? else { return Ok(()) };
        let (id, origin) = (unfinished.deployment.id, unfinished.deployment.from);
        let finished = self.finish(caller, &unfinished.content, unfinished.options, origin).await;
        match &finished {
            Ok(()) => tracing::info!(deployment = %id, "a deployment that was left half done is applied"),
            // The next start tries again.
            Err(error) if error.code() == Code::Unavailable => {
                tracing::warn!(deployment = %id, ?error, "a deployment was left half done and can't be applied yet");
                return Ok(());
            }
            Err(error) => {
                tracing::error!(deployment = %id, ?error, "a deployment was left half done and can't be applied");
            }
        }
        self.0.deployments.finish(caller, &id, finished.as_ref().copied()).await
    }

    async fn finish(&self, caller: &Caller, content: &[u8], options: Value, origin: Origin) -> Result<()> {
        let options: Options = serde_json::from_value(options).map_err(Error::internal)?;
        let checked = self.check(caller, &unpack(content)?, &options, origin).await?;
        self.apply(caller, &checked, &options, origin).await
    }

    /// Applies the folder that the server was started with, unless something newer was deployed since. `None`: there
    /// was nothing to do.
    async fn deploy_folder(&self, caller: &Caller, bundle: &Bundle) -> Result<Option<Value>> {
        match self.0.deployments.at_start(&bundle.packed()?).await? {
            AtStart::Same => return Ok(None),
            AtStart::Older => {
                tracing::warn!(status = 409, "the app was deployed anew after this folder: what is deployed stays");
                return Ok(None);
            }
            AtStart::New => {}
        }
        self.deploy(caller, bundle, &Options::owners(), Origin::Start, false).await.map(Some)
    }
}

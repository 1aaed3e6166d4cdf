//! Doing it. Each step may be done again: what holds already is left as it is.

use basalt_app::deployments::Origin;
use basalt_app::{schedules, webhooks};
use basalt_core::{BucketName, Caller, Code, DocumentId, Error, Result};
use basalt_data::channels::Pattern;
use basalt_data::manifest::Manifest;

use super::options::{Kind, Options};
use super::{Checked, Deployer, Wanted, roles};

impl Deployer {
    /// What others stand on comes first, and goes last.
    pub(super) async fn apply(
        &self,
        caller: &Caller,
        checked: &Checked,
        options: &Options,
        origin: Origin,
    ) -> Result<()> {
        let (parts, manifest) = (&*self.0, &checked.manifest);
        if let Some(wanted) = &checked.definitions {
            self.define(caller, wanted, &checked.manifest).await?;
        }
        parts.registry.apply(caller, checked.functions.clone()).await?;
        let removed = options.removed(Kind::Schedule);
        let said = match origin {
            Origin::Deploy => schedules::Origin::Call,
            Origin::Start => schedules::Origin::Manifest,
        };
        parts.schedules.declare_manifest(caller, &manifest.schedules, &removed, said).await?;
        let removed = options.removed(Kind::Webhook);
        let said = match origin {
            Origin::Deploy => webhooks::Origin::Call,
            Origin::Start => webhooks::Origin::Manifest,
        };
        parts.webhooks.declare_manifest(caller, &manifest.webhooks, &removed, said).await?;
        self.remove(caller, options).await
    }

    async fn define(&self, caller: &Caller, wanted: &Wanted, manifest: &Manifest) -> Result<()> {
        let parts = &*self.0;
        parts.collections.apply(&wanted.definitions, &wanted.options).await?;
        let declared = roles(manifest)?;
        if !declared.is_empty() {
            parts.auth.roles().declare(caller, declared).await?;
        }
        for channel in &manifest.channels {
            parts.realtime.put_channel(caller, channel.clone()).await?;
        }
        Ok(())
    }

    /// Takes away what was named. What isn't there is gone already.
    async fn remove(&self, caller: &Caller, options: &Options) -> Result<()> {
        let parts = &*self.0;
        for name in options.removed(Kind::Channel) {
            let pattern = Pattern::parse(&name).map_err(|why| Error::new(Code::BadParameter, why))?;
            gone(parts.realtime.delete_channel(caller, &pattern).await, Code::ChannelNotFound)?;
        }
        for name in options.removed(Kind::Role) {
            gone(parts.auth.roles().delete(caller, &DocumentId::parse(&name)?).await, Code::RoleNotFound)?;
        }
        for name in options.removed(Kind::Bucket) {
            gone(parts.files.drop_bucket(caller, &BucketName::parse(&name)?).await, Code::BucketNotFound)?;
        }
        Ok(())
    }
}

fn gone(removed: Result<()>, not_found: Code) -> Result<()> {
    match removed {
        Err(error) if error.code() == not_found => Ok(()),
        other => other,
    }
}

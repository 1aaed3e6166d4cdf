//! The app's manifest: read before anything starts, applied as a plan.

use std::time::Duration;

use basalt_app::auth::{AuthSettings, Role};
use basalt_core::{DocumentId, Error, Origin, Result, limits};
use basalt_data::channels;
use basalt_data::collections::{Collections, Plan};
use basalt_data::manifest::{self, Manifest};

use crate::configuration::Configuration;
use crate::outside::Outside;

const REQUEST_TIME: Duration = Duration::from_secs(30);

/// What the manifest said beside its collections, and what applying these did.
#[derive(Default)]
pub(crate) struct Manifested {
    plan: Option<Plan>,
    manifest: Manifest,
}

pub(super) fn read(configuration: &Configuration, outside: &Outside) -> Result<Option<Manifest>> {
    let Some(folder) = &configuration.app else { return Ok(None) };
    let names = |name: &str| outside.environment.get(name).cloned();
    manifest::read_folder(folder, &names).map(Some)
}

/// Nothing is dropped by leaving it out, and nothing that was deployed after it is undone; what has to be acknowledged
/// stops the start.
pub(super) async fn apply(
    manifest: Option<Manifest>,
    collections: &Collections,
    outside: &Outside,
) -> Result<Manifested> {
    let Some(manifest) = manifest else { return Ok(Manifested::default()) };
    let plan = collections.apply_manifest(&manifest.collections, outside.clock.now()).await?;
    Ok(Manifested { plan: Some(plan), manifest })
}

impl Manifested {
    /// What applying the collections did.
    pub(crate) fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    pub(super) fn origins(&self) -> Option<&[Origin]> {
        self.manifest.cors.origins.as_deref()
    }

    pub(super) fn body(&self, configuration: &Configuration) -> usize {
        let app = self.manifest.limits.body.and_then(|bytes| usize::try_from(bytes).ok());
        configuration.limits.body.or(app).unwrap_or(limits::BODY_BYTES)
    }

    pub(super) fn request_time(&self, configuration: &Configuration) -> Duration {
        configuration.limits.request_time.or(self.manifest.limits.request_time).unwrap_or(REQUEST_TIME)
    }

    pub(super) fn channels(&self) -> Vec<channels::Definition> {
        self.manifest.channels.clone()
    }

    /// The roles that users may be given.
    pub(super) fn roles(&self) -> Result<Vec<(DocumentId, Role)>> {
        let roles = self.manifest.roles.iter().map(|(name, role)| {
            let declared = Role { description: role.description.clone(), inherits: role.inherits.clone() };
            Ok((DocumentId::parse(name)?, declared))
        });
        roles.collect()
    }

    /// How people sign in, for tokens issued by `issuer`.
    pub(super) fn auth(&self, issuer: String) -> AuthSettings {
        AuthSettings { issuer, ..AuthSettings::default() }.with_section(&self.manifest.auth)
    }
}

/// A failure told to people, with everything that is wrong.
pub(crate) fn told(error: &Error) -> String {
    let mut lines = vec![error.detail().to_owned()];
    lines.extend(error.errors().iter().map(|fault| match (fault.line, fault.column) {
        (Some(line), Some(column)) => format!("  {line}:{column} {}: {}", fault.path, fault.message),
        _ => format!("  {}: {}", fault.path, fault.message),
    }));
    lines.extend(error.cause().map(|cause| format!("  {cause}")));
    lines.join("\n")
}

//! The app's folder: read before anything starts, applied as a plan.

use std::time::Duration;

use basalt_app::auth::{AuthSettings, Role};
use basalt_core::{Code, DocumentId, Error, Origin, Result, limits};
use basalt_data::channels;
use basalt_data::collections::{Collections, Plan};
use basalt_data::manifest::{self, FILE_NAME, Files as _, Manifest};

use super::deploy::carried;
use crate::bundle::{Bundle, pack_folder};
use crate::configuration::Configuration;
use crate::outside::Outside;

const REQUEST_TIME: Duration = Duration::from_secs(30);

/// The folder that a server is started with.
pub(crate) struct App {
    manifest: Manifest,
    bundle: Bundle,
}

/// What the manifest said beside its collections, and what applying these did.
#[derive(Default)]
pub(crate) struct Manifested {
    plan: Option<Plan>,
    manifest: Manifest,
}

/// Secrets can't be opened yet: what the environment doesn't name stays as it is, to be read again with them.
pub(super) fn read(configuration: &Configuration, outside: &Outside) -> Result<Option<App>> {
    let Some(folder) = &configuration.app else { return Ok(None) };
    let bundle = pack_folder(folder)?.deployed();
    let text = bundle.read(FILE_NAME).map_err(|why| Error::new(Code::InvalidDefinition, why))?;
    let known = |name: &str| outside.environment.get(name).cloned();
    let names = |name: &str| Some(known(name).unwrap_or_else(|| format!("${{{name}}}")));
    let manifest = manifest::read(&text, &bundle, &names)?;
    Ok(Some(App { manifest, bundle }))
}

/// Nothing is dropped by leaving it out, and nothing that was deployed after it is undone; what has to be acknowledged
/// stops the start. Hands back what is deployed once everything is wired.
pub(super) async fn apply(
    app: Option<App>,
    collections: &Collections,
    outside: &Outside,
) -> Result<(Manifested, Option<Bundle>)> {
    let Some(App { manifest, bundle }) = app else { return Ok((Manifested::default(), None)) };
    let definitions = carried(&manifest.collections, collections);
    let plan = collections.apply_manifest(&definitions, outside.clock.now()).await?;
    Ok((Manifested { plan: Some(plan), manifest }, Some(bundle)))
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
        super::deploy::roles(&self.manifest)
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

//! The deploy of a whole app: one archive, one plan over all its rooms, applied as one.
//!
//! Promises: everything is checked before anything is written; what is not in the app is kept and told; the same app
//! again changes nothing. Rooms commit each by itself, so a deployment is written down first: what a crash leaves is
//! finished by the next start, or by the same deploy again.

mod access;
mod apply;
mod collections;
mod functions;
mod options;
mod plan;
mod schema;
mod start;

use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_api::{DeployFuture, DeployWish};
use basalt_app::auth::{Auth, Role};
use basalt_app::deployments::{Deployment, Deployments, NewDeployment, Origin};
use basalt_app::files::Files;
use basalt_app::functions::{AliasName, DeployPlan, LIVE, Registry};
use basalt_app::realtime::Realtime;
use basalt_app::schedules::Schedules;
use basalt_app::webhooks::Webhooks;
use basalt_core::{Caller, Code, DocumentId, Error, Result};
use basalt_data::collections::Collections;
use basalt_data::manifest::{self, FILE_NAME, Files as _, Manifest};
use serde_json::{Value, json};

use self::collections::Wanted;
use self::options::Kind;
pub(crate) use self::options::Options;
use self::plan::{Item, Told, compared};
use crate::bundle::{Bundle, unpack};

pub(super) use self::collections::carried;

/// Names that no app learns from the environment: what the server itself is configured with.
const OWN: &str = "BASALT_";

/// Deploys apps; cheap to clone.
#[derive(Clone)]
pub(crate) struct Deployer(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) collections: Collections,
    pub(crate) auth: Auth,
    pub(crate) realtime: Realtime,
    pub(crate) files: Files,
    pub(crate) registry: Registry,
    pub(crate) schedules: Schedules,
    pub(crate) webhooks: Webhooks,
    pub(crate) deployments: Deployments,
    pub(crate) environment: Arc<BTreeMap<String, String>>,
}

/// An app that can be applied, and what that does.
struct Checked {
    manifest: Manifest,
    /// Of a start `None`: there collections, roles and channels were applied before anything was wired.
    definitions: Option<Wanted>,
    functions: DeployPlan,
    told: Told,
}

impl Deployer {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Checks an app, and applies it unless it is only planned.
    pub(crate) async fn deploy(
        &self,
        caller: &Caller,
        bundle: &Bundle,
        options: &Options,
        origin: Origin,
        only_plan: bool,
    ) -> Result<Value> {
        let checked = self.check(caller, bundle, options, origin).await?;
        if only_plan {
            return Ok(answer(&checked.told, false, None));
        }
        if let Some(refused) = checked.told.refused(options) {
            return Err(refused);
        }
        if checked.told.changes_nothing() {
            // Rooms remember what the folder of a start said, also where it says nothing new.
            if origin == Origin::Start {
                self.apply(caller, &checked, options, origin).await?;
            }
            return Ok(answer(&checked.told, false, None));
        }
        let new = NewDeployment {
            from: origin,
            content: bundle.packed()?,
            options: serde_json::to_value(options).map_err(Error::internal)?,
            plan: checked.told.plan(),
        };
        let deployment = self.0.deployments.begin(caller, new).await?;
        let applied = self.apply(caller, &checked, options, origin).await;
        self.0.deployments.finish(caller, &deployment.id, applied.as_ref().copied()).await?;
        applied?;
        Ok(answer(&checked.told, true, Some(&deployment)))
    }

    async fn check(&self, caller: &Caller, bundle: &Bundle, options: &Options, origin: Origin) -> Result<Checked> {
        let text = bundle.read(FILE_NAME).map_err(|why| {
            Error::new(Code::InvalidDefinition, format!("The app's {FILE_NAME} can't be read: {why}."))
        })?;
        let alias = AliasName::parse(options.alias.as_deref().unwrap_or(LIVE))
            .map_err(|why| Error::new(Code::BadParameter, why))?;
        let secrets = self.0.registry.secret_values(&manifest::names_in(&text), &alias);
        let named = |name: &str| secrets.get(name).cloned().or_else(|| self.of_the_environment(name));
        let manifest = manifest::read(&text, bundle, &named)?;
        let checked = self.check_rooms(caller, &manifest, (options, alias), origin).await;
        let (definitions, functions, told) = checked.map_err(|error| manifest::locate(&text, &manifest, error))?;
        Ok(Checked { manifest, definitions, functions, told })
    }

    async fn check_rooms(
        &self,
        caller: &Caller,
        manifest: &Manifest,
        (options, alias): (&Options, AliasName),
        origin: Origin,
    ) -> Result<(Option<Wanted>, DeployPlan, Told)> {
        let (parts, mut told) = (&*self.0, Told::default());
        let definitions = match origin {
            Origin::Deploy => Some(self.check_definitions(caller, manifest, options, &mut told).await?),
            Origin::Start => None,
        };
        let functions =
            functions::check(caller, &parts.registry, manifest, (options, alias, origin), &mut told).await?;
        let removed = options.removed(Kind::Schedule);
        told.schedules = items(parts.schedules.plan_manifest(caller, &manifest.schedules, &removed).await?);
        let removed = options.removed(Kind::Webhook);
        told.webhooks = items(parts.webhooks.plan_manifest(caller, &manifest.webhooks, &removed).await?);
        Ok((definitions, functions, told))
    }

    async fn check_definitions(
        &self,
        caller: &Caller,
        manifest: &Manifest,
        options: &Options,
        told: &mut Told,
    ) -> Result<Wanted> {
        let parts = &*self.0;
        let wanted = collections::check(caller, &parts.collections, &manifest.collections, options, told)?;
        let said =
            |channel: &basalt_data::channels::Definition| (channel.pattern.as_str().to_owned(), channel.to_json());
        let stored = parts.realtime.channels(caller).await?;
        let stored: Vec<_> = stored.iter().map(|channel| said(&channel.definition)).collect();
        let declared: Vec<_> = manifest.channels.iter().map(said).collect();
        told.channels = compared(&declared, &stored, &options.removed(Kind::Channel));
        let stored = parts.auth.roles().list(caller).await?.into_iter().map(|role| (role.name.to_string(), role.role));
        let declared: Vec<_> = roles(manifest)?.into_iter().map(|(name, role)| (name.to_string(), role)).collect();
        told.roles = compared(&declared, &stored.collect::<Vec<_>>(), &options.removed(Kind::Role));
        told.warnings.extend(of_the_start(manifest));
        Ok(wanted)
    }

    /// What `"${NAME}"` stands for, where it is no secret.
    fn of_the_environment(&self, name: &str) -> Option<String> {
        (!name.starts_with(OWN)).then(|| self.0.environment.get(name).cloned()).flatten()
    }
}

impl basalt_api::Deployer for Deployer {
    fn deploy<'a>(&'a self, caller: &'a Caller, wish: DeployWish) -> DeployFuture<'a> {
        Box::pin(async move {
            let options = Options::parse(&wish.remove, &wish.acknowledge, wish.alias)?;
            let archive = wish.archive;
            // Unpacking and packing take a processor for a while.
            let bundle = tokio::task::spawn_blocking(move || unpack(&archive).map(Bundle::deployed));
            let bundle = bundle.await.map_err(Error::internal)??;
            Self::deploy(self, caller, &bundle, &options, Origin::Deploy, wish.plan).await
        })
    }
}

pub(super) fn roles(manifest: &Manifest) -> Result<Vec<(DocumentId, Role)>> {
    let role = |(name, role): (&String, &manifest::Role)| {
        let declared = Role { description: role.description.clone(), inherits: role.inherits.clone() };
        Ok((DocumentId::parse(name)?, declared))
    };
    manifest.roles.iter().map(role).collect()
}

/// Sections that a server reads when it starts with the folder.
fn of_the_start(manifest: &Manifest) -> Vec<String> {
    let default = Manifest::default();
    let said = [
        ("auth", manifest.auth != default.auth),
        ("cors", manifest.cors != default.cors),
        ("limits", manifest.limits != default.limits),
    ];
    let told = |name| format!("[{name}] is read when a server starts with this folder (serve --app), not by a deploy.");
    said.into_iter().filter(|(_, said)| *said).map(|(name, _)| told(name)).collect()
}

fn items(planned: Vec<(String, &'static str)>) -> Vec<Item> {
    planned.into_iter().map(|(name, change)| Item::new(name, change)).collect()
}

fn answer(told: &Told, applied: bool, deployment: Option<&Deployment>) -> Value {
    let deployment =
        deployment.map(|deployment| json!({ "id": deployment.id, "at": deployment.at, "by": deployment.by }));
    json!({
        "plan": told.plan(), "breaking": told.breaking_json(), "refusals": told.refusals,
        "changes": !told.changes_nothing(), "applied": applied, "deployment": deployment,
    })
}

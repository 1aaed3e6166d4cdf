use std::collections::{BTreeMap, BTreeSet};

use actix_web::HttpResponse;
use actix_web::web::Data;
use basalt_app::functions::{AliasName, DeployRequest, DeployedBy, Registry, SETTINGS};
use basalt_core::{Code, Error, FieldError, Result};
use basalt_data::manifest::FunctionsSection;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::extract::{Json, Owner};
use crate::problem::Answer;

/// Functions by their files.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FunctionsDeploy)]
pub(crate) struct Body {
    /// By path: `{"functions/add.ts": "export const add = …"}`; bytes as `{"base64": "…"}`.
    #[serde(default)]
    #[schema(value_type = Object)]
    files: BTreeMap<String, File>,
    /// `[functions]` of `app.toml`, in JSON.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    settings: Option<Map<String, Value>>,
    /// What shall lead to the new versions; `live` where nothing is said.
    alias: Option<String>,
    /// Shows what would be done and changes nothing.
    #[serde(default)]
    plan: bool,
    /// Functions that the alias shall no longer lead to.
    #[serde(default)]
    remove: BTreeSet<String>,
    /// What is known to be dangerous, such as `add.invoke`.
    #[serde(default)]
    acknowledge: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Text(String),
    Bytes { base64: String },
}

/// What a deploy did, or would do.
#[derive(ToSchema)]
#[schema(as = FunctionsPlan)]
#[expect(dead_code, reason = "the answer is made by the plan itself; this describes it")]
pub(crate) struct PlanSchema {
    plan: Vec<PlanItem>,
    applied: bool,
    warnings: Vec<String>,
    /// What has to be acknowledged before it is done.
    acknowledge: Vec<String>,
}

#[derive(ToSchema)]
#[schema(as = FunctionsPlanItem)]
#[expect(dead_code, reason = "the answer is made by the plan itself; this describes it")]
pub(crate) struct PlanItem {
    function: String,
    /// `added`, `changed`, `removed`, `kept` or `unchanged`.
    change: String,
    version: u32,
    /// What may break who uses it.
    breaking: Vec<String>,
    /// `{"change","before","after"}`: who may call it, where that changes; each is `{"visitor","signedIn","rule"}`, with
    /// `never`, `depends` or `always`.
    access: Option<Map<String, Value>>,
}

/// Deploy functions
///
/// Every file directly in `functions/` is a module (or a WebAssembly module) whose functions are deployed; it may import
/// the other files. Everything is checked before anything is written, and takes effect at once. The same again changes
/// nothing; functions that are not in it are kept.
#[utoipa::path(
    post,
    path = "/v1/admin/functions/deploy",
    tag = "admin",
    request_body = Body,
    responses((status = 200, description = "What was done, or would be.", body = PlanSchema)),
    extensions(("x-codes" = json!([
        "invalid_definition", "plan_refused", "not_available", "too_large", "quota_exceeded", "overloaded", "unavailable",
    ]))),
)]
pub(crate) async fn handle(caller: Owner, body: Json<Body>, registry: Data<Registry>) -> Answer {
    let only_plan = body.0.plan;
    let plan = registry.plan(&caller.0, body.0.request()?).await?;
    if only_plan {
        return Ok(HttpResponse::Ok().json(plan.to_json(false)));
    }
    let done = registry.apply(&caller.0, plan).await?;
    Ok(HttpResponse::Ok().json(done.to_json(true)))
}

impl Body {
    fn request(self) -> Result<DeployRequest> {
        let Self { files, settings, alias, remove, acknowledge, .. } = self;
        let files = files.into_iter().map(|(path, file)| Ok((path.clone(), file.bytes(&path)?)));
        let settings = settings.map(|settings| FunctionsSection::parse(&Value::Object(settings))).transpose()?;
        Ok(DeployRequest {
            files: files.collect::<Result<_>>()?,
            settings: settings.unwrap_or_default(),
            settings_at: SETTINGS,
            alias: alias.as_deref().map_or_else(|| Ok(AliasName::live()), parse_alias)?,
            remove,
            acknowledge,
            by: DeployedBy::Call,
        })
    }
}

impl File {
    fn bytes(self, path: &str) -> Result<Bytes> {
        match self {
            Self::Text(text) => Ok(text.into()),
            Self::Bytes { base64 } => STANDARD.decode(base64).map(Bytes::from).map_err(|_| {
                let fault = FieldError::new(format!("/{path}"), "bad_base64", "This is no base 64.");
                Error::new(Code::BadRequest, "A file can't be read.").with_errors(vec![fault])
            }),
        }
    }
}

fn parse_alias(text: &str) -> Result<AliasName> {
    AliasName::parse(text).map_err(|why| {
        Error::new(Code::BadRequest, why.clone()).with_errors(vec![FieldError::new("/alias", "bad_name", why)])
    })
}

use basalt_app::files::{Files, Usage};
use basalt_core::{BucketName, Caller, Result};
use basalt_data::collections::Collections;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A bucket: what was declared, and how much is in it.
#[derive(Serialize, ToSchema)]
#[schema(as = Bucket)]
pub(super) struct Bucket {
    name: String,
    /// The entry of `app.toml`, in JSON.
    #[schema(value_type = Object)]
    definition: Value,
    bytes: u64,
    files: u64,
}

impl Bucket {
    pub(super) async fn of(files: &Files, name: BucketName, definition: Value) -> Result<Self> {
        let Usage { bytes, files } = files.usage(&name).await?;
        Ok(Self { name: name.into(), definition, bytes, files })
    }
}

/// The definition as the audit keeps it; `None` where there is no such bucket.
pub(super) fn told(collections: &Collections, caller: &Caller, name: &BucketName) -> Option<Map<String, Value>> {
    match collections.bucket(caller, name).ok()? {
        Value::Object(definition) => Some(definition),
        _ => None,
    }
}

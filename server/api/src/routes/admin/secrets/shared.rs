use basalt_app::functions::{AliasName, SecretInfo};
use basalt_core::{Code, Error, FieldError, Result, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// A secret; its value is never told.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Secret)]
pub(super) struct Named {
    name: String,
    /// Null: for every alias without its own.
    alias: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<SecretInfo> for Named {
    fn from(info: SecretInfo) -> Self {
        let SecretInfo { name, alias, updated_at } = info;
        Self { name: name.into(), alias: alias.map(String::from), updated_at }
    }
}

pub(super) fn alias(text: Option<&str>) -> Result<Option<AliasName>> {
    let parse = |text| {
        AliasName::parse(text).map_err(|why| {
            Error::new(Code::BadRequest, why.clone()).with_errors(vec![FieldError::new("/alias", "bad_name", why)])
        })
    };
    text.map(parse).transpose()
}

use basalt_app::realtime::ChannelInfo;
use basalt_core::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// The channels whose names fit a pattern.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChannelPattern)]
pub(super) struct Declared {
    pattern: String,
    rules: Rules,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// Who may what; a rule that is absent allows nobody.
#[derive(Serialize, ToSchema)]
#[schema(as = ChannelRules)]
pub(super) struct Rules {
    #[serde(skip_serializing_if = "Option::is_none")]
    join: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publish: Option<String>,
}

impl From<ChannelInfo> for Declared {
    fn from(info: ChannelInfo) -> Self {
        let ChannelInfo { definition, created_at, updated_at } = info;
        let rules = Rules { join: definition.rules.join, publish: definition.rules.publish };
        Self { pattern: definition.pattern.as_str().to_owned(), rules, created_at, updated_at }
    }
}

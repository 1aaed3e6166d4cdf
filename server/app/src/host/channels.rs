//! `channels.publish`.

use basalt_core::{ChannelName, Result};
use basalt_runtime::HostReply;
use serde::Deserialize;
use serde_json::Value;

use super::{Call, reply};
use crate::realtime::Said;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish {
    channel: String,
    event: String,
    #[serde(default)]
    data: Value,
}

pub(super) async fn publish(mut call: Call<'_>) -> Result<HostReply> {
    let Publish { channel, event, data } = call.read()?;
    let channel = ChannelName::parse(&channel)?;
    call.host.realtime.publish(call.caller, &channel, Said::new(event, data)?).await?;
    reply(Value::Null)
}

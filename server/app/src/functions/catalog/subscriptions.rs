//! What functions want of events.

use std::sync::Arc;

use basalt_core::ChannelName;
use basalt_data::changes::EventFilter;
use basalt_data::events::{Event, Subscription, Target, TargetKind};
use basalt_runtime::Kind;

use super::{Function, sticky};
use crate::functions::config::{Trigger, UserEvent};
use crate::functions::names::LIVE;

/// The wish of a function that runs at events, if it has a live version that does.
pub(super) fn of(function: &Arc<Function>) -> Option<Arc<Subscription>> {
    let hears = |kind| matches!(kind, Kind::OnDocument | Kind::OnFile | Kind::OnUser | Kind::OnMessage);
    if !function.live().any(|version| hears(version.config.kind)) {
        return None;
    }
    let target = Target { kind: TargetKind::Function, name: function.name.to_string() };
    let function = Arc::clone(function);
    // Of several live versions the one is asked that the event will go to.
    let wants = move |event: &Event| {
        let picked = function.pick(LIVE, sticky(&event.id));
        picked.is_ok_and(|resolved| resolved.version.config.trigger.wants(event))
    };
    Some(Arc::new(Subscription { target, wants: Box::new(wants) }))
}

impl Trigger {
    /// Whether a function with this trigger runs at the event.
    pub fn wants(&self, event: &Event) -> bool {
        match self {
            Self::Document { collection, on, when } => {
                event.collection.as_deref() == Some(collection.as_str())
                    && event.op.is_some_and(|op| on.contains(&op))
                    && meets(when.as_ref(), event)
            }
            Self::File { bucket, on, when } => {
                event.source.strip_prefix("/v1/buckets/") == Some(bucket.as_str())
                    && event.op.is_some_and(|op| on.contains(&op))
                    && meets(when.as_ref(), event)
            }
            Self::User { on, when } => {
                moment(event).is_some_and(|moment| on.contains(&moment)) && meets(when.as_ref(), event)
            }
            Self::Message { pattern } => {
                let channel = event.source.strip_prefix("/v1/channels/");
                let channel = channel.and_then(|name| ChannelName::parse(name).ok());
                channel.is_some_and(|name| pattern.captures(&name).is_some())
            }
            Self::Call | Self::BeforeDocument { .. } | Self::BeforeUser { .. } | Self::Schedule(_) => false,
        }
    }
}

fn meets(when: Option<&EventFilter>, event: &Event) -> bool {
    when.is_none_or(|when| when.meets(event))
}

fn moment(event: &Event) -> Option<UserEvent> {
    match event.r#type.0.as_str() {
        "basalt.user.created" => Some(UserEvent::Create),
        "basalt.user.updated" => Some(UserEvent::Update),
        "basalt.user.deleted" => Some(UserEvent::Delete),
        "basalt.user.signed_in" => Some(UserEvent::SignIn),
        _ => None,
    }
}

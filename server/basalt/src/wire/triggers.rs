//! Triggers, between the log, the functions and the webhooks.

use std::collections::BTreeMap;
use std::sync::Arc;

use basalt_app::Db;
use basalt_app::realtime::{Listener, Realtime};
use basalt_app::triggers::{Messages, Triggers, TriggersParts};
use basalt_app::webhooks::Webhooks;
use basalt_core::Result;
use basalt_data::changes::Changes;
use basalt_data::events::{ChannelMessage, Receiver, Subscribers, TargetKind};

use super::Functions;
use super::tracing::Tracing;

/// The reader stands in the log before the first write comes.
pub(super) async fn wire(
    db: Db,
    changes: &Changes,
    functions: &Functions,
    webhooks: &Webhooks,
    realtime: &Realtime,
    tracing: &Tracing,
) -> Result<Triggers> {
    let subscribers: Vec<Arc<dyn Subscribers>> = vec![Arc::new(functions.registry.clone()), Arc::new(webhooks.clone())];
    let receivers: BTreeMap<TargetKind, Arc<dyn Receiver>> = BTreeMap::from([
        (TargetKind::Function, Arc::new(functions.calls.clone()) as Arc<dyn Receiver>),
        (TargetKind::Webhook, Arc::new(webhooks.clone())),
    ]);
    let spans = Arc::clone(&tracing.spans);
    let triggers = Triggers::new(TriggersParts { db, changes: changes.clone(), subscribers, receivers, spans });
    triggers.begin().await?;
    realtime.listen(Arc::new(Ear(triggers.messages())));
    Ok(triggers)
}

/// What is said in channels, on its way to functions.
struct Ear(Messages);

impl Listener for Ear {
    fn listens(&self) -> bool {
        self.0.are_wanted()
    }

    fn heard(&self, message: ChannelMessage) {
        self.0.say(message);
    }
}
